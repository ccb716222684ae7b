"""Hierarchies: how work is split, what workers are told, and what becomes of one who does not answer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.network.topologies.playing import agent, played

from stemma.core.trust import UNTRUSTED
from stemma.network.agent import Condition
from stemma.network.flow import Assignment, Hierarchy, Pipeline, Step
from stemma.network.run import RunStatus
from stemma.network.turn import Unusable

WORKERS = (Step("pay"), Step("mail"), Pipeline("look", (Step("find"), Step("check"))))
CREW = Hierarchy("crew", "lead", WORKERS, merge="writer")
AGENTS = [
    agent("pay", "ticket", capabilities=("refunds",)),
    agent("find", "brief"),
    agent("writer", "pay_says", "mail_says", "check_says"),
]


def work(*names: str) -> list[dict[str, str]]:
    return [{"agent": name, "brief": f"do your part, {name}"} for name in names]


def test_each_worker_is_briefed_and_all_are_merged() -> None:
    """A brief names its author and the message that it stands in; the merging agent reads what the workers wrote."""
    done = played(CREW, {"lead": work("pay", "look")}, agents=AGENTS)
    assert done.end is None
    [(name, brief)] = done.exchange.briefs
    assert (name, brief.text, brief.author, brief.message) == ("pay", "do your part, pay", "lead", "r.1")
    assert done.data("find") == [{"brief": "do your part, look"}]
    [merged] = done.data("writer")
    # Whether anything is missing is up to strangers' words, too: the part is there even when nothing is.
    assert merged == {"pay_says": "pay is done", "mail_says": "", "check_says": "check is done", "missing": []}
    assert "brief" not in done.values
    assert {message.sender for message in done.exchange.messages if message.recipient in ("pay", "find")} == {"lead"}


def test_brief_carries_the_label_of_what_its_author_read() -> None:
    """A brief written after reading the ticket is as untrusted as the ticket, and so is every message that it sets off."""
    done = played(CREW, {"lead": work("pay")}, agents=AGENTS)
    [(_, brief)] = done.exchange.briefs
    assert UNTRUSTED.flows_to(brief.label)
    assert all(UNTRUSTED.flows_to(message.label) for message in done.exchange.messages)


def test_choice_of_workers_labels_what_follows() -> None:
    """Who works was chosen over the ticket, so that what comes after is as untrusted, whatever it reads."""
    apart = [agent(name, "policy") for name in ("pay", "writer")]
    done = played(Hierarchy("crew", "lead", (Step("pay"),), merge="writer"), {"lead": work("pay")}, agents=apart)
    [merging] = [message for message in done.exchange.messages if message.recipient == "writer"]
    assert UNTRUSTED.flows_to(merging.label)


def test_orchestrator_is_told_who_there_is() -> None:
    """One that splits freely reads each worker's name and capabilities."""
    done = played(CREW, {"lead": work("pay")}, agents=AGENTS)
    assert done.data("lead")[0]["workers"] == [
        {"agent": "pay", "capabilities": ["refunds"]},
        {"agent": "mail", "capabilities": []},
        {"agent": "look", "capabilities": []},
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {"assignments": [{"agent": "pay", "brief": "pay it"}]},
        '[{"agent": "pay", "brief": "pay it"}]',
        '```json\n{"assignments": [{"agent": "pay", "brief": "pay it"}]}\n```',
    ],
)
def test_spellings_of_a_split(answer: object) -> None:
    """A list may stand under `assignments`, and may be JSON in a text."""
    done = played(CREW, {"lead": answer}, agents=AGENTS)
    assert [brief.text for _, brief in done.exchange.briefs] == ["pay it"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("let us all work", "'let us all work' is no list of assignments, each with 'agent' and 'brief'"),
        ([], "hierarchy 'crew' was split into no work"),
        (work("boss"), "'boss' is no worker of hierarchy 'crew'; there are pay, mail, look"),
        ([{"agent": "pay"}], "{'agent': 'pay'} is no assignment: it needs 'agent' and 'brief', two texts"),
        (work(*["pay"] * 9), "hierarchy 'crew' was split into 9 assignments, over its fan_out of 8"),
    ],
)
def test_split_that_cannot_be_used(answer: object, told: str) -> None:
    """The task fails and says what is wrong with the orchestrator's answer; no worker is asked."""
    done = played(CREW, {"lead": answer}, agents=AGENTS)
    assert done.end is not None
    assert (done.end.status, done.end.reason) == (RunStatus.FAILED, f"agent 'lead': {told}")
    assert [recipient for _, recipient in done.sent] == ["lead"]


PLANS = {"Refund": (Assignment("pay", "Pay back {{ticket}} now"),), "Search": (Assignment("look", "Look it up"),)}


