"""Phase workflows: what waits for what, what each knows, and who may stop a phase."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.network.topologies.playing import agent, played

from stemma.network.flow import Phase, Phases, Pipeline, Step
from stemma.network.message import Message
from stemma.network.people import Decision, Interceptor, OnTimeout, Verdict
from stemma.network.run import RunStatus
from stemma.network.turn import Unusable

REPORT = Phases(
    "report",
    (
        Phase("write", (Step("writer"),), depends_on=("gather", "draw")),
        Phase("gather", (Step("analyst"), Step("researcher")), parallel=True),
        Phase("draw", (Step("plan"), Step("chart")), depends_on=("gather",)),
        Phase("aside", (Step("clerk"),)),
    ),
)
AGENTS = [
    agent("writer", "ticket", "analyst_says", "chart_says"),
    agent("chart", "ticket", "plan_says"),
    agent("plan", "researcher_says"),
    agent("clerk", "ticket", "analyst_says"),
]


def slow(name: str) -> Callable[[Message], int]:
    return lambda message: 20 if message.recipient == name else 0


def test_phase_begins_when_those_it_depends_on_have_ended() -> None:
    """Each phase is sent what the phases that it hangs on wrote, however indirectly; not what others wrote meanwhile."""
    done = played(REPORT, {}, agents=AGENTS)
    assert done.end is None
    assert done.data("writer") == [
        {"ticket": "I lost my card", "analyst_says": "analyst is done", "chart_says": "chart is done"}
    ]
    assert done.data("clerk") == [{"ticket": "I lost my card", "analyst_says": ""}]
    assert set(done.values) == {
        f"{name}_says" for name in ("analyst", "researcher", "plan", "chart", "writer", "clerk")
    }


def test_independent_phases_run_at_the_same_time() -> None:
    """A slow phase keeps waiting only those that depend on it."""
    order: list[str] = []

    def answered(message: Message) -> str:
        order.append(message.recipient)
        return "done"

    names = ("analyst", "researcher", "plan", "chart", "writer", "clerk")
    played(REPORT, dict.fromkeys(names, answered), agents=AGENTS, pause=slow("analyst"))
    assert set(order[:3]) == {"analyst", "researcher", "clerk"}
    assert order[3:] == ["plan", "chart", "writer"]


@given(st.lists(st.integers(0, 9), min_size=6, max_size=6))
def test_ids_do_not_hang_on_who_is_faster(pauses: list[int]) -> None:
    """However long each answer takes, every message has the same id, sender, content and label."""
    names = ("analyst", "researcher", "plan", "chart", "writer", "clerk")
    wait = dict(zip(names, pauses, strict=True))
    hurried = played(REPORT, {}, agents=AGENTS)
    delayed = played(REPORT, {}, agents=AGENTS, pause=lambda message: wait[message.recipient])
    assert {message.id: message for message in delayed.exchange.messages} == {
        message.id: message for message in hurried.exchange.messages
    }
    assert list(delayed.values.items()) == list(hurried.values.items())


def test_replay_sends_nothing_anew() -> None:
    """Played again after a crash, a flow meets its own messages."""
    first = played(REPORT, {}, agents=AGENTS)
    count = len(first.exchange.messages)
    again = played(REPORT, {}, agents=AGENTS, exchange=first.exchange)
    assert len(again.exchange.messages) == count
    assert again.values == first.values


def test_failed_phase_stops_what_depends_on_it_alone() -> None:
    """The task fails with the reason; phases beside it run to their end and what everybody wrote is kept."""
    done = played(REPORT, {"plan": Unusable("declined")}, agents=AGENTS, pause=slow("clerk"))
    assert done.end is not None
    assert (done.end.status, done.end.reason) == (RunStatus.FAILED, "agent 'plan': declined")
    assert set(done.values) == {"analyst_says", "researcher_says", "clerk_says"}


def test_first_end_in_the_order_of_phases_is_the_tasks() -> None:
    """Two phases fail, and the reason is the same however fast they were."""
    both = Phases("both", (Phase("one", (Step("a"),)), Phase("two", (Step("b"),))))
    for name in ("a", "b"):
        done = played(both, {"a": Unusable("first"), "b": Unusable("second")}, pause=slow(name))
        assert done.end is not None
        assert done.end.reason == "agent 'a': first"


def test_error_that_is_no_end_of_the_task_goes_before() -> None:
    """A task that another phase ended is not ended while a broken store hides what the rest came to."""
    both = Phases("both", (Phase("one", (Step("a"),)), Phase("two", (Step("b"),))))
    with pytest.raises(OSError, match="disk"):
        played(both, {"a": Unusable("first"), "b": OSError("disk")})


PUBLISH = Pipeline("all", (Step("writer"), Phases("end", (Phase("publish", (Step("press"),)),))))
ASK = Interceptor("phase", "publish", "Publish this?", timeout=60.0, on_timeout=OnTimeout.REJECT)


def test_approved_phase_goes_ahead() -> None:
    """A person is asked before the phase, with what the runtime knows; approved, it runs."""
    done = played(PUBLISH, {}, interceptors=(ASK,), decisions=[Decision(Verdict.APPROVED, "ada")])
    assert done.end is None
    [question] = done.exchange.questions
    assert (question.kind, question.text, question.timeout) == ("phase", "Publish this?", 60.0)
    assert question.facts["phase"] == "publish"
    assert question.facts["agents"] == ["press"]
    assert question.facts["values"]["writer_says"] == "writer is done"
    assert "press_says" in done.values


def test_rejected_phase_hands_the_task_over() -> None:
    """A person's no ends the task before the phase, with who said it and why."""
    no = Decision(Verdict.REJECTED, "ada", reason="the figures are old")
    done = played(PUBLISH, {}, interceptors=(ASK,), decisions=[no])
    assert done.end is not None
    assert done.end.status is RunStatus.HANDED_OVER
    assert done.end.reason == "ada rejected phase 'publish': the figures are old"
    assert done.values == {"writer_says": "writer is done"}


@pytest.mark.parametrize(
    ("when", "asked"), [({"writer_says": "risky"}, 1), ({"writer_says": "dull"}, 0), ({"nobody_says": "dull"}, 1)]
)
def test_person_is_asked_about_the_phase_that_the_condition_is_about(when: dict[str, str], asked: int) -> None:
    """An interceptor limited to certain values asks for those alone, and also where the value is not known."""
    ask = Interceptor("phase", "publish", when=when)
    done = played(
        PUBLISH, {"writer": "risky"}, interceptors=(ask,), decisions=lambda _: Decision(Verdict.APPROVED, "ada")
    )
    assert len(done.exchange.questions) == asked
