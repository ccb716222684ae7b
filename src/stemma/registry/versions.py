"""Versions: numbers that a name gives to prompts, written once and never changed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Row, desc, insert, select, text, update

from stemma.core.digests import canonical_json, thaw
from stemma.core.errors import NotFound
from stemma.core.trust import TRUSTED, TrustLabel
from stemma.ledger.scope import Transaction
from stemma.registry.contents import Contents, NewText
from stemma.registry.labels import labels_of
from stemma.registry.prompt import Prompt
from stemma.store.schema import contents, prompt_versions, prompts

_CREATE = text(
    "insert into prompts (name, latest, created_at) values (:name, :latest, :created_at) on conflict (name) do nothing"
)


@dataclass(frozen=True)
class PromptVersion:
    """A number that a name gives to a prompt. `version` is 0 for a fallback that no store knows."""

    name: str
    version: int
    prompt: Prompt
    author: str = ""
    message: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    candidate: int | None = None
    trust: TrustLabel = TRUSTED
    created_at: str = ""
    labels: tuple[str, ...] = ()
    unchanged: bool = field(default=False, compare=False)
    """Whether it was there already when it was to be saved, so that nothing was written."""

    @property
    def digest(self) -> str:
        return self.prompt.digest

    @property
    def reference(self) -> str:
        """What finds it again: for words that were never saved, from a file or a fallback, just what they are called."""
        return f"prompts:/{self.name}/{self.version}" if self.version else self.name


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What a version is made of, beside its number, its author and its time."""

    prompt: Prompt
    message: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    candidate: int | None = None
    trust: TrustLabel = TRUSTED


class Versions:
    """The rows of versions, read and written in the caller's transaction."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    # --- reading ------------------------------------------------------------------------------------------------------

    def get(self, connection: Connection, name: str, version: int) -> PromptVersion:
        """Raises NotFound, naming what there is."""
        query = select(prompt_versions).where(prompt_versions.c.name == name, prompt_versions.c.version == version)
        row = connection.execute(query).first()
        if row is None:
            newest = self.latest(connection, name)
            raise NotFound(f"prompt {name!r} has no version {version}; the newest is {newest}")
        return self._read(connection, row, labels_of(connection, name).get(name, {}))

    def latest(self, connection: Connection, name: str) -> int:
        """The number of the version written last. Raises NotFound, with the name that may have been meant."""
        newest: int | None = connection.execute(select(prompts.c.latest).where(prompts.c.name == name)).scalar()
        if newest is None:
            near = get_close_matches(name, list(connection.scalars(select(prompts.c.name))), n=1)
            way_out = f"did you mean {near[0]!r}?" if near else "see what there is with: stemma prompts ls"
            raise NotFound(f"there is no prompt {name!r}; {way_out}")
        return newest

    def of_digest(self, connection: Connection, name: str, digest: str) -> PromptVersion:
        """The newest version of these words, told by the first digits of their digest. Raises NotFound."""
        query = (
            select(prompt_versions, contents.c.digest)
            .join(contents, contents.c.id == prompt_versions.c.content_id)
            .where(prompt_versions.c.name == name)
            .order_by(desc(prompt_versions.c.version))
        )
        matching = [row for row in connection.execute(query) if bytes(row.digest).hex().startswith(digest)]
        if not matching:
            self.latest(connection, name)
            raise NotFound(f"prompt {name!r} has no version with digest {digest!r}; see: stemma prompts log {name}")
        if len({bytes(row.digest) for row in matching}) > 1:
            raise NotFound(f"digest {digest!r} fits {len(matching)} versions of prompt {name!r}; give more digits")
        return self._read(connection, matching[0], labels_of(connection, name).get(name, {}))

    def all(self, connection: Connection, name: str) -> list[PromptVersion]:
        """Every version, newest first. Raises NotFound."""
        self.latest(connection, name)
        query = select(prompt_versions).where(prompt_versions.c.name == name)
        rows = connection.execute(query.order_by(desc(prompt_versions.c.version))).all()
        labels = labels_of(connection, name).get(name, {})
        return [self._read(connection, row, labels) for row in rows]

    def _read(self, connection: Connection, row: Row[Any], labels: Mapping[str, int]) -> PromptVersion:
        return PromptVersion(
            name=row.name,
            version=row.version,
            prompt=self._contents.get(connection, row.content_id),
            author=row.author,
            message=row.message,
            metadata=json.loads(row.metadata),
            candidate=row.candidate_id,
            trust=TrustLabel.from_json(json.loads(row.trust)),
            created_at=row.created_at,
            labels=tuple(label for label, version in labels.items() if version == row.version),
        )

    # --- writing ------------------------------------------------------------------------------------------------------

    def claim(self, tx: Transaction, name: str) -> PromptVersion | None:
        """The newest version, which stays the newest until the transaction ends; None for a name that is new by this."""
        tx.connection.execute(_CREATE, {"name": name, "latest": 0, "created_at": tx.at})
        locked = select(prompts.c.latest).where(prompts.c.name == name).with_for_update()
        newest = tx.connection.execute(locked).scalar_one()
        return self.get(tx.connection, name, newest) if newest else None

    def add(self, tx: Transaction, name: str, new: NewVersion, *, after: PromptVersion | None) -> int:
        """Writes the version that comes `after` the claimed one, and returns its number."""
        base_id = None
        if after is not None:
            [base_id] = self._contents.put(tx.connection, [NewText.of(after.prompt)])
        version = 1 if after is None else after.version + 1
        tx.connection.execute(update(prompts).where(prompts.c.name == name).values(latest=version))
        [content_id] = self._contents.put(tx.connection, [NewText.of(new.prompt, base=base_id)])
        row = {
            "name": name,
            "version": version,
            "content_id": content_id,
            "candidate_id": new.candidate,
            "author": tx.actor,
            "message": new.message,
            "metadata": canonical_json(thaw(new.metadata)).decode(),
            "trust": canonical_json(new.trust.to_json()).decode(),
            "created_at": tx.at,
        }
        tx.connection.execute(insert(prompt_versions), row)
        return version
