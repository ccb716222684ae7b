"""What an agent that can act may do with a text that is kept from it."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.network.desks import OneModel
from tests.network.monitored import (
    ENDORSES,
    PERSONAL,
    STRANGE_SECRET,
    Deciding,
    Remembered,
    endorser,
    mediator,
    message,
    network,
    part,
    role,
)

from stemma.core.digests import digest
from stemma.core.errors import ModelError
from stemma.core.frames import framed
from stemma.core.trust import INTERNAL, UNTRUSTED, Integrity, TrustLabel
from stemma.guard.endorsement import raised
from stemma.network.caller import ModelCaller
from stemma.network.handling import Handling
from stemma.network.people import Decision, Verdict
from stemma.network.quarantine import Sight
from stemma.network.reader import EXTRACT, OPEN
from stemma.network.speaker import Speaker
from stemma.network.tools.tool import ToolFailed
from stemma.testing.clock import VirtualClock
from stemma.testing.scripted import Scripted, ScriptedModel

STRANGE = PERSONAL.join(UNTRUSTED)
FIELDS = {"day": "date", "text": "text"}


@dataclass
class Bench:
    """A turn with two texts of strangers behind `$h1` and `$h2`, and what came of it."""

    says: Sequence[Scripted] = ()
    policies: Sequence[str] = ()
    decisions: Sequence[Decision] = ()
    seen: TrustLabel = PERSONAL
    done: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sent, desk, self.model = message(part("bill", "Pay!")), network(), ScriptedModel(self.says)
        self.journal, self.people = Remembered(self.done), Deciding(*self.decisions)
        self.sight = Sight(True, self.seen)
        self.sight.handles.hide("Pay on 2026-01-01!", UNTRUSTED, "data 'bill'")
        self.sight.handles.hide({"n": 1}, STRANGE_SECRET, "mail")
        asks, clock = endorser(*self.policies), VirtualClock()
        speaker = Speaker(sent, desk, self.journal, ModelCaller(OneModel(self.model), clock, concurrency=1))
        decides = mediator(self.people, asks=asks, clock=clock)
        self.handling = Handling(sent, role(), self.sight, self.journal, speaker, asks, decides)

    def use(self, name: str, **arguments: Any) -> Any:
        return asyncio.run(self.handling.use("t1-1", name, arguments))

    def extract(self, handle: str = "$h1", **fields: Any) -> Any:
        return self.use(EXTRACT, handle=handle, fields=fields or FIELDS)


def test_both_are_tools_for_a_model() -> None:
    """With what they take and what they are for."""
    assert [one.name for one in Handling.definitions()] == [EXTRACT, OPEN]
    assert [one.parameters_json_schema["required"] for one in Handling.definitions()] == [
        ["handle", "fields"],
        ["handle"],
    ]
    assert all(one.description for one in Handling.definitions())


# --- reading ------------------------------------------------------------------------------------------------------------


def test_what_is_read_is_behind_handles() -> None:
    """Each field has one, worth no more than the text and than what the agent saw; nothing of it comes before its eyes."""
    bench = Bench(['{"day": "2026-01-01", "text": "obey"}'])
    assert bench.extract() == {"day": "$h3.day", "text": "$h3.text"}
    assert bench.model.calls[0].user == framed("Pay on 2026-01-01!", "text")
    held = bench.sight.handles.get("$h3.day")
    assert (held.value, held.label, held.source) == ("2026-01-01", STRANGE, "data 'bill': day")
    assert bench.sight.handles.get("$h3.text").label == STRANGE
    assert bench.sight.label == PERSONAL
    assert bench.journal.kinds == [("t1-1.m1", ["model.called"]), ("t1-1", [])]


@pytest.mark.parametrize("says", ["no JSON", "[]", ModelError("away")])
def test_reading_that_comes_to_nothing_looks_the_same(says: Scripted) -> None:
    """Whether a text can be read is up to who wrote it: the agent gets its handles, with nothing behind them."""
    bench = Bench([says])
    assert bench.extract() == {"day": "$h3.day", "text": "$h3.text"}
    assert [bench.sight.handles.get(f"$h3.{name}").value for name in FIELDS] == [None, None]


def test_several_texts_are_read_as_one() -> None:
    """All of them, worth what the worst is, from wherever each is."""
    bench = Bench(['{"day": null, "text": "x"}'])
    bench.extract("$h1, $h2 $h1")
    assert bench.model.calls[0].user == framed('Pay on 2026-01-01!\n\n{"n": 1}\n\nPay on 2026-01-01!', "text")
    held = bench.sight.handles.get("$h3.text")
    assert (held.source, held.label) == ("data 'bill'; mail: text", STRANGE.join(STRANGE_SECRET))
    assert bench.sight.label == PERSONAL


def test_endorsed_choice_is_shown_and_counts_as_seen() -> None:
    """A date that policies endorse is told as it is, and worth a choice from there on; a text stays behind its handle."""
    bench = Bench(['{"day": "2026-01-01", "text": "obey"}'], [ENDORSES])
    assert bench.extract("$h2") == {"day": "2026-01-01", "text": "$h3.text"}
    whole = STRANGE.join(STRANGE_SECRET)
    assert bench.sight.handles.get("$h3.day").label == raised(whole)
    assert bench.sight.handles.get("$h3.text").label == whole
    assert bench.sight.label == PERSONAL.join(raised(STRANGE_SECRET))
    assert bench.journal.kinds == [("t1-1.m1", ["model.called"]), ("t1-1", ["label.endorsed"])]
    [event] = bench.journal.order[1][1]
    assert (event.data["field"], event.data["agent"], event.subject) == ("day", "clerk", "r.1.2.t1-1")


def test_who_read_a_stranger_has_nothing_endorsed() -> None:
    """It may have been told which values to ask for."""
    bench = Bench(['{"day": "2026-01-01", "text": "obey"}'], [ENDORSES], seen=UNTRUSTED)
    assert bench.extract() == {"day": "$h3.day", "text": "$h3.text"}
    assert bench.journal.kinds[-1] == ("t1-1", [])


def test_reading_is_done_once() -> None:
    """A turn that is taken up again has the same handles with the same labels, and nobody reads or is asked again."""
    first = Bench(['{"day": "2026-01-01", "text": "obey"}'], [ENDORSES])
    told = first.extract()
    again = Bench(done=first.journal.done)
    assert again.extract() == told
    assert (again.model.calls, again.journal.order) == ([], [])
    assert again.sight.handles.get("$h3.day") == first.sight.handles.get("$h3.day")
    assert again.sight.handles.get("$h3.text") == first.sight.handles.get("$h3.text")
    assert again.sight.label == first.sight.label


def test_reading_that_was_cut_off_goes_on_with_what_was_said() -> None:
    """The reader is not asked again either."""
    first = Bench(['{"day": "2026-01-01", "text": "obey"}'])
    first.extract()
    said = {"t1-1.m1": first.journal.done["t1-1.m1"]}
    again = Bench(done=said)
    again.extract()
    assert again.sight.handles.get("$h3.day").value == "2026-01-01"
    assert again.journal.kinds == [("t1-1", [])]


@pytest.mark.parametrize(
    ("handle", "problem"),
    [("$h9", "there is no '$h9'; there are: $h1, $h2"), ("the bill", "'the bill' names no text that is kept from you")],
)
@pytest.mark.parametrize("name", [EXTRACT, OPEN])
def test_what_names_no_text_is_told(name: str, handle: str, problem: str) -> None:
    """The agent can put it right."""
    bench = Bench()
    with pytest.raises(ToolFailed, match=re.escape(problem)):
        bench.use(name, handle=handle, fields=FIELDS)
    with pytest.raises(ToolFailed, match="names no text"):
        bench.use(OPEN)
    assert bench.journal.order == []


# --- opening ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, {"obey": False}, {"obey": "true"}, {"obey": 1}])
def test_text_that_is_opened_is_seen(more: dict[str, Any]) -> None:
    """It is told in a frame, the agent is worth what the text is from there on, and that is on record; nobody is asked."""
    bench = Bench()
    assert bench.use(OPEN, handle="$h1", **more) == framed("Pay on 2026-01-01!", "opened")
    assert bench.sight.label == STRANGE
    assert bench.journal.kinds == [("t1-1", ["label.opened"])]
    [event] = bench.journal.events
    assert (event.data, event.subject) == ({"agent": "clerk", "label": STRANGE.to_json()}, "r.1.2.t1-1")
    assert bench.people.questions == []


def test_with_leave_a_text_is_the_agents_own() -> None:
    """A person who saw all of it vouches for it, once and on record; it is as confidential as it was."""
    bench = Bench(decisions=[Decision(Verdict.APPROVED, "bea")])
    assert bench.use(OPEN, handle="$h2", obey=True) == '{"n": 1}'
    assert bench.sight.label == PERSONAL.join(raised(STRANGE_SECRET))
    assert bench.sight.label.integrity is Integrity.INTERNAL
    [asked] = bench.people.questions
    assert asked.facts["arguments"] == {"text": '{"n": 1}'}
    assert asked.label == PERSONAL.join(STRANGE_SECRET)
    assert bench.journal.kinds == [("t1-1", ["label.endorsed"])]
    [event] = bench.journal.events
    assert event.data["label"] == PERSONAL.join(STRANGE_SECRET).to_json()
    assert (event.data["approval"], event.data["text"]) == (asked.id, digest('{"n": 1}'))


def test_without_leave_a_text_taints() -> None:
    """Refused, it is shown as any that is opened."""
    bench = Bench(decisions=[Decision(Verdict.REJECTED, "bea")])
    assert bench.use(OPEN, handle="$h1", obey=True) == framed("Pay on 2026-01-01!", "opened")
    assert bench.sight.label == STRANGE
    assert bench.journal.kinds == [("t1-1", ["label.opened"])]


@pytest.mark.parametrize("verdict", [Verdict.APPROVED, Verdict.REJECTED])
def test_opening_is_done_once(verdict: Verdict) -> None:
    """A turn that is taken up again sees the same, with the same leave, and nobody is asked again."""
    first = Bench(decisions=[Decision(verdict, "bea")])
    told = first.use(OPEN, handle="$h1", obey=True)
    again = Bench(done=first.journal.done)
    assert again.use(OPEN, handle="$h1", obey=True) == told
    assert (again.people.questions, again.journal.order) == ([], [])
    assert again.sight.label == first.sight.label


def test_leave_is_asked_for_strangers_texts_alone() -> None:
    """Who saw nothing strange and opens what is ours needs none."""
    bench = Bench(seen=INTERNAL)
    bench.sight.handles.hide("ours", PERSONAL, "note")
    assert bench.use(OPEN, handle="$h3", obey=True) == framed("ours", "opened")
    assert bench.people.questions == []
    assert bench.sight.label == PERSONAL
