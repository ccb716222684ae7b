"""What a turn needs of the process that it is taken in."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from stemma.core.clock import Clock
from stemma.core.trust import TrustLabel
from stemma.guard.policy import Policy
from stemma.network.caller import ModelCaller
from stemma.network.conversation import Earlier
from stemma.network.message import Message
from stemma.network.network import Network, Role
from stemma.network.people import Decision, Question
from stemma.network.protection import Shield
from stemma.network.tools.tool import Tool


class Surroundings(Protocol):
    """What a turn needs of the process that it is taken in."""

    caller: ModelCaller

    async def tools(self, network: Network, role: Role) -> Mapping[str, Tool]:
        """The tools that the agent holds, of which the role may allow fewer."""

    def colleagues(self, network: Network, role: Role, message: Message) -> Mapping[str, Tool]:
        """The tools with which it sends messages of its own while it answers `message`."""

    async def history(self, role: Role, message: Message) -> Sequence[Earlier]:
        """The agent's own earlier turns in the task that it sees again, the oldest first, each answered."""

    async def decision(self, question: Question) -> Decision:
        """What a person, or the clock, decided; waits as long as it takes."""

    async def remember(self, by: str, scope: str, text: str, source: str, label: TrustLabel) -> None:
        """Keeps a text across tasks, in the name of the agent `by`; once for each source."""

    async def permit(self, by: str, resource: str) -> None:
        """Nothing, if the agent `by` may use that. Raises Unauthorized."""

    def policy(self, network: Network) -> Policy:
        """What decides about the network's calls."""

    async def actor(self, run: str) -> str:
        """Who asked for the task."""

    async def late(self, run: str) -> bool:
        """Whether a message of the run had no answer when its time was up."""

    def shield(self, network: Network) -> Shield:
        """What stands at the network's entry and exits."""

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function returns that blocks."""

    @property
    def clock(self) -> Clock: ...
