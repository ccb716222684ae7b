"""Commands that are interrupted or killed in the middle, and taken up again."""

import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.terminal import TICKETS, Terminal, rows, surroundings

SEARCH = ("optimize", "desk/triage", "--train", "data.csv", "--input", "text", "--expected", "label", "--seed", "5")
LIMITS = ("--max-calls", "1500", "--population", "12", "--json")
RUN = ("run", "--items", "tickets.csv", "--limit", "24", "--concurrency", "2", "--json")
PATIENCE = 40.0


def stopped(signal_: int, reached: Callable[[], bool], *arguments: str) -> tuple[int, str]:
    """Starts a command, sends it a signal once `reached`, and gives its exit code and what it said on standard error."""
    command = [sys.executable, "-m", "stemma", *arguments]
    with subprocess.Popen(
        command, env=surroundings(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as running:
        deadline = time.monotonic() + PATIENCE
        while not reached():
            assert running.poll() is None, "it ended before it could be stopped"
            assert time.monotonic() < deadline, "it never got so far"
            time.sleep(0.01)  # between two looks; the condition decides
        running.send_signal(signal_)
        _, said = running.communicate(timeout=PATIENCE)
    return running.returncode, said


def asked(store: Path, query: str) -> list[Any]:
    """The first column of a query on the store, read beside the process that writes it; nothing while it is not made."""
    if not store.exists():
        return []
    database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    try:
        return [row[0] for row in database.execute(query)]
    except sqlite3.OperationalError:  # its tables are being made
        return []
    finally:
        database.close()


@pytest.mark.crash
def test_search_that_was_interrupted_and_killed_ends_as_undisturbed(
    desk: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C says how to go on; taken up twice, the search has the digest and the calls of one that nobody stopped."""
    # Some labels follow no rule, so that no prompt is perfect and the search goes on to the end of its budget.
    odd = "".join(f"remark {n * n} of {n},{list(TICKETS)[n * n // 7 % 3]}\n" for n in range(60))
    desk.write("data.csv", rows() + odd)
    store = desk.folder / ".stemma" / "stemma.db"

    def journal(calls: int) -> Callable[[], bool]:
        return lambda: asked(store, "select count(*) from journal")[:1] >= [calls]

    code, said = stopped(signal.SIGINT, journal(300), *SEARCH, *LIMITS)
    [session] = asked(store, "select id from sessions")
    assert code == 130
    assert " ".join(said.split()).endswith(
        f"nothing is lost; go on with the same command and --resume {session} interrupted"
    )
    assert stopped(signal.SIGKILL, journal(700), *SEARCH, *LIMITS, "--resume", session)[0] == -signal.SIGKILL
    resumed = desk(*SEARCH, *LIMITS, "--resume", session)
    assert resumed.code == 0, resumed.err
    monkeypatch.setenv("STEMMA_STORE", f"sqlite:///{desk.folder}/undisturbed.db")
    desk("prompts", "save", "desk/triage", "triage.txt")
    undisturbed = desk(*SEARCH, *LIMITS).json
    assert resumed.json["session"] == session
    assert resumed.json["best_digest"] == undisturbed["best_digest"]
    assert resumed.json["calls"] == undisturbed["calls"]
    assert resumed.json["holdout"] == undisturbed["holdout"]


@pytest.mark.crash
def test_run_that_was_interrupted_and_killed_is_finished_by_the_same_command(terminal: Terminal) -> None:
    """Stopped twice between its agents and started again, every item is answered, and no call on record is made twice."""
    assert terminal("init", ".").code == 0
    store = terminal.folder / ".stemma" / "stemma.db"
    calls = (
        "select json_extract(body, '$.subject') from ledger_entries where json_extract(body, '$.kind') = 'model.called'"
    )

    def made(number: int) -> Callable[[], bool]:
        return lambda: len(asked(store, calls)) >= number

    code, said = stopped(signal.SIGINT, made(8), *RUN)
    assert (code, " ".join(said.split())) == (
        130,
        "nothing is lost; the same command goes on where this one stopped interrupted",
    )
    assert stopped(signal.SIGKILL, made(30), *RUN)[0] == -signal.SIGKILL
    before = Counter(asked(store, calls))
    ran = terminal(*RUN)
    assert ran.code == 0, ran.err
    after = Counter(asked(store, calls))
    assert ran.json["runs"] == 24 == ran.json["completed"] + ran.json["handed_over"]
    assert 0 < ran.json["resumed"] <= 24
    assert set(after.values()) == {1}
    # A call that had ended when the process was killed, and was not yet in the log, is entered by whoever goes on.
    assert 0 <= after.total() - before.total() - ran.json["calls"] <= 2
    assert terminal("audit", "verify").code == 0
