"""Models by name, the embedded model, and one lean way to ask any of them.

`stemma.models.embedded` holds the model itself and `stemma.models.encoders` what it measures likeness with; both are
imported where they are used: pydantic_ai takes 0.6 s to import, NumPy 0.1 s.
"""

from stemma.models.catalog import ModelInfo, Models
from stemma.models.completion import Completion, ProviderUnavailable, Spoken, complete, converse
from stemma.models.tokens import count_tokens
from stemma.models.weights import weights_root

__all__ = [
    "Completion",
    "ModelInfo",
    "Models",
    "ProviderUnavailable",
    "Spoken",
    "complete",
    "converse",
    "count_tokens",
    "weights_root",
]
