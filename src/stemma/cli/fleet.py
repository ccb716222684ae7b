"""`stemma up`: as many worker processes on this machine as the waiting work needs."""

import asyncio
import json
import re
import signal
import sys
from asyncio import StreamReader
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

import stemma
from stemma.cli.networks import read_manifest
from stemma.cli.output import err
from stemma.cli.people import span
from stemma.cli.worker import FirstSignal, Manifests, Turns
from stemma.core.clock import Clock, timestamp
from stemma.core.errors import InvalidInput, StoreError

if TYPE_CHECKING:  # the network takes half a second to import, and help does without
    from stemma.network import Backlog, Scaling

Event: TypeAlias = dict[str, Any]

_PAUSE = 0.25  # seconds between two looks at what waits
_PROVEN = 10.0  # a worker that lived so many seconds did not die of how it was started
_LONGEST_LINE = 2**20
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def up(
    manifests: Manifests = None,
    workers: Annotated[str, typer.Option("--workers", help="LEAST..MOST worker processes.")] = "1..4",
    target_age: Annotated[
        float, typer.Option("--target-age", help="Seconds that the oldest work may wait before there are more.")
    ] = 5.0,
    idle: Annotated[
        float, typer.Option("--idle", help="Seconds for which one fewer must have been enough before there are fewer.")
    ] = 30.0,
    concurrency: Turns = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print what happens as JSON lines.")] = False,
) -> None:
    """Keep as many workers as the work needs: more when it waits too long, fewer when they idle, others when they die.

    SIGTERM or Ctrl-C stops all of them gracefully; a second one kills them, which loses nothing but time.

    Example: `stemma up stemma.yaml --workers 1..8`
    """
    from stemma.network import Scaling

    least, most = _range(workers)
    for manifest in manifests or []:
        read_manifest(manifest)  # what is wrong with one is told here, once, not by every worker
    scaling = Scaling(least, most, target_age, idle, concurrency)
    # Leashed: when this process is killed its workers, whose standard input it holds, come to rest.
    command = [sys.executable, "-m", "stemma", "worker", "--leashed", "--concurrency", str(concurrency)]
    command += map(str, manifests or [])
    with stemma.open() as here, _telling(as_json=as_json) as (tell, show):
        if here.store.is_sqlite and most > 1:
            raise InvalidInput(
                f"--workers {workers}: a store on SQLite is served by one process; use --workers 1..1, or a store on "
                "postgresql://"
            )
        fleet = Fleet(command, scaling, here.networks.backlog, here.clock, tell, show)
        asyncio.run(fleet.serve())


@dataclass(eq=False)
class _Member:
    """A worker process. `leaving` when it was told to stop."""

    process: Process
    begun: float
    leaving: bool = False


