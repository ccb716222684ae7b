"""Choosing a label: a prior from what the prompt says about each label, corrected by the prompt's demonstrations.

The prior of a label is the input's likeness to its name and description; the correction is kernel
multinomial logistic regression fitted on the demonstrations with the prior as offset. Two demonstrations
are alike in what they mean and in how they open, and openings count as far as they go with the labels: the
questions of some tasks differ in what they ask for and not in what they are about. Every likeness is a
cosine, so a compiled prompt is a matrix (place by label) for each view and an answer costs two sparse
products. Cue phrases that occur word for word add to the logits.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stemma.models.embedded.alignment import weight_beside
from stemma.models.embedded.likeness import LENGTH, Codebook
from stemma.models.embedded.regression import fit
from stemma.models.embedded.task import Label, Task

Matrix = NDArray[np.float64]
Rows = NDArray[np.float32]

_NAME, _DESCRIPTION = 4.0, 8.0  # logits for a perfect likeness to a label's name, and to its description
_CUE, _BAN = 2.0, -2.0  # logits for a one-word cue or ban found in the input; longer ones count more
_COMMON = 0.1  # what is left of the rarity of a place that every label shares
_RARITY_POWER = 0.375  # a root, since a likeness counts the weight twice: in the input and in what it is compared with
_RIDGE = 0.03
_STEPS = 50
_PSEUDO_OFFSET = 0.25
_SHARPNESS = 2.0  # softmax(2 x logits) is what calibrates
_DECIMALS = 4  # rounded before argmax: the last bits of a float32 sum depend on the machine

_LIST_BREAK = re.compile(r"[,;:()\n]")
_PHRASE_BREAK = re.compile(r"[,;:()\n]|\s+(?:and|or)\s+")
_SHORTEST_LIST = 3  # parts; what has fewer is prose, whose meaning is lost when it is cut up


@dataclass(frozen=True, slots=True)
class Choice:
    """The label chosen and the probability given to it; no label when nothing in the prompt resembles the input."""

    label: str | None
    confidence: float


class Classifier:
    """A task's labels, compiled: `choose` answers for one input."""

    def __init__(self, task: Task, codebook: Codebook) -> None:
        self._codebook = codebook
        self._names = [label.name for label in task.labels]
        self._cues = Cues(task.labels)
        self._compiled = _compiled(task, codebook)

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(array.nbytes for array in self._compiled if array is not None)

    def choose(self, text: str) -> Choice:
        """The label for `text`; among equals the one the prompt names first."""
        logits = self._likeness(text) + self._cues.found_in(text)
        logits = np.round(logits, _DECIMALS)
        if not logits.any():
            return Choice(None, 0.0)
        best = int(logits.argmax())
        sure = 1.0 / np.exp(_SHARPNESS * (logits - logits[best])).sum()
        return Choice(self._names[best], round(float(sure), _DECIMALS))

    def _likeness(self, text: str) -> Matrix:
        weights, meanings, openings = self._compiled
        (places, values), opening = self._codebook.code(text)
        weighted = values * weights[places]
        length = np.sqrt(weighted @ weighted)
        if not length:
            return np.zeros(len(self._names))
        likeness = (weighted / length).astype(np.float64) @ meanings[places].astype(np.float64)
        if openings is not None:
            likeness += opening.values.astype(np.float64) @ openings[opening.places].astype(np.float64)
        return np.asarray(likeness)


class Compiled(NamedTuple):
    """The weight of each place of a meaning, and what a place of a meaning and of an opening adds to each logit.

    Without a matrix openings do not count.
    """

    weights: Rows
    meanings: Rows
    openings: Rows | None


