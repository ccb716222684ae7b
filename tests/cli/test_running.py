"""`stemma run` and `stemma runs` from the terminal."""

import json

import pytest
from tests.cli.terminal import Terminal


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
