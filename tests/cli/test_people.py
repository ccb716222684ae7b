"""`stemma people` from the terminal: what waits, and every way to answer."""

import re
from typing import Any

import pytest
from tests.cli.terminal import Terminal

RUN = ("run", "--set", "order=7", "--set", "amount=20")


def asked(till: Terminal) -> Any:
    """The one question that waits."""
    [question] = till("people", "ls", "--json").json
    return question


def outcome(till: Terminal) -> Any:
    [run] = till(*RUN, "--json").json["results"]
    return run["outcome"]


def test_question_shows_the_facts_and_every_way_to_answer(till: Terminal) -> None:
    """What waits is told with what the runtime knows about it, its trust, its age, its deadline, and the command to use."""
    till(*RUN)
    shown = till("people", "ls").out
    question = asked(till)
    assert question["id"] in shown
    for line in ("Pay this refund?", "tool: refund", "order: 7", "untrusted, from data 'order'", "· untrusted ·"):
        assert line in shown
    assert re.search(r"· asked \d+ seconds? ago · rejected in 2 days, unless answered", " ".join(shown.split()))
    assert f"answer one with: stemma people approve {question['id']}" in shown
    assert question["kind"] == "tool"
    assert question["facts"]["arguments"] == {"order": "7", "amount": "20"}
    assert till("people", "ls", "--run", "none", "--json").json == []


def test_approved_call_is_made_and_a_choice_ends_the_run(till: Terminal) -> None:
    """A question may be named by the end of its id; the same run command goes on after each answer."""
    till(*RUN)
    approved = till("people", "approve", "t1-1", "--reason", "receipt seen", "--json")
    decision = approved.json["decision"]
    assert [decision[name] for name in ("verdict", "by", "value", "reason")] == [
        "approved",
        "user:ada",
        None,
        "receipt seen",
    ]
    assert outcome(till) is None
    question = asked(till)
    assert question["choices"] == ["shelf", "drawer"]
    assert till("people", "answer", question["id"], "drawer").out == f"answered {question['id']}\n"
    assert outcome(till)["values"] == {"receipt": "paid 20 for 7", "place": "kept: paid 20 for 7"}
    assert "answered by user:ada: drawer" in " ".join(till("people", "show", question["id"]).out.split())
    assert len(till("people", "ls", "--all", "--json").json) == 2


def test_edited_call_is_made_with_the_persons_arguments(till: Terminal) -> None:
    """An edit may come from a file, and what was asked for is not done."""
    till(*RUN)
    till.write("less.json", '{"order": "7", "amount": "5"}')
    assert till("people", "edit", "t1-1", "--value", "@less.json").code == 0
    till(*RUN)
    assert asked(till)["facts"]["values"] == {"receipt": "paid 5 for 7"}


def test_rejected_call_is_never_made(till: Terminal) -> None:
    """The run ends with who rejected it and why."""
    till(*RUN)
    assert till("people", "reject", "t1-1", "--reason", "paid already").code == 0
    ran = till(*RUN, "--json")
    assert ran.code == 1
    assert "user:ada rejected it: paid already" in ran.json["results"][0]["outcome"]["reason"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("approve none", 1, "there is no question 'none'; list what waits with: stemma people ls"),
        ("answer t1-1 shelf", 2, "asks whether to go on: approve it, edit it, or reject it"),
        ("edit t1-1 --value {", 2, "--value '{' is not JSON"),
        ("edit t1-1 --value @none.json", 2, "none.json: cannot be read"),
    ],
)
def test_answer_that_does_not_fit_is_one_line(till: Terminal, words: str, code: int, message: str) -> None:
    """What cannot be taken changes nothing, and says what to do."""
    till(*RUN)
    assert message in till("people", *words.split()).told(code)
    assert asked(till)["decision"] is None


def test_second_answer_is_refused(till: Terminal) -> None:
    """A decision stands, whoever comes later."""
    till(*RUN)
    till("people", "approve", "t1-1")
    assert "is decided already; see: stemma people show b_" in till("people", "reject", "t1-1").told(1)


def test_fact_that_would_move_the_cursor_is_spelt_out(till: Terminal) -> None:
    """What a stranger wrote cannot repaint what a person decides on."""
    till("run", "--set", "order=7\x1b[2J\u202e", "--set", "amount=1")
    shown = till("people", "ls").out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "order: 7" in shown


def test_nothing_to_answer_is_said(till: Terminal) -> None:
    """An empty list is a remark, and empty JSON."""
    assert (till("people", "ls").err, till("people", "ls", "--json").json) == ("nothing waits for a person\n", [])