class Cues:
    """The phrases that speak for or against each label when they occur in an input, word for word."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self._none = np.zeros(len(labels))
        self._effects: dict[str, Matrix] = {}
        for place, label in enumerate(labels):
            for phrases, strength in ((label.cues, _CUE), (label.bans, _BAN)):
                for phrase in phrases:
                    spoken = " ".join(phrase.lower().split())
                    effect = self._effects.setdefault(spoken, np.zeros(len(labels)))
                    effect[place] += strength * np.sqrt(len(spoken.split()))
        longest_first = sorted(self._effects, key=lambda phrase: (-len(phrase), phrase))
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")

    def found_in(self, text: str) -> Matrix:
        """The logits that the phrases in `text` add; a phrase counts once, and hides shorter ones inside it."""
        if not self._effects:
            return self._none
        found = dict.fromkeys(self._pattern.findall(" ".join(text.lower().split())))
        return np.asarray(sum((self._effects[phrase] for phrase in found), self._none))


def _compiled(task: Task, codebook: Codebook) -> Compiled:
    names = codebook.dense([_spoken(label.name) for label in task.labels])
    described = _described(task.labels, codebook)
    place_of = {label.name: place for place, label in enumerate(task.labels)}
    shown = [(shown.input, place_of[shown.output]) for shown in task.demonstrations if shown.output in place_of]
    inputs = codebook.dense([text for text, _ in shown])
    owners = np.array([place for _, place in shown], np.intp)

    weights = np.ones(codebook.encoder.dimensions, np.float32)
    if codebook.sparse:
        weights = _weights((names != 0) | (described != 0), inputs != 0, owners)
    names, described, inputs = (_unit(rows, weights) for rows in (names, described, inputs))
    undescribed = ~described.any(axis=1)
    described[undescribed] = names[undescribed]
    prior = _NAME * names + _DESCRIPTION * described
    if not shown:
        return Compiled(weights, np.ascontiguousarray(prior.T / LENGTH), None)

    openings = codebook.dense_openings([text for text, _ in shown])
    opening_kernel = _kernel(openings)
    share = weight_beside(_kernel(inputs), opening_kernel, owners)
    bare = np.setdiff1d(np.arange(len(task.labels)), owners)
    rows = np.concatenate([inputs, _unit(prior[bare], None)])
    offset = (rows @ prior.T).astype(np.float64) / LENGTH**2
    offset[len(inputs) :] *= _PSEUDO_OFFSET
    kernel = _kernel(rows)
    kernel[: len(inputs), : len(inputs)] += share * opening_kernel
    coefficients = fit(
        kernel,
        offset,
        np.eye(len(task.labels))[np.concatenate([owners, bare])],
        ridge=_RIDGE,
        steps=_STEPS,
    ).astype(np.float32)
    return Compiled(
        weights,
        np.ascontiguousarray((prior + coefficients.T @ rows).T / LENGTH),
        openings.T @ coefficients[: len(inputs)] * np.float32(share / LENGTH**2) if share else None,
    )


def _kernel(rows: Rows) -> Matrix:
    return (rows @ rows.T).astype(np.float64) / LENGTH**2


def _described(labels: Sequence[Label], codebook: Codebook) -> Rows:
    """What each label's description says: the text as a whole, and its phrases and cues, each of which counts alike."""
    pooled = np.zeros((len(labels), codebook.encoder.dimensions), np.float32)
    for row, label in zip(pooled, labels, strict=True):
        phrases = list(dict.fromkeys([*_phrases(label.description), *label.cues]))
        if label.description:
            row += codebook.dense([label.description])[0]
        if phrases:
            row += codebook.dense(phrases).sum(axis=0) / np.float32(len(phrases))
    return pooled


def _phrases(description: str) -> list[str]:
    """The items of a description that is a list; none where it is prose."""
    if len(_LIST_BREAK.split(description)) < _SHORTEST_LIST:
        return []
    return [phrase.strip() for phrase in _PHRASE_BREAK.split(description) if phrase.strip()]


def _weights(said: NDArray[np.bool_], shown: NDArray[np.bool_], owners: NDArray[np.intp]) -> Rows:
    """How much each place tells labels apart: an inverse document frequency whose documents are the labels.

    A label has a place as far as its own words have it, or the share of its demonstrations that has it.
    """
    held = said.astype(np.float64)
    for label in range(len(said)):
        mine = shown[owners == label]
        if len(mine):
            np.maximum(held[label], mine.mean(axis=0), out=held[label])
    rarity: Matrix = np.log((1 + len(said)) / (1 + held.sum(axis=0))) + _COMMON
    return np.asarray(rarity**_RARITY_POWER, np.float32)


def _unit(rows: Rows, weights: Rows | None) -> Rows:
    """`rows`, weighted, with length one in whole numbers of 1 / LENGTH."""
    weighted: Rows = rows if weights is None else rows * weights
    lengths = np.sqrt(np.einsum("ij,ij->i", weighted, weighted, dtype=np.float64))[:, None]
    weighted = weighted * (LENGTH / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return np.asarray(np.rint(weighted), np.float32)


def _spoken(name: str) -> str:
    """A label's name as words: ``cardPayment_failed`` reads 'card Payment failed'."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ")
