"""Splitting work: the assignments that an orchestrator's answer stands for. Pure functions."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from stemma.core.errors import InvalidInput
from stemma.core.trust import TrustLabel, join_all
from stemma.network.flow import Assignment, Hierarchy
from stemma.network.message import Part
from stemma.network.topologies.answers import structured
from stemma.network.turn import as_said

_ROLE = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_FILL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def split(flow: Hierarchy, answer: Any, *, tools: Collection[str] = ()) -> tuple[Assignment, ...]:
    """The assignments in the orchestrator's answer: the list itself, one under `assignments`, or a plan by its name.

    `tools` are those that a made-up role may be given. Raises InvalidInput for another shape, a plan or a worker that is not
    there, a role that is none or has more than such tools, no assignment at all, or more than `fan_out`.
    """
    said = structured(answer)
    assignments = _plan(flow, said) if flow.plans else _assignments(flow, said, tools)
    if not assignments:
        raise InvalidInput(f"hierarchy {flow.name!r} was split into no work")
    if len(assignments) > flow.fan_out:
        raise InvalidInput(
            f"hierarchy {flow.name!r} was split into {len(assignments)} assignments, over its fan_out of {flow.fan_out}"
        )
    return assignments


def filled(text: str, known: Mapping[str, Part], label: TrustLabel) -> tuple[str, TrustLabel]:
    """A plan's brief with each ``{{name}}`` replaced by the value, and `label` joined with those of the values.

    Values are data: braces in them are never looked at. Raises InvalidInput for a name that is not known.
    """
    names = list(dict.fromkeys(_FILL.findall(text)))
    for name in names:
        if name not in known:
            raise InvalidInput(f"a brief needs {name!r}, which is not known; there are {', '.join(known)}")
    told = _FILL.sub(lambda match: as_said(known[match[1]].value), text)
    return told, join_all([label, *(known[name].label for name in names)])


def _plan(flow: Hierarchy, said: Any) -> tuple[Assignment, ...]:
    name = said.get("plan") if isinstance(said, Mapping) else said
    plans = {plan.casefold(): assignments for plan, assignments in flow.plans.items()}
    found = plans.get(as_said(name).strip().casefold())
    if found is None:
        raise InvalidInput(f"{_cut(name)} is no plan of hierarchy {flow.name!r}; there are {', '.join(flow.plans)}")
    return found


def _assignments(flow: Hierarchy, said: Any, tools: Collection[str]) -> tuple[Assignment, ...]:
    listed = said.get("assignments") if isinstance(said, Mapping) else said
    if not isinstance(listed, list):
        raise InvalidInput(f"{_cut(said)} is no list of assignments, each with 'agent' and 'brief'")
    workers = [worker.name for worker in flow.workers]
    assignments: list[Assignment] = []
    for item in listed:
        if flow.spawn is not None and isinstance(item, Mapping) and "role" in item:
            assignments.append(_spawned(flow, flow.spawn, item, [*workers, *(one.role for one in assignments)], tools))
            continue
        agent, brief = (item.get("agent"), item.get("brief")) if isinstance(item, Mapping) else (None, None)
        if not isinstance(agent, str) or not isinstance(brief, str) or not brief.strip():
            raise InvalidInput(f"{_cut(item)} is no assignment: it needs 'agent' and 'brief', two texts")
        if agent not in workers:
            raise InvalidInput(
                f"{_cut(agent)} is no worker of hierarchy {flow.name!r}; there are {', '.join(workers) or 'none'}"
            )
        assignments.append(Assignment(agent, brief))
    return tuple(assignments)


def _spawned(
    flow: Hierarchy, agent: str, item: Mapping[str, Any], taken: Collection[str | None], tools: Collection[str]
) -> Assignment:
    """The assignment of a role that the orchestrator makes up. Its tools can only be fewer than those of who plays it."""
    role, brief, wanted = item["role"], item.get("brief"), item.get("tools", [])
    if not isinstance(role, str) or not _ROLE.fullmatch(role):
        raise InvalidInput(f"{_cut(role)} is no role: a name has lower-case letters, digits, '-' and '_', at most 40")
    if role in taken or role in (agent, flow.orchestrator, flow.merge):
        raise InvalidInput(f"role {role!r} of hierarchy {flow.name!r} has a name that is taken; it takes a new one")
    if not isinstance(brief, str) or not brief.strip():
        raise InvalidInput(f"role {role!r} has no brief, which is the text of what it is to do")
    if not isinstance(wanted, list) or not all(isinstance(tool, str) for tool in wanted):
        raise InvalidInput(f"'tools' of role {role!r} are {_cut(wanted)}, not a list of names")
    for tool in wanted:
        if tool not in tools:
            raise InvalidInput(
                f"role {role!r} is given tool {_cut(tool)}, which {agent!r} does not hold; "
                f"it can pass on {', '.join(tools) or 'none'}"
            )
    return Assignment(agent, brief, role, tuple(dict.fromkeys(wanted)))


def _cut(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 120 else f"{shown[:117]}..."
