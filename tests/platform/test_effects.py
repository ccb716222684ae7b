"""Every call that acts has exactly one event, and before what came of it: two records are held against each other."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ToolCallPart
from tests.network.speaking import Breaks, Heard, Speaking, speaking_on

from stemma import Prompt
from stemma.ledger.scope import Scope
from stemma.network import Phase, Phases, RunStatus, Step, ToolSpec, define_agent, define_network
from stemma.network.tools.tool import Effect
from stemma.platform.effects import Effects, verify_effects
from stemma.store.schema import steps

MESSAGE = "b_01.1.1"
VALUE, FAILED = {"value": "paid"}, {"failed": "no"}


@dataclass
class Turn:
    """Writes down a turn as the runtime does, or as it must not."""

    scope: Scope
    message: str = MESSAGE

    def step(self, name: str, body: object = None, *events: str, effect: str = "spend") -> None:
        """A step with its events, in one transaction."""
        with self.scope.write() as tx:
            row = {"subject": self.message, "step": name, "body": json.dumps(body or {}), "at": tx.at}
            tx.connection.execute(steps.insert().values(**row))
        for kind in events:
            self.event(kind, name.partition(".")[0], effect=effect)

    def event(self, kind: str, call: str | None = None, *, effect: str = "spend") -> int:
        subject = self.message if call is None else f"{self.message}.{call}"
        with self.scope.write() as tx:
            return tx.record(kind, subject=subject, data={"tool": "pay", "effect": effect})

    def verified(self) -> Effects:
        return verify_effects(self.scope.ledger)


@pytest.fixture
def turn(scope: Scope) -> Turn:
    return Turn(scope)


def test_calls_as_the_runtime_makes_them_are_right(turn: Turn) -> None:
    """A read with its outcome, an effect begun before it, one made again after a crash, one refused, one cut off for good."""
    turn.step("m1", {"response": {}}, "model.called")
    turn.step("t1-1", VALUE, "tool.called", effect="read")
    turn.step("t1-2.begun", {}, "tool.called")
    turn.step("t1-2", VALUE)
    turn.step("t2-1.begun", {}, "tool.called")
    turn.step("t2-1.begun.2", {}, "tool.called")
    turn.step("t2-1", FAILED)
    turn.step("t3-1", FAILED, "tool.denied")
    turn.step("t4-1", FAILED)
    turn.event("message.answered")
    Turn(turn.scope, f"{MESSAGE}.t1-1").step("t1-1.begun", {}, "tool.called")
    found = turn.verified()
    assert (found.problem, found.calls, found.effects) == (None, 6, 3)


def test_an_effect_without_an_event_is_found(turn: Turn) -> None:
    """One that was begun, and one with an outcome alone: what was done is not on record."""
    turn.step("t1-1", VALUE)
    assert turn.verified().problem == f"call '{MESSAGE}.t1-1': it has an outcome and no event"
    turn.step("t1-1.begun", {})
    found = turn.verified()
    assert found.problem == f"call '{MESSAGE}.t1-1': it was begun once and recorded never"
    assert (found.call, found.entry, found.verified) == (f"{MESSAGE}.t1-1", None, False)


def test_an_effect_with_two_events_is_found(turn: Turn) -> None:
    """Two events for one beginning, or for one read, are one too many; the second is named."""
    turn.step("t1-1.begun", {}, "tool.called", "tool.called")
    found = turn.verified()
    assert (found.entry, found.problem) == (1, f"call '{MESSAGE}.t1-1': it was begun once and recorded twice")
    turn.step("t1-1.begun.2", {})
    assert turn.verified().verified
    turn.step("t2-1", VALUE, "tool.called", "tool.called", effect="read")
    assert turn.verified().problem == f"call '{MESSAGE}.t2-1': it was made once and recorded twice"


def test_an_effect_recorded_with_its_outcome_is_found(turn: Turn) -> None:
    """The event of a call that acts comes before it, in a step of its own; with the outcome it is too late."""
    turn.step("t1-1", VALUE, "tool.called")
    assert turn.verified().problem == (
        f"call '{MESSAGE}.t1-1': it acts, and was not put down as begun before it was made"
    )


def test_an_effect_recorded_after_its_turn_is_found(turn: Turn) -> None:
    """An event behind the turn's end was written afterwards, whatever the steps say."""
    turn.step("t1-1.begun", {})
    turn.step("t1-1", VALUE)
    ended = turn.event("message.answered")
    late = turn.event("tool.called", "t1-1")
    found = turn.verified()
    assert found.entry == late
    assert found.problem == f"call '{MESSAGE}.t1-1': it was recorded after its turn had ended with entry {ended}"


def test_an_event_whose_step_is_gone_is_found(turn: Turn) -> None:
    """What the log says was done, and the journal does not know."""
    turn.event("tool.called", "t1-1")
    assert turn.verified().entry == 0


def test_the_first_of_several_is_named(turn: Turn) -> None:
    """By the log's order; what has no entry comes last."""
    turn.step("t9-1", VALUE)
    turn.step("t3-1.begun", {}, "tool.called", "tool.called")
    turn.step("t2-1.begun", {}, "tool.called", "tool.called")
    assert turn.verified().call == f"{MESSAGE}.t3-1"


def test_a_turn_that_is_taken_anew_counts_from_there(turn: Turn) -> None:
    """A dead letter that only read is replayed with its steps gone: its calls are made, and recorded, a second time."""
    turn.event("tool.called", "t1-1", effect="read")
    turn.event("message.buried")
    turn.event("message.replayed")
    turn.step("t1-1", VALUE, "tool.called", effect="read")
    assert turn.verified().verified
    turn.event("message.answered")
    assert turn.verified().verified


# --- a real network ---------------------------------------------------------------------------------------------------

PAY = """
def pay(amount: int) -> str:
    'Pays.'
    return f"paid {amount}"
"""


def test_a_turn_that_died_and_was_taken_up_again_is_right(scope: Scope, tmp_path: Path) -> None:
    """A network pays, its process dies before the agent hears of it, and another goes on: one call, one effect, one event."""
    (tmp_path / "tools.py").write_text(PAY)
    clerk = define_agent("clerk", Prompt("clerk: act."), reads=["ticket"], writes="said", tools=("pay",))
    manifest = define_network(
        "desk",
        inputs=["ticket"],
        agents=[clerk],
        flow=Phases("work", (Phase("pay", (Step("clerk"),)),)),
        model="speaking",
        tools=(ToolSpec("pay", "python", {"function": "tools.py:pay"}, effect=Effect.SPEND, idempotent=True),),
        folder=tmp_path,
    )
    dies = Breaks(lambda heard: str(heard.told[-1]))

    def says(heard: Heard) -> Any:
        return dies(heard) if heard.told else ToolCallPart("pay", {"amount": 12})

    tasks = [{"ticket": "refund me"}]
    with pytest.raises(RuntimeError, match="the process died here"):
        speaking_on(scope, Speaking({"clerk": says})).run(manifest, tasks)
    cut_off = verify_effects(scope.ledger)
    [run] = speaking_on(scope, Speaking({"clerk": says})).run(manifest, tasks).runs
    assert run.status is RunStatus.COMPLETED
    assert cut_off == verify_effects(scope.ledger) == Effects(calls=1, effects=1)
    with scope.store.write() as connection:
        connection.execute(steps.delete().where(steps.c.step.endswith(".begun")))
    assert verify_effects(scope.ledger).problem is not None
