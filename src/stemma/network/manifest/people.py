"""People and topics as a manifest writes them: who is asked before what, and who hears what is published."""

from stemma.core.marked import Marked, near
from stemma.network.flow import Phases, flows_of
from stemma.network.manifest.agents import read_expected
from stemma.network.manifest.manifest import Manifest
from stemma.network.manifest.names import ASK, PUBLISH, Place, check_title
from stemma.network.manifest.tools import check_single, spec_of, unknown_tool
from stemma.network.people import Interceptor, OnTimeout, Target

_TARGETS: dict[str, Target] = {"tool": "tool", "message": "message", "phase": "phase"}


def read_interceptor(node: Marked) -> Interceptor:
    """The interceptor. Raises InvalidData for a key that it cannot have and a value that has another shape."""
    keys = node.fields(
        "an entry of 'people'", ("before", "name", "ask", "when", "timeout", "on_timeout"), required=("before", "name")
    )
    before = keys["before"].text("'before'")
    if before not in _TARGETS:
        raise keys["before"].wrong(
            f"people are not asked before {before!r}{near(before, _TARGETS)}; use {', '.join(_TARGETS)}"
        )
    name = keys["name"].text("'name'")
    what = f"the question before {before} {name!r}"
    given = Interceptor(_TARGETS[before], name)
    return Interceptor(
        given.before,
        name,
        keys["ask"].text(f"'ask' of {what}") if "ask" in keys else given.prompt,
        read_expected(keys["when"], f"'when' of {what}") if "when" in keys else given.when,
        keys["timeout"].seconds(f"'timeout' of {what}") if "timeout" in keys else None,
        keys["on_timeout"].choice(f"'on_timeout' of {what}", OnTimeout) if "on_timeout" in keys else given.on_timeout,
    )


def check_people(manifest: Manifest, place: Place) -> None:
    """Raises InvalidData for a question that would never be asked: a person who is not asked has not approved."""
    for number, interceptor in enumerate(manifest.interceptors):
        here = place.at("people", number, "name")
        match interceptor.before:
            case "tool":
                _check_tool(interceptor.name, manifest, here)
            case "message":
                known = [agent.name for agent in manifest.agents]
                _check_known(here, interceptor, known, "agent is described")
            case "phase":
                phases = [
                    phase.phase for flow in flows_of(manifest.flow) if isinstance(flow, Phases) for phase in flow.phases
                ]
                _check_known(here, interceptor, phases, "phase is in the flow")
        if interceptor.timeout is None and interceptor.on_timeout is not OnTimeout.REJECT:
            raise place.at("people", number, "on_timeout").wrong(
                f"the question before {interceptor.before} {interceptor.name!r} has no 'timeout', so 'on_timeout' never comes"
            )


def _check_tool(name: str, manifest: Manifest, place: Place) -> None:
    agent_name, _, tool = name.rpartition("/")
    what = f"people before tool {name!r}"
    if tool in (ASK, PUBLISH) and any(
        (agent.asks if tool == ASK else agent.publishes) and agent_name in ("", agent.name) for agent in manifest.agents
    ):
        return
    spec = spec_of(tool, manifest.tools)
    if spec is None:
        raise unknown_tool(tool, manifest.tools, place, "an entry of 'people'")
    check_single(tool, spec, place, what)
    if not agent_name:
        return
    agent = next((agent for agent in manifest.agents if agent.name == agent_name), None)
    if agent is None:
        known = [agent.name for agent in manifest.agents]
        raise place.wrong(f"{what}: no agent {agent_name!r} is described{near(agent_name, known)}")
    if not {tool, spec.name} & {*agent.tools, agent.calls}:
        raise place.wrong(f"{what}: agent {agent_name!r} does not use tool {tool!r}")


def _check_known(place: Place, interceptor: Interceptor, known: list[str], kind: str) -> None:
    if interceptor.name not in known:
        there = f"; there are {', '.join(known)}" if known else ""
        raise place.wrong(
            f"people before {interceptor.before} {interceptor.name!r}: no such {kind}{near(interceptor.name, known)}{there}"
        )


def check_topics(manifest: Manifest, place: Place) -> None:
    """Raises InvalidData for a topic without subscribers, and one that names no agent."""
    known = [agent.name for agent in manifest.agents]
    for topic, agents in manifest.topics.items():
        here = place.at("topics", topic)
        check_title(here, "topic", topic)
        if not agents:
            raise here.wrong(f"nobody subscribes to topic {topic!r}; name agents, or remove it")
        for name in agents:
            if name not in known:
                raise here.wrong(
                    f"topic {topic!r} names {name!r}, which is not described under 'agents'{near(name, known)}"
                )
