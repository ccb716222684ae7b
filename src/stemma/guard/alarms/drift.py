"""Drift: an agent that no longer speaks of what the task is about.

How near it stays is the largest cosine of what it says with the task's inputs. How near is near depends on the agent (one
names a category, another writes a letter), and so each is held against itself: by a conformal test (Vovk, Gammerman &
Shafer, Algorithmic Learning in a Random World, 2005) a task like those before raises an alarm with probability at most
`ALPHA`, whatever encoder and agent are like.

What it finds depends on both. Goals of AgentDojo's injections in the place of answers to BANKING77 tickets: all are seen of
an agent that restates its ticket; of one that writes another ticket of the same intent 73 % with MiniLM and 2 % with hashed
words, with 1.4 % and 0.2 % false alarms. So it is a notice, and decides nothing.
"""

from bisect import bisect_right
from collections.abc import Sequence

from stemma.models.encoders import Encoder

ALPHA = 0.01
ENOUGH = 199
"""Tasks of the past that are needed before an agent is judged."""
FEWEST_WORDS = 4
"""What is shorter, a category say, speaks of nothing."""
_LOOKED_AT = 2_000  # characters of a text that are encoded


def nearness(said: Sequence[str], goal: Sequence[str], encoder: Encoder) -> list[float | None]:
    """For each text the largest cosine with one of the goal's texts, rounded; None for one that is too short to say."""
    goals = [text[:_LOOKED_AT] for text in goal if text.strip()]
    long = [place for place, text in enumerate(said) if len(text.split()) >= FEWEST_WORDS]
    found: list[float | None] = [None] * len(said)
    if goals and long:
        vectors = encoder.encode([*goals, *(said[place][:_LOOKED_AT] for place in long)])
        cosines = vectors[len(goals) :] @ vectors[: len(goals)].T
        for place, row in zip(long, cosines, strict=True):
            found[place] = round(float(row.max()), 4)
    return found


def strayed(near: float, past: Sequence[float]) -> float | None:
    """How likely a task like those before is as far from its goal as `near`, where that is unlikely; else None.

    >>> strayed(0.1, [0.2] * 199), strayed(0.2, [0.2] * 199), strayed(0.0, [0.2] * 20)
    (0.005, None, None)
    """
    if len(past) < ENOUGH:
        return None
    p = (1 + bisect_right(sorted(past), near)) / (len(past) + 1)
    return p if p <= ALPHA else None
