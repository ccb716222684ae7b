"""Texts as sparse whole-number vectors, remembered by text: what every likeness in the embedded model is reckoned from."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from stemma.models.encoders import Encoder

Key = TypeVar("Key")
Value = TypeVar("Value")

# The length of a coded vector. Dot products stay below 2**24, where float32 sums of whole numbers are exact.
LENGTH = 2048


class Code(NamedTuple):
    """The non-zero places of a text's vector, and their values rounded to whole numbers."""

    places: NDArray[np.intp]
    values: NDArray[np.float32]


class Codebook:
    """Codes by text, the most recent `limit` of them kept.

    Rounding an encoder's vector to whole numbers makes sums of products exact in any order, so that the
    same texts are alike to the same degree on every machine, whatever its vector instructions and number of
    cores.
    """

    def __init__(self, encoder: Encoder, *, limit: int = 32_768) -> None:
        self.encoder = encoder
        self._codes: Recent[str, Code] = Recent(limit)

    def code(self, text: str) -> Code:
        found = self._codes.get(text)
        return found if found is not None else self.codes([text])[0]

    def codes(self, texts: Sequence[str]) -> list[Code]:
        """The codes of `texts`; those not known yet are encoded in one batch."""
        known = {text: self._codes.get(text) for text in texts}
        unknown = [text for text, code in known.items() if code is None]
        if unknown:
            rounded = np.rint(self.encoder.encode(unknown).astype(np.float64) * LENGTH).astype(np.float32)
            for text, row in zip(unknown, rounded, strict=True):
                places = np.flatnonzero(row)
                known[text] = self._codes.keep(text, Code(places, row[places]))
        return [code for text in texts if (code := known[text]) is not None]

    def dense(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The codes of `texts` as rows."""
        rows = np.zeros((len(texts), self.encoder.dimensions), np.float32)
        for row, code in zip(rows, self.codes(texts), strict=True):
            row[code.places] = code.values
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
