"""Labels: names such as `production` that point to a version and can be moved. A move is compare-and-set; see decision 0004."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from stemma.core.errors import Conflict
from stemma.ledger.scope import Transaction
from stemma.registry.approval import approve_move
from stemma.store.schema import prompt_labels

SERVED = "production"
"""The label that is served when a caller names none. Never `latest`: what was written last is not what was let through."""


@dataclass(frozen=True, slots=True)
class LabelMove:
    """A label as it now stands; `previous` is the version it stood at before, if any.

    `warning` says what would be refused in a governed store: that the mover wrote what a protected label now points to.
    """

    name: str
    label: str
    version: int
    previous: int | None
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class LabelState:
    """Where a label stands, and how often it was moved: what a move has to name to happen."""

    version: int | None = None
    generation: int = 0


def label_state(connection: Connection, name: str, label: str) -> LabelState:
    """The label as it stands; a label that was never set has no version."""
    query = select(prompt_labels.c.version, prompt_labels.c.generation).where(
        prompt_labels.c.name == name, prompt_labels.c.label == label
    )
    row = connection.execute(query).first()
    return LabelState() if row is None else LabelState(row.version, row.generation)


def move_label(
    tx: Transaction, name: str, label: str, version: int, seen: LabelState, *, admitted: bool = False
) -> str | None:
    """Points the label at `version`; see `approve_move` for who may, and for the warning that is given back.

    Raises Conflict when it is not where it was `seen`, and Unauthorized.
    """
    warning = approve_move(tx, name, version, label, admitted=admitted)
    lost = Conflict(f"label {label!r} of {name!r} was moved by somebody else at this moment; look, then try again")
    changed = {"version": version, "generation": seen.generation + 1, "actor": tx.actor, "moved_at": tx.at}
    if seen.generation == 0:
        try:
            tx.connection.execute(insert(prompt_labels), {"name": name, "label": label, **changed})
        except IntegrityError as error:
            raise lost from error
    else:
        here = (prompt_labels.c.name == name, prompt_labels.c.label == label)
        moving = update(prompt_labels).where(*here, prompt_labels.c.generation == seen.generation)
        if tx.connection.execute(moving.values(changed)).rowcount != 1:
            raise lost
    told = {"version": version, "generation": seen.generation + 1} | ({"by_writer": True} if warning else {})
    tx.record("label.moved", subject=f"{name}@{label}", data=told)
    return warning


def labels_of(connection: Connection, name: str | None = None) -> dict[str, dict[str, int]]:
    """The version that each label points to, by the prompt's name: of one prompt, or of all."""
    query = select(prompt_labels.c.name, prompt_labels.c.label, prompt_labels.c.version)
    if name is not None:
        query = query.where(prompt_labels.c.name == name)
    found: dict[str, dict[str, int]] = {}
    for row in connection.execute(query.order_by(prompt_labels.c.label)):
        found.setdefault(row.name, {})[row.label] = row.version
    return found
