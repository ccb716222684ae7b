"""Messages in inboxes, written down without anybody who works on them."""

from collections.abc import Sequence

from tests.network.speaking import Speaking, speaking_on

from stemma import Prompt
from stemma.core.trust import UNTRUSTED
from stemma.ledger.scope import Scope
from stemma.network import Bounds, define_agent, define_network
from stemma.network.admission import Address, Turned
from stemma.network.claiming import Delivery, claim
from stemma.network.inbox import Posted, send
from stemma.network.message import Message, Part, PartKind
from stemma.network.records import claim_runs
from stemma.network.run import Run

ROOMY = 100


class Post:
    """A run in the hands of `owner`, and what it sends; `claimed` are messages taken on, by whoever does."""

    def __init__(self, scope: Scope, *, owner: str = "me", runs: int = 1) -> None:
        self.scope, self.owner = scope, owner
        agents = [define_agent("clerk", Prompt("clerk: act."), reads=["ticket"], writes="said")]
        network = define_network("desk", inputs=["ticket"], agents=agents, flow=["clerk"], model="speaking")
        speaking_on(scope, Speaking({})).submit(network, [{"ticket": str(number)} for number in range(runs)], batch="b")
        with scope.write() as tx:
            begun = claim_runs(tx, owner, most=runs, batch=None)
        self.runs: list[Run] = sorted((run for run, _ in begun), key=lambda run: run.item)

    def message(self, name: str, to: str = "clerk", run: int = 0) -> Message:
        part = Part(PartKind.DATA, "ticket", "hello", UNTRUSTED)
        id = self.runs[run].id
        return Message.compose(f"{id}.{name}", id, sender="caller", recipient=to, parts=[part])

    def send(
        self,
        name: str,
        to: str = "clerk",
        *,
        replicas: int | None = None,
        capacity: int = ROOMY,
        at_once: bool = False,
        by: str | None = None,
        bounds: Bounds | None = None,
        deadline: str | None = None,
        run: int = 0,
        instead: Sequence[str] = (),
    ) -> Posted | Turned:
        """Sends the message of this name to an agent, as the run's process would."""
        message = self.message(name, to, run)
        others = [(self.message(name, other, run), Address(f"desk/{other}", replicas, capacity)) for other in instead]
        with self.scope.write() as tx:
            return send(
                tx,
                message,
                Address(f"desk/{to}", replicas, capacity),
                bounds=bounds or Bounds(),
                by=by or self.owner,
                at_once=at_once,
                instead=others,
                deadline=deadline,
            )

    def claim(self, most: int = 1, *, owner: str = "me", serves: Sequence[str] | None = None) -> list[Delivery]:
        """What `owner` gets to work on."""
        inboxes = None if serves is None else [f"desk/{agent}" for agent in serves]
        with self.scope.write() as tx:
            return claim(tx, owner, most=most, serves=inboxes)

    def claimed(self, most: int = 1, *, owner: str = "me", serves: Sequence[str] | None = None) -> list[str]:
        """The names of what `owner` gets to work on."""
        return [one.message.id.rpartition(".")[2] for one in self.claim(most, owner=owner, serves=serves)]
