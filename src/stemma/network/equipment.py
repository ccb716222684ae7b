"""Equipment: what the turns and flows of one process work with: networks, roles, tools, colleagues, memory, people."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from stemma.core.clock import Clock
from stemma.core.trust import TrustLabel
from stemma.guard.policy import Policy
from stemma.ledger.authority import Action
from stemma.network.caller import ModelCaller
from stemma.network.colleagues import Colleagues, effects_of
from stemma.network.conversation import Earlier
from stemma.network.dispatch import Dispatch
from stemma.network.fitness import Fitness
from stemma.network.history import earlier
from stemma.network.inbox import without_answer
from stemma.network.message import Message
from stemma.network.network import Network, Role, Spawned
from stemma.network.people import Decision, Question
from stemma.network.protection import Shield
from stemma.network.records import actor_of
from stemma.network.rooms import Rooms
from stemma.network.state.workspace import workspace_tools
from stemma.network.tools.tool import Effect, Tool
from stemma.network.tools.toolbox import Toolbox

WORKSPACE = "workspace"
"""The built-in entry that gives an agent the tools of the run's workspace."""

_MOST_ACTORS = 10_000  # who asked for how many runs is remembered
_LONGEST_MEMORY = 100_000  # characters; what is longer is remembered by its beginning


@dataclass
class Equipment:
    """That of one process, which keeps the tools open as long as `life` lasts. It is its turns' `Surroundings`."""

    rooms: Rooms
    caller: ModelCaller
    dispatch: Dispatch
    life: AsyncExitStack
    _toolboxes: dict[str, Toolbox] = field(default_factory=dict)
    _fits: dict[str, Fitness] = field(default_factory=dict)
    _policies: dict[str, Policy] = field(default_factory=dict)
    _actors: dict[str, str] = field(default_factory=dict)

    # --- networks and roles -------------------------------------------------------------------------------------------

    async def network(self, digest: str) -> Network:
        """The pinned network of that digest."""
        known = self.rooms.records.known_network(digest)
        if known is None:
            known = await self.dispatch.in_thread(self.rooms.records.network, digest)
        return known

    async def role(self, network: Network, message: Message) -> Role:
        """The role as the message has it: with the prompt that another agent wrote for it, if one did."""
        role = network.role(message.recipient)
        persona = message.parts[0].value
        if "role" in persona:
            role = replace(role, spawned=Spawned(persona["role"], tuple(persona["tools"])))
        if role.prompt is None or persona["digest"] == role.prompt.digest:
            return role
        prompt = await self.dispatch.in_thread(self.rooms.briefs.prompt, persona["digest"])
        return replace(role, prompt=prompt, source=persona["prompt"], trust=TrustLabel.from_json(persona["trust"]))

    async def fitness(self, network: Network) -> Fitness:
        """What measures tasks against the capabilities of the network's agents."""
        if network.digest not in self._fits:
            self._fits[network.digest] = await self.dispatch.in_thread(self.rooms.fitness, network)
        return self._fits[network.digest]

    # --- tools --------------------------------------------------------------------------------------------------------

    async def tools(self, network: Network, role: Role) -> Mapping[str, Tool]:
        """The tools that the agent holds, and the one that it only calls."""
        names = [*role.agent.tools, *([role.agent.calls] if role.agent.calls else [])]
        if not names:
            return {}
        found = dict(await (await self._toolbox(network)).tools([name for name in names if name != WORKSPACE]))
        if WORKSPACE in names:
            found |= workspace_tools(self.rooms.workspace)
        return found

    async def _toolbox(self, network: Network) -> Toolbox:
        key = f"{network.digest} {network.folder}"
        if key not in self._toolboxes:
            self._toolboxes[key] = await self.life.enter_async_context(Toolbox(network.tools, network.folder))
        return self._toolboxes[key]

    def colleagues(self, network: Network, role: Role, message: Message) -> Mapping[str, Tool]:
        """See `Surroundings`."""
        if not (role.agent.asks or role.agent.publishes):
            return {}
        return Colleagues(self.dispatch, self.rooms.memories, network, message, self.acting).tools(role.agent)

    async def acting(self, network: Network, role: Role) -> Mapping[str, bool]:
        """The tools that the role may call, by name, with whether it can do something in the world with each."""
        found = {name: tool.acts for name, tool in (await self.tools(network, role)).items()}
        # Whoever posts sets others to work.
        held = {**found, **{name: effect is not Effect.READ for name, effect in effects_of(role.agent).items()}}
        return {name: acts for name, acts in held.items() if role.may_use(name)}

    # --- what an agent knows, and people ------------------------------------------------------------------------------

    async def history(self, role: Role, message: Message) -> Sequence[Earlier]:
        """See `Surroundings`."""
        if not role.agent.history:
            return ()
        found = await self.dispatch.read(lambda connection: earlier(connection, message, role.agent.history))
        return [Earlier(one, reply.problem or reply.value, reply.label or one.label) for one, reply in found]

    async def remember(self, by: str, scope: str, text: str, source: str, label: TrustLabel) -> None:
        """See `Surroundings`."""
        memories = self.rooms.memories.acting_as(by)
        await self.dispatch.in_thread(
            lambda: memories.remember(scope, text[:_LONGEST_MEMORY], source=source, label=label)
        )

    async def decision(self, question: Question) -> Decision:
        """See `Surroundings`."""
        return await self.dispatch.decision(question)

    # --- the guard ----------------------------------------------------------------------------------------------------

    async def permit(self, by: str, resource: str) -> None:
        """See `Surroundings`."""
        scope = self.rooms.scope.acting_as(by)
        await self.dispatch.in_thread(lambda: scope.require(Action.USE, resource))

    def shield(self, network: Network) -> Shield:
        """See `Surroundings`."""
        return self.rooms.shield(network)

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """See `Surroundings`."""
        return await self.dispatch.in_thread(function, *arguments)

    def policy(self, network: Network) -> Policy:
        """See `Surroundings`."""
        if network.digest not in self._policies:
            self._policies[network.digest] = Policy.of(network.policies)
        return self._policies[network.digest]

    async def actor(self, run: str) -> str:
        """See `Surroundings`."""
        if run not in self._actors:
            if len(self._actors) >= _MOST_ACTORS:
                self._actors.clear()
            self._actors[run] = await self.dispatch.read(lambda connection: actor_of(connection, run))
        return self._actors[run]

    async def late(self, run: str) -> bool:
        """See `Surroundings`."""
        return await self.dispatch.read(lambda connection: without_answer(connection, run))

    @property
    def clock(self) -> Clock:
        """See `Surroundings`."""
        return self.dispatch.clock
