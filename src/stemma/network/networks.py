"""Running networks: a batch of items through a network of agents, resumed where a killed process left it."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from stemma.core.errors import Conflict, InvalidInput, NotFound, Unauthorized
from stemma.core.ids import new_id
from stemma.core.marked import near
from stemma.core.shown import shown
from stemma.ledger.authority import Action
from stemma.ledger.scope import Scope
from stemma.models.encoders import Encoder
from stemma.network.alarms import Alarms
from stemma.network.alarms.watch import Watch
from stemma.network.backlog import Backlog, backlog
from stemma.network.batch import BatchWatch
from stemma.network.briefs import Briefs
from stemma.network.caller import ModelCaller, Models
from stemma.network.leave import may_read, may_read_run
from stemma.network.letters import Letters
from stemma.network.manifest import Manifest
from stemma.network.naming import batch_named, run_named
from stemma.network.network import Network, PromptSource, pin
from stemma.network.protection import Vault
from stemma.network.questions import Questions
from stemma.network.records import Records
from stemma.network.rooms import Rooms, WorkerSettings
from stemma.network.run import BatchResult, Listener, Run, RunReport, RunStatus
from stemma.network.state.memory import Memories
from stemma.network.state.workspace import Workspace
from stemma.registry.candidates import Candidates
from stemma.registry.contents import Contents
from stemma.registry.sessions import Sessions

if TYPE_CHECKING:  # DBOS takes 0.4 s to import; looking at runs does without
    from stemma.network.live import LiveNetwork
    from stemma.network.worker import Worker

# Numbers in a hashed vector. On 10,000 short questions, 512 find the right neighbour 1 % less often than 8192 do, in a
# sixteenth of the space.
_ROUTING, _REMEMBERING = 8192, 512


def _hashed(dimensions: int) -> Encoder:
    from stemma.models.encoders import HashedEncoder

    return HashedEncoder(dimensions)


class Networks:
    """Runs networks on one store, and shows what became of them. Raises Unauthorized for whoever may not.

    Whoever may use a network sees what the batches come to that he runs; to look at others' takes leave to read its runs.
    """

    def __init__(
        self,
        scope: Scope,
        prompts: PromptSource,
        models: Models,
        *,
        encoder: Callable[[int], Encoder] = _hashed,
        vault: Vault | None = None,
    ) -> None:
        """`encoder` makes what measures nearness in meaning; hashed vectors have as many numbers as it is told. `vault` gives
        the tokens of networks that protect personal data by them.
        """
        self._vault = vault
        self._scope = scope
        self._prompts = prompts
        self._models = models
        self._encoder = encoder
        self._records = Records(scope)
        self.questions = Questions(scope)
        self.letters = Letters(scope)
        self.workspace = Workspace(scope)

    @cached_property
    def _rooms(self) -> Rooms:
        candidates = Candidates(self._scope, Contents())
        return Rooms(
            self._scope,
            self._records,
            Briefs(Sessions(self._scope), candidates),
            self._encoder(_ROUTING),
            self.memories,
            self.workspace,
            self._watch,
            self._vault,
        )

    @cached_property
    def memories(self) -> Memories:
        """What agents remember across tasks."""
        return Memories(self._scope, self._encoder(_REMEMBERING))

    @cached_property
    def alarms(self) -> Alarms:
        """What was noticed in the traffic of these networks, and the watch over it."""
        return Alarms(self._scope, self._watch)

    @cached_property
    def _watch(self) -> Watch:
        return Watch(self._scope, self._encoder(_ROUTING))

    def run(
        self,
        manifest: Manifest,
        items: Sequence[Mapping[str, str]],
        *,
        batch: str | None = None,
        concurrency: int = 4,
        new: bool = False,
        wait: bool = True,
        progress: Listener | None = None,
    ) -> BatchResult:
        """Sends each item through the network, at most `concurrency` model calls at a time.

        Every finished model call is kept at once. Run again with the same network (every prompt and document included)
        and the same items, a batch that did not end is resumed, and no finished call is paid for again; one that ended
        is run anew, as is any with `new`. `batch` gives the batch a name of its own in place of the one derived from
        its content; with the number that it then got (``monday.1``), it is that very batch.

        Blocks until every run has ended, or, without `wait`, can not go on before a person has answered; call it from a
        thread where an event loop runs. Raises InvalidData for a manifest that does not fit its prompts, InvalidInput
        for an item that lacks an input, Conflict when another process is in the way, and any error (the store is full,
        a model is not configured) that stopped the batch; it can then be resumed.
        """
        _check_concurrency(concurrency)
        name, begun = self._opened(manifest, items, batch, new=new)
        return self._worked(name, begun, WorkerSettings(concurrency, batch=name), progress, wait=wait)

    def resume(
        self, batch: str, *, concurrency: int = 4, wait: bool = True, progress: Listener | None = None
    ) -> BatchResult:
        """Goes on with a batch by its name, as `run` with the manifest and the items that it was begun with.

        One that has ended comes back as it is. Raises NotFound, Unauthorized, and what `run` does.
        """
        _check_concurrency(concurrency)
        begun = self._records.batch(batch)
        if not begun or any(run.actor != self._scope.actor for run in begun):
            begun = self.batch(batch)
        network = self._records.network(begun[0].network)
        self._scope.require(Action.USE, f"networks:/{network.name}")
        self._check_models(network)
        return self._worked(batch, begun, WorkerSettings(concurrency, batch=batch), progress, wait=wait)

    def batch(self, batch: str) -> list[Run]:
        """The runs of a batch, by its name, in the order of their items. Raises NotFound."""
        found = self._records.batch(batch)
        self._may_read(found[0].id if found else None)
        if not found:
            raise NotFound(
                f"there is no batch {batch!r}; list the runs, which begin with their batch, with: stemma runs ls"
            )
        return found

    def _opened(
        self, manifest: Manifest, items: Sequence[Mapping[str, str]], batch: str | None, *, new: bool
    ) -> tuple[str, list[Run]]:
        """The batch to work on, and its runs where it was there before."""
        network = self._pinned(manifest)
        shield = self._rooms.shield(network)
        requests = [
            shield.item(_request(item, number, network), network.inputs) for number, item in enumerate(items, start=1)
        ]
        if not requests:
            raise InvalidInput(f"there is no item for network {network.name!r} to work on")
        name = batch_named(self._records, network, requests, batch, new=new)
        begun = self._records.batch(name)
        if not begun:
            self._records.open_batch(name, network, requests)
        elif [run.request for run in begun] != requests or begun[0].network != network.digest:
            raise Conflict(f"batch {name!r} was begun with another network or other items; choose another name for it")
        return name, begun

    def _worked(
        self, batch: str, begun: Sequence[Run], settings: WorkerSettings, progress: Listener | None, *, wait: bool
    ) -> BatchResult:
        """Works until every run of the batch has ended, or waits for a person. `begun` are its runs as they stood before."""
        started, worker = self._scope.clock.monotonic(), self._worker(settings)
        watch = BatchWatch(self._records, batch, worker.caller, progress)
        worker.serve(lambda worker: watch.until_ended(worker.dispatch, wait=wait))
        resumed = sum(run.started_at is not None for run in begun)
        runs, seconds = tuple(self._records.batch(batch)), self._scope.clock.monotonic() - started
        return BatchResult(batch, runs, resumed, worker.caller.calls, seconds)

    def up(self, manifest: Manifest, *, concurrency: int = 4) -> "LiveNetwork":
        """The network's agents, answering messages for as long as a ``with`` block lasts; see `LiveNetwork`."""
        from stemma.network.live import LiveNetwork
        from stemma.network.worker import Worker

        network = self._pinned(manifest)
        self._scope.require(Action.USE, f"networks:/{network.name}")
        caller = ModelCaller(self._models, self._scope.clock, concurrency=concurrency)
        settings = WorkerSettings(concurrency, batch=f"live-{new_id('m')}", patient=True)
        return LiveNetwork(network, Worker(self._rooms, caller, settings))

    def worker(self, settings: WorkerSettings, manifests: Sequence[Manifest] = ()) -> "Worker":
        """A worker for runs and messages of every network on the store. Call its `serve`; it blocks.

        The files and tools of a network lie where they lay when it was submitted, or beside its manifest among
        `manifests`. Raises Unauthorized for whoever may use none of the networks.
        """
        for manifest in manifests:
            self._records.folders[manifest.name] = manifest.folder.resolve()
        self._may_use_one(sorted({*self._records.names(), *self._records.folders}))
        return self._worker(settings)

    def _worker(self, settings: WorkerSettings) -> "Worker":
        from stemma.network.worker import Worker

        caller = ModelCaller(self._models, self._scope.clock, concurrency=settings.concurrency)
        return Worker(self._rooms, caller, settings)

    def submit(
        self, manifest: Manifest, items: Sequence[Mapping[str, str]], *, batch: str | None = None, new: bool = False
    ) -> str:
        """Writes the items' runs down for workers to do, and returns the name of the batch; see `run`."""
        return self._opened(manifest, items, batch, new=new)[0]

    def inboxes(self, agents: Sequence[str], manifests: Sequence[Manifest] = ()) -> frozenset[str]:
        """The inboxes of agents named ``network/agent``, or ``agent`` for those of that name in all of `manifests`.

        Without manifests, in every network that the store has seen. Raises NotFound for an agent that is in none of them.
        """
        known = {one.name: {agent.name for agent in one.agents} for one in manifests} or self._records.agents()
        found: set[str] = set()
        for named in agents:
            network, _, agent = named.rpartition("/")
            homes = [home for home, members in known.items() if agent in members and network in ("", home)]
            if not homes and (not network or network in known):
                among = sorted(f"{home}/{one}" for home, members in known.items() for one in members)
                raise NotFound(
                    f"there is no agent {named!r} to serve; known are {', '.join(among) or 'none'}; name its network's manifest"
                )
            found |= {f"{home}/{agent}" for home in homes} or {named}  # one of a network that is yet to come
        return frozenset(found)

    def backlog(self) -> Backlog:
        """What waits and is worked on, on the whole store. Numbers alone, for which nobody is asked."""
        with self._scope.read() as connection:
            return backlog(connection, self._scope.clock.now())

    def _pinned(self, manifest: Manifest) -> Network:
        network = pin(manifest, self._prompts)
        self._check_models(network)
        return network

    def _check_models(self, network: Network) -> None:
        for role in network.roles:
            for model in role.agent.models:
                self._models.get(model)  # a missing key shows now, not in the middle of the work

    def cancel(self, run_id: str) -> Run:
        """Ends a run and everything under it; see `Records.cancel`. Raises NotFound."""
        self._may_read(run_id)  # it is given back as it then stands
        return self._records.cancel(run_id)

    def ls(
        self,
        *,
        status: RunStatus | None = None,
        asking: bool | None = None,
        network: str | None = None,
        batch: str | None = None,
        limit: int = 50,
    ) -> list[Run]:
        """The newest runs, newest first. By `asking`, those that ask a person something, or those that do not; `batch` is its
        name, with its number or without. Raises NotFound for a network that was never seen here.
        """
        with self._scope.read() as connection:
            may_read(self._scope, connection, network or "")
        found = self._records.ls(status=status, asking=asking, network=network, batch=batch, limit=limit)
        if network is not None and not found and network not in (known := self._records.names()):
            there = ", ".join(sorted(known)) or "none"
            raise NotFound(f"no network {network!r} was run here{near(network, known)}; there are: {there}")
        return found

    def show(self, run_id: str) -> RunReport:
        """A run and its messages, every part with its label. Raises NotFound."""
        self._may_read(run_id)
        return self._records.report(run_id)

    def find(self, part: str) -> str:
        """The id of the run that begins or ends so, and no other does. Raises NotFound, with the candidates."""
        self._may_read(part)
        return run_named(self._records, part)

    def _may_read(self, run: str | None = None) -> None:
        with self._scope.read() as connection:
            may_read_run(self._scope, connection, run)

    def _may_use_one(self, names: Sequence[str]) -> None:
        """What a worker asks for before it begins; what it then takes on, it asks for one by one."""
        refused: Unauthorized | None = None
        for name in names or [""]:
            try:
                return self._scope.require(Action.USE, f"networks:/{name}")
            except Unauthorized as error:
                refused = error
        assert refused is not None
        raise refused


def _check_concurrency(concurrency: int) -> None:
    if concurrency < 1:
        raise InvalidInput(f"concurrency {concurrency} makes no progress; it is at least 1")


def _request(item: Mapping[str, str], number: int, network: Network) -> dict[str, str]:
    missing = [name for name in network.inputs if not isinstance(item.get(name), str)]
    if missing:
        has = shown(list(item))[1:-1] or "nothing"
        raise InvalidInput(
            f"item {number} has no text {missing[0]!r}, which network {network.name!r} reads; it has {has}"
        )
    return {name: item[name] for name in network.inputs}
