"""A network is killed in the middle, over and over, and comes to the same end."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from benchmarks.campaigns.load import Killing, killed_with_a_queue
from benchmarks.campaigns.places import Place, Processes
from benchmarks.campaigns.steps import killed_at_every_step, never_repeated
from benchmarks.campaigns.takeover import zombies
from sqlalchemy import select
from tests.network.desks import effects

from stemma.core.digests import digest
from stemma.ledger.scope import Scope
from stemma.network import Manifest, Networks, Run, RunStatus
from stemma.network.claiming import deliveries
from stemma.network.records import Records
from stemma.network.turn import render, shown
from stemma.store.schema import messages

TICKETS, CONCURRENCY, KILLS = 8, 3, 4
LINES = TICKETS * 4 * 2  # four agents; a line for each call begun and for each that ended


@pytest.mark.crash
def test_killed_network_ends_as_undisturbed(
    store_url: str, desk: Path, manifest: Manifest, scope: Scope, networks: Networks
) -> None:
    """However often it is killed, its runs end as if undisturbed, no recorded call repeats, each effect has one event."""
    lines: list[str] = []
    for _ in range(KILLS):
        recorded = _answered(scope)
        logged = _until_killed(LINES // (KILLS + 2), store_url, desk)
        assert not recorded & _named("started", logged), "a call whose answer was on record was made again"
        lines += logged
    recorded = _answered(scope)
    with _process(store_url, desk) as process:
        assert process.stdout is not None
        logged = process.stdout.read().splitlines()
    assert process.returncode == 0
    assert not recorded & _named("started", logged)

    ended = Counter(line for line in [*lines, *logged] if line.startswith("finished"))
    assert len(ended) == TICKETS * 4
    assert ended.total() - len(ended) <= KILLS * CONCURRENCY, "more calls repeated than were in flight"
    assert effects(scope) == {
        "run.started": TICKETS,
        "message.sent": TICKETS * 5,
        "model.called": TICKETS * 4,
        "message.answered": TICKETS * 4,
        "run.finished": TICKETS,
    }
    killed = sorted(networks.ls(), key=lambda run: run.item)
    undisturbed = networks.run(manifest, [run.request for run in killed]).runs
    assert [_end(run) for run in killed] == [_end(run) for run in undisturbed]


@pytest.mark.crash
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_peer_takes_over_from_a_killed_process(store_url: str, desk: Path, scope: Scope, networks: Networks) -> None:
    """Of two processes at one batch one is killed: the other, which waits for its runs, goes on with them and ends all."""
    with _process(store_url, desk, answers=5) as silent:
        assert silent.stdout is not None
        begun = list(islice(silent.stdout, 2 * 5 + CONCURRENCY))  # it now waits for a model that says nothing any more
        with _process(store_url, desk) as peer:
            assert peer.stdout is not None
            seen = list(islice(peer.stdout, (TICKETS - CONCURRENCY) * 4 * 2 - CONCURRENCY * 2))
            silent.kill()
            seen += peer.stdout
        assert peer.returncode == 0
    assert {run.status for run in networks.ls()} == {RunStatus.COMPLETED}
    finished = [line for line in [*begun, *seen] if line.startswith("finished")]
    assert len(finished) == len(set(finished)) == TICKETS * 4
    assert effects(scope)["model.called"] == TICKETS * 4


@pytest.mark.crash
def test_process_that_dies_at_any_commit_changes_nothing(place: Place, processes: Processes) -> None:
    """A hierarchy whose agents call tools, cut off around commits: values, labels, messages and effects are the same."""
    for check in killed_at_every_step(place, processes, only=["hierarchy"], stride=7):
        assert check.holds, check


@pytest.mark.crash
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_call_that_may_not_be_repeated_is_never_made_twice(place: Place, processes: Processes) -> None:
    """Where a process dies in such a call, a person says whether it happened, and the run goes on from there."""
    for check in never_repeated(place, processes, stride=5):
        assert check.holds, check


@pytest.mark.crash
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_queue_outlives_its_workers(place: Place, processes: Processes) -> None:
    """Agents with one replica take what waits for them in order, each message once in effect, whoever of the workers dies."""
    killing = Killing(3, workers=2, pause=(0.4, 0.9), concurrency=16)
    for check in killed_with_a_queue(place, processes, killing, agents=8, number=15):
        assert check.holds, check


@pytest.mark.crash
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_zombie_does_no_harm(place: Place, processes: Processes) -> None:
    """Paused, it goes on; without its connections, or its lease alone, others do its work and it writes nothing more."""
    for check in zombies(place, processes, paused=1.0):
        assert not check.problems, check


@pytest.fixture
def place(store_url: str, tmp_path: Path) -> Place:
    """An empty database, and the folder of its networks."""
    made = Place(store_url, tmp_path)
    made.effects.prepare()
    return made


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    with Processes(tmp_path / "processes.log") as started:
        yield started


def _until_killed(lines: int, url: str, desk: Path) -> list[str]:
    """What the process logged: `lines` of them, at which it was killed, and what it managed until the signal came."""
    with _process(url, desk) as process:
        assert process.stdout is not None
        seen = list(islice(process.stdout, lines))
        process.kill()
        return [line.strip() for line in [*seen, *process.stdout]]


def _process(url: str, desk: Path, *, answers: int = 10_000) -> subprocess.Popen[str]:
    arguments = [url, str(desk), str(TICKETS), str(CONCURRENCY), str(answers)]
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.network.interrupted", *arguments],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )


def _answered(scope: Scope) -> set[str]:
    """The calls whose answers the store holds, named as the counting model names them."""
    records = Records(scope)
    with scope.read() as connection:
        ids = connection.execute(select(messages.c.id).where(messages.c.answer.is_not(None))).scalars().all()
        found = deliveries(connection, list(ids))
    asked = set()
    for delivery in found:
        role = records.network(delivery.network).role(delivery.message.recipient)
        rendered = render(role, {name: shown(name, value) for name, value in delivery.message.data.items()})
        asked.add(digest([rendered.system, [], rendered.user]))
    return asked


def _named(event: str, lines: list[str]) -> set[str]:
    return {line.split()[1] for line in lines if line.startswith(event)}


def _end(run: Run) -> tuple[object, ...]:
    return run.item, run.status, run.request, run.outcome
