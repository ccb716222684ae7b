"""`stemma worker` as a process: serving, ending, and being stopped."""

import json
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from tests.cli.terminal import Terminal
from tests.cli.working import PATIENCE, await_that, going

BATCH = ("run", "counting.yaml", "--items", "numbers.csv")


@pytest.fixture
def counting(till: Terminal) -> Terminal:
    """A terminal where four runs wait for a worker, each of which leaves a line in `counted.txt`."""
    till.write("numbers.csv", "number\n1\n2\n3\n4\n")
    assert till(*BATCH, "--detach").code == 0
    return till


def counted(folder: Path) -> Counter[str]:
    file = folder / "counted.txt"
    return Counter(file.read_text().split() if file.exists() else ())


def statuses(terminal: Terminal, *words: str) -> set[str]:
    return {one["status"] for one in terminal(*words, "--json").json}


def test_worker_drains_what_waits_and_says_what_it_did(counting: Terminal) -> None:
    """It begins runs and answers their messages until nothing is left, and its log names it at both ends."""
    ran = counting("worker", "--drain")
    assert ran.code == 0, ran.err
    assert statuses(counting, "runs", "ls") == {"completed"}
    assert counted(counting.folder) == Counter("1234")
    first, last = ran.err.splitlines()
    executor = first.split()[-2]
    assert executor.startswith("x_")
    assert (first.endswith(f"worker {executor} started"), last.endswith(f"worker {executor} stopped")) == (True, True)


def test_worker_that_drains_leaves_what_waits_for_people(till: Terminal) -> None:
    """A question keeps nobody busy: the worker ends, and the question stays."""
    till("run", "--set", "order=7", "--set", "amount=20", "--detach")
    ran = till("worker", "--drain", "--json")
    assert ran.code == 0, ran.err
    assert all(json.loads(line)["level"] == "info" for line in ran.err.splitlines())
    assert len(till("people", "ls", "--json").json) == 1


def test_second_worker_on_sqlite_is_refused_and_the_first_stops_gracefully(till: Terminal) -> None:
    """SQLite takes one at a time, which the second says in one line; SIGTERM ends the first with what it did told."""
    with going("worker") as first:
        assert first.stderr is not None
        assert first.stderr.readline().endswith("started\n")
        told = till("worker").told(1)
        assert f"another process (pid {first.pid}) runs agents on the store" in told
        assert "use a store on postgresql://" in told
        first.send_signal(signal.SIGTERM)
        _, said = first.communicate(timeout=PATIENCE)
    assert first.returncode == 0
    assert [line.split()[-1] for line in said.splitlines()] == ["more", "stopped"]


def insisting(worker: "subprocess.Popen[str]") -> int:
    """The exit code of a process that is sent SIGTERM again and again."""
    deadline = time.monotonic() + 10  # half of what it would give its turns
    while time.monotonic() < deadline:
        worker.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            return worker.wait(0.1)
    raise AssertionError("it will not end")


@pytest.mark.crash
def test_stopped_worker_ends_its_turns_and_leaves_the_rest(counting: Terminal) -> None:
    """What it has in hand is finished and never done again; what waits is done by whoever comes next."""
    with going("worker", "--concurrency", "1") as worker:
        await_that(lambda: bool(counted(counting.folder)), worker)
        worker.send_signal(signal.SIGINT)
        worker.send_signal(signal.SIGINT)  # an echo, not somebody who asks twice
        assert worker.wait(PATIENCE) == 0
    assert 0 < len(counted(counting.folder)) < 4
    assert counting(*BATCH, "--json").json["completed"] == 4
    assert counted(counting.folder) == Counter("1234")


@pytest.mark.crash
def test_second_signal_ends_a_worker_at_once(counting: Terminal) -> None:
    """Whoever will not wait for a turn in hand asks again; the work is there for the next one."""
    slow = counting.write("slow", "")
    with going("worker") as worker:
        await_that(lambda: "running" in statuses(counting, "messages", "ls"), worker)
        worker.send_signal(signal.SIGTERM)
        assert worker.stderr is not None
        while not worker.stderr.readline().endswith("takes on nothing more\n"):
            pass
        assert insisting(worker) == -signal.SIGTERM
    slow.unlink()
    again = counting("worker", "--drain")
    assert "from worker x_" in again.err
    assert statuses(counting, "runs", "ls") == {"completed"}


@pytest.mark.crash
def test_worker_for_chosen_agents_takes_nothing_else(counting: Terminal) -> None:
    """It begins runs, and leaves messages to other agents where they are."""
    with going("worker", "stemma.yaml", "--agents", "shelf,till/drawer") as worker:
        await_that(lambda: len(counting("messages", "ls", "--json").json) == 4, worker)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(PATIENCE) == 0
    assert statuses(counting, "messages", "ls") == {"waiting"}
    assert not counted(counting.folder)
    assert counting("worker", "--agents", "count", "--drain").code == 0
    assert counted(counting.folder) == Counter("1234")


@pytest.mark.crash
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_command_does_not_wait_for_people_that_a_worker_asks(
    till: Terminal, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever works on a batch, the command that watches it ends when nothing but people's answers is missing."""
    monkeypatch.setenv("STEMMA_STORE", store_url)
    run = ("run", "--set", "order=7", "--set", "amount=20")
    till(*run, "--detach")
    with going("worker") as worker:
        await_that(lambda: till("people", "ls", "--json").json != [], worker)
        watched = till(*run, "--json")
        assert (watched.code, watched.json["asking"], watched.json["calls"]) == (0, 1, 0)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(PATIENCE) == 0


def test_unknown_agents_and_manifests_are_one_line(counting: Terminal) -> None:
    """A name that nothing known has would be waited for in vain."""
    told = counting("worker", "--agents", "cuont").told(1)
    assert told == "there is no agent 'cuont' to serve; known are counting/count; name its network's manifest"
    assert "there is no agent 'till/pai'" in counting("worker", "stemma.yaml", "--agents", "till/pai").told(1)
    assert "none.yaml: no such file" in counting("worker", "none.yaml").told(2)
