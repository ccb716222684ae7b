"""An encoder without weights: stems, word pairs and the character n-grams of words, hashed into buckets.

The hashing trick with signs (Weinberger et al., 2009): a feature adds or takes its weight from one of
`dimensions` buckets, so that collisions cancel out on average. Character n-grams that stay inside a word
relate inflections and compounds, as in fastText (Bojanowski et al., 2017).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from stemma.models.encoders.encoder import Vectors, Views
from stemma.models.encoders.words import FUNCTION_WORDS, stem, words_of

_GRAM_LENGTHS = (3, 4, 5)
_OPENING_WORDS = 2
_GRAMS, _STEMS, _PAIRS = 3.0, 1.5, 0.3  # the share of each family in a text's squared length
_JOINING_WEIGHT = 0.5  # of a function word, where any other has 1
_INNER_WEIGHT = 0.7  # of an n-gram inside or at the end of a word: what a word begins with says more of its meaning

Hashes = NDArray[np.uint64]


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

    @property
    def opening_dimensions(self) -> int:
        return max(1, self._dimensions // 4)

    @property
    def sparse(self) -> bool:
        return True

    def encode(self, texts: Sequence[str]) -> Vectors:
        return self.views(texts).meanings

    def views(self, texts: Sequence[str]) -> Views:
        """What each text says, and its first word and first two words."""
        meanings = np.zeros((len(texts), self._dimensions), np.float32)
        openings = np.zeros((len(texts), self.opening_dimensions), np.float32)
        for row, text in enumerate(texts):
            words = [_hashed(word) for word in words_of(text)]
            if words:
                hashes = np.array([word.whole for word in words], np.uint64)
                meanings[row] = _summed(*_features(words, hashes), self._dimensions)
                opening = _opening_hashes(hashes)
                openings[row] = _summed(opening, np.ones(len(opening)), self.opening_dimensions)
        return Views(meanings, openings)


class _Word(NamedTuple):
    whole: int
    stem: int
    grams: Hashes
    gram_weights: NDArray[np.float64]
    weight: float


@lru_cache(maxsize=65_536)
def _hashed(word: str) -> _Word:
    weight = _JOINING_WEIGHT if word in FUNCTION_WORDS else 1.0
    grams, gram_weights = _grams(word)
    return _Word(crc32(word.encode()), crc32(f"stem {stem(word)}".encode()), grams, weight * gram_weights, weight)


def _features(words: Sequence[_Word], hashes: Hashes) -> tuple[Hashes, NDArray[np.float64]]:
    weights = np.array([word.weight for word in words])
    grams = np.concatenate([word.grams for word in words])
    families = (
        (grams, _GRAMS, np.concatenate([word.gram_weights for word in words])),
        (np.array([word.stem for word in words], np.uint64), _STEMS, weights),
        (_chained(hashes[:-1], hashes[1:]), _PAIRS, np.ones(len(words) - 1)),
    )
    shares = [np.sqrt(share / max(1, len(family))) * weighed for family, share, weighed in families]
    return np.concatenate([family for family, _, _ in families]), np.concatenate(shares)


def _grams(word: str) -> tuple[Hashes, NDArray[np.float64]]:
    """The n-grams of `word` and the spaces around it, and how much each counts."""
    letters = np.frombuffer(f" {word} ".encode("utf-32-le"), np.uint32).astype(np.uint64)
    found, weights = [], []
    rolling = letters
    with np.errstate(over="ignore"):
        for length in range(2, min(_GRAM_LENGTHS[-1], len(letters)) + 1):
            rolling = rolling[:-1] * np.uint64(0x100000001B3) + letters[length - 1 :]
            if length in _GRAM_LENGTHS:
                found.append(rolling + np.uint64(length))
                weights += [1.0] + [_INNER_WEIGHT] * (len(rolling) - 1)
    return np.concatenate(found), np.array(weights)


def _opening_hashes(hashes: Hashes) -> Hashes:
    opening = np.array([0x5EED], np.uint64)
    found = []
    for position in range(min(_OPENING_WORDS, len(hashes))):
        opening = _chained(opening, hashes[position : position + 1])
        found.append(opening)
    return np.concatenate(found)


def _summed(features: Hashes, weights: NDArray[np.float64], dimensions: int) -> NDArray[np.float64]:
    """The features' weights, signed and summed by bucket, as a vector of length one."""
    mixed = _mixed(features)
    buckets = (mixed & np.uint64(dimensions - 1)).astype(np.intp)
    vector = np.bincount(buckets, np.where(mixed >> np.uint64(63), weights, -weights), minlength=dimensions)
    length = np.sqrt(vector @ vector)
    return np.asarray(vector / length if length else vector, np.float64)


def _chained(first: Hashes, second: Hashes) -> Hashes:
    with np.errstate(over="ignore"):
        return (first + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9) ^ second


def _mixed(hashes: Hashes) -> Hashes:
    """The finalizer of SplitMix64: every input bit reaches every output bit."""
    with np.errstate(over="ignore"):
        mixed = (hashes ^ hashes >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ mixed >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        return mixed ^ mixed >> np.uint64(31)
