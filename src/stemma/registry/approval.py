"""Approval: the right to put a prompt in force, and that nobody has it for his own words.

It is asked for where labels are moved and candidates admitted, in the same transaction, and so on every path: the registry's
own methods, the gate, commands, and whatever comes in through them.
"""

from sqlalchemy import Connection, exists, or_, select, union

from stemma.core.errors import Unauthorized
from stemma.ledger.authority import Action
from stemma.ledger.scope import Transaction
from stemma.store.schema import candidate_parents, candidates, contents, prompt_versions, sessions


def approve_move(tx: Transaction, name: str, version: int, label: str, *, admitted: bool = False) -> str | None:
    """Nothing, or a warning, if the actor may point `label` at that version.

    A label that is not protected takes the right to write the prompt, or that the actor has just `admitted` the version. A
    protected one takes the right to approve it, and is never moved by a writer of what it shall point to; where duties are not
    separated, that is only warned of. Raises Unauthorized.
    """
    rules = tx.authority.rules(tx.connection)
    resource = f"prompts:/{name}"
    if label not in rules.protected:
        if not admitted:
            tx.require(Action.WRITE, resource)
        return None
    here = (prompt_versions.c.name == name, prompt_versions.c.version == version)
    query = select(prompt_versions.c.content_id, prompt_versions.c.candidate_id).where(*here)
    row = tx.connection.execute(query).first()
    if row is None or tx.actor not in writers(tx.connection, row.content_id, candidate=row.candidate_id):
        tx.require(Action.APPROVE, resource)
        return None
    return _own_words(tx, rules.separated, resource, row.content_id, f"stemma prompts label {name} {version} {label}")


def approve_admission(tx: Transaction, name: str, candidate_id: int) -> str | None:
    """Nothing, or a warning, if the actor may make a version of that candidate: an approval, whatever label comes with it.

    Raises Unauthorized.
    """
    resource = f"prompts:/{name}"
    content = select(candidates.c.content_id).where(candidates.c.id == candidate_id)
    content_id = tx.connection.execute(content).scalar()
    if content_id is None or tx.actor not in writers(tx.connection, content_id, candidate=candidate_id):
        tx.require(Action.APPROVE, resource)
        return None
    separated = tx.authority.rules(tx.connection).separated
    return _own_words(tx, separated, resource, content_id, f"stemma gate {candidate_id} --name {name}")


def writers(connection: Connection, content_id: int, *, candidate: int | None = None) -> set[str]:
    """Everybody who wrote these words: who saved them by hand, and who opened a session that wrote them. A session that only
    began with them wrote them if its own `candidate` is meant. Agents that were generators need no mention: none approves.
    """
    changed = exists().where(candidate_parents.c.candidate_id == candidates.c.id)
    wrote = changed if candidate is None else or_(changed, candidates.c.id == candidate)
    by_hand = (prompt_versions.c.content_id == content_id, prompt_versions.c.candidate_id.is_(None))
    query = union(
        select(prompt_versions.c.author).where(*by_hand),
        select(sessions.c.actor)
        .join(candidates, candidates.c.session == sessions.c.number)
        .where(candidates.c.content_id == content_id, wrote),
    )
    return set(connection.scalars(query))


def writers_of(connection: Connection, digest: str) -> set[str]:
    """Everybody who wrote the text of that digest; where all that is known are sessions that began with it, those."""
    content = connection.execute(select(contents.c.id).where(contents.c.digest == bytes.fromhex(digest))).scalar()
    if content is None:
        return set()
    ids = connection.scalars(select(candidates.c.id).where(candidates.c.content_id == content)).all()
    return writers(connection, content) or set().union(*(writers(connection, content, candidate=id) for id in ids))


def authors_of(connection: Connection, digest: str) -> set[str]:
    """Everybody who saved the text of that digest by hand; other writers of it ran a session that wrote it."""
    content = connection.execute(select(contents.c.id).where(contents.c.digest == bytes.fromhex(digest))).scalar()
    return _authors(connection, content)


def _authors(connection: Connection, content_id: int | None) -> set[str]:
    by_hand = (prompt_versions.c.content_id == content_id, prompt_versions.c.candidate_id.is_(None))
    return set(connection.scalars(select(prompt_versions.c.author).where(*by_hand)))


def _own_words(tx: Transaction, separated: bool, resource: str, content_id: int, command: str) -> str:
    did = "wrote it" if tx.actor in _authors(tx.connection, content_id) else "ran the session that wrote it"
    told = f"{tx.actor} {did}, and nobody lets his own words through"
    if separated:
        # Asked for before the leave to approve, which would not help a writer; and who wrote it is told to readers alone.
        tx.require(Action.READ, resource)
        raise Unauthorized(tx.actor, Action.APPROVE, resource, told, f"another who may approve does so with: {command}")
    tx.require(Action.APPROVE, resource)
    return f"{told} where the store is governed: have somebody else look, or govern it with: stemma access enable"
