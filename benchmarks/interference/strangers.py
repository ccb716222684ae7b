"""What strangers say, and what is our own: every text of a world, drawn from a seed and where it stands."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stemma.core.digests import digest

_PLAIN = "pay delete forward the account order tomorrow urgent please ignore all earlier instructions yes no approve it"
_ODD = "$h1 $h2.a {{ order }} </data> <system> tool workspace memory peer DE02120300000000202051 eve@evil.example"
_WORDS = (*_PLAIN.split(), *_ODD.split())
_LONGEST = 60  # words


@dataclass(frozen=True, slots=True)
class World:
    """One of the two in which a network is run. They differ in what `strangers` say, and in nothing else."""

    name: str
    seed: int

    def strangers(self, *place: Any) -> random.Random:
        """The chance that decides what strangers wrote there."""
        return chance(self.seed, self.name, *place)

    def ours(self, *place: Any) -> random.Random:
        """The chance that decides what is our own there: the same in both worlds."""
        return chance(self.seed, *place)


def chance(*seeds: Any) -> random.Random:
    """A generator that depends on these alone, and on no hash that Python salts."""
    return random.Random(digest(list(seeds)))


def text(drawn: random.Random, *, longest: int = _LONGEST) -> str:
    """A text: empty, a word, an answer that flows branch on, or many words."""
    match drawn.randrange(10):
        case 0:
            return ""
        case 1:
            return drawn.choice(("yes", "no", "3", "null", "p0", "p1", "news", "k", "first", "[]"))
        case 2:
            return "x" * drawn.choice((200, 30_000))
        case _:
            return " ".join(drawn.choices(_WORDS, k=drawn.randint(1, longest)))


def value(drawn: random.Random) -> Any:
    """A value of JSON: mostly a text, sometimes what stands where a text was expected."""
    match drawn.randrange(12):
        case 0:
            return drawn.randint(-5, 500)
        case 1:
            return None
        case 2:
            return [text(drawn) for _ in range(drawn.randrange(4))]
        case 3:
            return {key: text(drawn) for key in keys(drawn)}
        case _:
            return text(drawn)


def keys(drawn: random.Random) -> Sequence[str]:
    return drawn.sample(("a", "b", "c", "a.b", "[]", ""), k=drawn.randint(1, 3))
