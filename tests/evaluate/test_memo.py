"""No answer is paid for twice, and no session forgets what it asked."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from stemma.evaluate.budget import Cost
from stemma.evaluate.memo import Answer, Entry, Journal, Memo, Request
from stemma.ledger.scope import Scope
from stemma.registry.sessions import Session

ASKED = Request("model", "Name the colour.", "sky", {"temperature": 0.0})


@pytest.mark.parametrize(
    "other",
    [
        replace(ASKED, model="another"),
        replace(ASKED, system="Name the shape."),
        replace(ASKED, user="grass"),
        replace(ASKED, settings={"temperature": 1.0}),
        replace(ASKED, output_schema={"type": "string"}),
        replace(ASKED, draw=1),
        replace(ASKED, system="Name the colour.sky", user=""),
    ],
)
def test_whatever_an_answer_depends_on_is_in_its_key(other: Request) -> None:
    """Requests that differ in any part have different keys."""
    assert other.key != ASKED.key


def test_equal_requests_have_equal_keys() -> None:
    """The order of the settings plays no part."""
    one = replace(ASKED, settings={"temperature": 0.0, "max_tokens": 5})
    assert one.key == replace(ASKED, settings={"max_tokens": 5, "temperature": 0.0}).key


def test_answers_outlive_the_process(either_scope: Scope, new_session: Callable[[Scope], Session]) -> None:
    """A fresh memo and a fresh journal on the same store know the answer, its cost, and what the session paid."""
    session = new_session(either_scope)
    memo = Memo(either_scope)
    Journal(either_scope, memo, session=session.number).paid(
        ASKED.key, "task", Answer("blue", cost=Cost(7, Decimal("0.5"))), calls=2, tokens=(4, 3)
    )
    assert Memo(either_scope).recall([ASKED.key]) == {ASKED.key: Answer("blue", cost=Cost(7, Decimal("0.5")))}
    assert Journal(either_scope, memo, session=session.number).entries == {ASKED.key: Entry(2, None)}


def test_what_is_missing_is_journalled_and_not_remembered(
    either_scope: Scope, new_session: Callable[[Scope], Session]
) -> None:
    """A failure belongs to the session that met it; other sessions may ask again."""
    session, other = new_session(either_scope), new_session(either_scope)
    memo = Memo(either_scope)
    Journal(either_scope, memo, session=session.number).paid(
        ASKED.key, "task", Answer(None, missing="down"), calls=5, tokens=(0, 0)
    )
    assert Memo(either_scope).recall([ASKED.key]) == {}
    assert Journal(either_scope, memo, session=session.number).entries == {ASKED.key: Entry(5, "down")}
    assert Journal(either_scope, memo, session=other.number).entries == {}


def test_the_first_answer_kept_is_the_one_that_counts(
    either_scope: Scope, new_session: Callable[[Scope], Session]
) -> None:
    """Of two sessions that asked the same at the same time, the second goes on with the first one's answer."""
    first, second = (
        Journal(either_scope, Memo(either_scope), session=new_session(either_scope).number) for _ in range(2)
    )
    assert first.paid(ASKED.key, "task", Answer("blue"), calls=1, tokens=(4, 1)).text == "blue"
    assert second.paid(ASKED.key, "task", Answer("grey"), calls=1, tokens=(4, 1)).text == "blue"


def test_a_refusal_is_an_answer_and_is_remembered(either_scope: Scope) -> None:
    """What a model declined once it need not be asked again."""
    declined = Answer("it asks for arithmetic", refusal="unsupported")
    Journal(either_scope, Memo(either_scope)).paid(ASKED.key, "task", declined, calls=1, tokens=(0, 0))
    assert Memo(either_scope).recall([ASKED.key]) == {ASKED.key: declined}


def test_calls_made_in_vain_are_still_counted(either_scope: Scope, new_session: Callable[[Scope], Session]) -> None:
    """A reopened question has no reason for missing any more, and keeps the number of calls it took so far."""
    session, memo = new_session(either_scope), Memo(either_scope)
    journal = Journal(either_scope, memo, session=session.number)
    journal.paid(ASKED.key, "task", Answer(None, missing="down"), calls=5, tokens=(0, 0))
    journal.reopen([ASKED.key], "task")
    assert Journal(either_scope, memo, session=session.number).entries == {ASKED.key: Entry(5, None)}
    journal.paid(ASKED.key, "task", Answer("blue"), calls=6, tokens=(4, 1))
    assert Journal(either_scope, memo, session=session.number).entries == {ASKED.key: Entry(6, None)}


def test_many_keys_are_recalled_at_once(scope: Scope) -> None:
    """More keys than one statement may carry are looked up all the same."""
    journal = Journal(scope, Memo(scope))
    requests = [replace(ASKED, draw=draw) for draw in range(1100)]
    for request in requests[::100]:
        journal.paid(request.key, "task", Answer(str(request.draw)), calls=1, tokens=(1, 1))
    found = Memo(scope).recall([request.key for request in requests])
    assert sorted(int(answer.text or "") for answer in found.values()) == list(range(0, 1100, 100))
