"""Texts as sparse whole-number vectors, remembered by text: what every likeness in the embedded model is reckoned from."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from stemma.models.encoders import Encoder
from stemma.models.encoders.encoder import Vectors, ViewingEncoder, Views

Key = TypeVar("Key")
Value = TypeVar("Value")

# The length of a coded vector. Dot products stay below 2**24, where float32 sums of whole numbers are exact.
LENGTH = 2048


class Sparse(NamedTuple):
    """The non-zero places of a vector, and their values rounded to whole numbers."""

    places: NDArray[np.intp]
    values: NDArray[np.float32]


class Code(NamedTuple):
    """A text's two vectors: what it means, and how it opens."""

    meaning: Sparse
    opening: Sparse


class Codebook:
    """Codes by text, the most recent `limit` of them kept.

    Rounding an encoder's vector to whole numbers makes sums of products exact in any order, so that the
    same texts are alike to the same degree on every machine, whatever its vector instructions and number of
    cores.
    """

    def __init__(self, encoder: Encoder, *, limit: int = 32_768) -> None:
        self.encoder = encoder
        self._codes: Recent[str, Code] = Recent(limit)

    @property
    def sparse(self) -> bool:
        """Whether a place of a meaning stands for words, which some texts have and others have not."""
        return isinstance(self.encoder, ViewingEncoder) and self.encoder.sparse

    @property
    def opening_dimensions(self) -> int:
        """The length of an opening; 0 with an encoder that has no view of them."""
        return self.encoder.opening_dimensions if isinstance(self.encoder, ViewingEncoder) else 0

    def code(self, text: str) -> Code:
        found = self._codes.get(text)
        return found if found is not None else self.codes([text])[0]

    def codes(self, texts: Sequence[str]) -> list[Code]:
        """The codes of `texts`; those not known yet are encoded in one batch."""
        known = {text: self._codes.get(text) for text in texts}
        unknown = [text for text, code in known.items() if code is None]
        if unknown:
            for text, meaning, opening in zip(unknown, *map(_rounded, self._views(unknown)), strict=True):
                known[text] = self._codes.keep(text, Code(_sparse(meaning), _sparse(opening)))
        return [code for text in texts if (code := known[text]) is not None]

    def dense(self, texts: Sequence[str]) -> Vectors:
        """What `texts` mean, as rows."""
        return _dense([code.meaning for code in self.codes(texts)], self.encoder.dimensions)

    def dense_openings(self, texts: Sequence[str]) -> Vectors:
        """How `texts` open, as rows."""
        return _dense([code.opening for code in self.codes(texts)], self.opening_dimensions)

    def _views(self, texts: Sequence[str]) -> Views:
        if isinstance(self.encoder, ViewingEncoder):
            return self.encoder.views(texts)
        return Views(self.encoder.encode(texts), np.zeros((len(texts), 0), np.float32))


def _rounded(rows: Vectors) -> Vectors:
    return np.rint(rows.astype(np.float64) * LENGTH).astype(np.float32)


def _sparse(row: Vectors) -> Sparse:
    places = np.flatnonzero(row)
    return Sparse(places, row[places])


def _dense(vectors: Sequence[Sparse], dimensions: int) -> Vectors:
    rows = np.zeros((len(vectors), dimensions), np.float32)
    for row, vector in zip(rows, vectors, strict=True):
        row[vector.places] = vector.values
    return rows


class Recent(Generic[Key, Value]):
    """The values used most recently, up to a total weight (by default: their number)."""

    def __init__(self, limit: int, *, weigh: Callable[[Value], int] = lambda _: 1) -> None:
        self._limit, self._weigh, self._total = limit, weigh, 0
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = Lock()  # one model may serve several threads

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key) -> Value | None:
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def keep(self, key: Key, value: Value) -> Value:
        """Remember `value`, forgetting the values unused for longest where the limit asks for it; gives it back."""
        with self._lock:
            if key in self._values:
                self._total -= self._weigh(self._values.pop(key))
            self._values[key] = value
            self._total += self._weigh(value)
            while self._total > self._limit and len(self._values) > 1:
                self._total -= self._weigh(self._values.popitem(last=False)[1])
            return value
