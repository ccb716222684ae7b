"""An encoder without weights: words, word pairs, openings and the character n-grams of words, hashed into buckets.

The hashing trick with signs (Weinberger et al., 2009): a feature adds +1 or -1 to one of `dimensions`
buckets, so that collisions cancel out on average. Character n-grams that stay inside a word stand in for
stemming, as in fastText (Bojanowski et al., 2017); the opening words carry most of what a question asks
for.
"""

import re
from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from stemma.models.encoders.encoder import Vectors

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_GRAM_LENGTHS = (3, 4, 5)
_OPENING_WORDS = 3
_GRAMS, _WORDS, _PAIRS, _OPENINGS = 3.0, 0.5, 0.3, 0.6  # the share of each family in a text's squared length
_SPACE = ord(" ")


def words_of(text: str) -> list[str]:
    """The words of `text` in lower case; underscores, hyphens and punctuation part words, apostrophes do not."""
    return _WORD.findall(text.lower())


class HashedEncoder:
    """About 10,000 sentences a second, the same vectors on every machine, nothing to install.

    >>> HashedEncoder().encode(["Lost my card", ""]).shape
    (2, 8192)
    """

    def __init__(self, dimensions: int = 8192) -> None:
        if dimensions < 2 or dimensions & (dimensions - 1):
            raise ValueError(f"{dimensions} dimensions; the hashed encoder needs a power of two")
        self._dimensions = dimensions

    @property
    def name(self) -> str:
        return "hashed"

    @property
    def dimensions(self) -> int:
        return self._dimensions

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self._dimensions), np.float32)
        for row, text in enumerate(texts):
            words = words_of(text)
            if words:
                vectors[row] = self._vector(words)
        return vectors

    def _vector(self, words: list[str]) -> NDArray[np.float64]:
        hashes = np.array([crc32(word.encode()) for word in words], np.uint64)
        families = (
            (_gram_hashes(words), _GRAMS),
            (hashes, _WORDS),
            (_chained(hashes[:-1], hashes[1:]), _PAIRS),
            (_opening_hashes(hashes), _OPENINGS),
        )
        features = _mixed(np.concatenate([family for family, _ in families]))
        weights = np.repeat(
            [np.sqrt(share / max(1, len(family))) for family, share in families],
            [len(family) for family, _ in families],
        )
        buckets = (features & np.uint64(self._dimensions - 1)).astype(np.intp)
        signed = np.where(features >> np.uint64(63), weights, -weights)
        vector = np.bincount(buckets, signed, minlength=self._dimensions)
        length = np.sqrt(vector @ vector)
        return np.asarray(vector / length if length else vector, np.float64)


def _gram_hashes(words: list[str]) -> NDArray[np.uint64]:
    letters = np.frombuffer(f" {' '.join(words)} ".encode("utf-32-le"), np.uint32).astype(np.uint64)
    spaces = letters == _SPACE
    found: list[NDArray[np.uint64]] = []
    with np.errstate(over="ignore"):
        rolling = letters
        crosses = np.zeros(len(letters), bool)
        for length in range(2, _GRAM_LENGTHS[-1] + 1):
            if len(letters) < length:
                break
            # A gram may begin and end with the space around a word, never run across one.
            crosses = crosses[:-1] | (spaces[length - 2 : -1] if length > 2 else False)
            rolling = rolling[:-1] * np.uint64(0x100000001B3) + letters[length - 1 :]
            if length in _GRAM_LENGTHS:
                found.append(rolling[~crosses] + np.uint64(length))
    return np.concatenate(found) if found else np.zeros(0, np.uint64)


def _opening_hashes(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    opening = np.array([0x5EED], np.uint64)
    found = []
    for position in range(min(_OPENING_WORDS, len(hashes))):
        opening = _chained(opening, hashes[position : position + 1])
        found.append(opening)
    return np.concatenate(found)


def _chained(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        return (first + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9) ^ second


def _mixed(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of SplitMix64: every input bit reaches every output bit."""
    with np.errstate(over="ignore"):
        mixed = (hashes ^ hashes >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ mixed >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        return mixed ^ mixed >> np.uint64(31)
