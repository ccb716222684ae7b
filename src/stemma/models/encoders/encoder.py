"""The seams between a text and what the embedded model, routing and search measure likeness with."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

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


class Views(NamedTuple):
    """Texts seen twice, a row a text in both: what each means, and how it opens."""

    meanings: Vectors
    openings: Vectors


@runtime_checkable
class ViewingEncoder(Encoder, Protocol):
    """An encoder that can also say how texts open, which tells questions apart by what they ask for.

    `sparse` says whether a place of a vector stands for words, so that a place which few texts have tells
    more than one which many have.
    """

    @property
    def opening_dimensions(self) -> int: ...

    @property
    def sparse(self) -> bool: ...

    def views(self, texts: Sequence[str]) -> Views:
        """The rows that `encode` gives, and as many for the openings under the same promises."""
        ...
