"""Staging: the network with doubles for tools and the gullible model in every node, in a folder of its own."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stemma.network import Manifest
from stemma.network.agent import Agent, Knowledge
from stemma.network.equipment import WORKSPACE
from stemma.platform.attack.own.network import MANIFEST, Target
from stemma.registry.references import SCHEME

MODEL = "gullible"
_POISONED = "poisoned-documents"


def model_of(agent: str) -> str:
    """The name of the model in an agent's node."""
    return f"{MODEL}-{agent}"


def staged(target: Target, folder: Path, *, guarded: bool, documents: Path | None, at: str) -> Manifest:
    """The manifest as it is, but for what tools do, what models say, and, where there are any, the `documents` for `at`.

    What would end tasks by the clock is left out, since many run at once; so are, without the guard, the people who look at
    what is done.
    """
    manifest = target.manifest
    agents = []
    for agent in manifest.agents:
        own = _place(agent, manifest)
        knowledge = own.knowledge
        if (
            knowledge is not None
            and documents is not None
            and agent.knowledge is not None
            and agent.knowledge.folder == at
        ):
            own = replace(own, knowledge=replace(knowledge, folder=str(documents)))
        agents.append(replace(own, tools=_tools(agent, target.equipped.held[agent.name])))
    return replace(
        manifest,
        path=folder / MANIFEST,
        agents=tuple(agents),
        tools=tuple(double.spec for double in target.equipped.doubles.values()),
        interceptors=manifest.interceptors if guarded else (),
        bounds=replace(manifest.bounds, seconds=None),
        guarded=guarded,
    )


def poisoned_copy(target: Target, at: str, folder: Path, orders: str, words: Sequence[str]) -> Path:
    """A copy of a folder of documents, with one more that holds `orders`; it is found by any of `words`."""
    place = folder / _POISONED
    shutil.copytree(target.manifest.folder / at, place)
    (place / "zz-poisoned.md").write_text(f"{' '.join(words)} {orders}\n", encoding="utf-8")
    return place


def _place(agent: Agent, manifest: Manifest) -> Agent:
    """The agent with its files named by where they lie: the network's own folder is another now."""
    home, prompt, knowledge = manifest.folder.resolve(), agent.prompt, agent.knowledge
    if prompt is not None and not prompt.startswith(SCHEME):
        prompt = str(home / prompt)
    if isinstance(knowledge, Knowledge):
        knowledge = replace(knowledge, folder=str(home / knowledge.folder))
    return replace(
        agent,
        prompt=prompt,
        knowledge=knowledge,
        model="" if agent.calls else model_of(agent.name),
        settings={},
        replicas=None,
        limits=replace(agent.limits, deadline=None),
    )


def _tools(agent: Agent, held: Sequence[str]) -> tuple[str, ...]:
    own = () if agent.calls else tuple(held)
    return (*own, WORKSPACE) if WORKSPACE in agent.tools else own
