"""Characters that change the direction of writing: what a reader sees is then not the order in which it is read.

After Boucher and Anderson, *Trojan Source* (2021), and UAX #9. Overrides are never needed to write a language. Embeddings
and isolates are, where a line has letters written from right to left and each is closed on it; marks where it has such
letters.
"""

import re
from collections.abc import Iterator

from stemma.guard.text.edits import Edit

DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_RUN = re.compile(f"{DIRECTIONS.pattern}+")
_LINE = re.compile("[^\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
_FROM_RIGHT = re.compile(
    "[\u0590-\u061b\u061d-\u08ff\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_EMBEDDINGS, _OVERRIDES, _ISOLATES = "\u202a\u202b", "\u202d\u202e", "\u2066\u2067\u2068"
_ENDS_EMBEDDING, _ENDS_ISOLATE = "\u202c", "\u2069"
_OPENING, _CLOSING = _EMBEDDINGS + _OVERRIDES + _ISOLATES, _ENDS_EMBEDDING + _ENDS_ISOLATE


def misdirections(text: str) -> Iterator[Edit]:
    """What is to be removed, line by line."""
    if _FROM_RIGHT.search(text) is None:
        yield from (_edit(*run.span()) for run in _RUN.finditer(text))
        return
    for line in _LINE.finditer(text):
        start, end = line.span()
        first = DIRECTIONS.search(text, start, end)
        if first is None:
            continue
        if _FROM_RIGHT.search(text, start, end) is None:
            yield from (_edit(*run.span()) for run in _RUN.finditer(text, first.start(), end))
        else:
            yield from (_edit(place, place + 1) for place in _unmatched(text, first.start(), end))


def _unmatched(text: str, start: int, end: int) -> list[int]:
    """Overrides with their ends, and what is opened and not closed, or closed and not opened."""
    opened, dropped = list[int](), list[int]()
    for match in DIRECTIONS.finditer(text, start, end):
        place, control = match.start(), match.group()
        if control in _OPENING:
            opened.append(place)
            if control in _OVERRIDES:
                dropped.append(place)
        elif control in _CLOSING:
            if opened and (text[opened[-1]] in _ISOLATES) == (control == _ENDS_ISOLATE):
                if text[opened.pop()] in _OVERRIDES:
                    dropped.append(place)
            else:
                dropped.append(place)
    return sorted({*dropped, *opened}) if dropped else opened


def _edit(start: int, end: int) -> Edit:
    return Edit("bidirectional", start, end, "", end - start)
