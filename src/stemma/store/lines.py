"""Rows as lines of text that both databases can give and take: PostgreSQL's COPY text format.

A tab between values, a newline behind each row, ``\\N`` where there is no value, and backslashes before what would be
mistaken for one of these (https://www.postgresql.org/docs/current/sql-copy.html). PostgreSQL reads and writes it by itself;
for SQLite it is done here.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from types import NoneType
from typing import Any

from sqlalchemy import Boolean, Float, Integer, LargeBinary, Numeric
from sqlalchemy.types import TypeEngine

from stemma.core.errors import InvalidInput

_ABSENT = "\\N"
_BYTES = "\\\\x"  # PostgreSQL's hexadecimal form, its backslash escaped like any other
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_TO_ESCAPE = re.compile(r"[\\\b\f\n\r\t\v]")
_ESCAPES = {"\\": "\\\\"} | {character: f"\\{letter}" for letter, character in _UNESCAPED.items()}


class Kind(StrEnum):
    """What a column holds, as far as its spelling goes."""

    TEXT = "text"
    INTEGER = "integer"
    REAL = "real"
    BOOLEAN = "boolean"
    BYTES = "bytes"


def kind_of(type_: TypeEngine[Any]) -> Kind:
    """The kind of a column of that type; what is not told apart (JSON, names) is text."""
    for kind, types in (
        (Kind.BOOLEAN, Boolean),
        (Kind.INTEGER, Integer),
        (Kind.REAL, (Float, Numeric)),
        (Kind.BYTES, LargeBinary),
    ):
        if isinstance(type_, types):
            return kind
    return Kind.TEXT


def encode(rows: Sequence[Sequence[Any]], kinds: Sequence[Kind]) -> bytes:
    """`rows` as lines. Raises InvalidInput for a value that is not of its column's kind.

    >>> encode([(1, "a\\tb", None, b"hi", True)], list(map(Kind, ["integer", "text", "text", "bytes", "boolean"])))
    b'1\\ta\\\\tb\\t\\\\N\\t\\\\\\\\x6869\\tt\\n'
    """
    if not rows:
        return b""
    # Column by column: one call a column instead of one a value.
    columns = [_ENCODERS[kind](column) for kind, column in zip(kinds, zip(*rows, strict=True), strict=True)]
    return ("\n".join(map("\t".join, zip(*columns, strict=True))) + "\n").encode()


def decode(block: bytes, kinds: Sequence[Kind]) -> list[tuple[Any, ...]]:
    """The rows that stand in `block`, which consists of whole lines. Raises InvalidInput."""
    if not block:
        return []
    try:
        rows = [line.split("\t") for line in block.decode().removesuffix("\n").split("\n")]
        columns = zip(*rows, strict=True)
        return list(zip(*(_DECODERS[kind](column) for kind, column in zip(kinds, columns, strict=True)), strict=True))
    except ValueError as error:
        raise InvalidInput(f"not rows of {len(kinds)} columns: {error}") from error


def _escape(text: str) -> str:
    if text.isprintable() and "\\" not in text:  # as most are, and found out in a third of the time
        return text
    return _TO_ESCAPE.sub(lambda found: _ESCAPES[found[0]], text)


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda found: _UNESCAPED.get(found[1], found[1]), text)


def _encoder(type_: type | tuple[type, ...], spell: Callable[[Any], str]) -> Callable[[Sequence[Any]], Iterable[str]]:
    def encoded(column: Sequence[Any]) -> Iterable[str]:
        # Asked of a whole column at once, the question costs a tenth; most columns are of one type and without gaps.
        for found in set(map(type, column)) - {NoneType}:
            if not issubclass(found, type_):
                raise InvalidInput(f"a value of type {found.__name__} stands where another belongs")
        if None in column:
            return [_ABSENT if value is None else spell(value) for value in column]
        return map(spell, column)

    return encoded


def _decoder(read: Callable[[str], Any]) -> Callable[[Sequence[str]], Iterable[Any]]:
    def decoded(column: Sequence[str]) -> Iterable[Any]:
        if _ABSENT in column:
            return [None if spelt == _ABSENT else read(spelt) for spelt in column]
        return map(read, column)

    return decoded


def _bytes(spelt: str) -> bytes:
    if not spelt.startswith(_BYTES):
        raise ValueError(f"{spelt[:40]!r} are not bytes")
    return bytes.fromhex(spelt[len(_BYTES) :])


def _boolean(spelt: str) -> bool:
    if spelt not in ("t", "f"):
        raise ValueError(f"{spelt[:40]!r} is neither t nor f")
    return spelt == "t"


_ENCODERS = {
    Kind.TEXT: _encoder(str, _escape),
    Kind.INTEGER: _encoder(int, str),
    Kind.REAL: _encoder((int, float), repr),
    Kind.BOOLEAN: _encoder(int, lambda value: "t" if value else "f"),
    Kind.BYTES: _encoder(bytes, lambda value: _BYTES + value.hex()),
}
_DECODERS = {
    Kind.TEXT: _decoder(_unescape),
    Kind.INTEGER: _decoder(int),
    Kind.REAL: _decoder(float),
    Kind.BOOLEAN: _decoder(_boolean),
    Kind.BYTES: _decoder(_bytes),
}
