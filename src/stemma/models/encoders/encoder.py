"""The seam between a text and what the embedded model, routing and search measure likeness with."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]


class Encoder(Protocol):
    """Texts to vectors. `name` is stated with every result that depended on it; `dimensions` is the vectors' length."""

    @property
    def name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One row a text, of length one; a text without any word is a row of zeros. Equal texts give equal rows."""
        ...
