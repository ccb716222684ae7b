"""Questions that wait for people: found by a part of their id, decided once, and by the clock when nobody comes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.network.desks import networks_on, rule, tickets

from stemma.core.errors import Conflict, InvalidInput, NotFound
from stemma.core.trust import UNTRUSTED
from stemma.ledger.scope import Scope
from stemma.network import Decision, Manifest, OnTimeout, Question, Verdict
from stemma.network.questions import Questions, ask, decided, expire, overdue, seconds_waited
from stemma.testing.clock import VirtualClock
from stemma.testing.scripted import ScriptedModel

on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def run(scope: Scope, manifest: Manifest) -> str:
    """The id of a run that waits to begin."""
    return networks_on(scope, ScriptedModel(rule)).submit(manifest, tickets(1), batch="b") + ".1"


@pytest.fixture
def asking(scope: Scope, run: str, clock: VirtualClock) -> Scope:
    """The store, at a time that only the test moves."""
    return replace(scope, clock=clock)


def put(scope: Scope, run: str, end: str, **facts: Any) -> Question:
    """Puts a question before people."""
    question = replace(
        Question(f"{run}.{end}", run, f"{run}.1", "tool", "Pay?", {"tool": "refund"}, UNTRUSTED), **facts
    )
    with scope.write() as transaction:
        assert ask(transaction, question) is None
    return question


def test_question_is_listed_until_it_is_decided(asking: Scope, run: str) -> None:
    """It comes back whole with when it was asked; once decided it is in the full list alone, with who decided."""
    questions, question = Questions(asking), put(asking, run, "t1", choices=("a", "b"), timeout=60.0)
    [asked] = questions.ls()
    assert asked.question == question
    assert (asked.asked_at, asked.deadline) == ("2026-01-01T00:00:00.000000Z", "2026-01-01T00:01:00.000000Z")
    assert questions.runs() == {run}
    told = questions.decide("t1", Verdict.ANSWERED, value="b", reason="why not")
    assert told.decision == Decision(Verdict.ANSWERED, "ada", "b", "why not")
    assert questions.ls() == []
    assert questions.runs() == set()
    assert questions.ls(every=True, run=run) == [told]
    with asking.read() as connection:
        assert decided(connection, [question.id, "none"]) == {question.id: told.decision}
    kinds = [entry.kind for entry in asking.ledger.tail(2)]
    assert sorted(kinds) == ["question.asked", "question.decided"]


def test_question_is_named_by_any_unique_part_of_its_ends(asking: Scope, run: str) -> None:
    """A whole id goes before those that it is a part of, one that waits before decided ones; else candidates are named."""
    questions = Questions(asking)
    for end in ("1.t1", "1.t1-1", "2.t1", "3_t"):
        put(asking, run, end)
    assert questions.get(f"{run}.1.t1").question.id == f"{run}.1.t1"
    assert questions.get("t1-1").question.id == f"{run}.1.t1-1"
    assert questions.get("_t").question.id == f"{run}.3_t", "an underscore is itself, not any character"
    with pytest.raises(NotFound, match=rf"could mean several: {run}\.1\.t1, {run}\.2\.t1; write more of its id"):
        questions.get(".t1")
    questions.decide("2.t1", Verdict.APPROVED)
    assert questions.get(".t1").question.id == f"{run}.1.t1"
    assert questions.get("2.t1").decision is not None
    for nothing in ("", "t9", "%"):
        with pytest.raises(NotFound, match="list what waits with: stemma people ls"):
            questions.get(nothing)


@on_sqlite
def test_many_candidates_are_counted(asking: Scope, run: str) -> None:
    """A refusal that names everything says nothing."""
    for number in range(8):
        put(asking, run, str(number))
    with pytest.raises(NotFound, match=rf"{run}\.4 and 3 more;"):
        Questions(asking).get(run)


@on_sqlite
@pytest.mark.parametrize(
    ("choices", "verdict", "value", "message"),
    [
        ((), Verdict.ANSWERED, "a", "asks whether to go on"),
        ((), Verdict.EDITED, {"a": 1}, "has nothing that could be edited: approve it, or reject it"),
        (("a", "b"), Verdict.APPROVED, None, "wants one of 'a', 'b'"),
        (("a", "b"), Verdict.ANSWERED, "c", "wants one of 'a', 'b'"),
    ],
)
def test_verdict_that_does_not_fit_is_refused(
    asking: Scope, run: str, choices: tuple[str, ...], verdict: Verdict, value: str | None, message: str
) -> None:
    """An answer goes with choices, an edit with a value; nothing is written otherwise."""
    put(asking, run, "q", choices=choices)
    with pytest.raises(InvalidInput, match=message):
        Questions(asking).decide("q", verdict, value=value)
    assert len(Questions(asking).ls()) == 1


@on_sqlite
@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": "object"}, None, "needs the value to go on with"),
        ({"type": "object"}, "hello", "stays open, since the value does not fit: 'hello' is not of type 'object'; see"),
        (
            {"properties": {"a": {"type": "integer"}}},
            {"a": "b"},
            "does not fit: at 'a': 'b' is not of type 'integer'; see",
        ),
        ({"required": ["claim"]}, {"clam": 3}, "does not fit: 'claim' is a required property; see what was asked for"),
        ({"$ref": "https://example.com/none"}, {}, "schema of what it takes cannot be used"),
    ],
)
def test_edit_fits_what_the_question_takes(asking: Scope, run: str, schema: Any, value: Any, message: str) -> None:
    """One that does not is told where, and the question waits on."""
    put(asking, run, "q", takes=schema)
    with pytest.raises(InvalidInput, match=message):
        Questions(asking).decide("q", Verdict.EDITED, value=value)
    assert len(Questions(asking).ls()) == 1


def test_one_decision_stands(asking: Scope, run: str) -> None:
    """Whoever comes second is told so, and asking again finds what was decided."""
    question = put(asking, run, "q")
    Questions(asking).decide("q", Verdict.REJECTED, reason="no")
    with pytest.raises(Conflict, match="is decided already"):
        Questions(asking.acting_as("bob")).decide("q", Verdict.APPROVED)
    with asking.write() as transaction:
        assert ask(transaction, question) == Decision(Verdict.REJECTED, "ada", None, "no")


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [(OnTimeout.REJECT, Verdict.REJECTED), (OnTimeout.APPROVE, Verdict.APPROVED), (OnTimeout.FAIL, Verdict.REJECTED)],
)
def test_clock_decides_when_time_is_up(
    asking: Scope, run: str, clock: VirtualClock, policy: OnTimeout, verdict: Verdict
) -> None:
    """Not a moment before, and as the question says."""
    put(asking, run, "q", timeout=60.0, on_timeout=policy)
    put(asking, run, "patient")
    for passes in (59.0, 1.0):
        clock.advance(passes)
        with asking.write() as transaction:
            assert overdue(transaction.connection, transaction.at) == (passes == 1.0)
            expire(transaction)
    decision = Questions(asking).get("q").decision
    assert decision == Decision(verdict, "clock", None, "nobody answered in time")
    assert Questions(asking).get("patient").decision is None


def test_time_that_a_run_waits_for_people_is_counted_once(asking: Scope, run: str, clock: VirtualClock) -> None:
    """Two questions at one time make it wait no longer than the longer one does, up to now for one that still waits."""
    put(asking, run, "first")
    clock.advance(10)
    put(asking, run, "second")
    clock.advance(10)
    Questions(asking).decide("first", Verdict.APPROVED)
    clock.advance(10)
    Questions(asking).decide("second", Verdict.APPROVED)
    clock.advance(100)
    put(asking, run, "third")
    with asking.read() as connection:
        assert seconds_waited(connection, run, clock.now() + timedelta(seconds=5)) == 30 + 5
