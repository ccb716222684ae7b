"""What is kept of batches and runs: rows, and the event of the audit log that belongs to each change, in one transaction.

Every change may be asked for again after a crash with the same arguments: the row that is there, or no longer in the state
that the change begins from, says that it was done, and nothing is written twice.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from stemma.core.errors import Conflict, NotFound
from stemma.ledger.authority import Action
from stemma.ledger.scope import Scope, Transaction
from stemma.network.bounds import Spent
from stemma.network.inbox import insert_or_ignore, post
from stemma.network.message import Message, MessageStatus
from stemma.network.network import Network
from stemma.network.run import Outcome, Run, RunReport, RunStatus, Sent
from stemma.network.writer import written
from stemma.store.schema import messages, networks, questions, runs

_OPEN = (RunStatus.WAITING.value, RunStatus.RUNNING.value)
_UNANSWERED = (MessageStatus.WAITING.value, MessageStatus.RUNNING.value)


class Records:
    """Reads and writes the rows of runs. May be used by several threads."""

    def __init__(self, scope: Scope) -> None:
        self.folders: dict[str, Path] = {}
        """Where the files of networks lie on this machine, by name, when not where they lay when the network was pinned."""
        self._scope = scope
        self._networks: dict[str, Network] = {}
        self._kept: set[str] = set()
        """The digests of the networks that are written down, for good."""

    # --- batches ------------------------------------------------------------------------------------------------------

    def open_batch(self, batch: str, network: Network, requests: Sequence[Mapping[str, str]]) -> None:
        """Writes one waiting run for each request. Raises Conflict when the batch is there already."""
        with self._scope.write() as transaction:
            transaction.require(Action.USE, f"networks:/{network.name}")
            self._keep(transaction, network)
            rows = [
                self._row(batch, item, network, request, transaction) for item, request in enumerate(requests, start=1)
            ]
            try:
                transaction.connection.execute(insert(runs), rows)
            except IntegrityError as error:
                raise Conflict(f"batch {batch!r} was just begun by another process; run the same again") from error

    def open_run(
        self,
        transaction: Transaction,
        batch: str,
        item: int,
        network: Network,
        request: Mapping[str, str],
        *,
        owner: str,
    ) -> Run:
        """Writes one run that `owner` works on from the start. Its network has been kept (see `keep`)."""
        transaction.require(Action.USE, f"networks:/{network.name}")
        row = self._row(batch, item, network, request, transaction) | {
            "status": RunStatus.RUNNING.value,
            "owner": owner,
            "started_at": transaction.at,
        }
        made = transaction.connection.execute(insert(runs).values(**row).returning(*runs.c)).one()
        data = {"network": network.name, "digest": network.digest, "batch": batch, "item": item}
        transaction.note("run.started", subject=made.id, data=data)
        return _run(made)

    def _row(
        self, batch: str, item: int, network: Network, request: Mapping[str, str], transaction: Transaction
    ) -> dict[str, Any]:
        return {
            "id": f"{batch}.{item}",
            "batch": batch,
            "item": item,
            "name": network.name,
            "network": bytes.fromhex(network.digest),
            "request": _json(request),
            "status": RunStatus.WAITING.value,
            "actor": transaction.actor,
            "created_at": transaction.at,
        }

    def keep(self, network: Network) -> None:
        """Writes a pinned network down, unless it is there."""
        if network.digest not in self._kept:
            with self._scope.write() as transaction:
                transaction.require(Action.USE, f"networks:/{network.name}")
                self._keep(transaction, network)
            self._kept.add(network.digest)

    def _keep(self, transaction: Transaction, network: Network) -> None:
        body = json.dumps(network.to_json(), ensure_ascii=False)
        row = {
            "digest": bytes.fromhex(network.digest),
            "name": network.name,
            "folder": str(network.folder),
            "body": body,
            "created_at": transaction.at,
        }
        transaction.connection.execute(insert_or_ignore(transaction.connection.dialect.name, networks), row)
        self._networks[network.digest] = network

    def batch(self, batch: str) -> list[Run]:
        """The runs of a batch in the order of their items; none when there is no such batch."""
        with self._scope.read() as connection:
            found = connection.execute(select(runs).where(runs.c.batch == batch).order_by(runs.c.item))
            return [_run(row) for row in found]

    def statuses(self, batch: str) -> dict[str, RunStatus]:
        """Where each run of a batch stands."""
        with self._scope.read() as connection:
            found = connection.execute(select(runs.c.id, runs.c.status).where(runs.c.batch == batch))
            return {row.id: RunStatus(row.status) for row in found}

    def batches(self, prefix: str) -> dict[str, bool]:
        """Every batch whose name begins with `prefix`, and whether all its runs, and all that they posted, have ended."""
        ended = func.sum(runs.c.status.not_in(_OPEN).cast(runs.c.item.type))
        query = select(runs.c.batch, ended == func.count()).where(runs.c.batch.startswith(prefix, autoescape=True))
        with self._scope.read() as connection:
            found = connection.execute(query.group_by(runs.c.batch)).all()
            return {batch: bool(complete) and not open_messages(connection, batch) for batch, complete in found}

    # --- looking ------------------------------------------------------------------------------------------------------

    def known_network(self, digest: str) -> Network | None:
        """The pinned network of that digest, if this process has met it."""
        return self._networks.get(digest)

    def network(self, digest: str) -> Network:
        """The pinned network of that digest."""
        if digest not in self._networks:
            with self._scope.read() as connection:
                query = select(networks.c.name, networks.c.body, networks.c.folder).where(
                    networks.c.digest == bytes.fromhex(digest)
                )
                row = connection.execute(query).one()
            folder = self.folders.get(row.name, Path(row.folder))
            self._networks[digest] = Network.from_json(json.loads(row.body), folder=folder)
        return self._networks[digest]

    def names(self) -> list[str]:
        """The networks that were ever pinned here, by name, whether what was written down of them can be read or not."""
        with self._scope.read() as connection:
            return list(connection.scalars(select(networks.c.name).distinct().order_by(networks.c.name)))

    def agents(self) -> dict[str, set[str]]:
        """The agents of every network that was ever pinned here, by the network's name."""
        known: dict[str, set[str]] = {}
        with self._scope.read() as connection:
            for row in connection.execute(select(networks.c.name, networks.c.body)):
                known.setdefault(row.name, set()).update(
                    role["agent"]["name"] for role in json.loads(row.body)["roles"]
                )
        return known

    def ls(
        self, *, status: RunStatus | None, asking: bool | None, network: str | None, batch: str | None, limit: int
    ) -> list[Run]:
        """The newest runs, newest first; see `Networks.ls`."""
        query = select(runs).order_by(runs.c.created_at.desc(), runs.c.batch.desc(), runs.c.item.desc()).limit(limit)
        for column, wanted in ((runs.c.status, status), (runs.c.name, network)):
            if wanted is not None:
                query = query.where(column == str(wanted))
        if batch is not None:
            query = query.where(or_(runs.c.batch == batch, runs.c.batch.startswith(f"{batch}.", autoescape=True)))
        if asking is not None:
            open_ones = runs.c.id.in_(select(questions.c.run).where(questions.c.decided_at.is_(None)))
            query = query.where(open_ones if asking else ~open_ones)
        with self._scope.read() as connection:
            return [_run(row) for row in connection.execute(query)]

    def ids_like(self, part: str, *, most: int) -> list[str]:
        """Up to `most` ids of runs that begin or end with `part`; that very one alone where it is a whole id."""
        whole = select(runs.c.id).where(runs.c.id == part)
        either = or_(runs.c.id.startswith(part, autoescape=True), runs.c.id.endswith(part, autoescape=True))
        with self._scope.read() as connection:
            like = select(runs.c.id).where(either).order_by(runs.c.created_at.desc(), runs.c.id).limit(most)
            return list(connection.scalars(whole)) or (list(connection.scalars(like)) if part else [])

    def get(self, run_id: str) -> Run:
        """Raises NotFound."""
        with self._scope.read() as connection:
            return _run(_row(connection, run_id))

    def report(self, run_id: str) -> RunReport:
        """A run with its messages. Raises NotFound."""
        with self._scope.read() as connection:
            row = _row(connection, run_id)
            sent = connection.execute(select(messages).where(messages.c.run == run_id).order_by(messages.c.seq)).all()
        return RunReport(_run(row), tuple(_sent(found) for found in sent))

    # --- changes ------------------------------------------------------------------------------------------------------

    def cancel(self, run_id: str) -> Run:
        """Ends a run, and everything under it, as cancelled; of one that has ended, only what it posted. Raises NotFound
        and Unauthorized.

        Whoever works on it is turned away at the next step; model calls in flight are finished and not recorded.
        """

        def cancel(transaction: Transaction) -> None:
            transaction.require(Action.USE, f"networks:/{_row(transaction.connection, run_id).name}")
            outcome = Outcome(RunStatus.CANCELLED, reason=f"cancelled by {transaction.actor}")
            if not end_run(transaction, run_id, outcome, owner=None):
                _cancel_open(transaction, run_id, str(outcome.reason))

        written(self._scope, cancel)
        return self.get(run_id)


