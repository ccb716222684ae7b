"""What a message shows of a value that somebody else wrote: a short piece of it, on one line."""

from functools import lru_cache
from reprlib import Repr
from typing import Any

_LONGEST = 200


def shown(value: Any) -> str:
    """`value` roughly as Python writes it, in at most 200 characters: long texts and lists have their middles left out.

    However large it is, only what is shown is looked at.

    >>> shown({"id": "x" * 1000, "lines": list(range(1000))}).count("...")
    2
    """
    try:
        text = _shortened().repr(value)
    except ValueError:  # an integer of more than 4,300 digits
        text = f"<{type(value).__name__}>"
    line = " ".join(text.splitlines())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


@lru_cache(maxsize=1)
def _shortened() -> Repr:
    short = Repr()
    short.maxlevel, short.maxlong = 4, 40
    short.maxstring = short.maxother = 100
    return short
