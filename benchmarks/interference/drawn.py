"""Networks drawn from a seed: every topology, tools and labels of every kind, colleagues, topics, memory, documents.

Where agents work at the same time, what they write into a shared place is read by whoever comes first, in one world as in
the other. So a drawn network either has things going on side by side, or a workspace, memories and histories.
"""

import random
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.interference.cast import Cast
from benchmarks.interference.kit import CARRIER, drawn_kit
from benchmarks.interference.leeway import Leeway, drawn_leeway
from benchmarks.interference.shapes import Shapes
from benchmarks.interference.strangers import chance

from stemma.core.errors import InvalidData
from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, Confidentiality, Integrity, TrustLabel
from stemma.network import Bounds, Manifest, Pipeline, Step, define_network
from stemma.network.flow import Flow, agents_of

_ATTEMPTS = 200
_SECRET = TrustLabel(Integrity.INTERNAL, Confidentiality.SECRET)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A network to be run `tasks` times: the inputs whose texts strangers write, and the arguments that decide, by tool."""

    manifest: Manifest
    tasks: int
    strange: tuple[str, ...]
    decisive: dict[str, tuple[str, ...] | None]
    acting: tuple[str, ...]
    """The tools with an effect, but for those that policies permit whatever strangers had to do with their arguments."""
    in_turn: bool
    """Whether one thing happens after another."""
    leeway: Leeway


def drawn_network(seed: int, folder: Path, *, guarded: bool = True) -> Drawn:
    """The network of that seed, whose files lie in `folder`."""
    for attempt in range(_ATTEMPTS):
        try:
            return _drawn(chance("network", seed, attempt), f"n{seed}", folder, guarded=guarded)
        except InvalidData:  # a value that is read too early, say: the manifest's own checks know best
            continue
    raise RuntimeError(f"no network could be drawn from seed {seed}")


def _drawn(rng: random.Random, name: str, folder: Path, *, guarded: bool) -> Drawn:
    in_turn = rng.random() < 0.6
    inputs = _inputs(rng)
    kit = drawn_kit(rng, waits=rng.random() < 0.15)
    # Whether there is an answer at all is up to whoever keeps an agent waiting: nobody has endorsed that.
    leeway = Leeway() if kit.waits else drawn_leeway(rng, kit.acting)
    size = rng.randint(3, 12)
    peers = rng.randint(0, min(3, size - 2)) if rng.random() < 0.6 else 0
    listeners = rng.randint(1, 2) if not in_turn and size - peers > 2 and rng.random() < 0.4 else 0
    cast = Cast(
        rng,
        name,
        inputs,
        kit,
        in_turn,
        shares=in_turn and rng.random() < 0.5,
        remembers=in_turn and rng.random() < 0.5,
        studies=rng.random() < 0.25,
        peers=[f"p{number}" for number in range(peers)],
        listeners=[f"t{number}" for number in range(listeners)],
    )
    for peer in cast.peers:
        cast.told(peer, "question")
    for listener in cast.listeners:
        cast.told(listener, "posted")
    flow = Shapes(rng, cast, leeway).flow(size - peers - listeners)
    if isinstance(flow, Step):
        flow = Pipeline("line", (flow,))
    told = any(one.agent.publishes for one in cast.agents)
    reached = _reached(cast, flow)
    agents = [one for one in cast.agents if one.agent.name in reached]
    held = {tool for one in agents for tool in (*one.agent.tools, one.agent.calls)}
    for one in agents:
        if one.agent.knowledge is not None:
            (folder / one.agent.knowledge.folder).mkdir(exist_ok=True)
    manifest = define_network(
        name,
        inputs=inputs,
        agents=agents,
        flow=flow,
        model="agreeing" if leeway.endorsed else "wits",
        folder=folder,
        tools=tuple(spec for spec in kit.specs if spec.name in held),
        topics={"news": tuple(cast.listeners)} if told else {},
        bounds=Bounds(approvals=rng.choice((1, 1, 1, 2)), messages=120, calls=300),
        guarded=guarded,
    )
    return Drawn(
        replace(manifest, policies=leeway.write(folder / f"{name}-policies")),
        rng.randint(2, 3) if cast.remembers else 1,
        tuple(one for one in inputs if inputs[one] == UNTRUSTED and not (one == "flag" and leeway.endorsed)),
        {spec.name: spec.sensitive for spec in kit.specs},
        tuple(one for one in (*kit.acting, CARRIER) if one not in leeway.permitted),
        in_turn,
        leeway,
    )


def _inputs(rng: random.Random) -> dict[str, TrustLabel]:
    """Sometimes nothing that a task begins with is a stranger's: what is, comes in later."""
    inputs = {"task": rng.choice((TRUSTED, TRUSTED, INTERNAL, INTERNAL, INTERNAL, _SECRET))}
    if rng.random() < 0.8:
        inputs["note"] = UNTRUSTED
    if rng.random() < 0.6:
        inputs["flag"] = rng.choice((INTERNAL, UNTRUSTED) if "note" in inputs else (INTERNAL,))
    return inputs


def _reached(cast: Cast, flow: Flow) -> Collection[str]:
    """The names of the agents that a flow, a colleague or a topic can set to work."""
    by = {one.agent.name: one.agent for one in cast.agents}
    found, ahead = set[str](), list(agents_of(flow))
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += [*by[name].asks, *(cast.listeners if by[name].publishes else ())]
    return found
