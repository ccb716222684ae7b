"""Models by name, the embedded model, and one lean way to ask any of them.

`stemma.models.embedded` holds the model itself and `stemma.models.encoders` what it measures likeness with;
both are imported where they are used, since pydantic_ai takes 0.6 s to import.
"""

from stemma.models.completion import Completion, ProviderUnavailable, complete
from stemma.models.tokens import count_tokens

__all__ = ["Completion", "ProviderUnavailable", "complete", "count_tokens"]
