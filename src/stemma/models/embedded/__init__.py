"""The embedded model: small, deterministic, in this process, and dependent on nothing but the prompt it is given."""

from stemma.models.embedded.answering import Answer
from stemma.models.embedded.model import EmbeddedModel
from stemma.models.embedded.task import Kind, Label, Refusal, Task

__all__ = ["Answer", "EmbeddedModel", "Kind", "Label", "Refusal", "Task"]
