"""What commands print: results on standard output, everything about the way there on standard error."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from stemma.core.digests import thaw
from stemma.optimize.arena import Standing

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """One object, on standard output, with nothing around it."""
    sys.stdout.write(json.dumps(thaw(value), ensure_ascii=False, indent=2) + "\n")


def note(text: str) -> None:
    """A remark on the way, for a person."""
    err.print(text, style="dim", markup=False)


def warn(text: str) -> None:
    err.print(f"warning: {text}", style="yellow", markup=False)


def table(*columns: str) -> Table:
    """A table without frames, whose first column does not break."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        made.add_column(column, no_wrap=place == 0)
    return made


def percent(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.1f} %"


def points(value: float) -> str:
    """A difference of two scores, in percentage points."""
    return f"{100 * value:+.1f}"


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
    with Progress(*columns, console=err, transient=True) as progress:
        yield Counter(progress, progress.add_task(title, total=total))


class Counter:
    """Told how many are done, moves the bar."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def __call__(self, done: int) -> None:
        self._progress.update(self._task, completed=done)


@contextmanager
def searching() -> Iterator["SearchBar"]:
    """The bar of an optimization: calls used of the budget, best score so far, candidates, time left."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} calls"),
        TextColumn("best {task.fields[best]}"),
        TextColumn("{task.fields[candidates]} candidates"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        yield SearchBar(progress)


class SearchBar:
    """Told the standing of a search, moves the bar; remembers the session for whoever has to resume it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None
        self.session: str | None = None

    def __call__(self, standing: Standing) -> None:
        if self._task is None:
            self.session = standing.session
            self._task = self._progress.add_task("", total=standing.budget, best="-", candidates=0)
        self._progress.update(
            self._task,
            description=f"generation {standing.step}/{standing.steps}",
            completed=standing.calls,
            best=percent(standing.best),
            candidates=standing.candidates,
        )
