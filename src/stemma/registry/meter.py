"""The meter of one rendering: how much text it may write and how much work it may do."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from stemma.core.errors import TemplateError, UnsafeTemplate

LONGEST_TEXT = 1_000_000  # characters, of a template and of what it renders to
MOST_WORK = 1_000_000  # units of very roughly a tenth of a microsecond: a loop's turn, or 64 characters looked at

LONGEST_NAME = 200  # characters of a variable's name
_LONGEST_SHOWN = 200


class Meter:
    """Collects the rendered text and stops a template that loops, or grows, without end.

    A template's author may be hostile while its values are somebody's honest documents, so the bounds are on what the
    template does with the values: every loop turn counts, and every character that a filter, test or comparison reads.
    """

    __slots__ = ("_pieces", "_room", "_work")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._room = LONGEST_TEXT
        self._work = MOST_WORK

    @property
    def text(self) -> str:
        """What was written."""
        return "".join(self._pieces)

    def write(self, text: str) -> None:
        """Add `text` to the output. Raises TemplateError when it grows past `LONGEST_TEXT`."""
        self._room -= len(text)
        if self._room < 0:
            raise _too_long()
        self._pieces.append(text)

    def write_value(self, value: Any) -> None:
        """Add a value as text: what `str` says, as in Jinja2."""
        self.write(value if type(value) is str else self.as_text(value))

    def as_text(self, value: Any) -> str:
        """`value` as text, refused before it is built when it would be too long."""
        if type(value) is str:
            return value
        self.examine(value)
        try:
            return str(value)
        except ValueError as error:  # an integer of more than 4,300 digits
            raise TemplateError(f"a value cannot be written as text: {error}") from error
        except RecursionError as error:
            raise TemplateError("a value cannot be written as text: it nests too deeply; give it flatter") from error

    def spend(self, units: int) -> None:
        """Count work. Raises UnsafeTemplate when the rendering has done more than `MOST_WORK`."""
        self._work -= units
        if self._work < 0:
            raise UnsafeTemplate(
                f"the template does too much work for these values and was stopped after {MOST_WORK:,} units; "
                "give it shorter lists, or loop less"
            )

    def examine(self, value: Any) -> None:
        """Count the work of looking at all of `value`, with everything in it."""
        if type(value) is str:
            self.spend(1 + (len(value) >> 6))
            return
        waiting = [value]
        while waiting:  # no recursion: values may be nested deeper than Python's stack, or contain themselves
            item = waiting.pop()
            self.spend(1 + (len(item) >> 6) if isinstance(item, str | bytes) else 1)
            if isinstance(item, Mapping):
                self.spend(len(item))
                waiting += [*item.keys(), *item.values()]
            elif isinstance(item, list | tuple | set | frozenset):
                self.spend(len(item))
                waiting += item

    def listed(self, values: Iterable[Any], *, turn: int) -> list[Any]:
        """The values to loop over when each turn costs `turn` units, charged before the first one runs."""
        most = self._work // turn + 1
        found = list(islice(values, most))
        self.spend(len(found) * turn)
        return found


def shown(text: str) -> str:
    """What a template or a parser says, for a message: on one line, and not long.

    >>> shown("got\\n  'end'")
    "got 'end'"
    """
    line = " ".join(text[: 2 * _LONGEST_SHOWN].split())
    return line if len(line) <= _LONGEST_SHOWN else line[: _LONGEST_SHOWN - 1] + "…"


def check_length(text: str) -> None:
    """Raises TemplateError when a text is longer than any rendering may be."""
    if len(text) > LONGEST_TEXT:
        raise _too_long()


def _too_long() -> TemplateError:
    return TemplateError(f"the text grows past {LONGEST_TEXT:,} characters; give the template shorter values")
