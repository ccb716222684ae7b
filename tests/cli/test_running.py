"""`stemma run` and `stemma runs` from the terminal."""

import json
import subprocess
import sys
import time

import pytest
from tests.cli.terminal import Terminal, surroundings

import stemma
from stemma.core.trust import UNTRUSTED


@pytest.fixture
def project(terminal: Terminal) -> Terminal:
    """A terminal in a project that `stemma init` began."""
    assert terminal("init", ".").code == 0
    return terminal


def test_rows_go_through_the_network(project: Terminal) -> None:
    """Each row is one run, written whole to --output; after a finished batch the same command begins another."""
    ran = project("run", "--items", "tickets.csv", "--limit", "3", "--output", "out.jsonl", "--json")
    assert ran.code == 0, ran.err
    told = ran.json
    assert told["runs"] == 3 == told["completed"] + told["handed_over"]
    written = [json.loads(line) for line in (project.folder / "out.jsonl").read_text().splitlines()]
    assert written == told["results"]
    again = project("run", "--items", "tickets.csv", "--limit", "3", "--json").json
    assert again["batch"] != told["batch"]
    assert [one["outcome"] for one in again["results"]] == [one["outcome"] for one in told["results"]]


def test_runs_are_listed_and_shown_by_ids_that_can_be_copied(project: Terminal) -> None:
    """A listing has one line a run within the terminal's width; each id opens its run, messages and trust labels included."""
    ran = project("run", "--set", "ticket=How do I reset my password?")
    assert ran.code == 0, ran.err
    header, line = project("runs", "ls").out.splitlines()
    assert header.split() == ["run", "status", "outcome"]
    assert len(line) <= 80
    shown = project("runs", "show", line.split()[0])
    assert shown.code == 0
    assert "ticket (untrusted): How do I reset my password?" in shown.out
    messages = project("runs", "show", line.split()[0], "--json").json["messages"]
    assert messages
    assert all({"message", "sent_at", "answer"} <= sent.keys() for sent in messages)


def test_batch_that_waits_for_people_ends_with_the_way_on(till: Terminal) -> None:
    """What can be done is done, who is asked is counted and is no failure, and the same command goes on later."""
    till.write("refunds.csv", "order,amount\n7,20\nlost,3\n")
    told = till("run", "--items", "refunds.csv")
    assert told.code == 0, told.err
    assert "0 completed, 0 handed over, 0 failed, 2 asking a person" in told.out
    assert "stemma people ls" in told.err
    assert [line.split()[1] for line in told.out.splitlines()[1:3]] == ["asking", "asking"]
    for question in till("people", "ls", "--json").json:
        till("people", "approve", question["id"])
    ran = till("run", "--items", "refunds.csv", "--json")
    assert ran.code == 1, "one is of an order that there is not"
    assert (ran.json["asking"], ran.json["failed"], ran.json["resumed"]) == (1, 1, 2)
    assert [one["asks_a_person"] for one in till("runs", "ls", "--json").json] == [False, True]
    for status, standing in (("asking", "running"), ("failed", "failed")):
        [one] = till("runs", "ls", "--status", status, "--json").json
        assert one["status"] == standing
    assert till("runs", "ls", "--status", "running").err == "there are no such runs\n", "each stands in one way"
    assert len(till("runs", "ls", "--batch", ran.json["batch"], "--network", "till", "--json").json) == 2
    assert "no run stands 'askin' (did you mean 'asking'?)" in till("runs", "ls", "--status", "askin").told(2)
    assert "no network 'tile' was run here (did you mean 'till'?)" in till("runs", "ls", "--network", "tile").told(1)


def test_batch_is_named_as_it_is_printed(till: Terminal) -> None:
    """Shown, gone on with and cancelled by its name and number; a run by as much of its id as names it."""
    line = ("run", "--set", "order=7", "--set", "amount=20")
    first, second = till(*line, "--json").json["batch"], till(*line, "--new", "--json").json["batch"]
    assert first != second
    till("people", "approve", till("people", "ls", "--run", f"{first}.1", "--json").json[0]["id"])
    went = till(*line, "--batch", first, "--json")
    assert (went.json["batch"], went.json["resumed"]) == (first, 1)
    [question] = till("people", "ls", "--run", f"{first}.1", "--json").json
    till("people", "answer", question["id"], "shelf")
    assert "completed" in till("runs", "resume", first).out
    assert till("runs", "show", first).out.splitlines()[1].split()[:2] == [f"{first}.1", "completed"]
    assert f"go on with it, unless a worker does: stemma runs resume {second}" in " ".join(
        till("runs", "show", second).err.split()
    )
    assert till("runs", "show", f"{first[-6:]}.1").out.splitlines()[1].startswith(f"{first}.1 ")
    assert "could mean several" in till("runs", "show", "b_").told(1)
    assert till("runs", "cancel", second).out == f"cancelled {second}.1\n"
    assert till("runs", "cancel", second).err == f"every run of batch {second} had ended before\n"
    assert "there is no batch 'b_0.1' to go on with" in till(*line, "--batch", "b_0.1").told(1)
    assert "there is no batch 'none'" in till("runs", "resume", "none").told(1)


