"""Texts without what is in them to deceive: what clean text is, and how a text becomes one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from stemma.guard.text.bidi import DIRECTIONS, misdirections
from stemma.guard.text.edits import Step, applied
from stemma.guard.text.finding import Finding
from stemma.guard.text.hidden import CONTROLS, ESCAPES, RULES, SUSPECT, Rule
from stemma.guard.text.marks import MARKS, heaps, mixed_forms
from stemma.guard.text.scripts import FOREIGN, STYLED, lookalikes, styled

_STEPS: tuple[tuple[re.Pattern[str], tuple[Step, ...]], ...] = (
    (re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"), (ESCAPES, CONTROLS)),
    (DIRECTIONS, (misdirections,)),
    (SUSPECT, RULES),
    (MARKS, (heaps,)),
    (STYLED, (styled,)),
    (FOREIGN, (lookalikes,)),
    (MARKS, (mixed_forms,)),
)
"""What is looked for in texts that have a certain character."""

_PLAIN = bytes([*b"\t\n\r", *range(0x20, 0x7F)])

_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A text, and what was found in it before it was clean."""

    text: str
    findings: tuple[Finding, ...]

    @property
    def changed(self) -> bool:
        return bool(self.findings)


def clean(text: str) -> Cleaned:
    """`text` without control and invisible characters, terminal escapes and turned directions, and with letters that stand
    for others set right.

    What writing needs stays as it is: joiners of Persian, Hindi and emoji, marks of direction in Hebrew and Arabic, accents
    in either normal form, variants of Chinese characters. Clean text is given back unchanged; linear in its length.

    >>> clean("pay\\u200bload: p\u0430ypal").text
    'payload: paypal'
    """
    findings = problems(text)
    if findings:
        # Not only the steps that found something: what one removes may bring together what another is about.
        for step in _steps(text):
            text = step.apply(text) if isinstance(step, Rule) else applied(text, step)
    return Cleaned(text, findings)


def problems(text: str) -> tuple[Finding, ...]:
    """What `clean` would change, one finding for each kind with how many characters it is about; empty for clean text.

    Counting ends at ten thousand places of a kind.
    """
    found = list[Finding]()
    for step in _steps(text):
        edits = list(islice(step(text), _COUNTED))
        if edits:
            first = edits[0]
            found.append(Finding(first.kind, first.start, first.end, sum(edit.harmful for edit in edits)))
    return tuple(sorted(found, key=lambda one: (one.start, one.kind)))


def _steps(text: str) -> Iterator[Step]:
    # One pass for the characters that there are, instead of one for each step: most texts need no more. In ASCII only controls
    # are looked for, and what is left without all others is most quickly found among bytes.
    present = text.encode().translate(None, _PLAIN).decode() if text.isascii() else "".join(set(text))
    return (step for trigger, steps in _STEPS if trigger.search(present) is not None for step in steps)
