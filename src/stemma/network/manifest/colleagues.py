"""Colleagues as a manifest names them: whom an agent may ask, what it may post to, and what they then have to know."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from stemma.core.marked import near
from stemma.network.agent import Agent
from stemma.network.manifest.manifest import Manifest
from stemma.network.manifest.names import ASK, POSTED, PUBLISH, QUESTION, Place


def check_colleagues(manifest: Manifest, place: Place) -> None:
    """Raises InvalidData for a colleague or a topic that is not there, and for one that could never be asked or told."""
    agents = {agent.name: agent for agent in manifest.agents}
    for agent in manifest.agents:
        here = place.at("agents", agent.name)
        _check_names(agent, "asks", agent.asks, agents, here)
        _check_names(agent, "publishes", agent.publishes, manifest.topics, here)
        for key, tool in (("asks", ASK), ("publishes", PUBLISH)):
            if getattr(agent, key) and tool in agent.tools:
                raise here.at(key).wrong(
                    f"agent {agent.name!r} has a tool {tool!r}, which is also what {key!r} gives it; rename the tool"
                )
    for agent in manifest.agents:
        here = place.at("agents", agent.name)
        for key, number, name in _told(agent, manifest):
            _check_told(agent, agents[name], here.at(key, number), "asks" if key == "asks" else "may post to")
        _check_circle(agent, agents, here.at("asks"))
    _check_reserved(manifest, place)


def with_colleagues(names: Iterable[str], agents: Mapping[str, Agent]) -> set[str]:
    """The agents of these names, and all whom they may ask, whom those may ask, and so on."""
    found, ahead = set[str](), list(names)
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += agents[name].asks if name in agents else ()
    return found


def told_values(agents: Iterable[Agent]) -> frozenset[str]:
    """The values that agents of a network are told by each other, and that nobody else may write there."""
    agents = list(agents)
    told = {QUESTION: any(agent.asks for agent in agents), POSTED: any(agent.publishes for agent in agents)}
    return frozenset(value for value, is_told in told.items() if is_told)


def _check_names(agent: Agent, key: str, names: Sequence[str], known: Iterable[str], place: Place) -> None:
    listed = list(known)
    for number, name in enumerate(names):
        if name not in listed:
            where = "'agents'" if key == "asks" else "'topics'"
            raise place.at(key, number).wrong(
                f"{key!r} of agent {agent.name!r} names {name!r}, which is not described under {where}{near(name, listed)}"
            )
    if names and agent.calls is not None:
        raise place.at(key).wrong(f"agent {agent.name!r} calls a tool and asks no model; it has no use for {key!r}")


def _told(agent: Agent, manifest: Manifest) -> Iterator[tuple[str, int, str]]:
    """Whom the agent may send something, with the place that says so."""
    for number, name in enumerate(agent.asks):
        yield "asks", number, name
    for number, topic in enumerate(agent.publishes):
        yield from (("publishes", number, name) for name in manifest.topics[topic])


def _check_told(agent: Agent, colleague: Agent, place: Place, does: str) -> None:
    """A colleague is given of what the agent itself is given: it can read nothing else."""
    what = f"agent {agent.name!r} {does} {colleague.name!r}"
    for value in colleague.reads:
        if value not in agent.reads and value not in colleague.optional:
            raise place.wrong(
                f"{what}, which needs {value!r}, and {agent.name!r} does not read that; let it, "
                f"or let {colleague.name!r} read '{value}?'"
            )
    if colleague.when is not None:
        raise place.wrong(
            f"{what}, which works under a condition ('when'), and only the flow looks at those; describe another agent for it"
        )


def _check_circle(agent: Agent, agents: Mapping[str, Agent], place: Place) -> None:
    """While an agent waits for an answer it keeps its own replica busy, so that a question that comes back to it would wait."""
    if agent.replicas is None or not agent.asks:
        return
    trails: list[tuple[str, ...]] = [(name,) for name in agent.asks]
    seen: set[str] = set()
    while trails:
        trail = trails.pop()
        if trail[-1] == agent.name:
            raise place.wrong(
                f"agent {agent.name!r} may be asked by itself ({' → '.join((agent.name, *trail))}) and works on at most "
                f"{agent.replicas} at once, so that both could wait for ever; drop 'replicas', or break the circle"
            )
        if trail[-1] not in seen:
            seen.add(trail[-1])
            trails += [(*trail, name) for name in agents[trail[-1]].asks]


def _check_reserved(manifest: Manifest, place: Place) -> None:
    told = told_values(manifest.agents)
    hearers = {
        QUESTION: {name for agent in manifest.agents for name in agent.asks},
        POSTED: {name for names in manifest.topics.values() for name in names},
    }
    why = {QUESTION: "it is what agents ask each other", POSTED: "it is what agents post to topics"}
    for value in sorted(told):
        if value in manifest.inputs:
            raise place.at("inputs").wrong(f"no input can be called {value!r} in this network: {why[value]}")
        for agent in manifest.agents:
            here = place.at("agents", agent.name)
            if agent.writes == value:
                raise here.at("writes").wrong(f"agent {agent.name!r} cannot write {value!r}: {why[value]}")
            if value in agent.reads and agent.name not in hearers[value]:
                raise here.at("reads").wrong(
                    f"agent {agent.name!r} reads {value!r}, and nobody {'asks it' if value == QUESTION else 'tells it any'}: "
                    f"{why[value]}; drop it"
                )
