"""`stemma people` from the terminal: what waits, and every way to answer."""

import re
from typing import Any

import pytest
from tests.cli.terminal import Terminal

import stemma

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
    whole = till("people", "show", question["id"]).out
    assert question["facts"]["policy"] not in shown, "the version of the policies is for whoever looks closer"
    assert question["facts"]["policy"] in whole
    assert "no policy lets that through" not in " ".join(shown.split())
    assert "no policy lets that through" in " ".join(whole.split())
    assert re.search(r"· asked \d+ seconds? ago · rejected in 2 days, unless answered", " ".join(shown.split()))
    assert f"answer one with: stemma people approve {question['id']}" in shown
    assert question["kind"] == "tool"
    assert question["facts"]["arguments"] == {"order": "7", "amount": "20"}
    assert till("people", "ls", "--run", question["run"], "--json").json == [question]
    assert till("people", "ls", "--run", "none").told(1) == "there is no run 'none'; list the runs with: stemma runs ls"


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
        ('edit t1-1 --value {"clam":3}', 2, "stays open, since the value does not fit"),
        ('edit t1-1 --value "hello"', 2, "'hello' is not of type 'object'"),
        ("edit t1-1 --value @none.json", 2, "none.json: cannot be read"),
    ],
)
def test_answer_that_does_not_fit_is_one_line(till: Terminal, words: str, code: int, message: str) -> None:
    """What cannot be taken changes nothing, and says what to do."""
    till(*RUN)
    assert message in till("people", *words.split()).told(code)
    assert asked(till)["decision"] is None


def test_call_that_the_manifest_alone_asks_about_is_shown_like_any_other(till: Terminal) -> None:
    """Each argument with its trust and where it is from, and who wants a person's word."""
    manifest = (till.folder / "stemma.yaml").read_text()
    label = "{integrity: internal}"
    till.write(
        "stemma.yaml", manifest.replace("inputs: [order, amount]", f"inputs: {{order: {label}, amount: {label}}}")
    )
    till(*RUN)
    shown = " ".join(till("people", "ls").out.split())
    assert "order: 7 internal, from data 'order' amount: 20 internal, from data 'amount'" in shown
    assert "why: the manifest asks a person before tool 'refund'" in shown
    assert "arguments:" not in shown


def test_only_what_waits_is_offered_for_an_answer(till: Terminal) -> None:
    """The list of all begins with what is decided, and tells the command for what is not; none where that is nothing."""
    till(*RUN)
    till("people", "approve", "t1-1")
    assert "answer one with" not in till("people", "ls", "--all").out
    till(*RUN)
    waits = asked(till)["id"]
    assert till("people", "ls", "--all").out.endswith(
        f"answer one with: stemma people answer {waits} shelf (or drawer, reject)\n"
    )


def test_approval_tells_the_command_that_goes_on_with_its_batch(till: Terminal) -> None:
    """Of an earlier batch of the same content too, which the command that began it would pass over."""
    till(*RUN)
    first = asked(till)
    till(*RUN, "--new")
    assert "goes on where a worker serves it, else with: stemma runs resume" in till(
        "people", "reject", first["id"]
    ).err.replace("\n", " ")
    ended = till("runs", "resume", first["run"].rpartition(".")[0], "--json")
    assert [run["status"] for run in ended.json["results"]] == ["failed"]
    assert len(till("people", "ls", "--json").json) == 1


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


def test_person_sees_tokens_and_that_the_tool_gets_the_text(till: Terminal) -> None:
    """What is personal stands as a token in the question and in the outcome; the tool is told it in clear."""
    written = (till.folder / "stemma.yaml").read_text()
    cleared = written.replace("effect: spend,", "effect: spend, clearance: {categories: [pii]},")
    till.write("stemma.yaml", cleared + "protect: {fields: {order: tokenise}}\n")
    till("run", "--set", "order=lost", "--set", "amount=20")
    shown = till("people", "ls").out
    assert "order: pii_order_" in shown
    assert "untrusted, from data 'order', tokens turned back for the tool" in " ".join(shown.split())
    till("people", "approve", asked(till)["id"])
    ran = till("run", "--set", "order=lost", "--set", "amount=20", "--json")
    assert "there is no order 'pii_order_" in ran.json["results"][0]["outcome"]["reason"]
    assert "lost" not in ran.out


def test_nothing_to_answer_is_said(till: Terminal) -> None:
    """An empty list is a remark, and empty JSON."""
    stemma.open().close()
    assert (till("people", "ls").err, till("people", "ls", "--json").json) == ("nothing waits for a person\n", [])
