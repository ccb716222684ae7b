"""The gate between a candidate and a version number."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from pydantic_ai.exceptions import ModelHTTPError

from stemma.core.errors import Conflict, NotFound, Refused
from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, TrustLabel
from stemma.evaluate.budget import Budget
from stemma.evaluate.calls import Calls, Target
from stemma.evaluate.checks import CheckPolicy
from stemma.evaluate.data import Case, Dataset
from stemma.evaluate.memo import Journal, Memo
from stemma.evaluate.runner import Runner
from stemma.evaluate.scorers import scorer_named
from stemma.evaluate.seen import marks_of
from stemma.ledger.scope import Scope
from stemma.registry.candidates import Candidates, NewCandidate, Status
from stemma.registry.contents import Contents
from stemma.registry.prompt import Demonstration, Prompt
from stemma.registry.prompts import Prompts
from stemma.registry.sessions import Generator, NewSession, Sessions
from stemma.release import Gate, GatePolicy, GateVerdict
from stemma.testing.scripted import Scripted, ScriptedModel

RIGHT, RIGHT_TOO, WRONG = Prompt("Repeat the word."), Prompt("Repeat the word, please."), Prompt("Say anything.")
DATA = Dataset(tuple(Case({"word": f"word{number}"}, f"word{number}") for number in range(40)))


def echo(system: str, user: str) -> Scripted:
    """Answers right when the prompt asks for it."""
    return user if system.startswith("Repeat") else "something else"


@dataclass
class Room:
    """A gate with what stands around it, and the model that it asks."""

    scope: Scope
    model: ScriptedModel
    prompts: Prompts
    candidates: Candidates
    gate: Gate

    def judge(
        self, candidate: Prompt, incumbent: Prompt, *, data: Dataset = DATA, calls: int | None = None, **options: Any
    ) -> GateVerdict:
        memo = Memo(self.scope)
        asking = Calls(memo, Journal(self.scope, memo), Budget(calls=calls), self.scope.clock)
        runner = Runner(asking, Target("scripted", self.model), scorer_named("exact"))
        return asyncio.run(self.gate.judge(candidate, incumbent, data, runner, **options))

    def candidate(self, prompt: Prompt, *, trust: TrustLabel = INTERNAL) -> int:
        session = Sessions(self.scope).open(NewSession(Generator("tests", {}), trust=trust))
        return self.candidates.store(session, [NewCandidate(prompt, "seed")])[0]

    def learn(self, prompt: Prompt, cases: Iterable[Case], *, begin: Prompt = WRONG) -> int:
        """The candidate of a session that began with `begin`, learned from the cases and wrote `prompt`."""
        session = Sessions(self.scope).open(NewSession(Generator("tests", {}), seen=marks_of(cases)))
        [first] = self.candidates.store(session, [NewCandidate(begin, "seed")])
        return self.candidates.store(session, [NewCandidate(prompt, "rephrase", (first,))])[0]

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.scope.ledger.tail(100)]


@pytest.fixture
def room(scope: Scope) -> Room:
    prompts, candidates = Prompts(scope, Contents()), Candidates(scope, Contents())
    return Room(scope, ScriptedModel(echo), prompts, candidates, Gate(scope, prompts, candidates, Sessions(scope)))


# --- judging ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("candidate", "incumbent", "outcome"),
    [(RIGHT, WRONG, "PASS"), (WRONG, RIGHT, "FAIL"), (RIGHT_TOO, RIGHT, "INCONCLUSIVE")],
    ids=["better", "worse", "alike"],
)
def test_the_gate_says_what_the_pairs_show(room: Room, candidate: Prompt, incumbent: Prompt, outcome: str) -> None:
    """Better passes, worse fails, and no difference decides nothing; each with a reason and exactly one event."""
    verdict = room.judge(candidate, incumbent)
    assert verdict.outcome == outcome
    assert verdict.passed == (outcome == "PASS")
    assert len(verdict.reasons) == 1
    assert verdict.comparison is not None
    assert verdict.comparison.n == 40
    [event] = room.scope.ledger.tail(9, kind="gate.judged", subject=candidate.digest)
    assert event.data["verdict"] == outcome


def test_only_a_pass_lets_through(room: Room) -> None:
    """What failed and what was not decided are both refused, with the gate's reasons."""
    room.judge(RIGHT, WRONG).require()
    for candidate, incumbent in ((WRONG, RIGHT), (RIGHT_TOO, RIGHT)):
        verdict = room.judge(candidate, incumbent)
        with pytest.raises(Refused) as refusal:
            verdict.require()
        assert refusal.value.reasons == verdict.reasons


