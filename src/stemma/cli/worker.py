"""`stemma worker`: one process that serves runs and messages until it is told to stop."""

import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import stemma
from stemma.cli.networks import read_manifest
from stemma.cli.options import columns

if TYPE_CHECKING:  # the durable engine takes half a second to import, and help does without
    from stemma.network import Worker
    from stemma.platform import Stemma

_PAUSE = 0.1  # seconds between two looks whether anything is left
_ECHO = 0.5  # seconds in which a signal is taken for the same one again

Manifests = Annotated[
    list[Path] | None, typer.Argument(help="Manifests of networks whose files lie elsewhere than where they were run.")
]
Turns = Annotated[int, typer.Option("--concurrency", min=1, help="Turns at a time, and model calls.")]


def worker(
    manifests: Manifests = None,
    agents: Annotated[
        str | None,
        typer.Option("--agents", help="Only messages to these: AGENT or NETWORK/AGENT, with commas between."),
    ] = None,
    concurrency: Turns = 8,
    runs: Annotated[
        bool, typer.Option("--runs/--no-runs", help="Whether it begins runs, too, or only answers messages.")
    ] = True,
    drain: Annotated[bool, typer.Option("--drain", help="End when nothing waits or runs, but for people.")] = False,
    leashed: Annotated[
        bool,
        typer.Option("--leashed", help="Stop gracefully when standard input ends, as it does when its writer dies."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write the log as JSON lines.")] = False,
) -> None:
    """Serve runs and messages of every network on the store, or of chosen agents.

    SIGTERM or Ctrl-C lets turns in hand end and leaves the rest to other workers; a second one ends it at once.

    Example: `stemma worker stemma.yaml --agents triage,reply`
    """
    from stemma.network import WorkerSettings

    described = [read_manifest(path) for path in manifests or []]
    with stemma.open() as here, _log(as_json=as_json):
        serves = None if agents is None else here.networks.inboxes(columns(agents), described)
        settings = WorkerSettings(concurrency, serves=serves, runs=runs, patient=True)
        serving = here.networks.worker(settings, described)
        with _stopped_by_signals(serving):
            serving.serve(lambda worker: _until_over(worker, here, drain=drain, leashed=leashed))


async def _until_over(worker: "Worker", here: "Stemma", *, drain: bool, leashed: bool) -> None:
    if leashed:
        await _end_of_input()
        worker.stop()
    if not drain:
        await asyncio.Event().wait()
    while not (await asyncio.to_thread(here.networks.backlog)).is_over:
        await here.clock.sleep(_PAUSE)


async def _end_of_input() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        continue


@contextmanager
def _stopped_by_signals(worker: "Worker") -> Iterator[None]:
    """The first signal stops the worker; a later one does what it does to any process."""
    signals, first = (signal.SIGTERM, signal.SIGINT), FirstSignal()

    def stop(number: int, _: object) -> None:
        if first.is_now():
            worker.stop()
        elif first.is_past():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    before = [signal.signal(one, stop) for one in signals]
    try:
        yield
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)


class FirstSignal:
    """Tells a second request to stop from an echo of the first: `timeout`, for one, sends each signal twice."""

    def __init__(self) -> None:
        self._at: float | None = None

    def is_now(self) -> bool:
        """Whether there was none before this one."""
        if self._at is not None:
            return False
        self._at = time.monotonic()
        return True

    def is_past(self) -> bool:
        return self._at is not None and time.monotonic() - self._at > _ECHO


@contextmanager
def _log(*, as_json: bool) -> Iterator[None]:
    """What the worker says of itself goes to standard error, as lines for people or for machines."""
    logger, handler = logging.getLogger("stemma"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if as_json else logging.Formatter("%(asctime)s %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {"at": self.formatTime(record), "level": record.levelname.lower(), "message": record.getMessage()}
        error = {"error": self.formatException(record.exc_info)} if record.exc_info else {}
        return json.dumps(told | error, ensure_ascii=False)
