"""What a worker is told, and what it is given to work with."""

from dataclasses import dataclass

from stemma.ledger.scope import Scope
from stemma.models.encoders import Encoder
from stemma.network.alarms.watch import Watch
from stemma.network.briefs import Briefs
from stemma.network.fitness import Fitness, capabilities_of
from stemma.network.network import Network
from stemma.network.protection import Shield, Vault
from stemma.network.records import Records
from stemma.network.state.memory import Memories
from stemma.network.state.workspace import Workspace


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How a worker works: `concurrency` model calls, turns and runs at a time each.

    `serves` are the inboxes (``network/agent``) that messages are taken from, None for all. With a `batch` only that one
    is worked on.
    """

    concurrency: int = 4
    serves: frozenset[str] | None = None
    batch: str | None = None
    runs: bool = True
    """Whether it plays flows, too; else it only takes turns."""
    grace: float = 20.0
    """Seconds that turns in hand are given to end when the worker is stopped."""
    patient: bool = False
    """Whether a turn that breaks by a mistake is given back, and is a dead letter in the end; else it stops the worker."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """What a worker is given by the platform."""

    scope: Scope
    records: Records
    briefs: Briefs
    encoder: Encoder
    memories: Memories
    workspace: Workspace
    watch: Watch
    vault: Vault | None = None

    def fitness(self, network: Network) -> Fitness:
        """What measures tasks against the capabilities of this network's agents."""
        return Fitness(capabilities_of(network), self.encoder)

    def shield(self, network: Network) -> Shield:
        """What stands at the network's entry and exits."""
        return Shield(network.name, network.protects, self.vault)
