"""Complete mediation, checked afterwards: every call of a tool that acts has exactly one event, and it stands before what came
of the call.

Two records are held against each other that are written for different ends: the steps of turns, which replays go by, and the
audit log. A call that may act is begun in a step of its own (``t2-1.begun``; ``t2-1.begun.2`` when it is made again after a
crash), in one transaction with its event, and only then made. So there are as many events of a call as beginnings, all of
them before the turn's end; a call that only reads has its event with its outcome.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from stemma.ledger import Entry, Ledger
from stemma.store import Store
from stemma.store.schema import steps

_STEP = re.compile(r"(t[0-9]+-[0-9]+)(\.begun(?:\.[0-9]+)?)?")
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Effects:
    """What came of it: the calls on record, those of them that act, and of what is wrong the first: which call, and which
    entry of the log, where there is one."""

    calls: int
    effects: int
    problem: str | None = None
    call: str | None = None
    entry: int | None = None

    @property
    def verified(self) -> bool:
        return self.problem is None

    def to_json(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
            "effects": self.effects,
            "verified": self.verified,
            "problem": self.problem,
            "call": self.call,
            "entry": self.entry,
        }


@dataclass
class _Call:
    """What the two records have of one call."""

    name: str
    events: list[Entry] = field(default_factory=list)
    begun: int = 0
    outcome: Mapping[str, Any] | None = None

    @property
    def message(self) -> str:
        return self.name.rpartition(".")[0]

    @property
    def acts(self) -> bool:
        return self.begun > 0 or any(event.data.get("effect") != "read" for event in self.events)

    def problem(self, ended: int | None) -> str | None:
        """What is wrong with it; `ended` is the entry with which its turn ended."""
        count = len(self.events)
        if ended is not None and any(event.seq > ended for event in self.events):
            return f"it was recorded after its turn had ended with entry {ended}"
        if self.begun and count != self.begun:
            return f"it was begun {_times(self.begun)} and recorded {_times(count)}"
        if self.begun:
            return None
        if self.acts:
            return "it acts, and was not put down as begun before it was made"
        if count > 1:
            return f"it was made once and recorded {_times(count)}"
        if count == 0 and self.outcome is not None and "value" in self.outcome:
            return "it has an outcome and no event"
        return None


def verify_effects(ledger: Ledger) -> Effects:
    """Reads the events of all calls, then all steps of the log's store. That the log is whole is for `Ledger.verify` to say."""
    replayed = {entry.subject: entry.seq for entry in _events(ledger, "message.replayed")}
    ended: dict[str, int] = {}
    for kind in ("message.answered", "message.buried"):
        for entry in _events(ledger, kind):
            if entry.seq > replayed.get(entry.subject, -1):
                ended[entry.subject] = min(entry.seq, ended.get(entry.subject, entry.seq))
    calls: dict[str, _Call] = {}
    last = -1
    for entry in _events(ledger, "tool.called"):
        last = entry.seq
        call = _Call(entry.subject)
        if entry.seq > replayed.get(call.message, -1):  # the steps of a turn that is taken anew are gone
            calls.setdefault(call.name, call).events.append(entry)
    _add_steps(ledger.store, calls)
    wrong = list[tuple[float, str, str]]()
    for call in calls.values():
        # Who works on the store goes on: the steps were read later than the log, and may be ahead of it.
        if len(call.events) < max(call.begun, 1):
            call.events += ledger.tail(_PAGE, kind="tool.called", subject=call.name, after=last)
        if problem := call.problem(ended.get(call.message)):
            wrong.append((call.events[-1].seq if call.events else float("inf"), call.name, problem))
    made, acting = len(calls), sum(call.acts for call in calls.values())
    if not wrong:
        return Effects(made, acting)
    seq, name, problem = min(wrong)
    return Effects(made, acting, f"call {name!r}: {problem}", name, None if seq == float("inf") else int(seq))


def _add_steps(store: Store, calls: dict[str, _Call]) -> None:
    query = select(steps.c.subject, steps.c.step, steps.c.body).where(steps.c.step.startswith("t"))
    with store.read() as connection:
        for subject, step, body in connection.execute(query):
            named = _STEP.fullmatch(step)
            if named is None:
                continue
            name = f"{subject}.{named[1]}"
            call = calls.setdefault(name, _Call(name))
            if named[2]:
                call.begun += 1
            else:
                call.outcome = json.loads(body)


def _events(ledger: Ledger, kind: str) -> Iterator[Entry]:
    after = -1
    while page := ledger.tail(_PAGE, kind=kind, after=after):
        yield from page
        after = page[-1].seq


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")
