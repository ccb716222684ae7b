"""Word groups that tell labels apart, mined from examples: what a person would write into a label's description."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_LONGEST_GROUP = 3
_FEWEST = 2  # examples that must hold a group before it says anything about a label
_STRENGTH = 0.05  # of the prior, per occurrence in the whole corpus
_KEPT = 40

# Words that carry no topic. A group may hold them inside ("not yet arrived"), but neither begins nor ends with one.
_EMPTY = frozenset(
    _WORD.findall(
        "a an and are as at be been but by can could do does did for from had has have how i if in is it its just me my of on "
        "or please so that the their them then there they this to was we were what when where which who why will with would "
        "you your am im i'm i've ive it's also any some about"
    )
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A word group and the examples of its label that hold it, by their place."""

    text: str
    weight: float
    covers: frozenset[int]


Phrases = Mapping[str, tuple[Phrase, ...]]
"""For each label its word groups, the most telling first."""


def mine(examples: Mapping[str, Sequence[str]]) -> dict[str, tuple[Phrase, ...]]:
    """The word groups of one to three words that are most over-represented in each label's examples.

    Ranked by the z-score of the log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008,
    'Fightin' Words', Political Analysis 16:372), which keeps rare words from winning by chance. Examples count once
    each, however often they say a word.
    """
    groups = {label: [set(_groups(text)) for text in texts] for label, texts in examples.items()}
    counts = {label: Counter(group for held in texts for group in held) for label, texts in groups.items()}
    total = Counter[str]()
    for counted in counts.values():
        total.update(counted)
    everything = sum(total.values())
    return {label: tuple(_ranked(counted, total, everything, groups[label])) for label, counted in counts.items()}


def cover(phrases: Sequence[Phrase], *, most: int) -> tuple[str, ...]:
    """Up to `most` groups that together hold as many examples as possible: greedy weighted cover.

    A group whose words all stand in one that was taken adds nothing and is passed over.
    """
    taken: list[Phrase] = []
    covered: Counter[int] = Counter()
    waiting = list(phrases)
    while waiting and len(taken) < most:
        gains = [phrase.weight * sum(0.5 ** covered[place] for place in sorted(phrase.covers)) for phrase in waiting]
        best = max(range(len(waiting)), key=lambda place: (round(gains[place], 9), -place))
        phrase = waiting.pop(best)
        words = set(phrase.text.split())
        if any(words <= set(other.text.split()) for other in taken):
            continue
        taken.append(phrase)
        covered.update(phrase.covers)
    return tuple(phrase.text for phrase in taken)


def _ranked(counted: Counter[str], total: Counter[str], everything: int, texts: list[set[str]]) -> Iterable[Phrase]:
    here = sum(counted.values())
    weighed = []
    for group, count in counted.items():
        if count < _FEWEST:
            continue
        prior, priors = _STRENGTH * total[group], _STRENGTH * everything
        elsewhere, outside = total[group] - count, everything - here
        odds = math.log((count + prior) / (here + priors - count - prior + 1))
        other = math.log((elsewhere + prior) / (outside + priors - elsewhere - prior + 1))
        score = (odds - other) / math.sqrt(1 / (count + prior) + 1 / (elsewhere + prior))
        if score > 0:
            weighed.append((round(score, 9), group))
    weighed.sort(key=lambda pair: (-pair[0], pair[1]))
    for score, group in weighed[:_KEPT]:
        yield Phrase(group, score, frozenset(place for place, held in enumerate(texts) if group in held))


def _groups(text: str) -> Iterable[str]:
    words = _WORD.findall(text.lower())
    for start in range(len(words)):
        for length in range(1, _LONGEST_GROUP + 1):
            group = words[start : start + length]
            if len(group) == length and group[0] not in _EMPTY and group[-1] not in _EMPTY:
                yield " ".join(group)