def test_run_shows_values_as_texts_and_says_where_it_cut_them(till: Terminal) -> None:
    """What is long ends with an ellipsis, entries stand one by one, and --json has all of it."""
    till("run", "--set", f"order={'word ' * 100}", "--set", "amount=20")
    [run] = till("runs", "ls", "--json").json
    shown = till("runs", "show", run["id"]).out
    [order] = [line for line in shown.splitlines() if line.startswith("  data order (untrusted): word")]
    assert order.endswith("…")
    assert "  instruction persona (trusted):\n    calls: refund\n" in shown
    assert "word " * 99 in till("messages", "show", f"{run['id']}.1").out
    assert "word " * 99 in till("runs", "show", run["id"], "--json").out


def test_batch_may_be_told_to_wait_for_people(till: Terminal) -> None:
    """With --wait the command goes on by itself as soon as somebody has answered."""
    command = [sys.executable, "-m", "stemma", "run", "--set", "order=7", "--set", "amount=1", "--wait", "--json"]
    with subprocess.Popen(command, env=surroundings(), stdout=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 40
        for verdict in (("approve",), ("answer", "shelf")):
            while not (waiting := json.loads(till("people", "ls", "--json").out or "[]")):  # no store at first
                assert running.poll() is None, "it did not wait"
                assert time.monotonic() < deadline, "nobody was asked"
            till("people", verdict[0], waiting[0]["id"], *verdict[1:])
        out, _ = running.communicate(timeout=40)
    assert running.returncode == 0
    assert json.loads(out)["completed"] == 1


def test_cancelled_run_asks_nobody_any_more(till: Terminal) -> None:
    """Cancelling ends the run, its messages and its questions; one that has ended stays as it is."""
    till("run", "--set", "order=7", "--set", "amount=20")
    [run] = till("runs", "ls", "--json").json
    assert till("runs", "cancel", run["id"]).out == f"cancelled {run['id']}\n"
    assert till("people", "ls", "--json").json == []
    [message] = till("messages", "ls", "--json").json
    assert message["status"] == "cancelled"
    assert "cancelled: the run ended: cancelled" in till("runs", "show", run["id"]).out
    assert "there is no run 'none'" in till("runs", "cancel", "none").told(1)


def test_workspace_of_a_run_shows_who_wrote_what(till: Terminal) -> None:
    """Each key has its revision, its writer and its trust; a run without any, and no run at all, are told apart."""
    till("run", "--set", "order=7", "--set", "amount=20")
    [run] = till("runs", "ls", "--json").json
    assert till("runs", "workspace", run["id"]).err == f"the agents of run {run['id']} have shared nothing\n"
    with stemma.open() as here:
        here.networks.workspace.put(run["id"], "plan", {"steps": 2}, label=UNTRUSTED, writer="lead (7)")
    assert till("runs", "workspace", run["id"]).out.splitlines()[1].split() == [
        *("plan", "1", "untrusted", "lead", "(7)"),
        *('{"steps":', "2}"),
    ]
    [entry] = till("runs", "workspace", run["id"], "--json").json
    assert (entry["key"], entry["value"], entry["revision"]) == ("plan", {"steps": 2}, 1)
    assert "there is no run 'none'" in till("runs", "workspace", "none").told(1)


def test_detached_batch_is_left_to_workers(till: Terminal) -> None:
    """It is written down and nothing is done; the same command, or a worker, does it."""
    line = ("run", "counting.yaml", "--set", "number=1")
    left = till(*line, "--detach", "--json").json
    assert left["runs"] == 1
    assert [run["status"] for run in till("runs", "ls", "--json").json] == ["waiting"]
    assert till(*line, "--detach").out == f"batch {left['batch']}: 1 run for workers to do\n", "once is enough"
    done = till(*line, "--json").json
    assert (done["batch"], done["completed"]) == (left["batch"], 1)


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        (
            "run none.yaml --items tickets.csv",
            2,
            "none.yaml: no such file; name a network's manifest, or begin with one",
        ),
        ("run", 2, "say what to work on: --items FILE, or --set NAME=TEXT"),
        ("run --set ticket", 2, "'ticket' is not NAME=TEXT"),
        ("run --set topic=x", 2, "has no text 'ticket'"),
        ("run --items tickets.csv --set ticket=x", 2, "name one of the two"),
        ("run --items none.csv", 2, "none.csv: no such file"),
        ("run broken.yaml --set ticket=x", 2, "broken.yaml"),
        ("runs show r_none", 1, "there is no run 'r_none'"),
    ],
)
def test_run_that_cannot_begin_says_why(project: Terminal, line: str, code: int, message: str) -> None:
    """Wrong manifests, items and ids are one line each, and begin nothing."""
    project.write("broken.yaml", "name: [")
    assert message in project(*line.split()).told(code)
    assert project("runs", "ls", "--json").json == []
