"""Combining marks: one text that spells the same letter in two ways, and letters under heaps of marks."""

import re
import unicodedata
from collections.abc import Iterator

from stemma.guard.text.edits import Edit

_MARKS = "\u0300-\u034e\u0350-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
MARKS = re.compile(f"[{_MARKS}]")
_HEAP = re.compile(f"(?<=[{_MARKS}]{{8}})[{_MARKS}]+")  # no language needs more than five
_DECOMPOSED = re.compile("[^\\W\\d_][\u0300-\u034e\u0350-\u036f]+")
_COMPOSED = re.compile(
    "[\xc0-\xc5\xc7-\xcf\xd1-\xd6\xd9-\xdd\xe0-\xe5\xe7-\xef\xf1-\xf6\xf9-\xfd\xff-\u010f\u1e00-\u1ef9]"
)


def heaps(text: str) -> Iterator[Edit]:
    """Marks beyond the eighth on one letter."""
    for match in _HEAP.finditer(text):
        yield Edit("stacked-marks", match.start(), match.end(), "", match.end() - match.start())


def mixed_forms(text: str) -> Iterator[Edit]:
    """Letters spelt with a separate mark in a text that has whole ones too (UAX #15); a text in one form is left so."""
    if _COMPOSED.search(text) is None:
        return
    for match in _DECOMPOSED.finditer(text):
        whole = unicodedata.normalize("NFC", match.group())
        if whole != match.group():
            yield Edit("mixed-normal-forms", match.start(), match.end(), whole, 1)
