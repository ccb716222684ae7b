"""Panels: debate, votes, quorum and ties."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.network.topologies.playing import Played, agent, played

from stemma.core.trust import INTERNAL, UNTRUSTED
from stemma.network.agent import Condition
from stemma.network.flow import Panel, Rule, Tie
from stemma.network.people import Decision, Verdict
from stemma.network.run import RunStatus
from stemma.network.turn import Unusable

MEMBERS = ("ann", "bob", "cy")


def jury(answers: Mapping[str, Any], *, members: tuple[str, ...] = MEMBERS, **options: Any) -> Played:
    scripted = {name: options.pop(name) for name in ("decisions", "agents", "pause") if name in options}
    return played(Panel("jury", members, "verdict", **options), answers, **scripted)


def test_majority_decides() -> None:
    """The decision is known under the panel's name for it, with the votes by member beside it and what each said."""
    done = jury({"ann": "Yes", "bob": "no", "cy": {"vote": "yes "}})
    assert done.end is None
    assert done.values == {
        "ann_says": "Yes",
        "bob_says": "no",
        "cy_says": {"vote": "yes "},
        "verdict_votes": {"ann": "Yes", "bob": "no", "cy": "Yes"},
        "verdict": "Yes",
    }


def test_weights_count() -> None:
    """By weight, one heavy vote beats two light ones."""
    done = jury({"ann": "yes", "bob": "no", "cy": "no"}, rule=Rule.WEIGHTED, weights={"ann": 3.0})
    assert done.values["verdict"] == "yes"


def test_rankings_run_off() -> None:
    """By ranking, second choices decide once the last has dropped out."""
    answers = {"ann": ["a", "b"], "bob": "b, a", "cy": "1. c\n2. b"}
    done = jury(
        {**answers, "di": ["a", "c"], "eve": {"vote": ["b"]}}, members=(*MEMBERS, "di", "eve"), rule=Rule.RANKED
    )
    assert done.values["verdict"] == "b"
    assert done.values["verdict_votes"]["cy"] == ["c", "b"]


def test_each_reads_what_the_others_said() -> None:
    """From the second round on a member is told the others' last words, never its own; votes are those of the last round."""
    done = jury({"ann": iter(["yes", "no"]), "bob": iter(["no", "no"]), "cy": iter(["yes", "yes"])}, rounds=2)
    first, second = done.data("ann")
    assert "statements" not in first
    assert second["statements"] == [{"member": "bob", "says": "no"}, {"member": "cy", "says": "yes"}]
    assert done.values["verdict"] == "no"
    assert len(done.sent) == 6


def test_decision_carries_every_label_of_the_debate() -> None:
    """Whoever read something untrusted makes the decision untrusted; so does one who fell silent over it."""
    calm = [agent(name, "policy") for name in MEMBERS]
    assert not UNTRUSTED.flows_to(jury(dict.fromkeys(MEMBERS, "yes"), agents=calm).task.learned["verdict"].label)
    for answer in ("no", Unusable("declined")):
        done = jury({"ann": "yes", "bob": "yes", "cy": answer}, agents=[*calm[:2], agent("cy", "ticket")])
        assert UNTRUSTED.flows_to(done.task.learned["verdict"].label)
    assert INTERNAL != UNTRUSTED


@pytest.mark.parametrize("silent", [Unusable("declined"), {"opinion": "yes"}, None, " "])
def test_missing_quorum_goes_to_a_person(silent: object) -> None:
    """An answer that is no vote does not count, and too few votes are told as such."""
    done = jury({"ann": "yes", "bob": silent, "cy": Unusable("late")}, quorum=2)
    assert done.end is not None
    assert done.end.status is RunStatus.HANDED_OVER
    assert done.end.reason == "panel 'jury' had 1 of 3 votes, needs 2"
    assert done.values["ann_says"] == "yes"


def test_votes_enough_for_the_quorum_decide() -> None:
    """A silent member does no harm while the quorum is met."""
    done = jury({"ann": "yes", "bob": "yes", "cy": Unusable("late")}, quorum=2)
    assert done.values["verdict"] == "yes"
    assert done.values["verdict_votes"] == {"ann": "yes", "bob": "yes"}


