"""What is kept of runs: rows, and the event of the audit log that belongs to each change, in one transaction.

Every method may be called again after a crash with the same arguments: the row that is there, or no longer in the state
that the change begins from, says that it was done, and nothing is written twice.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, Table, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from stemma.core.digests import canonical_json, digest_bytes
from stemma.core.errors import Conflict, NotFound
from stemma.ledger.scope import Scope, Transaction
from stemma.network.message import Message
from stemma.network.network import Network, Role
from stemma.network.run import Outcome, Run, RunReport, RunStatus, Sent
from stemma.network.turn import Reply
from stemma.store.schema import messages, networks, runs


class Records:
    """Reads and writes the rows of runs and messages. May be used by several threads."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._networks: dict[str, Network] = {}

    # --- batches ------------------------------------------------------------------------------------------------------

    def open_batch(self, batch: str, network: Network, requests: Sequence[Mapping[str, str]]) -> None:
        """Writes one waiting run for each request. Raises Conflict when the batch is there already."""
        digest = bytes.fromhex(network.digest)
        with self._scope.write() as transaction:
            body = json.dumps(network.to_json(), ensure_ascii=False)
            row = {"digest": digest, "name": network.name, "body": body, "created_at": transaction.at}
            transaction.connection.execute(self._insert_or_ignore(networks), row)
            rows = [
                {
                    "id": f"{batch}.{item}",
                    "batch": batch,
                    "item": item,
                    "name": network.name,
                    "network": digest,
                    "request": _json(request),
                    "status": RunStatus.WAITING.value,
                    "actor": transaction.actor,
                    "created_at": transaction.at,
                }
                for item, request in enumerate(requests, start=1)
            ]
            try:
                transaction.connection.execute(insert(runs), rows)
            except IntegrityError as error:
                raise Conflict(f"batch {batch!r} was just begun by another process; run the same again") from error
        self._networks[network.digest] = network

    def batch(self, batch: str) -> list[Run]:
        """The runs of a batch in the order of their items; none when there is no such batch."""
        with self._scope.read() as connection:
            return [
                _run(row) for row in connection.execute(select(runs).where(runs.c.batch == batch).order_by(runs.c.item))
            ]

    def batches(self, prefix: str) -> dict[str, bool]:
        """Every batch whose name begins with `prefix`, and whether all its runs have ended."""
        final = [status.value for status in RunStatus if status.is_final]
        ended = func.sum(runs.c.status.in_(final).cast(runs.c.item.type))
        query = select(runs.c.batch, ended == func.count()).where(runs.c.batch.startswith(prefix, autoescape=True))
        with self._scope.read() as connection:
            return {batch: bool(complete) for batch, complete in connection.execute(query.group_by(runs.c.batch))}

    # --- one run ------------------------------------------------------------------------------------------------------

    def begin(self, run_id: str) -> tuple[Run, Network]:
        """Marks a waiting run as running."""
        with self._scope.write() as transaction:
            begun = transaction.connection.execute(
                update(runs)
                .where(runs.c.id == run_id, runs.c.status == RunStatus.WAITING.value)
                .values(status=RunStatus.RUNNING.value)
            )
            row = transaction.connection.execute(select(runs).where(runs.c.id == run_id)).one()
            if begun.rowcount:
                data = {"network": row.name, "digest": row.network.hex(), "batch": row.batch, "item": row.item}
                transaction.record("run.started", subject=run_id, data=data)
        return _run(row), self.network(row.network.hex())

    def send(self, message: Message) -> None:
        """Writes a message."""
        with self._scope.write() as transaction:
            self._send(transaction, message)

    def answered(self, message: Message, role: Role, reply: Reply) -> None:
        """Writes what the recipient's model said to a message, or why it said nothing."""
        with self._scope.write() as transaction:
            changed = transaction.connection.execute(
                update(messages)
                .where(messages.c.id == message.id, messages.c.answer.is_(None))
                .values(answer=_json(reply.to_json()))
            )
            if changed.rowcount:
                data = {
                    "agent": message.recipient,
                    "model": role.agent.model,
                    "prompt": role.prompt.digest,
                    "attempts": reply.attempts,
                    "input_tokens": reply.input_tokens,
                    "output_tokens": reply.output_tokens,
                    "answered": reply.text is not None,
                }
                transaction.record("model.called", subject=message.id, data=data)

    def finish(self, run_id: str, outcome: Outcome, last: Message | None) -> None:
        """Ends a running run, with its last message where there is one to send."""
        with self._scope.write() as transaction:
            changed = transaction.connection.execute(
                update(runs)
                .where(runs.c.id == run_id, runs.c.status == RunStatus.RUNNING.value)
                .values(status=outcome.status.value, outcome=_json(outcome.to_json()), finished_at=transaction.at)
            )
            if changed.rowcount:
                if last is not None:
                    self._send(transaction, last)
                transaction.record("run.finished", subject=run_id, data={"status": outcome.status.value})

    # --- looking ------------------------------------------------------------------------------------------------------

    def delivery(self, message_id: str) -> tuple[Message, Role]:
        """A message, and the role of the agent that it was sent to."""
        query = select(messages.c.body, runs.c.network).join(runs).where(messages.c.id == message_id)
        with self._scope.read() as connection:
            row = connection.execute(query).one()
        message = Message.from_json(json.loads(row.body))
        return message, self.network(row.network.hex()).role(message.recipient)

    def network(self, digest: str) -> Network:
        """The pinned network of that digest."""
        if digest not in self._networks:
            with self._scope.read() as connection:
                query = select(networks.c.body).where(networks.c.digest == bytes.fromhex(digest))
                self._networks[digest] = Network.from_json(json.loads(connection.execute(query).scalar_one()))
        return self._networks[digest]

    def ls(self, *, limit: int) -> list[Run]:
        """The newest runs, newest first."""
        query = select(runs).order_by(runs.c.created_at.desc(), runs.c.batch.desc(), runs.c.item.desc()).limit(limit)
        with self._scope.read() as connection:
            return [_run(row) for row in connection.execute(query)]

    def report(self, run_id: str) -> RunReport:
        """A run with its messages. Raises NotFound."""
        with self._scope.read() as connection:
            row = connection.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
            if row is None:
                raise NotFound(f"there is no run {run_id!r}; list the runs with: stemma runs ls")
            sent = connection.execute(
                select(messages).where(messages.c.run == run_id).order_by(messages.c.position)
            ).all()
        return RunReport(_run(row), tuple(_sent(found) for found in sent))

    def _send(self, transaction: Transaction, message: Message) -> None:
        body = canonical_json(message.to_json())
        row = {
            "id": message.id,
            "run": message.run,
            "position": message.position,
            "sender": message.sender,
            "recipient": message.recipient,
            "body": body.decode(),
            "sent_at": transaction.at,
        }
        # What was inserted is asked for: an insert's row count means nothing on PostgreSQL.
        if transaction.connection.execute(self._insert_or_ignore(messages).returning(messages.c.id), row).first():
            data = {"from": message.sender, "to": message.recipient, "digest": digest_bytes(body)}
            transaction.record("message.sent", subject=message.id, data=data)

    def _insert_or_ignore(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        if self._scope.store.is_sqlite:
            return sqlite.insert(table).on_conflict_do_nothing()
        return postgresql.insert(table).on_conflict_do_nothing()


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
    )


def _sent(row: Row[Any]) -> Sent:
    return Sent(
        Message.from_json(json.loads(row.body)), row.sent_at, None if row.answer is None else json.loads(row.answer)
    )
