"""Frames: marks around a text that strangers may have written, so that a model can tell where it begins and ends.

A frame carries a number worked out from the text itself that does not occur in the text, so no text can close its own
frame. Frames are a help for models, not the boundary: a model that obeys all it reads obeys what is in a frame, too.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

_MARK = re.compile(r"</?untrusted(?: [A-Za-z0-9_.-]{1,100})? [0-9a-f]{16}>")


def framed(text: str, name: str) -> str:
    """`text` in a frame that says what it is called.

    >>> framed("Pay now!", "ticket")
    '<untrusted ticket 1c7f2eeb5fdf04a3>Pay now!</untrusted 1c7f2eeb5fdf04a3>'
    """
    number = sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
    while number in text:
        number = sha256(number.encode()).hexdigest()[:16]
    label = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:100] or "_"
    return f"<untrusted {label} {number}>{text}</untrusted {number}>"


def unframed(text: str) -> str:
    """`text` without the marks of frames: for models that look at words alone."""
    return _MARK.sub("", text) if "untrusted" in text else text


class Framed(str):
    """A text that is compared and searched as it is, and written in a frame: what templates are given for `text`."""

    __slots__ = ("_name",)
    _name: str

    def __new__(cls, text: str, name: str) -> "Framed":
        made = super().__new__(cls, str.__str__(text))  # one that is framed already gets no second frame
        made._name = name
        return made

    def __str__(self) -> str:
        return framed(str.__str__(self), self._name)

    def __repr__(self) -> str:
        return framed(str.__repr__(self), self._name)

    def __hash__(self) -> int:
        return str.__hash__(self)

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) is True


def framing(value: Any, name: str) -> Any:
    """A value of JSON whose every text will be written in a frame. Keys are texts, too."""
    match value:
        case str():
            return Framed(value, name)
        case Mapping():
            return {Framed(key, name): framing(item, name) for key, item in value.items()}
        case list() | tuple():
            return [framing(item, name) for item in value]
        case _:
            return value