def open_messages(connection: Connection, batch: str) -> bool:
    """Whether a message of the batch waits or is worked on."""
    query = select(messages.c.seq).join(runs, runs.c.id == messages.c.run)
    query = query.where(runs.c.batch == batch, messages.c.status.in_(_UNANSWERED)).limit(1)
    return connection.execute(query).first() is not None


def run_waits(connection: Connection, batch: str | None) -> bool:
    """Whether a run waits that could be taken on."""
    query = select(runs.c.id).where(runs.c.status == RunStatus.WAITING.value).limit(1)
    if batch is not None:
        query = query.where(runs.c.batch == batch)
    return connection.execute(query).first() is not None


def claim_runs(transaction: Transaction, owner: str, *, most: int, batch: str | None) -> list[tuple[Run, bool]]:
    """Takes up to `most` waiting runs, the oldest first, and marks them as running; True with those that were begun before."""
    connection = transaction.connection
    query = select(runs).where(runs.c.status == RunStatus.WAITING.value)
    query = query.order_by(runs.c.created_at, runs.c.batch, runs.c.item).limit(most)
    if batch is not None:
        query = query.where(runs.c.batch == batch)
    if connection.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    begun: list[tuple[Run, bool]] = []
    for row in connection.execute(query).all():
        transaction.require(
            Action.USE, f"networks:/{row.name}"
        )  # also that a worker whose token ended takes on nothing more
        again, started = row.started_at is not None, row.started_at or transaction.at
        values = {"status": RunStatus.RUNNING.value, "owner": owner, "started_at": started}
        connection.execute(update(runs).where(runs.c.id == row.id).values(**values))
        if not again:
            data = {"network": row.name, "digest": row.network.hex(), "batch": row.batch, "item": row.item}
            transaction.note("run.started", subject=row.id, data=data)
        begun.append((replace(_run(row), status=RunStatus.RUNNING, started_at=started), again))
    return begun