class Fleet:
    """Worker processes, and the loop that keeps their number."""

    def __init__(
        self,
        command: Sequence[str],
        scaling: "Scaling",
        backlog: "Callable[[], Backlog]",
        clock: Clock,
        tell: Callable[[Event], None],
        show: Callable[[str], None],
    ) -> None:
        """`command` starts a worker, `tell` is told what happens, `show` how things stand."""
        self._command = command
        self._scaling = scaling
        self._backlog = backlog
        self._clock = clock
        self._tell = tell
        self._show = show
        self._wanted = scaling.least
        self._changed = self._restless = self._not_before = clock.monotonic()
        self._deaths = 0
        self._members: dict[asyncio.Task[None], _Member] = {}
        self._asked = FirstSignal()
        self._stopping = False
        self._wake = asyncio.Event()

    async def serve(self) -> None:
        """Keeps the fleet until a signal says to stop, and comes back when every worker has ended."""
        loop = asyncio.get_running_loop()
        for one in _SIGNALS:
            loop.add_signal_handler(one, self._stop)
        try:
            while not self._stopping:
                self._wake.clear()
                await self._look()
                await self._adjust()
                try:
                    await asyncio.wait_for(self._wake.wait(), _PAUSE)
                except TimeoutError:
                    continue
            self._happened("stopping")
        finally:
            # Whatever ends this process ends its workers.
            for member in self._members.values():
                self._dismiss(member)
            if self._members:
                await asyncio.wait(self._members)
        self._happened("stopped")

    def _stop(self) -> None:
        if self._asked.is_now():
            self._stopping = True
            self._wake.set()
        elif self._asked.is_past():
            for member in self._members.values():
                if member.process.returncode is None:
                    member.process.kill()

    async def _look(self) -> None:
        """Decides how many there should be."""
        from stemma.network.scaling import Load, is_calm, wanted

        try:
            backlog = await asyncio.to_thread(self._backlog)
        except StoreError as away:  # workers that need it die, and are replaced until it is back
            self._show(f"the store cannot be asked what waits: {' '.join(str(away).split())}")
            return
        load, now = Load(self._wanted, backlog.hands, backlog.oldest_seconds), self._clock.monotonic()
        if not is_calm(self._scaling, load):
            self._restless = now
        number = wanted(self._scaling, load, calm=now - self._restless, settled=now - self._changed)
        if number != self._wanted:
            self._wanted, self._changed, self._restless = number, now, now
            told = {"waiting": backlog.waiting, "running": backlog.running, "oldest_seconds": backlog.oldest_seconds}
            self._happened("scaled", **told)
        self._show(
            f"{len(self._serving())}/{self._wanted} workers   {backlog.waiting} waiting"
            + (f", the oldest for {span(backlog.oldest_seconds)}" if backlog.waiting else "")
            + f"   {backlog.running} running   {backlog.asking} asking a person"
        )

    async def _adjust(self) -> None:
        """Starts those that lack, and stops the youngest of those that are too many."""
        serving = self._serving()
        for member in serving[self._wanted :]:
            self._dismiss(member)
            self._happened("dismissed", pid=member.process.pid)
        if self._clock.monotonic() < self._not_before:
            return
        for _ in range(self._wanted - len(serving)):
            # In a session of its own, so that Ctrl-C reaches this process alone, which then stops it as it should be stopped.
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=DEVNULL, stderr=PIPE, start_new_session=True, limit=_LONGEST_LINE
            )
            member = _Member(process, self._clock.monotonic())
            self._members[asyncio.create_task(self._attend(member))] = member
            self._happened("started", pid=process.pid)

    async def _attend(self, member: _Member) -> None:
        """Passes on what a worker says, until it ends; one that was not told to is to be replaced."""
        from stemma.network.scaling import pause

        assert member.process.stderr is not None
        async for line in _lines(member.process.stderr):
            self._happened("said", pid=member.process.pid, line=line)
        code = await member.process.wait()
        task = asyncio.current_task()
        assert task is not None
        del self._members[task]
        if member.leaving:
            self._happened("left", pid=member.process.pid, code=code)
            return
        now = self._clock.monotonic()
        self._deaths = 1 if now - member.begun >= _PROVEN else self._deaths + 1
        self._not_before = now + pause(self._deaths)
        self._happened("died", pid=member.process.pid, code=code)

    def _serving(self) -> list[_Member]:
        return [member for member in self._members.values() if not member.leaving]

    def _dismiss(self, member: _Member) -> None:
        if not member.leaving and member.process.returncode is None:
            member.leaving = True
            member.process.terminate()

    def _happened(self, event: str, **facts: Any) -> None:
        self._tell({"at": timestamp(self._clock.now()), "event": event, "workers": self._wanted, **facts})


async def _lines(stream: StreamReader) -> AsyncIterator[str]:
    while True:
        try:
            line = await stream.readline()
        except ValueError:
            continue  # one longer than the limit is dropped
        if not line:
            return
        yield line.decode(errors="replace").rstrip()


@contextmanager
def _telling(*, as_json: bool) -> Iterator[tuple[Callable[[Event], None], Callable[[str], None]]]:
    """How events are told, and how things stand: as JSON lines, or as text with one live line below it on a terminal."""
    if as_json:
        yield _as_line, lambda _: None
    elif err.is_terminal:
        with err.status("starting") as status:
            yield _as_text, status.update
    else:
        yield _as_text, lambda _: None


def _as_line(event: Event) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()  # whoever reads along in a pipe reads now


def _as_text(event: Event) -> None:
    pid = f"worker {event['pid']}" if "pid" in event else ""
    match event["event"]:
        case "said":
            text = f"{pid}: {event['line']}"
        case "scaled":
            text = (
                f"workers from now on: {event['workers']}; {event['waiting']} waiting, the oldest for "
                f"{span(event['oldest_seconds'])}, {event['running']} running"
            )
        case "left" | "died":
            text = f"{pid} {event['event']} with exit code {event['code']}"
        case happened:
            text = f"{pid} {happened}".strip()
    err.print(text, style="red" if event["event"] == "died" else None, markup=False, soft_wrap=True)


def _range(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not LEAST..MOST, such as 1..8", param_hint="--workers")
    least = int(found[1])
    return least, int(found[2] or least)