def test_not_worse_can_be_enough(room: Room) -> None:
    """With `max_loss` a candidate that does as well passes."""
    assert room.judge(RIGHT_TOO, RIGHT, policy=GatePolicy(max_loss=0.1)).passed


def test_what_the_static_checks_refuse_costs_nothing(room: Room) -> None:
    """A candidate with problems fails with all of them, before any call is made, and the verdict is kept."""
    policy = GatePolicy(checks=CheckPolicy(forbidden=("secret", "password")))
    verdict = room.judge(Prompt("Repeat the secret password."), WRONG, policy=policy)
    assert (verdict.outcome, verdict.comparison, len(verdict.reasons)) == ("FAIL", None, 2)
    assert room.model.calls == []
    assert room.judge(Prompt("Repeat the secret password."), WRONG, policy=policy) == replace(verdict, remembered=True)
    assert room.kinds() == ["gate.judged"]


def test_copied_training_text_is_refused(room: Room) -> None:
    """Instructions that quote the training data fail: they would be tested on what they have memorised."""
    copied = "please tell me where the parcel is that I sent to my sister last week"
    training = Dataset((Case({"ticket": copied}, "delivery"),))
    verdict = room.judge(Prompt(f"Repeat the word. {copied}"), WRONG, training=training)
    assert verdict.outcome == "FAIL"
    assert "quote training data" in verdict.reasons[0]


def test_a_verdict_is_remembered(room: Room) -> None:
    """Asked again in the same circumstances, by another gate too, the gate answers without a call or an event."""
    said = room.judge(RIGHT, WRONG)
    assert len(room.model.calls) == 80
    room.gate = Gate(room.scope, room.prompts, room.candidates, Sessions(room.scope))
    again = room.judge(RIGHT, WRONG)
    assert again == replace(said, remembered=True)
    assert len(room.model.calls) == 80
    assert room.kinds() == ["gate.judged"]


def test_other_circumstances_are_another_question(room: Room) -> None:
    """Another policy, incumbent or data set is judged anew; answers that are known are still not asked for again."""
    first = room.judge(RIGHT, WRONG)
    others = [
        room.judge(RIGHT, WRONG, policy=GatePolicy(min_gain=0.1)),
        room.judge(RIGHT, WRONG, data=Dataset(DATA.cases[:35])),
        room.judge(RIGHT, WRONG, training=Dataset((Case({"word": "unheard"}),))),
        room.judge(RIGHT, RIGHT_TOO),
    ]
    assert len({verdict.circumstances for verdict in [first, *others]}) == 5
    assert not any(verdict.remembered for verdict in others)
    assert len(room.model.calls) == 120


def test_a_verdict_left_open_by_missing_scores_is_judged_again(room: Room) -> None:
    """A spent budget leaves the verdict open for now: later only what is missing is asked, and the verdict is replaced."""
    short = room.judge(RIGHT, WRONG, calls=60)
    assert (short.outcome, short.left_open) == ("INCONCLUSIVE", True)
    assert "20 of 40 pairs are missing" in " ".join(short.reasons)
    assert room.judge(RIGHT, WRONG).passed
    assert len(room.model.calls) == 80
    assert room.judge(RIGHT, WRONG).remembered
    assert [entry.data["verdict"] for entry in room.scope.ledger.tail(9)] == ["INCONCLUSIVE", "PASS"]


def test_an_outage_is_no_failure(room: Room) -> None:
    """Where the provider fails for one prompt, the gate says that it cannot say, and never that the prompt is bad."""

    def flaky(system: str, user: str) -> Scripted:
        return ModelHTTPError(503, "scripted") if user.endswith("7") and system == RIGHT.instructions else user

    room.model = ScriptedModel(flaky)
    verdict = room.judge(RIGHT, RIGHT_TOO)
    assert verdict.outcome == "INCONCLUSIVE"
    assert verdict.comparison is not None
    assert (verdict.comparison.missing, verdict.comparison.losses) == (4, 0)


