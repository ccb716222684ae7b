"""Interception: a person looks at what an agent is about to do, or has answered, before it counts."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Literal

from stemma.core.trust import TrustLabel
from stemma.network.message import Message
from stemma.network.network import Network
from stemma.network.people import Decision, Interceptor, OnTimeout, Question, Verdict
from stemma.network.turn import as_said


class Rejected(Exception):
    """A person, or the clock, let it not go ahead. `fails` says that the whole task is to end with that."""

    def __init__(self, reason: str, *, fails: bool = False) -> None:
        self.reason, self.fails = reason, fails
        super().__init__(reason)


async def approved(
    asks: Interceptor,
    id: str,
    kind: Literal["tool", "message"],
    *,
    message: Message,
    label: TrustLabel,
    facts: Mapping[str, Any],
    value: Any,
    takes: Mapping[str, Any],
    decision: Callable[[Question], Awaitable[Decision]],
) -> Any:
    """The value that may go ahead: `value`, or what the person wrote in its place, which fits `takes`. Raises Rejected."""
    question = Question(
        id,
        message.run,
        message.id,
        kind,
        asks.prompt or _words(kind, facts),
        facts,
        label,
        timeout=asks.timeout,
        on_timeout=asks.on_timeout,
        takes=takes,
    )
    decided = await decision(question)
    if decided.verdict is Verdict.REJECTED:
        if decided.by == "clock" and asks.on_timeout is OnTimeout.FAIL:
            raise Rejected(f"nobody answered {question.text!r} in time", fails=True)
        raise Rejected(f"{decided.by} rejected it" + (f": {decided.reason}" if decided.reason else ""))
    return decided.value if decided.verdict is Verdict.EDITED else value


def interceptor_for(
    network: Network,
    before: Literal["tool", "message"],
    agent: str,
    name: str,
    values: Mapping[str, Any],
    *,
    unknown: Collection[str] = (),
) -> Interceptor | None:
    """Who is asked before the tool `name` is called by `agent`, or its answer counts, with these values; None for nobody.

    A person looks at it, too, where that hangs on values which are `unknown`: strangers chose them.
    """
    for found in network.interceptors:
        if (
            found.before == before
            and found.name in (name, f"{agent}/{name}")
            and all(key in unknown or as_said(values.get(key)) == wanted for key, wanted in found.when.items())
        ):
            return found
    return None


def _words(kind: Literal["tool", "message"], facts: Mapping[str, Any]) -> str:
    if kind == "tool":
        return f"May {facts['agent']!r} call {facts['tool']!r}?"
    return f"May {facts['agent']!r} answer this?"