def test_vote_of_an_earlier_round_is_none() -> None:
    """A member that falls silent in the last round has no vote, and is not quoted any more."""
    answers = {"ann": iter(["yes", Unusable("late"), "yes"]), "bob": "no", "cy": "no"}
    assert jury(answers, rounds=2).values["verdict_votes"] == {"bob": "no", "cy": "no"}


TIED = {"ann": "no", "bob": "yes"}


def test_tie_to_the_first() -> None:
    """The tied choice of the earliest member wins."""
    assert jury(TIED, members=("ann", "bob"), tie=Tie.FIRST).values["verdict"] == "no"
    assert jury({**TIED, "zoe": "abstain"}, members=("zoe", "bob", "ann"), tie=Tie.FIRST).values["verdict"] == "abstain"


def test_tie_that_fails() -> None:
    """The task fails and names what is tied."""
    done = jury(TIED, members=("ann", "bob"), tie=Tie.FAIL)
    assert done.end is not None
    assert (done.end.status, done.end.reason) == (RunStatus.FAILED, "panel 'jury' is tied between no, yes")


def test_tie_that_a_person_breaks() -> None:
    """A person is asked which of the tied choices it is, with every vote."""
    answers = {"ann": "No", "bob": "yes"}
    done = jury(answers, members=("ann", "bob"), decisions=[Decision(Verdict.ANSWERED, "ada", " nO")])
    assert done.values["verdict"] == "No"
    [question] = done.exchange.questions
    assert (question.kind, question.choices) == ("tie", ("No", "yes"))
    assert question.facts == {"panel": "jury", "votes": {"ann": ["No"], "bob": ["yes"]}}
    assert UNTRUSTED.flows_to(question.label)


@pytest.mark.parametrize(
    ("decision", "told"),
    [
        (Decision(Verdict.ANSWERED, "ada", "maybe"), "ada answered 'maybe', which is none of no, yes"),
        (Decision(Verdict.APPROVED, "clock"), "clock answered None, which is none of no, yes"),
        (Decision(Verdict.REJECTED, "ada", reason="mine"), "ada chose none of no, yes: mine"),
    ],
)
def test_person_who_names_no_choice_has_the_task(decision: Decision, told: str) -> None:
    """The task goes to the person who did not choose among the choices."""
    done = jury(TIED, members=("ann", "bob"), decisions=[decision])
    assert done.end is not None
    assert (done.end.status, done.end.reason) == (RunStatus.HANDED_OVER, told)


def test_revote_is_among_the_tied() -> None:
    """Members vote once more, knowing what is left; a vote for anything else is none."""
    answers = {"ann": iter(["a", "a"]), "bob": iter(["b", "B"]), "cy": iter(["c", "b"]), "di": iter(["a", "x"])}
    done = jury({**answers, "eve": iter(["b", "b"])}, members=(*MEMBERS, "di", "eve"), tie=Tie.REVOTE)
    assert done.values["verdict"] == "b"
    assert done.data("cy")[1]["choices"] == ["a", "b"]
    assert "di" not in done.values["verdict_votes"]


def test_revote_that_ties_again_goes_to_a_person() -> None:
    """After one more round a person decides."""
    done = jury(TIED, members=("ann", "bob"), tie=Tie.REVOTE, decisions=[Decision(Verdict.ANSWERED, "ada", "no")])
    assert done.values["verdict"] == "no"
    assert len(done.sent) == 4


def test_members_condition_is_heeded() -> None:
    """A panel does not sit when a member's condition is unmet."""
    guarded = agent("bob", when=Condition({"ticket": "yes"}, "not for a panel"))
    done = jury({}, agents=[guarded])
    assert done.end is not None
    assert done.end.reason == "not for a panel"
    assert done.sent == []


@given(st.lists(st.integers(0, 5), min_size=3, max_size=3))
def test_debate_replays(pauses: list[int]) -> None:
    """Who thinks longer changes neither ids nor what anybody reads."""
    wait = dict(zip(MEMBERS, pauses, strict=True))
    hurried = jury({}, rounds=3, tie=Tie.FIRST)
    delayed = jury({}, rounds=3, tie=Tie.FIRST, pause=lambda message: wait[message.recipient])
    assert delayed.sent == hurried.sent
    assert [delayed.data(name) for name in MEMBERS] == [hurried.data(name) for name in MEMBERS]
    assert delayed.values == hurried.values