# --- cases that were seen ---------------------------------------------------------------------------------------------


def test_cases_that_the_session_learned_from_do_not_count(room: Room) -> None:
    """They are left out and counted, and not asked for; spaces and the column's name make no other case of one."""
    room.learn(RIGHT, [Case({"text": f" word{number}\n"}, "anything") for number in range(8)])
    verdict = room.judge(RIGHT, WRONG)
    assert (verdict.passed, verdict.seen, verdict.to_json()["seen"]) == (True, 8, 8)
    assert verdict.comparison is not None
    assert verdict.comparison.n == 32
    assert len(room.model.calls) == 64
    assert room.judge(RIGHT, WRONG) == replace(verdict, remembered=True, warnings=room.judge(RIGHT, WRONG).warnings)


@pytest.mark.parametrize("seen", [11, 40])
def test_too_few_unseen_cases_decide_nothing(room: Room, seen: int) -> None:
    """A prompt is not measured on what it learned from: nothing is asked, and the reason says what to give."""
    room.learn(RIGHT, DATA.cases[:seen])
    verdict = room.judge(RIGHT, WRONG)
    assert (verdict.outcome, verdict.seen, verdict.comparison, room.model.calls) == ("INCONCLUSIVE", seen, None, [])
    assert verdict.reasons == (
        f"{seen} of 40 cases are left out, as the candidate or the incumbent learned from them or shows them as examples: "
        f"{40 - seen} are left and 30 are asked for; give more cases that no search has seen",
    )


def test_a_verdict_is_not_remembered_on_cases_that_were_learned_since(room: Room) -> None:
    """What was unseen when it was said may have been learned from by the next time that it is asked for."""
    assert room.judge(RIGHT, WRONG).passed
    room.learn(RIGHT, DATA.cases[:20])
    again = room.judge(RIGHT, WRONG)
    assert (again.outcome, again.seen, again.remembered) == ("INCONCLUSIVE", 20, False)


def test_what_a_session_began_with_brings_its_own_cases(room: Room) -> None:
    """A search that goes on from the winner of another inherits what that one learned from, through any number of them."""
    second, third = Prompt("Repeat the word, dear."), Prompt("Repeat the word, dear friend.")
    room.learn(RIGHT, DATA.cases[:3])
    room.learn(second, DATA.cases[3:5], begin=RIGHT)
    room.learn(third, [], begin=second)
    assert room.judge(third, WRONG).seen == 5
    assert room.judge(RIGHT, WRONG).seen == 3  # what was learned later, from its words on, is not its own


def test_what_the_incumbent_learned_from_does_not_count_either(room: Room) -> None:
    """It would be measured on what it knows by heart; a prompt that a search only began with learned nothing from it."""
    room.learn(RIGHT_TOO, DATA.cases[:5])
    assert room.judge(RIGHT, RIGHT_TOO).seen == 5
    assert room.judge(RIGHT, WRONG).seen == 0


def test_examples_in_a_prompt_and_training_cases_do_not_count(room: Room) -> None:
    """Without any session: what either prompt shows, and what the caller says was learned from, is left out."""
    shows = RIGHT.with_(demonstrations=(Demonstration("word0", "word0"),))
    shows_too = WRONG.with_(demonstrations=(Demonstration("word1  ", "?"), Demonstration("else", "?")))
    assert room.judge(shows, WRONG).seen == 1
    assert room.judge(shows, shows_too).seen == 2
    assert room.judge(RIGHT, WRONG, training=Dataset(DATA.cases[:4])).seen == 4


def test_columns_in_another_order_are_the_same_case(room: Room) -> None:
    """Of several inputs the names count, their order does not."""
    cases = [Case({"place": f"town{number}", "word": f"word{number}"}, f"word{number}") for number in range(40)]
    room.learn(RIGHT, [Case(dict(reversed(list(case.inputs.items())))) for case in cases[:7]])
    room.model = ScriptedModel(lambda system, user: user.rpartition(" ")[2])
    assert room.judge(RIGHT, WRONG, data=Dataset(tuple(cases))).seen == 7


