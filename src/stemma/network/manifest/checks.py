"""What has to be true of a whole manifest, wherever it was written."""

from dataclasses import fields

from stemma.network.bounds import Bounds
from stemma.network.flow import Pipeline, agents_of
from stemma.network.manifest.agents import check_agent
from stemma.network.manifest.colleagues import check_colleagues, with_colleagues
from stemma.network.manifest.manifest import Manifest
from stemma.network.manifest.names import Place, check_title, check_value
from stemma.network.manifest.people import check_people, check_topics
from stemma.network.manifest.sources import check_values
from stemma.network.manifest.teams import check_teams
from stemma.network.manifest.tools import check_tools


def check(manifest: Manifest, place: Place) -> None:
    """Raises InvalidData for the first thing that keeps the network from working; `place` is where the manifest begins."""
    check_title(place.at("network"), "network", manifest.name)
    _check_inputs(manifest, place.at("inputs"))
    for agent in manifest.agents:
        check_agent(agent, manifest, place.at("agents", agent.name))
    check_teams(manifest, place)
    check_topics(manifest, place)
    check_colleagues(manifest, place)
    _check_used(manifest, place)
    check_tools(manifest, place)
    check_people(manifest, place)
    check_values(manifest, place)
    _check_bounds(manifest, place)


def _check_inputs(manifest: Manifest, place: Place) -> None:
    if not manifest.inputs:
        raise place.wrong("inputs names nothing; a network works on at least one input")
    for name in manifest.inputs:
        check_value(place, "input", name)


def _check_used(manifest: Manifest, place: Place) -> None:
    asked = {*agents_of(manifest.flow), *(agent for agents in manifest.topics.values() for agent in agents)}
    used = with_colleagues(asked, {agent.name: agent for agent in manifest.agents})
    for agent in manifest.agents:
        if agent.name in used:
            continue
        if isinstance(manifest.flow, Pipeline) and manifest.flow.name == manifest.name:
            raise place.at("pipeline").wrong(
                f"pipeline never reaches agent {agent.name!r}; add it as a step, or remove the agent"
            )
        raise place.at("agents", agent.name).wrong(
            f"nothing asks agent {agent.name!r}; name it in the flow, under a topic or in another's 'asks', or remove it"
        )


def _check_bounds(manifest: Manifest, place: Place) -> None:
    for one in fields(Bounds):
        bound = getattr(manifest.bounds, one.name)
        least = 0 if one.name == "approvals" else 1e-9  # nobody has to be asked
        if bound is not None and bound < least:
            raise place.at("bounds", one.name).wrong(f"the bound of {bound} {one.name} leaves room for nothing")
    if manifest.inbox < 1:
        raise place.at("inbox").wrong(f"an inbox of {manifest.inbox} takes no message; it is at least 1")
