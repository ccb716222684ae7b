"""Answering and summarising with sentences of the text that was given, never with words of the model's own.

A sentence's nearness to a question is the mean of its encoder cosine and its BM25 score (Robertson &
Zaragoza, 2009), each over the sentences of the text at hand. A summary takes the sentences that are most
like all others, the degree centrality of LexRank (Erkan & Radev, 2004).
"""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemma.models.embedded.likeness import LENGTH, Codebook
from stemma.models.encoders.words import FUNCTION_WORDS, stem, words_of

_END = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+(?=[\"'“‘(]*[A-Z0-9À-Þ])|\n+")
_ABBREVIATED = re.compile(r"\b(?:e\.g|i\.e|etc|vs|Mr|Mrs|Ms|Dr|Prof|St|No|Inc|Ltd|approx|[A-Z])\.$")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)]|#+)\s+")
_SATURATION, _LENGTH_SHARE = 1.2, 0.75  # BM25's k1 and b, as published
_DECIMALS = 6

# Words that ask rather than tell what is asked about; BM25 leaves them out, as it does function words.
_ASKING = """
about after all also any before being how no not our please shall should than when where who whom whose why
"""
_UNTELLING = FUNCTION_WORDS | frozenset(_ASKING.split())


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of the text, and how near it is to what was asked, from 0 to 1."""

    text: str
    nearness: float


def sentences_of(text: str) -> list[str]:
    """The sentences and list items of `text`, as they are written."""
    parts: list[str] = []
    for piece in _END.split(text):
        if parts and _ABBREVIATED.search(parts[-1]):
            parts[-1] = f"{parts[-1]} {piece}"
        elif piece.strip():
            parts.append(piece)
    return [sentence for part in parts if words_of(sentence := _BULLET.sub("", part).strip())]


def nearest_sentence(text: str, question: str, codebook: Codebook) -> Quote | None:
    """The sentence of `text` that is nearest to `question`; none where the text has no sentence."""
    sentences = sentences_of(text)
    if not sentences:
        return None
    alike = _cosines(sentences, question, codebook)
    shared = _bm25(sentences, question)
    nearness = np.round((alike + shared) / 2.0, _DECIMALS)
    best = int(nearness.argmax())
    return Quote(sentences[best], float(nearness[best]))


def central_sentences(text: str, count: int, codebook: Codebook) -> list[str]:
    """The `count` sentences of `text` most like all its others, in the order of the text."""
    sentences = sentences_of(text)
    rows = codebook.dense(sentences)
    likeness = (rows @ rows.T).astype(np.float64) / LENGTH**2
    centrality = np.round(likeness.sum(axis=1), _DECIMALS)
    ranked = sorted(range(len(sentences)), key=lambda place: (-centrality[place], place))
    # Said twice, a sentence weighs twice, but is quoted once.
    first_said = {sentences[place]: place for place in reversed(ranked)}
    central = sorted(first_said.values(), key=ranked.index)[:count]
    return [sentences[place] for place in sorted(central)]


def _cosines(sentences: list[str], question: str, codebook: Codebook) -> NDArray[np.float64]:
    asked = codebook.dense([question])[0]
    cosines = (codebook.dense(sentences) @ asked).astype(np.float64) / LENGTH**2
    return np.asarray(np.clip(cosines, 0.0, 1.0))


def _bm25(sentences: list[str], question: str) -> NDArray[np.float64]:
    """BM25 of each sentence, as a share of what a sentence holding every word asked about could reach."""
    asked = [word for word in dict.fromkeys(map(stem, words_of(question))) if word not in _UNTELLING]
    counted = [Counter(map(stem, words_of(sentence))) for sentence in sentences]
    mean = sum(count.total() for count in counted) / len(counted)
    held = {word: sum(word in count for count in counted) for word in asked}
    rarity = {word: _rarity(held[word], len(counted)) for word in asked}
    possible = sum(rarity.values()) * (_SATURATION + 1)
    if not possible:
        return np.zeros(len(sentences))
    scores = [
        sum(
            rarity[word]
            * count[word]
            * (_SATURATION + 1)
            / (count[word] + _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * count.total() / mean))
            for word in asked
        )
        for count in counted
    ]
    return np.clip(np.array(scores) / possible, 0.0, 1.0)


def _rarity(held: int, count: int) -> float:
    return float(np.log(1 + (count - held + 0.5) / (held + 0.5)))