def test_the_same_words_are_not_compared(room: Room) -> None:
    """More cases would show nothing: the reason says so, and nothing is asked."""
    verdict = room.judge(RIGHT, RIGHT)
    assert (verdict.outcome, room.model.calls) == ("INCONCLUSIVE", [])
    assert verdict.reasons == (
        "candidate and incumbent are the same words, so there is nothing to compare; judge it against another version",
    )


# --- releasing --------------------------------------------------------------------------------------------------------


def test_what_passed_becomes_a_version_with_its_label(room: Room) -> None:
    """A release gives the next number, moves the label, and is one event for each of the two."""
    room.prompts.save("triage", WRONG)
    candidate = room.candidate(RIGHT)
    verdict = room.judge(RIGHT, WRONG)
    before = len(room.kinds())
    released = room.gate.release("triage", candidate, verdict, label="production", message="better")
    assert (released.version, released.prompt, released.candidate, released.message) == (2, RIGHT, candidate, "better")
    assert room.prompts.get("triage").version == 2
    assert room.kinds()[before:] == ["prompt.admitted", "label.moved"]
    with pytest.raises(Conflict, match="admitted already"):
        room.gate.release("triage", candidate, verdict)


@pytest.mark.parametrize(("trust", "kept"), [(TRUSTED, INTERNAL), (INTERNAL, INTERNAL), (UNTRUSTED, UNTRUSTED)])
def test_a_release_raises_no_trust(room: Room, trust: TrustLabel, kept: TrustLabel) -> None:
    """A version keeps the label of the session that wrote it, at most that of a model's words."""
    released = room.gate.release("triage", room.candidate(RIGHT, trust=trust), room.judge(RIGHT, WRONG))
    assert released.trust == kept


def test_a_label_that_points_elsewhere_is_refused_before_and_after_the_comparison(room: Room) -> None:
    """A release would replace words that the candidate was not compared with; whoever asks first is told for nothing."""
    room.prompts.save("triage", WRONG)
    room.prompts.label("triage", 1, "production")
    candidate, verdict = room.candidate(RIGHT), room.judge(RIGHT, WRONG)
    room.gate.check_incumbent("triage", WRONG.digest, label="production")
    room.gate.check_incumbent("triage", RIGHT_TOO.digest, label="staging")  # which points nowhere yet
    room.prompts.save("triage", RIGHT_TOO)
    room.prompts.label("triage", 2, "production")
    for refused in (
        lambda: room.gate.check_incumbent("triage", WRONG.digest, label="production"),
        lambda: room.gate.release("triage", candidate, verdict, label="production"),
    ):
        with pytest.raises(Refused, match="'production' is prompts:/triage/2"):
            refused()


def test_whose_words_they_are_is_told_as_it_is(room: Room) -> None:
    """A person wrote what they saved by hand; of what a search wrote they ran the session."""
    room.learn(RIGHT, [])
    assert (
        room.judge(RIGHT, WRONG)
        .warnings[0]
        .startswith("user:test ran the session that wrote this candidate: a release")
    )
    room.prompts.save("triage", RIGHT)
    assert room.judge(RIGHT, WRONG).warnings[0].startswith("user:test wrote this candidate: a release in their name")


def test_nothing_is_released_without_a_pass(room: Room) -> None:
    """No version for a verdict that is no PASS, that was given for another text, or that no gate has recorded."""
    right, wrong = room.candidate(RIGHT), room.candidate(WRONG)
    passed, failed = room.judge(RIGHT, WRONG), room.judge(WRONG, RIGHT)
    before = room.kinds()
    for candidate, verdict in (
        (wrong, passed),
        (wrong, replace(failed, outcome="PASS")),
        (wrong, replace(passed, candidate=WRONG.digest)),
        (right, replace(passed, circumstances="0" * 64)),
    ):
        with pytest.raises(Refused):
            room.gate.release("triage", candidate, verdict, label="production")
    with pytest.raises(Refused) as refusal:
        room.gate.release("triage", wrong, failed)
    assert refusal.value.reasons == failed.reasons
    with pytest.raises(NotFound):
        room.gate.release("triage", 404, passed)
    assert room.prompts.ls() == []
    assert room.candidates.get(wrong).status is Status.STORED
    assert room.kinds() == before