@pytest.mark.parametrize("answer", ["refund", " REFUND ", {"plan": "Refund"}])
def test_plan_is_chosen_by_name(answer: object) -> None:
    """With plans the answer is the name of one; known values are filled into its briefs, and nothing inside them is."""
    done = played(
        Hierarchy("crew", "lead", WORKERS, plans=PLANS), {"lead": answer}, agents=AGENTS, ticket="{{lead_says}}"
    )
    assert done.end is None
    [(name, brief)] = done.exchange.briefs
    assert (name, brief.text) == ("pay", "Pay back {{lead_says}} now")
    assert UNTRUSTED.flows_to(brief.label)
    assert "workers" not in done.data("lead")[0]


def test_unknown_plan_is_named_with_those_there_are() -> None:
    """The task fails when the orchestrator names no plan."""
    done = played(Hierarchy("crew", "lead", WORKERS, plans=PLANS), {"lead": "party"}, agents=AGENTS)
    assert done.end is not None
    assert done.end.reason == "agent 'lead': 'party' is no plan of hierarchy 'crew'; there are Refund, Search"


def test_plan_that_needs_an_unknown_value_fails() -> None:
    """A brief is never sent with a hole."""
    plans = {"go": (Assignment("pay", "Pay {{sum}}"),)}
    done = played(Hierarchy("crew", "lead", WORKERS, plans=plans), {"lead": "go"}, agents=AGENTS)
    assert done.end is not None
    assert done.end.reason == "agent 'lead': a brief needs 'sum', which is not known; there are ticket, lead_says"


def test_braces_that_an_orchestrator_writes_are_not_filled_in() -> None:
    """An orchestrator cannot pull a value that it did not read into a brief."""
    done = played(CREW, {"lead": [{"agent": "pay", "brief": "{{ticket}}"}]}, agents=AGENTS)
    assert [brief.text for _, brief in done.exchange.briefs] == ["{{ticket}}"]


def test_worker_without_an_answer_is_left_out() -> None:
    """The others' answers are merged; who is missing and why is told with the label of what that one read."""
    done = played(CREW, {"lead": work("pay", "mail"), "pay": Unusable("declined")}, agents=AGENTS)
    assert done.end is None
    [merged] = done.data("writer")
    assert merged["missing"] == ["pay: agent 'pay': declined"]
    assert (merged["pay_says"], merged["mail_says"]) == ("", "mail is done")
    assert done.values["crew_missing"] == ["pay: agent 'pay': declined"]
    assert UNTRUSTED.flows_to(done.task.learned["crew_missing"].label)


def test_no_worker_with_an_answer_fails_the_task() -> None:
    """Nothing is merged when there is nothing; every reason is told."""
    answers = {"lead": work("pay", "look"), "pay": Unusable("declined"), "check": Unusable("broken")}
    done = played(CREW, answers, agents=AGENTS)
    assert done.end is not None
    assert done.end.reason == (
        "no worker of hierarchy 'crew' has an answer: pay: agent 'pay': declined; look: agent 'check': broken"
    )
    assert done.values["find_says"] == "find is done"


def test_worker_that_hands_over_ends_the_task() -> None:
    """A person who is needed is not passed over; what the others wrote is kept."""
    guarded = agent("pay", when=Condition({"ticket": "yes"}, "a person pays"))
    done = played(CREW, {"lead": work("pay", "mail")}, agents=[guarded, *AGENTS[1:]])
    assert done.end is not None
    assert (done.end.status, done.end.reason) == (RunStatus.HANDED_OVER, "a person pays")
    assert done.values["mail_says"] == "mail is done"


def test_worker_briefed_twice_leaves_a_list() -> None:
    """What one worker wrote for several briefs is known as a list, in the order of the briefs."""
    answers: dict[str, Any] = {"lead": work("pay", "mail", "pay"), "pay": lambda message: message.id}
    done = played(CREW, answers, agents=AGENTS, pause=lambda message: 9 if message.id == "r.2.1" else 0)
    assert done.values["pay_says"] == ["r.2.1", "r.4.1"]
    assert done.values["mail_says"] == "mail is done"


def test_workers_in_order_know_what_came_before() -> None:
    """Where work is not parallel, the second worker reads what the first wrote."""
    crew = Hierarchy("crew", "lead", WORKERS, parallel=False)
    done = played(crew, {"lead": work("pay", "mail")}, agents=[agent("mail", "pay_says")])
    assert done.data("mail")[0]["pay_says"] == "pay is done"


@given(st.permutations(["pay", "mail", "find", "check"]))
def test_replay_of_a_split_is_the_same(slowest_last: list[str]) -> None:
    """Who is faster changes neither an id nor a value."""
    answers = {"lead": work("pay", "mail", "look", "pay")}
    hurried = played(CREW, answers, agents=AGENTS)
    wait = {name: place for place, name in enumerate(slowest_last)}
    delayed = played(CREW, answers, agents=AGENTS, pause=lambda message: 3 * wait.get(message.recipient, 0))
    assert delayed.sent == hurried.sent
    assert list(delayed.values.items()) == list(hurried.values.items())
