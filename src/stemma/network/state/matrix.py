"""Labelled vectors in memory, searched by their cosine with another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemma.core.trust import TrustLabel
from stemma.models.encoders.encoder import Vectors

_LEAST_ROWS = 1024
_DECIMALS = 6  # what every machine's arithmetic agrees on in single precision
_GONE = 0  # the label number of a row that was taken out


@dataclass(slots=True)
class _Block:
    vectors: Vectors
    ids: NDArray[np.int64]
    labels: NDArray[np.int32]
    filled: int = 0


class Matrix:
    """Unit vectors of `dimensions` numbers, each under an id that only ever grows.

    Rows lie in blocks, each as large as all before it together: adding a row moves none, and a search takes few steps.
    """

    def __init__(self, dimensions: int) -> None:
        self.last = -1
        """The greatest id that was ever added; -1 before the first."""
        self._dimensions = dimensions
        self._blocks: list[_Block] = []
        self._labels: dict[TrustLabel, int] = {}

    def add(self, ids: Sequence[int], labels: Sequence[TrustLabel], vectors: Vectors) -> None:
        """Appends rows; `ids` are in order, and greater than every one before."""
        for id, label, vector in zip(ids, labels, vectors, strict=True):
            if not self._blocks or self._blocks[-1].filled == len(self._blocks[-1].ids):
                self._blocks.append(_empty_block(max(_LEAST_ROWS, self._size()), self._dimensions))
            block = self._blocks[-1]
            block.vectors[block.filled] = vector
            block.ids[block.filled] = id
            block.labels[block.filled] = self._labels.setdefault(label, len(self._labels) + 1)
            block.filled += 1
            self.last = id

    def remove(self, id: int) -> None:
        """Takes a row out, if it is there; its place is not used again."""
        for block in self._blocks:
            block.labels[: block.filled][block.ids[: block.filled] == id] = _GONE

    def nearest(
        self, query: NDArray[np.float32], top: int, *, readable: Callable[[TrustLabel], bool] = lambda _: True
    ) -> list[tuple[int, float]]:
        """The ids of the `top` rows nearest to `query` with their cosines, best first; of two alike, the older.

        Only rows with `readable` labels, and with anything in common with the query. The same on every machine.
        """
        if not self._blocks or top < 1:
            return []
        shown = np.array([False, *map(readable, self._labels)])
        ids = np.concatenate([block.ids[: block.filled] for block in self._blocks])
        visible = shown[np.concatenate([block.labels[: block.filled] for block in self._blocks])]
        cosines = np.concatenate([block.vectors[: block.filled] @ query for block in self._blocks])
        scores = np.round(cosines, _DECIMALS)
        scores[~visible] = 0
        least = np.partition(scores, -top)[-top] if top < len(scores) else 0.0
        found = np.flatnonzero((scores >= least) & (scores > 0))
        order = np.lexsort((ids[found], -scores[found]))[:top]
        return [(int(ids[row]), round(float(scores[row]), _DECIMALS)) for row in found[order]]

    def _size(self) -> int:
        return sum(block.filled for block in self._blocks)


def _empty_block(rows: int, dimensions: int) -> _Block:
    # Zeros take no memory before they are written.
    return _Block(np.zeros((rows, dimensions), np.float32), np.zeros(rows, np.int64), np.zeros(rows, np.int32))
