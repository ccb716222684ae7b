"""Networks drawn from a seed: every topology, tools and labels of every kind, colleagues, topics, memory, workspace.

Where agents work at the same time, what they write into a shared place is read by whoever comes first, in one world as in
the other. So a drawn network either has things going on side by side, or a workspace, memories and histories.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.interference.strangers import chance

from stemma.core.errors import InvalidData
from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, TrustLabel
from stemma.network import (
    Assignment,
    Bounds,
    By,
    Condition,
    Effect,
    Hierarchy,
    Limits,
    Loop,
    Manifest,
    OpenTopic,
    Panel,
    Phase,
    Phases,
    Pipeline,
    Recall,
    Route,
    Rule,
    Step,
    Tie,
    ToolSpec,
    define_agent,
    define_network,
)
from stemma.network.flow import Flow
from stemma.network.manifest.definition import DefinedAgent
from stemma.registry.prompt import Prompt

_MODULE = "benchmarks.interference.tools"
_ABILITIES = ("pay the bill", "write a mail", "delete the account", "order tea and milk", "approve the request")
_SCHEMAS: tuple[dict[str, Any], ...] = (
    {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
        "additionalProperties": True,
    },
    {"type": "object", "properties": {"a": {"enum": ["yes", "no"]}, "c": {}}, "required": ["a"]},
)
_ATTEMPTS = 200


@dataclass(frozen=True, slots=True)
class Drawn:
    """A network to be run `tasks` times: the inputs whose texts strangers write, and the arguments that decide, by tool."""

    manifest: Manifest
    tasks: int
    strange: tuple[str, ...]
    decisive: dict[str, tuple[str, ...] | None]
    acting: tuple[str, ...]
    in_turn: bool
    """Whether one thing happens after another."""


def drawn_network(seed: int, folder: Path, *, guarded: bool = True) -> Drawn:
    """The network of that seed."""
    for attempt in range(_ATTEMPTS):
        try:
            return _Drawing(chance("network", seed, attempt), f"n{seed}", folder, guarded).network()
        except InvalidData:  # a value that is read too early, say: the manifest's own checks know best
            continue
    raise RuntimeError(f"no network could be drawn from seed {seed}")


@dataclass
class _Drawing:
    rng: random.Random
    name: str
    folder: Path
    guarded: bool
    agents: list[DefinedAgent] = field(default_factory=list)
    peers: list[str] = field(default_factory=list)
    listeners: list[str] = field(default_factory=list)
    deciders: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    loose: bool = False
    """Whether agents are being drawn that only colleagues ask, or topics tell."""

    def network(self) -> Drawn:
        rng = self.rng
        self.in_turn = rng.random() < 0.5
        self.inputs: dict[str, TrustLabel] = {"task": rng.choice((TRUSTED, INTERNAL)), "note": UNTRUSTED}
        self.tools = self._tools()
        self.shares, self.remembers = self.in_turn and rng.random() < 0.5, self.in_turn and rng.random() < 0.4
        self.left = rng.randint(3, 12)
        topics = {}
        peers = rng.randint(0, min(3, self.left - 2)) if rng.random() < 0.6 else 0
        listeners = rng.randint(1, 2) if not self.in_turn and self.left - peers > 2 and rng.random() < 0.4 else 0
        self.peers = [f"p{number}" for number in range(peers)]
        self.listeners = [f"t{number}" for number in range(listeners)]
        self.left -= peers + listeners
        if self.listeners:
            topics = {"news": tuple(self.listeners)}
        self.topics = topics
        self.number = 0
        self.loose = True
        for peer in self.peers:
            self._agent(peer, told="question")
        for listener in self.listeners:
            self._agent(listener, told="posted")
        self.loose = False
        flow = self._flow(self.left)
        if isinstance(flow, Step):
            flow = Pipeline("line", (flow,))
        asked = {name for one in self.agents for name in one.agent.asks}
        told = {name for one in self.agents if one.agent.publishes for name in self.listeners}
        used = [
            one for one in self.agents if one.agent.name not in self.peers or one.agent.name in self._reached(asked)
        ]
        used = [one for one in used if one.agent.name not in self.listeners or told]
        manifest = define_network(
            self.name,
            inputs=self.inputs,
            agents=used,
            flow=flow,
            model="wits",
            folder=self.folder,
            tools=tuple(self.tools),
            topics=topics if told else {},
            bounds=Bounds(approvals=rng.choice((1, 1, 1, 2)), messages=400, calls=600),
            guarded=self.guarded,
        )
        return Drawn(
            manifest,
            rng.randint(2, 3) if self.remembers else 1,
            tuple(name for name, label in self.inputs.items() if label == UNTRUSTED),
            {spec.name: spec.sensitive for spec in self.tools},
            tuple(spec.name for spec in self.tools if spec.effect is not Effect.READ),
            self.in_turn,
        )

    def _reached(self, names: set[str]) -> set[str]:
        by = {one.agent.name: one.agent for one in self.agents}
        found, ahead = (
            set[str](),
            [name for one in self.agents if one.agent.name not in self.peers for name in one.agent.asks],
        )
        while ahead:
            name = ahead.pop()
            if name not in found:
                found.add(name)
                ahead += by[name].asks
        return found & names

    # --- tools --------------------------------------------------------------------------------------------------------

    def _tools(self) -> list[ToolSpec]:
        rng = self.rng
        reads = [
            ToolSpec("look_up", "python", {"function": f"{_MODULE}:look_up"}, effect=Effect.READ, label=INTERNAL),
            ToolSpec("search", "python", {"function": f"{_MODULE}:search"}, effect=Effect.READ, label=UNTRUSTED),
            ToolSpec(
                "inbox",
                "python",
                {"function": f"{_MODULE}:inbox"},
                effect=Effect.READ,
                label=INTERNAL,
                fields={"[].sender": UNTRUSTED, "[].body": UNTRUSTED},
            ),
            ToolSpec(
                "record",
                "python",
                {"function": f"{_MODULE}:record"},
                effect=Effect.READ,
                label=INTERNAL,
                fields={"remark": UNTRUSTED},
            ),
            ToolSpec(
                "fetch",
                "python",
                {"function": f"{_MODULE}:fetch"},
                effect=Effect.READ,
                label=UNTRUSTED,
                sensitive=("url",),
            ),
        ]
        effects = [
            self._effect("pay", Effect.SPEND, ("account", "amount"), ("reason",)),
            self._effect("send", Effect.EGRESS, ("to",), ("body", "copies")),
            self._effect("order", Effect.SPEND, ("item",), ("count",)),
            self._effect("delete", Effect.WRITE, ("number",), ()),
            self._effect("stamp", Effect.WRITE, (), ()),
        ]
        return [*rng.sample(reads, k=rng.randint(1, 4)), *rng.sample(effects, k=rng.randint(1, 4))]

    def _effect(self, name: str, effect: Effect, decisive: tuple[str, ...], others: tuple[str, ...]) -> ToolSpec:
        """A tool with an effect, of whose arguments a random few besides those of note decide what it does; or all do."""
        rng = self.rng
        some = (*decisive, *(one for one in others if rng.random() < 0.3))
        label = rng.choice((INTERNAL, INTERNAL, UNTRUSTED))
        return ToolSpec(
            name,
            "python",
            {"function": f"{_MODULE}:{name}"},
            effect=effect,
            label=label,
            sensitive=None if rng.random() < 0.3 else some,
            idempotent=rng.random() < 0.3,
        )

    def _held(self) -> tuple[str, ...]:
        """The tools of one agent: none, some that read, or some that act, too."""
        rng = self.rng
        reads = [spec.name for spec in self.tools if spec.effect is Effect.READ]
        acts = [spec.name for spec in self.tools if spec.effect is not Effect.READ]
        held: list[str] = []
        if rng.random() < 0.6:
            held += rng.sample(reads, k=rng.randint(1, len(reads)))
        if rng.random() < 0.6:
            held += rng.sample(acts, k=rng.randint(1, len(acts)))
        else:
            held = [name for name in held if name != "fetch"]
        if self.shares and rng.random() < 0.6:
            held.append("workspace")
        return tuple(held)

    # --- agents -------------------------------------------------------------------------------------------------------

    def _agent(
        self,
        name: str = "",
        *,
        told: str = "",
        answers: dict[str, Any] | None = None,
        able: bool = False,
        extra: Sequence[str] = (),
        plain: bool = False,
        when: Condition | None = None,
    ) -> str:
        """Adds an agent, and gives back its name; `extra` is what its team tells it."""
        rng = self.rng
        self.number += 1
        name = name or f"a{self.number}"
        reads = [f"{one}?" for one in self.inputs if rng.random() < 0.6]
        reads += [f"{one}?" for one in self.written if rng.random() < 0.5]
        if told:
            reads.append(told)
        reads += [f"{one}?" for one in extra]
        tools = () if plain else self._held()
        asks: tuple[str, ...] = ()
        if self.peers and not plain and rng.random() < 0.6:
            asks = tuple(rng.sample(self.peers, k=rng.randint(1, len(self.peers))))
        publishes = ("news",) if self.listeners and not told and not plain and rng.random() < 0.5 else ()
        schema = rng.choice(_SCHEMAS) if answers is None and rng.random() < 0.35 else None
        shown = [one.rstrip("?") for one in reads]
        memory = None
        if self.remembers and rng.random() < 0.6:
            queried = [one for one in shown if one in self.inputs]
            memory = Recall(
                rng.choice(("m1", "m2")) + self.name,
                rng.randint(1, 3),
                tuple(queried[:1] or ["task"]),
                tuple(rng.sample([*queried, f"v{self.number}"], k=1)) if rng.random() < 0.7 else (),
            )
            if not queried:
                reads.append("task?")
            shown.append("memory")
        above = "\n".join(f"{one}: {{{{ {one} }}}}" for one in shown if rng.random() < 0.5)
        below = "\n".join(f"{one}: {{{{ {one} }}}}" for one in shown)
        spoken = json.dumps(answers or {})
        options: dict[str, Any] = {}
        if able:
            options["capabilities"] = (rng.choice(_ABILITIES), rng.choice(_ABILITIES))
        if schema is not None:
            options["output_schema"] = schema
        if memory is not None:
            options["memory"] = memory
        if when is not None:
            options["when"] = when
        self.agents.append(
            define_agent(
                name,
                Prompt(f"{name} of {self.name}\nanswers: {spoken}\n{above}", user=below or "Begin."),
                reads=tuple(dict.fromkeys(reads)),
                writes=f"v{self.number}",
                tools=tools,
                asks=asks,
                publishes=publishes,
                history=2 if self.in_turn and not plain and rng.random() < 0.3 else 0,
                limits=Limits(iterations=7, corrections=2, timeout=60.0),
                **options,
            )
        )
        if not self.loose:
            self.written.append(f"v{self.number}")
        return name

    def _decider(self) -> tuple[str, str]:
        """An agent that says yes or no, and what it writes."""
        name = self._agent(answers={"one_of": ["yes", "yes", "no"]})
        return name, f"v{self.number}"

    # --- flows --------------------------------------------------------------------------------------------------------

    def _flow(self, size: int) -> Flow:
        rng = self.rng
        if size <= 1:
            return Step(self._agent(able=True))
        kinds = ["pipeline", "loop", "hierarchy", "route", "open_topic", "phases"]
        if not self.in_turn:
            kinds.append("panel")
        name = f"team{len(self.agents)}_{size}"
        match rng.choice(kinds):
            case "pipeline":
                return Pipeline(name, tuple(self._flow(one) for one in self._shares(size)))
            case "loop":
                steps = [*(self._flow(one) for one in self._shares(size - 1)[:2])]
                decider, value = self._decider()
                return Loop(name, (*steps, Step(decider)), Condition({value: "yes"}, "no yes"), at_most=3)
            case "hierarchy":
                return self._hierarchy(name, size)
            case "route":
                sizes = self._shares(size)
                flows = tuple(self._flow(one) for one in sizes)
                flows = flows if len(flows) > 1 else (*flows, Step(self._agent(able=True)))
                return Route(
                    name,
                    flows,
                    By.CAPABILITY,
                    reads=(rng.choice([*self.inputs]),),
                    otherwise=Step(self._agent(able=True)),
                )
            case "open_topic":
                agents = tuple(self._agent(able=True) for _ in range(min(size, 3)))
                return OpenTopic(name, agents, (rng.choice([*self.inputs]),), otherwise=Step(self._agent(able=True)))
            case "phases":
                return self._phases(name, size)
            case _:
                return self._panel(name, size)

    def _shares(self, size: int) -> list[int]:
        """`size` in up to four parts."""
        rng, parts = self.rng, list[int]()
        while size > 0 and len(parts) < 4:
            part = rng.randint(1, max(1, size - 1))
            parts.append(part)
            size -= part
        return parts

    def _phases(self, name: str, size: int) -> Phases:
        phases: list[Phase] = []
        for number, share in enumerate(self._shares(size)):
            before = [phase.phase for phase in phases]
            after = tuple(before[-1:]) if self.in_turn else tuple(one for one in before if self.rng.random() < 0.5)
            parallel = not self.in_turn and self.rng.random() < 0.5
            members = tuple(self._flow(one) for one in self._shares(share)[:2])
            phases.append(Phase(f"ph{number}", members, parallel=parallel, depends_on=after))
        return Phases(name, tuple(phases))

    def _hierarchy(self, name: str, size: int) -> Hierarchy:
        rng = self.rng
        kind = rng.choice(("plans", "split", "spawn"))
        workers: list[Flow] = []
        for share in self._shares(max(1, size - 2))[:3]:
            if share == 1 or rng.random() < 0.7:
                workers.append(Step(self._agent(able=True, extra=("brief",))))
            else:
                workers.append(self._flow(share))
        names = [worker.name for worker in workers]
        spawn, roles = None, None
        if kind == "spawn":
            spawn = self._agent(able=True, extra=("brief",))
            last = self.agents[-1].agent
            roles = [one for one in last.tools if one != "workspace"] + (["ask"] if last.asks else [])
            if last.history:
                raise InvalidData("drawn", "a spawned agent has no history")
        merge = self._agent(extra=("missing",)) if rng.random() < 0.5 else None
        if kind == "plans":
            plans = {
                plan: tuple(
                    Assignment(one, rng.choice(("Do it.", "{{note}}", "{{ task }} now")))
                    for one in (names if plan == "first" else names[:1])
                )
                for plan in ("first", "second")
            }
            lead = self._agent(answers={"one_of": list(plans)})
            return Hierarchy(name, lead, tuple(workers), merge, plans, parallel=not self.in_turn)
        answers: dict[str, Any] = {"workers": names} | ({} if roles is None else {"roles": roles})
        lead = self._agent(answers=answers, extra=("workers",))
        return Hierarchy(name, lead, tuple(workers), merge, parallel=not self.in_turn, spawn=spawn)

    def _panel(self, name: str, size: int) -> Panel:
        rng = self.rng
        votes = {"one_of": ["yes", "no", "later"]}
        members = tuple(
            self._agent(answers=votes, extra=("statements", "choices")) for _ in range(max(2, min(size, 4)))
        )
        return Panel(
            name,
            members,
            writes=f"d{len(self.agents)}",
            rounds=rng.randint(1, 2),
            rule=rng.choice((Rule.MAJORITY, Rule.RANKED)),
            tie=rng.choice((Tie.FIRST, Tie.REVOTE)),
        )
