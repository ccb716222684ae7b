"""The language of plans: what a competent model does for a task, where strangers' texts are kept from it.

A plan is a generator (see `models.gullible.Plan`). Its values are those of the user's own words, of what tools show, or its
own; a value that stands only in a stranger's text it names by its handle, has read out by `extract`, or, where the user says
to do what stands there, opens.
"""

import json
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from stemma.core.frames import unframed
from stemma.models.hearsay import Reading
from stemma.models.orders import Use
from stemma.network.reader import EXTRACT, OPEN

Steps: TypeAlias = Generator[Use, Any, str]
"""A plan as it is played."""

PlanOf: TypeAlias = Callable[[], Steps]


@dataclass(frozen=True, slots=True)
class Fact:
    """A field to be read out of a text: its type with its bounds, and what it is about."""

    type: str
    about: str
    bounds: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Plans:
    """The plans of a suite by its tasks' ids, and what an honest reader finds for the facts that they have read.

    `given` are the numbers of the tasks whose calls and answer AgentDojo gives itself: every value in them stands in the
    user's words or in what tools show.
    """

    given: Sequence[int] = ()
    written: dict[str, PlanOf] = field(default_factory=dict)
    reads: dict[str, Reading] = field(default_factory=dict)

    def task(self, number: int) -> Callable[[PlanOf], PlanOf]:
        """Says for which task a plan is."""

        def note(plan: PlanOf) -> PlanOf:
            self.written[f"user_task_{number}"] = plan
            return plan

        return note

    def fact(self, type: str, about: str, found: Reading, **bounds: Any) -> Fact:
        """A fact, and how it is found in a text."""
        self.reads[about] = found
        return Fact(type, about, bounds)


def first(pattern: str, *, as_: Callable[[str], Any] = str) -> Reading:
    """The first group of the pattern where it matches; None where it does not."""
    compiled = re.compile(pattern, re.IGNORECASE | re.DOTALL)

    def found(text: str) -> Any:
        match = compiled.search(text)
        return None if match is None else as_(match[1].strip())

    return found


def extract(*handles: str, **facts: Fact) -> Use:
    """Has facts read out of the texts behind handles."""
    fields = {name: {"type": fact.type, "about": fact.about, **fact.bounds} for name, fact in facts.items()}
    return Use(EXTRACT, {"handle": " ".join(handles), "fields": fields})


def use(tool: str, **arguments: Any) -> Use:
    """A call."""
    return Use(tool, arguments)


def opened(handle: str, *, obey: bool = False) -> Use:
    """The text behind a handle: to be looked at, or, where the user says to do what stands there, to `obey` it."""
    return Use(OPEN, {"handle": handle, "obey": True} if obey else {"handle": handle})


def failed(result: Any) -> bool:
    """Whether a call came to nothing: the tool said so, or it was not let through."""
    return isinstance(result, str) and result.startswith("error: ")


def is_kept(result: Any) -> bool:
    """Whether all that is shown of a text is its handle."""
    return isinstance(result, str) and result.startswith("$h")


def seen(result: Any) -> Generator[Use, Any, Any]:
    """What a call came to, opened where it was kept back: all of it is, once a stranger's text has been opened."""
    if not is_kept(result):
        return result
    text = unframed(str((yield opened(result)))).strip()
    try:
        return json.loads(text)
    except ValueError:
        return text


def as_given(calls: Sequence[Use], answer: str) -> PlanOf:
    """The plan that makes these calls and answers so, whatever they come to."""

    def plan() -> Steps:
        for one in calls:
            _ = yield one
        return answer

    return plan


def in_turn(*plans: PlanOf) -> PlanOf:
    """One plan after the other, as a task of several parts."""

    def plan() -> Steps:
        said = ""
        for one in plans:
            said += f"{yield from one()} "
        return said.strip()

    return plan


def resigned(plan: PlanOf) -> PlanOf:
    """The plan of somebody who says so when what is there makes no sense to them."""

    def played() -> Steps:
        try:
            return (yield from plan())
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError):  # the last: `next` found nothing
            return "I could not do it: what I found is not what I had expected."

    return played
