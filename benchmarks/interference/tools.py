"""The tools of the drawn networks. What they did, and when, is known to `Doings`."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.interference.strangers import World, text, value

from stemma.core.digests import digest
from stemma.network import Call, ToolFailed


@dataclass(frozen=True, slots=True)
class Doing:
    """One effect, at the moment at which it was made. `logged` is how long the audit log was then."""

    run: str
    key: str
    agent: str
    tool: str
    arguments: dict[str, Any]
    logged: int


@dataclass
class Doings:
    """The world that a process plays in, and what was done there."""

    world: World = field(default_factory=lambda: World("", 0))
    made: list[Doing] = field(default_factory=list)
    logged: Any = None

    @contextmanager
    def within(self, world: World, logged: Any) -> Iterator[list[Doing]]:
        """What is done in `world` until the block ends; `logged` tells the length of its audit log."""
        self.world, self.logged, self.made = world, logged, []
        yield self.made

    def note(self, call: Call, tool: str, arguments: dict[str, Any]) -> str:
        self.made.append(Doing(call.run, call.key, call.agent, tool, arguments, self.logged()))
        answer = self.world.ours("effect", tool, arguments).randrange(4)
        if answer == 0:
            raise ToolFailed(f"{tool} could not do it")
        return f"{tool} did it: {digest(arguments)[:6]}"


DOINGS = Doings()
"""Tools are functions that networks name: what they share with whoever runs the networks has to lie beside them."""


async def look_up(subject: str, call: Call) -> str:
    """Looks a subject up in our own books."""
    drawn = DOINGS.world.ours("books", subject)
    if drawn.randrange(3) == 0:
        raise ToolFailed(f"nothing is known of {subject[:20]!r}")
    return text(drawn, longest=8)


async def search(words: str, call: Call) -> Any:
    """Searches what strangers wrote. The whole result is theirs."""
    drawn = DOINGS.world.strangers("search", words)
    if drawn.randrange(6) == 0:
        raise ToolFailed(text(drawn))
    return value(drawn)


async def inbox(call: Call) -> list[dict[str, Any]]:
    """Our list of messages, in which strangers wrote who sent them and what they say."""
    drawn = DOINGS.world.strangers("inbox")
    number = DOINGS.world.ours("inbox").randint(1, 3)
    return [{"id": one, "sender": text(drawn, longest=2), "body": value(drawn)} for one in range(number)]


async def record(number: int, call: Call) -> dict[str, Any]:
    """A record of ours with a remark of a stranger."""
    ours, drawn = DOINGS.world.ours("record", number), DOINGS.world.strangers("record", number)
    if ours.randrange(6) == 0:  # by its number: only what it says then is a stranger's
        raise ToolFailed(f"the remark cannot be read: {text(drawn)}")
    return {"owner": ours.choice(("ada", "bob")), "open": ours.randrange(2) == 0, "remark": value(drawn)}


async def fetch(url: str, call: Call) -> Any:
    """Fetches a page. Where it goes is decided by the argument."""
    DOINGS.note(call, "fetch", {"url": url})
    return value(DOINGS.world.strangers("page", url))


async def pay(account: str, amount: int, call: Call, reason: str = "") -> str:
    """Pays an amount into an account."""
    return DOINGS.note(call, "pay", {"account": account, "amount": amount, "reason": reason})


async def send(to: str, body: str, call: Call, copies: list[str] | None = None) -> str:
    """Sends a mail."""
    return DOINGS.note(call, "send", {"to": to, "body": body, "copies": copies})


async def order(item: Literal["tea", "milk", "salt"], call: Call, count: int = 1) -> str:
    """Orders an item."""
    return DOINGS.note(call, "order", {"item": item, "count": count})


async def delete(number: int, call: Call) -> str:
    """Deletes a record."""
    return DOINGS.note(call, "delete", {"number": number})


async def stamp(call: Call) -> str:
    """Stamps the time clock."""
    return DOINGS.note(call, "stamp", {})


async def file_away(task: str, call: Call, note: str = "", flag: str = "") -> str:
    """Files what a task began with, as it is."""
    return DOINGS.note(call, "file_away", {"task": task, "note": note, "flag": flag})


async def await_reply(whom: str) -> Any:
    """Waits for what a stranger has to say, who may say nothing for ever."""
    drawn = DOINGS.world.strangers("reply", whom)
    if drawn.randrange(3) == 0:
        await asyncio.Event().wait()
    return value(drawn)
