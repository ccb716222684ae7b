"""Running networks: a batch of items through a pipeline of agents, resumed where a killed process left it."""

import re
from collections.abc import Mapping, Sequence

from stemma.core.digests import digest
from stemma.core.errors import Conflict, InvalidInput, InvalidName, StoreDamaged
from stemma.ledger.scope import Scope
from stemma.network.caller import ModelCaller, Models
from stemma.network.manifest import Manifest
from stemma.network.network import Network, PromptSource, pin
from stemma.network.records import Records
from stemma.network.run import BatchResult, Listener, Run, RunReport, RunStatus

_BATCH = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Networks:
    """Runs networks on one store, and shows what became of them."""

    def __init__(self, scope: Scope, prompts: PromptSource, models: Models) -> None:
        self._scope = scope
        self._prompts = prompts
        self._models = models
        self._records = Records(scope)

    def run(
        self,
        manifest: Manifest,
        items: Sequence[Mapping[str, str]],
        *,
        batch: str | None = None,
        concurrency: int = 4,
        new: bool = False,
        progress: Listener | None = None,
    ) -> BatchResult:
        """Sends each item through the network, at most `concurrency` model calls at a time.

        Every finished model call is kept at once. Run again with the same network (every prompt and document included) and
        the same items, a batch that did not end is resumed, and no finished call is paid for again; one that ended is run
        anew, as is any with `new`. `batch` gives the batch a name of its own in place of the one derived from its content.

        Blocks until every run has ended; call it from a thread where an event loop runs. Raises InvalidData for a manifest
        that does not fit its prompts, InvalidInput for an item that lacks an input, Conflict when another process is in the
        way, and any error (the store is full, a model is not configured) that stopped the batch; it can then be resumed.
        """
        from stemma.network.workflows import Workflows  # DBOS takes 0.4 s to import; looking at runs does without

        if concurrency < 1:
            raise InvalidInput(f"concurrency {concurrency} makes no progress; it is at least 1")
        network = pin(manifest, self._prompts)
        requests = [_request(item, number, network) for number, item in enumerate(items, start=1)]
        if not requests:
            raise InvalidInput(f"there is no item for network {network.name!r} to work on")
        for role in network.roles:
            self._models.get(role.agent.model)  # a missing key shows now, not in the middle of the batch
        name = self._batch(network, requests, batch, new=new)
        begun = self._records.batch(name)
        if not begun:
            self._records.open_batch(name, network, requests)
        elif [run.request for run in begun] != requests or begun[0].network != network.digest:
            raise Conflict(f"batch {name!r} was begun with another network or other items; choose another name for it")
        caller = ModelCaller(self._models, self._scope.clock, concurrency=concurrency)
        workflows = Workflows(self._scope.store, self._records, caller)
        started = self._scope.clock.monotonic()
        workflows.serve(name, self._records.batch(name), concurrency=concurrency, progress=progress)
        runs = tuple(self._records.batch(name))
        if not all(run.status.is_final for run in runs):
            raise StoreDamaged(
                f"store {self._scope.store.name!r} does not know the runs that the engine's database beside it has ended; "
                "the two belong together: restore both from one backup, or remove the engine's (*.dbos.db, schema 'dbos')"
            )
        resumed = sum(run.status is not RunStatus.WAITING for run in begun)
        return BatchResult(name, runs, resumed, caller.calls, self._scope.clock.monotonic() - started)

    def ls(self, *, limit: int = 50) -> list[Run]:
        """The newest runs, newest first."""
        return self._records.ls(limit=limit)

    def show(self, run_id: str) -> RunReport:
        """A run and its messages, every part with its label. Raises NotFound."""
        return self._records.report(run_id)

    def _batch(self, network: Network, requests: Sequence[Mapping[str, str]], given: str | None, *, new: bool) -> str:
        """The batch to work on: `given`, the newest one of this content that has not ended, or the next one of it."""
        if given is not None and not _BATCH.fullmatch(given):
            raise InvalidName("batch", given, "lower-case letters, digits, '_' and '-'")
        family = given or f"b_{digest({'network': network.digest, 'items': list(requests)})[:16]}"
        found = self._records.batches(f"{family}.")
        newest = max((int(name.rpartition(".")[2]) for name in found), default=0)
        if newest and not new and not found[f"{family}.{newest}"]:
            return f"{family}.{newest}"
        return f"{family}.{newest + 1}"


def _request(item: Mapping[str, str], number: int, network: Network) -> dict[str, str]:
    missing = [name for name in network.inputs if not isinstance(item.get(name), str)]
    if missing:
        has = ", ".join(repr(name) for name in item) or "nothing"
        raise InvalidInput(
            f"item {number} has no text {missing[0]!r}, which network {network.name!r} reads; it has {has}"
        )
    return {name: item[name] for name in network.inputs}