def actor_of(connection: Connection, run_id: str) -> str:
    """Who asked for the run. Raises NotFound."""
    found: str | None = connection.execute(select(runs.c.actor).where(runs.c.id == run_id)).scalar()
    if found is None:
        raise NotFound(f"there is no run {run_id!r}")
    return found


def end_run(
    transaction: Transaction, run_id: str, outcome: Outcome, *, owner: str | None, last: Message | None = None
) -> bool:
    """Ends a run that is under way, with its last message where there is one to send; False when it has ended already.

    `owner` is who works on it; None for somebody who ends it from outside. What was sent for it and not answered is cancelled.
    """
    connection = transaction.connection
    ending = _END_OWN if owner is not None else _END
    values = {
        "key": run_id,
        "now": outcome.status.value,
        "how": _json(outcome.to_json()),
        "at": transaction.at,
    } | ({"holder": owner} if owner is not None else {})
    if connection.execute(ending, values).first() is None:
        return False
    if (
        outcome.status is not RunStatus.COMPLETED
    ):  # of one that is complete nothing is open but what was posted to topics
        _cancel_open(transaction, run_id, f"the run ended: {outcome.status.value}")
    if last is not None:
        post(transaction, last, status=MessageStatus.ANSWERED)
    transaction.note("run.finished", subject=run_id, data={"status": outcome.status.value})
    return True


def _cancel_open(transaction: Transaction, run_id: str, why: str) -> None:
    transaction.connection.execute(_CANCEL_MESSAGES, {"key": run_id, "why": why})
    closed = _json({"verdict": "rejected", "by": "run"})
    transaction.connection.execute(_CLOSE_QUESTIONS, {"key": run_id, "at": transaction.at, "closed": closed})


def _row(connection: Connection, run_id: str) -> Row[Any]:
    row = connection.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no run {run_id!r}; list the runs with: stemma runs ls")
    return row


def _json(value: Any) -> str:
    return json.dumps(value if isinstance(value, dict) else dict(value), ensure_ascii=False)


def _run(row: Row[Any]) -> Run:
    return Run(
        row.id,
        row.batch,
        row.item,
        row.name,
        row.network.hex(),
        json.loads(row.request),
        RunStatus(row.status),
        Outcome.from_json(json.loads(row.outcome)) if row.outcome is not None else None,
        row.actor,
        row.created_at,
        row.finished_at,
        row.started_at,
        Spent(row.messages, row.calls, row.tokens, row.microdollars),
    )


def _sent(row: Row[Any]) -> Sent:
    return Sent(
        Message.from_json(json.loads(row.body)),
        row.sent_at,
        None if row.answer is None else json.loads(row.answer),
        MessageStatus(row.status),
        row.reason,
    )


_END = (
    update(runs)
    .where(runs.c.id == bindparam("key"), runs.c.status.in_(_OPEN))
    .values(status=bindparam("now"), outcome=bindparam("how"), finished_at=bindparam("at"))
    .returning(runs.c.id)
)
_END_OWN = _END.where(runs.c.owner == bindparam("holder"))
_CANCEL_MESSAGES = (
    update(messages)
    .where(
        messages.c.run == bindparam("key"),
        messages.c.status.in_(_UNANSWERED),
    )
    .values(status=MessageStatus.CANCELLED.value, reason=bindparam("why"))
)
_CLOSE_QUESTIONS = (
    update(questions)
    .where(questions.c.run == bindparam("key"), questions.c.decided_at.is_(None))
    .values(decided_at=bindparam("at"), decided_by="run", decision=bindparam("closed"))
)
