"""Mediation: what stands between a call that an agent wants to make and the tool.

The policies decide, going by labels; where they want a person, a person is asked, and what is approved is that very call:
the tool, its arguments, their labels, the policies, and a time until which the approval holds. Whatever goes wrong on the
way means no.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from stemma.core.clock import Clock, timestamp
from stemma.core.digests import digest
from stemma.core.errors import Unauthorized
from stemma.core.trust import Integrity, TrustLabel, join_all
from stemma.guard.binding import binding
from stemma.guard.closed import closed_by
from stemma.guard.policy import facts_to_json
from stemma.guard.ruling import CallFacts, Ruling, Verdict
from stemma.network.disclosure import leaving, reveals
from stemma.network.endorser import Endorser
from stemma.network.interception import Rejected, interceptor_for
from stemma.network.journal import Event
from stemma.network.message import NOTHING, Message
from stemma.network.network import Network, Role
from stemma.network.people import Decision, Interceptor, OnTimeout, Question
from stemma.network.people import Verdict as Decided
from stemma.network.protection import Shield
from stemma.network.tools.tool import Tool, ToolFailed, TurnStopped
from stemma.network.wanted import Wanted, checked, decisive, takes

_HOLDS = 30 * 24 * 3600.0
"""Seconds for which an approval holds at least: thirty days."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """A call that may be made, once, with the events that are put on record before it is; the last is that of the call."""

    call: Wanted
    events: tuple[Event, ...]
    decisive: TrustLabel
    """The label of those arguments that decide what happens."""


class Denied(ToolFailed):
    """A call that may not be made; `event` is put on record."""

    def __init__(self, reason: str, event: Event, label: TrustLabel) -> None:
        self.event = event
        super().__init__(reason, label=label)


@dataclass(frozen=True, slots=True)
class Mediator:
    """Decides about the calls of one turn."""

    message: Message
    network: Network
    role: Role
    endorser: Endorser
    clock: Clock
    shield: Shield
    decision: Callable[[Question], Awaitable[Decision]]
    permit: Callable[[Tool], Awaitable[None]]
    """Raises Unauthorized where the agent may not use the tool at all."""

    async def allowed(self, step: str, call: Wanted, decided: TrustLabel) -> Allowed:
        """The call as it may be made. Raises Denied, ToolFailed, and Rejected where a person's silence ends the task."""
        await self._permitted(step, call, decided)
        call, taken = self._leaving(step, call, decided)
        call, endorsed = self._endorsed(step, call)
        ours = {
            name: value
            for name, value in call.arguments.items()
            if call.labels[name].integrity is not Integrity.UNTRUSTED
        }
        strange = call.arguments.keys() - ours.keys()
        asks = interceptor_for(self.network, "tool", self.role.agent.name, call.tool.name, ours, unknown=strange)
        ruling = self._ruling(call, decided)
        if ruling.verdict is Verdict.DENY:
            raise self._denied(step, call, decided, ruling, ruling.reasons)
        approval = None
        if ruling.verdict is Verdict.ASK or asks is not None:
            approval, call = await self._approved(step, call, decided, ruling, asks)
            call, more = self._leaving(step, call, decided)  # what a person wrote leaves by the same rules
            taken = {**taken, **more}
            again = self._ruling(call, decided)
            if again.verdict is Verdict.DENY:
                raise self._denied(step, call, decided, again, again.reasons)
        data = self._told(call, decided, ruling) | ({} if approval is None else {"approval": approval})
        data |= {"protected": taken} if taken else {}
        called = Event("tool.called", data, subject=f"{self.message.id}.{step}")
        deciding = [call.labels[name] for name in call.tool.decisive if name in call.labels]
        return Allowed(call, (*endorsed, called), join_all([NOTHING, *deciding]))

    def refused(self, step: str, call: Wanted, decided: TrustLabel, *reasons: str) -> Denied:
        """The error to raise for a call that no policy forbids, and that may not be made nevertheless."""
        ruling = Ruling(Verdict.DENY, (), (), self.endorser.policy.version)
        return self._denied(step, call, decided, ruling, reasons)

    def _leaving(self, step: str, call: Wanted, decided: TrustLabel) -> tuple[Wanted, Mapping[str, Sequence[str]]]:
        """The call as it may leave, and the kinds of what was taken out, by argument. Raises Denied, ToolFailed."""
        found = leaving(call, self.shield)
        if found.refused:
            raise self.refused(step, call, decided, *found.refused)
        if found.kinds:
            checked(found.call)
        return found.call, found.kinds

    def _endorsed(self, step: str, call: Wanted) -> tuple[Wanted, tuple[Event, ...]]:
        """The call with those arguments raised whose type is closed and which policies endorse, by name."""
        if not self.network.guarded or call.tool.labelled:
            return call, ()
        labels, events = dict(call.labels), list[Event]()
        properties = call.tool.parameters.get("properties", {})
        for name in call.tool.decisive:
            spec = closed_by(name, properties.get(name)) if name in labels else None
            if spec is not None and spec.fitting(call.arguments[name]) is not None:
                subject = f"{self.message.id}.{step}"
                found = self.endorser.endorsed(self.role.agent.name, {name: spec}, labels[name], subject)
                labels |= found.labels
                events += found.events
        return replace(call, labels=labels), tuple(events)

    async def _permitted(self, step: str, call: Wanted, decided: TrustLabel) -> None:
        if call.tool.labelled:
            return
        try:
            await self.permit(call.tool)
        except Unauthorized as error:
            denied = self.refused(step, call, decided, f"{error.principal} may not use it")
            raise Denied(str(error), denied.event, call.label) from error

    def _ruling(self, call: Wanted, decided: TrustLabel) -> Ruling:
        if not self.network.guarded or call.tool.labelled:
            return Ruling(Verdict.ALLOW, (), (), self.endorser.policy.version)
        return self.endorser.policy.call(self._facts(call, decided))

    def _facts(self, call: Wanted, decided: TrustLabel) -> CallFacts:
        return CallFacts(
            network=self.network.name,
            agent=self.role.agent.name,
            actor=self.endorser.actor,
            tool=call.tool.name,
            effect=call.tool.effect.value,
            decided=decided,
            arguments=call.arguments,
            labels=call.labels,
            sensitive=decisive(call),
            clearance=call.tool.cleared_for(decided.join(call.label)),
        )

    async def leave(self, step: str, text: str, label: TrustLabel) -> Mapping[str, Any] | None:
        """A person's leave to do what a text says, as it is put on record: for this very text, once. None without it."""
        if label.integrity is not Integrity.UNTRUSTED:
            return None
        expires = timestamp(self.clock.now() + timedelta(seconds=_HOLDS))
        question = Question(
            f"{self.message.id}.{step}",
            self.message.run,
            self.message.id,
            "approval",
            f"May {self.role.agent.name!r} do what this text says?",
            {
                "agent": self.role.agent.name,
                "tool": "open",
                "arguments": {"text": text},
                "trust": {"text": label.integrity.name.lower()},
            },
            label,
            binding=self._of_text(text, label, expires),
            expires=expires,
            most=self.network.bounds.approvals,
        )
        answer = await self.decision(question)
        holds = answer.expires and datetime.fromisoformat(answer.expires) >= self.clock.now()
        if answer.verdict is not Decided.APPROVED or not holds:
            return None
        if answer.binding != self._of_text(text, label, answer.expires):
            return None
        return {"approval": question.id, "text": digest(text), "policy": self.endorser.policy.version}

    def _of_text(self, text: str, label: TrustLabel, expires: str) -> str:
        return binding("open", {"text": text}, {"text": label}, version=self.endorser.policy.version, expires=expires)

    # --- people -------------------------------------------------------------------------------------------------------

    async def _approved(
        self, step: str, call: Wanted, decided: TrustLabel, ruling: Ruling, asks: Interceptor | None
    ) -> tuple[str, Wanted]:
        """The id of the approval, and the call that it is for."""
        question = self._question(step, call, ruling, asks)
        answer = await self.decision(question)
        if answer.verdict is Decided.REJECTED:
            if answer.by == "clock" and asks is not None and asks.on_timeout is OnTimeout.FAIL:
                raise Rejected(f"nobody answered {question.text!r} in time", fails=True)
            if answer.by == "bound" and self._shows(call, decided):
                raise TurnStopped(answer.reason)
            said = f"{answer.by} rejected it"
            denied = self._denied(step, call, decided, ruling, (said,))
            raise Denied(f"{said}: {answer.reason}" if answer.reason else said, denied.event, call.label)
        self._check(step, call, decided, ruling, answer)
        if answer.verdict is not Decided.EDITED:
            return question.id, call
        if not isinstance(answer.value, dict):
            raise ToolFailed(f"a person wrote {answer.value!r} in place of the arguments, which are a JSON object")
        edited = call.edited(answer.value)
        checked(edited)
        return question.id, edited

    def _shows(self, call: Wanted, decided: TrustLabel) -> bool:
        """Whether being told that no approvals are left would tell the agent what strangers did: use them up, or not."""
        ours = Integrity.UNTRUSTED not in (decided.integrity, call.label.integrity)
        return ours and self.network.bounds.approvals > 0

    def _question(self, step: str, call: Wanted, ruling: Ruling, asks: Interceptor | None) -> Question:
        agent, tool = self.role.agent.name, call.tool
        lasts = _HOLDS + (asks.timeout or 0 if asks else 0)
        expires = timestamp(self.clock.now() + timedelta(seconds=lasts))
        facts: dict[str, Any] = {
            "agent": agent,
            "tool": tool.name,
            "effect": tool.effect.value,
            **call.facts(),
        }
        if names := reveals(call, self.shield):
            facts["reveals"] = list(names)
        why = list(ruling.reasons) if ruling.verdict is Verdict.ASK else []
        if asks is not None:
            why.append(f"the manifest asks a person before tool {asks.name!r}")
        facts |= {"why": why, "policy": ruling.version}
        return Question(
            f"{self.message.id}.{step}",
            self.message.run,
            self.message.id,
            "approval" if asks is None else "tool",
            (asks.prompt if asks else "") or f"May {agent!r} call {tool.name!r}?",
            facts,
            call.label,
            timeout=None if asks is None else asks.timeout,
            on_timeout=OnTimeout.REJECT if asks is None else asks.on_timeout,
            binding=self._bound(call, ruling.version, expires),
            expires=expires,
            most=self.network.bounds.approvals if asks is None else None,
            takes=takes(tool, tokens=self.shield.protects is not None),
        )

    def _check(self, step: str, call: Wanted, decided: TrustLabel, ruling: Ruling, answer: Decision) -> None:
        """Raises Denied unless what was approved is this very call, and the approval still holds."""
        if answer.binding != self._bound(call, ruling.version, answer.expires):
            reason = "what a person approved is another call than this one"
        elif datetime.fromisoformat(answer.expires) < self.clock.now():
            reason = f"the approval held until {answer.expires}"
        else:
            return
        raise self._denied(step, call, decided, ruling, (reason,))

    def _bound(self, call: Wanted, version: str, expires: str) -> str:
        names = reveals(call, self.shield)
        return binding(call.tool.name, call.arguments, call.labels, version=version, expires=expires, reveals=names)

    # --- on record ----------------------------------------------------------------------------------------------------

    def _denied(self, step: str, call: Wanted, decided: TrustLabel, ruling: Ruling, reasons: tuple[str, ...]) -> Denied:
        data = self._told(call, decided, replace(ruling, verdict=Verdict.DENY, reasons=reasons))
        event = Event("tool.denied", data, subject=f"{self.message.id}.{step}")
        # Whether it came so far, or did not even fit, may be up to what was handed over.
        label = TrustLabel(Integrity.INTERNAL).join(call.label)
        return Denied(f"{call.tool.name!r} may not be called so: {'; '.join(reasons)}", event, label)

    def _told(self, call: Wanted, decided: TrustLabel, ruling: Ruling) -> dict[str, Any]:
        """What the audit log has of the call: no argument's text, only its digest."""
        told: dict[str, Any] = facts_to_json(self._facts(call, decided), ruling)
        sources = {name: list(sources) for name, sources in call.sources.items() if sources}
        return told | {"arguments": digest(dict(call.arguments)), "sources": sources}
