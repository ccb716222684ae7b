"""`stemma up` as processes: more workers while work waits, fewer when it is done, others when they die."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from typing import Any

import pytest
from tests.cli.terminal import Terminal
from tests.cli.working import PATIENCE, going

NUMBERS = 48
UP = (
    "up",
    "counting.yaml",
    "--workers",
    "1..3",
    "--target-age",
    "0.5",
    "--idle",
    "0.5",
    "--concurrency",
    "1",
    "--json",
)


def until(up: "subprocess.Popen[str]", **wanted: Any) -> dict[str, Any]:
    """The next event that has all these facts."""
    assert up.stdout is not None
    for line in up.stdout:
        event: dict[str, Any] = json.loads(line)
        if wanted.items() <= event.items():
            return event
    raise AssertionError(f"it ended before {wanted}: {up.communicate()}")


@pytest.mark.crash
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_fleet_follows_the_work_and_replaces_the_dead(
    till: Terminal, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One worker becomes three while work waits, one that is killed is replaced, and one is left when all is done."""
    monkeypatch.setenv("STEMMA_STORE", store_url)
    till.write("numbers.csv", "\n".join(["number", *map(str, range(NUMBERS))]) + "\n")
    till("run", "counting.yaml", "--items", "numbers.csv", "--detach")
    with going(*UP) as up:
        victim = until(up, event="started")["pid"]
        until(up, event="scaled", workers=2)
        assert until(up, event="scaled", workers=3)["waiting"] > 0
        os.kill(victim, signal.SIGKILL)
        assert until(up, event="died", pid=victim)["code"] == -signal.SIGKILL
        until(up, event="started", workers=3)
        until(up, event="scaled", workers=2)
        until(up, event="scaled", workers=1)
        until(up, event="left", code=0)
        up.send_signal(signal.SIGTERM)
        until(up, event="stopped")
        assert up.wait(PATIENCE) == 0
    assert {run["status"] for run in till("runs", "ls", "--limit", str(NUMBERS), "--json").json} == {"completed"}
    counted = Counter((till.folder / "counted.txt").read_text().split())
    assert counted.keys() == set(map(str, range(NUMBERS)))
    assert counted.total() <= NUMBERS + 1, "only the turn that was killed may have been begun again"


def test_fleet_of_one_on_sqlite_ends_with_its_worker(till: Terminal) -> None:
    """A fleet that is told to stop in its first moments leaves nothing running."""
    with going("up", "--workers", "1", "--json") as up:
        pid = until(up, event="started")["pid"]
        up.send_signal(signal.SIGINT)
        until(up, event="left", pid=pid)
        until(up, event="stopped")
        assert up.wait(PATIENCE) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.crash
def test_workers_do_not_outlive_their_fleet(till: Terminal) -> None:
    """A fleet that is killed cannot stop its workers, so they stop by themselves, and the store is free for others."""
    with going("up", "--workers", "1", "--json") as up:
        until(up, event="said")
        assert till("worker", "--drain").code == 1
        up.kill()
    deadline = time.monotonic() + PATIENCE
    while till("worker", "--drain").code != 0:
        assert time.monotonic() < deadline, "the worker still holds the store"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "--workers 1..8",
            "a store on SQLite is served by one process; use --workers 1..1, or a store on postgresql://",
        ),
        ("--workers many", "'many' is not LEAST..MOST, such as 1..8"),
        ("--workers 3..2", "3..2 workers cannot be kept; give at least 1, as in 1..8"),
        ("--workers 0..2", "0..2 workers cannot be kept"),
        ("--workers 1 --target-age 0", "the target age must be over 0 seconds"),
        ("none.yaml --workers 1", "none.yaml: no such file"),
    ],
)
def test_fleet_that_cannot_be_says_why(till: Terminal, words: str, message: str) -> None:
    """What is wrong is one line from the fleet, not many from its workers."""
    assert message in till("up", *words.split()).told(2)
