"""The all-MiniLM-L6-v2 sentence encoder, run by NumPy alone.

A BERT of six layers (Devlin et al., 2019; Wang et al., 2020) whose token vectors are averaged and normed
(Reimers & Gurevych, 2019). The weights are Apache-2.0 and are fetched only on request: see `stemma.models.weights`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemma.models.encoders.encoder import Vectors, Views
from stemma.models.encoders.safetensors import read_float32
from stemma.models.encoders.wordpiece import WordPiece

_LAYERS, _HEADS = 6, 12
_OPENING_LAYER = 4  # by then the first word knows its neighbours; the last layers serve the mean alone
_NORM_EPSILON = 1e-12
_BATCH_TOKENS = 512  # activations of one batch then stay within a core's cache

Array = NDArray[np.float32]


class MiniLMEncoder:
    """Sentences as 384 numbers each, about 300 a second on two cores; longer texts are cut at 256 tokens.

    `folder` holds `model.safetensors` and `vocab.txt`. A text's vector does not depend on what it is encoded with: only
    texts of equal length share a batch, so nothing is ever padded.
    """

    def __init__(self, folder: Path) -> None:
        tensors = read_float32(folder / "model.safetensors")
        self._tokenizer = WordPiece(folder / "vocab.txt")
        self._words = tensors["embeddings.word_embeddings.weight"]
        self._positions = (
            tensors["embeddings.position_embeddings.weight"] + tensors["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = _Norm(tensors, "embeddings.LayerNorm")
        self._layers = [_Layer(tensors, f"encoder.layer.{number}") for number in range(_LAYERS)]

    @property
    def name(self) -> str:
        return "minilm"

    @property
    def dimensions(self) -> int:
        return int(self._words.shape[1])

    @property
    def opening_dimensions(self) -> int:
        return self.dimensions

    @property
    def sparse(self) -> bool:
        return False

    def encode(self, texts: Sequence[str]) -> Vectors:
        return self.views(texts).meanings

    def views(self, texts: Sequence[str]) -> Views:
        """What each text means, and its first word as the others around it make it understood."""
        views = Views(*(np.zeros((len(texts), self.dimensions), np.float32) for _ in range(2)))
        by_length: dict[int, list[tuple[int, list[int]]]] = {}
        for place, text in enumerate(texts):
            tokens = self._tokenizer.tokens(text)
            if len(tokens) > 2:
                by_length.setdefault(len(tokens), []).append((place, tokens))
        for length in sorted(by_length):
            members = by_length[length]
            size = max(1, _BATCH_TOKENS // length)
            for start in range(0, len(members), size):
                batch = members[start : start + size]
                places = [place for place, _ in batch]
                encoded = self._encoded(np.array([tokens for _, tokens in batch]))
                views.meanings[places], views.openings[places] = encoded
        return views

    def _encoded(self, tokens: NDArray[np.int64]) -> Views:
        hidden = self._norm(self._words[tokens] + self._positions[: tokens.shape[1]])
        for layer in self._layers[:_OPENING_LAYER]:
            hidden = layer(hidden)
        opening = hidden[:, 1]  # [CLS] stands before it
        for layer in self._layers[_OPENING_LAYER:]:
            hidden = layer(hidden)
        return Views(_unit(hidden.mean(axis=1)), _unit(opening))


def _unit(rows: Array) -> Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


class _Layer:
    """Self-attention and a feed-forward net, each added to its input and normed."""

    def __init__(self, tensors: dict[str, Array], name: str) -> None:
        attention = [_Linear(tensors, f"{name}.attention.self.{part}") for part in ("query", "key", "value")]
        self._attend = _Joined(attention)
        self._attended = _Linear(tensors, f"{name}.attention.output.dense")
        self._attended_norm = _Norm(tensors, f"{name}.attention.output.LayerNorm")
        self._widen = _Linear(tensors, f"{name}.intermediate.dense")
        self._narrow = _Linear(tensors, f"{name}.output.dense")
        self._norm = _Norm(tensors, f"{name}.output.LayerNorm")

    def __call__(self, hidden: Array) -> Array:
        hidden = self._attended_norm(hidden + self._attended(self._attention(hidden)))
        return self._norm(hidden + self._narrow(_gelu(self._widen(hidden))))

    def _attention(self, hidden: Array) -> Array:
        texts, length, width = hidden.shape
        joined = self._attend(hidden).reshape(texts, length, 3, _HEADS, width // _HEADS)
        query, key, value = joined.transpose(2, 0, 3, 1, 4)
        scores = query @ key.transpose(0, 1, 3, 2)
        scores *= np.float32(1.0 / np.sqrt(width // _HEADS))
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        return np.asarray((scores @ value).transpose(0, 2, 1, 3).reshape(texts, length, width))


class _Linear:
    def __init__(self, tensors: dict[str, Array], name: str) -> None:
        self.weight = np.ascontiguousarray(tensors[f"{name}.weight"].T)
        self.bias = tensors[f"{name}.bias"]

    def __call__(self, hidden: Array) -> Array:
        # One matrix product over all tokens; a product a text is several times slower.
        flat = hidden.reshape(-1, hidden.shape[-1]) @ self.weight
        flat += self.bias
        return flat.reshape(*hidden.shape[:-1], -1)


class _Joined(_Linear):
    """Several linear maps of the same input, as one."""

    def __init__(self, parts: Sequence[_Linear]) -> None:
        self.weight = np.ascontiguousarray(np.concatenate([part.weight for part in parts], axis=1))
        self.bias = np.concatenate([part.bias for part in parts])


class _Norm:
    def __init__(self, tensors: dict[str, Array], name: str) -> None:
        self._scale, self._shift = tensors[f"{name}.weight"], tensors[f"{name}.bias"]

    def __call__(self, hidden: Array) -> Array:
        centred: Array = hidden - hidden.mean(axis=-1, keepdims=True)
        variance = np.einsum("...i,...i->...", centred, centred)[..., None] / np.float32(hidden.shape[-1])
        centred /= np.sqrt(variance + np.float32(_NORM_EPSILON))
        centred *= self._scale
        centred += self._shift
        return centred


# erf(x) = x P(x^2) / Q(x^2) on [-4, 4], beyond which float32 erf is 1: the rational approximation of the Eigen library.
_ERF_ABOVE = (
    -2.72614225801306e-10,
    2.77068142495902e-08,
    -2.10102402082508e-06,
    -5.69250639462346e-05,
    -7.34990630326855e-04,
    -2.95459980854025e-03,
    -1.60960333262415e-02,
)
_ERF_BELOW = (
    -1.45660718464996e-05,
    -2.13374055278905e-04,
    -1.68282697438203e-03,
    -7.37332916720468e-03,
    -1.42647390514189e-02,
)


def _gelu(hidden: Array) -> Array:
    """x (1 + erf(x / sqrt 2)) / 2, exact to float32; NumPy has no erf of its own."""
    argument = np.clip(hidden * np.float32(np.sqrt(0.5)), -4.0, 4.0)
    square = argument * argument
    error = _polynomial(square, _ERF_ABOVE)
    error *= argument
    error /= _polynomial(square, _ERF_BELOW)
    error += np.float32(1.0)
    error *= hidden
    error *= np.float32(0.5)
    return error


def _polynomial(variable: Array, coefficients: Sequence[float]) -> Array:
    total = np.full_like(variable, coefficients[0])
    for coefficient in coefficients[1:]:
        total *= variable
        total += np.float32(coefficient)
    return total
