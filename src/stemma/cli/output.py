"""What commands print: results on standard output, everything about the way there on standard error."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:  # the search takes a tenth of a second to import; listing prompts needs none of it
    from stemma.evaluate.budget import Spending
    from stemma.optimize.arena import Standing

out = Console(highlight=False, emoji=False)
err = Console(stderr=True, highlight=False, emoji=False)

_UNBOUNDED = 2000  # columns of a line that no terminal breaks


def print_json(value: Any) -> None:
    """One object, on standard output, with nothing around it. Escaped where the output is not Unicode."""
    unicode = "utf" in (sys.stdout.encoding or "").lower()
    sys.stdout.write(json_text(value, indent=2, unicode=unicode) + "\n")


def json_text(value: Any, *, indent: int | None = None, unicode: bool = True) -> str:
    """`value` as JSON. What a terminal would obey, or nobody would see, is escaped, which JSON reads as the same."""
    written = json.dumps(value, ensure_ascii=not unicode, indent=indent, default=_plain)
    if written.isascii():
        return written
    return "".join(one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in written)


def say(text: str = "", *, style: str | None = None) -> None:
    """Text as it is: no markup in it, and broken by nothing but the terminal, so that it can be copied whole."""
    out.print(text, style=style, markup=False, soft_wrap=True)


def tell(text: str, *, indent: str = "  ", style: str | None = None, to: Console = out) -> None:
    """Prose, broken between words where the terminal ends."""
    for line in wrap(text, columns_wide(to), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False):
        to.print(line, style=style, markup=False, soft_wrap=True)


def note(text: str) -> None:
    """A remark on the way, for a person."""
    tell(text, indent="", style="dim", to=err)


def warn(text: str) -> None:
    tell(f"warning: {text}", indent="", style="yellow", to=err)


def columns_wide(console: Console = out) -> int:
    """The room there is: the terminal's, or what COLUMNS says; a file or a pipe has all of it."""
    return console.width if console.is_terminal or os.environ.get("COLUMNS") else _UNBOUNDED


def print_table(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    fold: bool = False,
    styles: Sequence[str | None] = (),
) -> None:
    """A table without frames. Only its last column gives way: cut at the terminal's edge or, with `fold`, broken.

    So what people copy (names, digests, ids) belongs in the columns before, or asks for `fold`. `styles` has one for each row.
    """
    cells = [[one_line(cell) for cell in row] for row in (titles, *rows)]
    widths = [max(cell_len(row[place]) for row in cells) for place in range(len(titles) - 1)]
    room = max(columns_wide() - sum(width + 2 for width in widths), 10)
    for number, row in enumerate(cells):
        before = "".join(set_cell_size(cell, width + 2) for cell, width in zip(row, widths, strict=False))
        lines = wrap(row[-1], room) if fold else [cut(row[-1], room)]
        for line in lines or [""]:
            say((before + line).rstrip(), style=(styles[number - 1] if styles else None) if number else "bold")
            before = " " * cell_len(before)


def cut(text: str, width: int) -> str:
    """One line that takes at most so many columns, with a sign where something was left out."""
    line = " ".join(text.split())
    return line if cell_len(line) <= width else f"{set_cell_size(line, width - 1).rstrip()}…"


def one_line(value: Any, width: int | None = None) -> str:
    """A value that anybody may have written, on one line: what a terminal would obey instead of showing it is spelt out."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_plain)
    shown = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in " ".join(text.split()))
    return shown if width is None else cut(shown, width)


def labelled(value: Any, integrity: str, width: int | None = None) -> str:
    """`one_line`, with nothing in it that can be followed or runs where strangers may have written it."""
    if integrity != "untrusted":
        return one_line(value, width)
    from stemma.guard.text.inert import defanged  # few screens show what strangers wrote

    shown = defanged(one_line(value))
    return shown if width is None else cut(shown, width)


def percent(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.1f} %"


def points(value: float) -> str:
    """A difference of two scores, in percentage points."""
    return f"{100 * value:+.1f}"


def spent_in_words(spending: "Spending") -> str:
    """Tokens and money that were charged: those of remembered answers too."""
    money = f"   ${spending.cost.money:.4f}" if spending.cost.money else ""
    return f"tokens {spending.cost.tokens}{money}"


@contextmanager
def counting(title: str, total: int) -> Iterator["Counter"]:
    """A bar over `total` things that are done one after the other."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
    )
    with _bar(*columns) as progress:
        yield Counter(progress, progress.add_task(title, total=total))


class Counter:
    """Told how many are done, moves the bar."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def __call__(self, done: int, total: int | None = None) -> None:
        self._progress.update(self._task, completed=done, total=total)


@contextmanager
def searching(title: str) -> Iterator["SearchBar"]:
    """The bar of an optimization: calls used of the budget, best score so far, candidates, time left.

    `title` is told once the session is open, together with its id, which is what resuming takes.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} calls"),
        TextColumn("best {task.fields[best]}"),
        TextColumn("{task.fields[candidates]} candidates"),
        TimeRemainingColumn(),
    )
    with _bar(*columns) as progress:
        yield SearchBar(progress, title)


class SearchBar:
    """Told the standing of a search, moves the bar; remembers the session for whoever has to resume it."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._title = title
        self._task: TaskID | None = None
        self.session: str | None = None

    def __call__(self, standing: "Standing") -> None:
        if self._task is None:
            self.session = standing.session
            note(f"session {standing.session}: {self._title}")
            self._task = self._progress.add_task("", total=standing.budget, best="-", candidates=0)
        self._progress.update(
            self._task,
            description=f"generation {standing.step}/{standing.steps}",
            completed=standing.calls,
            best=percent(standing.best),
            candidates=standing.candidates,
        )


def _bar(*columns: ProgressColumn) -> Progress:
    # Rich ends a bar that it could not draw with an empty line; into files and pipes goes none of it.
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def _plain(value: Any) -> Any:
    """What `json` does not know but canonical values contain: read-only mappings and tuples."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
