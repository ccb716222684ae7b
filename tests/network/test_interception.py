"""A person looks at what an agent is about to do, or has answered, before it counts."""

import asyncio
from dataclasses import replace
from typing import Any, Literal

import pytest
from tests.network.monitored import PERSONAL, Deciding, message, network

from stemma.network.interception import Rejected, approved, interceptor_for
from stemma.network.people import Decision, Interceptor, OnTimeout, Question, Verdict

LOOKS = Interceptor("message", "clerk", prompt="Send it?", timeout=60.0, on_timeout=OnTimeout.APPROVE)
A_TEXT = {"type": "string"}
FACTS = {"agent": "clerk", "answer": "fine", "tool": "pay"}


def passed(people: Deciding, asks: Interceptor = LOOKS, *, kind: Literal["tool", "message"] = "message") -> Any:
    return asyncio.run(
        approved(
            asks,
            "r.1.2.answer",
            kind,
            message=message(),
            label=PERSONAL,
            facts=FACTS,
            value="fine",
            takes=A_TEXT,
            decision=people,
        )
    )


def test_person_is_asked_as_the_manifest_says() -> None:
    """In its words, with what the runtime knows, and what holds when nobody answers."""
    people = Deciding(Decision(Verdict.APPROVED, "bea"))
    assert passed(people) == "fine"
    assert people.questions == [
        Question(
            "r.1.2.answer",
            "r.1",
            "r.1.2",
            "message",
            "Send it?",
            FACTS,
            PERSONAL,
            timeout=60.0,
            on_timeout=OnTimeout.APPROVE,
            takes=A_TEXT,
        )
    ]


@pytest.mark.parametrize(
    ("kind", "words"), [("message", "May 'clerk' answer this?"), ("tool", "May 'clerk' call 'pay'?")]
)
def test_question_without_words_has_default_ones(kind: Literal["tool", "message"], words: str) -> None:
    """They say who is about to do what."""
    people = Deciding(Decision(Verdict.APPROVED, "bea"))
    passed(people, replace(LOOKS, prompt=""), kind=kind)
    assert people.questions[0].text == words


def test_what_a_person_wrote_takes_its_place() -> None:
    """Only where she says that she edited it."""
    assert passed(Deciding(Decision(Verdict.EDITED, "bea", "better"))) == "better"
    assert passed(Deciding(Decision(Verdict.APPROVED, "bea", "better"))) == "fine"


@pytest.mark.parametrize(
    ("by", "reason", "on_timeout", "told", "fails"),
    [
        ("bea", "", OnTimeout.FAIL, "bea rejected it", False),
        ("bea", "rude", OnTimeout.APPROVE, "bea rejected it: rude", False),
        ("clock", "", OnTimeout.REJECT, "clock rejected it", False),
        ("clock", "", OnTimeout.FAIL, "nobody answered 'Send it?' in time", True),
    ],
)
def test_what_is_rejected_does_not_go_ahead(
    by: str, reason: str, on_timeout: OnTimeout, told: str, fails: bool
) -> None:
    """It is told who said no and why; silence ends the whole task where the manifest says so."""
    people = Deciding(Decision(Verdict.REJECTED, by, reason=reason))
    with pytest.raises(Rejected) as rejected:
        passed(people, replace(LOOKS, on_timeout=on_timeout))
    assert (rejected.value.reason, rejected.value.fails, str(rejected.value)) == (told, fails, told)


PAY = Interceptor("tool", "pay", when={"iban": "DE02", "amount": "5"})


@pytest.mark.parametrize(
    ("asks", "values", "unknown", "found"),
    [
        (PAY, {"iban": "DE02", "amount": 5}, (), True),
        (PAY, {"iban": "DE02", "amount": 6}, (), False),
        (PAY, {"iban": "DE02"}, (), False),
        (PAY, {"iban": "DE02"}, ("amount",), True),
        (PAY, {}, ("amount", "iban"), True),
        (PAY, {"iban": "DE99"}, ("amount",), False),
        (replace(PAY, when={}), {}, (), True),
        (replace(PAY, name="clerk/pay", when={}), {}, (), True),
        (replace(PAY, name="other/pay", when={}), {}, (), False),
        (replace(PAY, name="post", when={}), {}, (), False),
        (replace(PAY, before="message", when={}), {}, (), False),
    ],
)
def test_who_looks_is_found(asks: Interceptor, values: Any, unknown: Any, found: bool) -> None:
    """By tool, or agent and tool, and by values as texts; and where that hangs on values which strangers chose."""
    desk = network(interceptors=(replace(PAY, name="nothing"), asks))
    assert interceptor_for(desk, "tool", "clerk", "pay", values, unknown=unknown) is (asks if found else None)
