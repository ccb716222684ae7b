"""Named prompts: versions that never change, and labels that move between them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Row, desc, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from stemma.core.digests import canonical_json, thaw
from stemma.core.errors import Conflict, InvalidName, NotFound, StemmaError, StoreError
from stemma.core.trust import TRUSTED, TrustLabel
from stemma.ledger.scope import Scope, Transaction
from stemma.registry.candidates import admit
from stemma.registry.contents import Contents, NewText
from stemma.registry.prompt import Prompt
from stemma.registry.references import Reference, check_label, check_name
from stemma.store.schema import candidates, contents, prompt_labels, prompt_versions, prompts

_CREATE = text(
    "insert into prompts (name, latest, created_at) values (:name, :latest, :created_at) on conflict (name) do nothing"
)

SERVED = "production"
"""The label that is served when a caller names none. Never `latest`: what was written last is not what was let through."""


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

    @property
    def digest(self) -> str:
        return self.prompt.digest

    @property
    def reference(self) -> str:
        return f"prompts:/{self.name}/{self.version}"


@dataclass(frozen=True, slots=True)
class PromptSummary:
    """One line of a listing."""

    name: str
    latest: int
    labels: Mapping[str, int]
    created_at: str


@dataclass(frozen=True, slots=True)
class LabelMove:
    """A label as it now stands; `previous` is the version it stood at before, if any."""

    name: str
    label: str
    version: int
    previous: int | None


class Prompts:
    """The registry of prompts. One object may be shared by threads of one process."""

    def __init__(self, scope: Scope, contents: Contents) -> None:
        self._scope = scope
        self._contents = contents
        self._resolved: dict[tuple[str, str | None, int | None], tuple[float, PromptVersion]] = {}

    # --- reading ------------------------------------------------------------------------------------------------------

    def get(
        self,
        name: str,
        *,
        label: str | None = None,
        version: int | None = None,
        fallback: Prompt | None = None,
        cache_ttl_seconds: float = 10.0,
    ) -> PromptVersion:
        """The version that `label` points to (``production`` unless told), or the numbered one.

        `name` may be a reference (``prompts:/name@staging``, ``prompts:/name/3``, ``prompts:/name#<digest>``). A label is
        read from the store at most every `cache_ttl_seconds`; this process's own moves are seen at once. `fallback` is
        served, as version 0, when the prompt is not there or the store cannot be reached.

        Raises InvalidName, NotFound naming what there is, and StoreError.
        """
        key = (name, label, version)
        now = self._scope.clock.monotonic()
        resolved = self._resolved  # a move made meanwhile replaces it: what was read before that is then kept nowhere
        kept = resolved.get(key)
        if kept is not None and now - kept[0] < cache_ttl_seconds:
            return kept[1]
        reference = _reference(name, label, version)
        try:
            found = self._resolve(reference)
        except (NotFound, StoreError):
            if fallback is None:
                raise
            return PromptVersion(reference.name, 0, fallback)
        resolved[key] = (now, found)
        return found

    def latest(self, name: str) -> PromptVersion:
        """The version written last, let through or not: for looking at, never for serving. Raises NotFound."""
        with self._scope.read() as connection:
            newest = connection.execute(select(prompts.c.latest).where(prompts.c.name == name)).scalar()
            if newest is None:
                raise self._unknown(connection, name)
            return self._version(connection, name, newest)

    def log(self, name: str) -> list[PromptVersion]:
        """Every version of a prompt, newest first. Raises NotFound."""
        with self._scope.read() as connection:
            query = select(prompt_versions).where(prompt_versions.c.name == name)
            rows = connection.execute(query.order_by(desc(prompt_versions.c.version))).all()
            if not rows:
                raise self._unknown(connection, name)
            labels = self._labels(connection, name)
            return [self._read(connection, row, labels) for row in rows]

    def ls(self, folder: str = "") -> list[PromptSummary]:
        """Every prompt whose name begins with `folder`, by name."""
        with self._scope.read() as connection:
            rows = connection.execute(select(prompts).order_by(prompts.c.name)).all()
            labels: dict[str, dict[str, int]] = {}
            for row in connection.execute(select(prompt_labels).order_by(prompt_labels.c.label)):
                labels.setdefault(row.name, {})[row.label] = row.version
        prefix = folder.strip("/")
        return [
            PromptSummary(row.name, row.latest, labels.get(row.name, {}), row.created_at)
            for row in rows
            if not prefix or row.name == prefix or row.name.startswith(f"{prefix}/")
        ]

    # --- writing ------------------------------------------------------------------------------------------------------

    def save(
        self, name: str, prompt: Prompt, *, message: str = "", metadata: Mapping[str, Any] | None = None
    ) -> PromptVersion:
        """Writes a person's prompt as the next version; the newest version is returned as it is when nothing changed.

        Raises InvalidName for the name and TemplateError for templates that cannot be used.
        """
        check_name(name)
        prompt.check()
        with self._scope.write() as tx:
            newest = self._claim(tx, name)
            if newest is not None and newest.digest == prompt.digest and newest.metadata == thaw(metadata or {}):
                return newest
            version = self._next_version(
                tx, name, prompt, base=newest, message=message, metadata=metadata or {}, candidate=None, trust=TRUSTED
            )
            tx.record("prompt.saved", subject=f"{name}/{version}", data={"digest": prompt.digest})
        return self.get(name, version=version)

    def admit(
        self, name: str, candidate_id: int, *, trust: TrustLabel, message: str = "", label: str | None = None
    ) -> PromptVersion:
        """Gives a candidate that was let through the next version number, and moves `label` there in the same step.

        This records an admission; whether it is due is `stemma.release`'s to decide. Raises NotFound, and Conflict when
        the candidate has been admitted already.
        """
        check_name(name)
        with self._scope.write() as tx:
            row = tx.connection.execute(select(candidates.c.content_id).where(candidates.c.id == candidate_id)).first()
            if row is None:
                raise NotFound(f"there is no candidate {candidate_id}")
            admit(tx, candidate_id)
            prompt = self._contents.get(tx.connection, row.content_id)
            version = self._next_version(
                tx,
                name,
                prompt,
                base=self._claim(tx, name),
                message=message,
                metadata={},
                candidate=candidate_id,
                trust=trust,
            )
            told = {"digest": prompt.digest, "candidate": candidate_id, "trust": trust.to_json()}
            tx.record("prompt.admitted", subject=f"{name}/{version}", data=told)
            if label is not None:
                generation = self._label_state(tx.connection, name, check_label(label))[1]
                self._move(tx, name, label, version, generation)
        self._forget(name)
        return self.get(name, version=version)

    def label(self, name: str, version: int, label: str, *, expected: int | None = None) -> LabelMove:
        """Points `label` at `version`. When somebody moves it at the same time one wins and the other gets Conflict.

        `expected` is the version the caller believes the label is at now; 0 stands for none yet.

        Raises InvalidName, NotFound and Conflict; the label is then where it was.
        """
        check_label(label)
        with self._scope.read() as connection:
            self._version(connection, name, version)
            previous, generation = self._label_state(connection, name, label)
        if expected is not None and expected != (previous or 0):
            raise Conflict(
                f"label {label!r} of {name!r} is at version {previous or 'none'}, not {expected}; nothing was moved"
            )
        with self._scope.write() as tx:
            self._move(tx, name, label, version, generation)
        self._forget(name)
        return LabelMove(name, label, version, previous)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _resolve(self, reference: Reference) -> PromptVersion:
        name, version = reference.name, reference.version
        with self._scope.read() as connection:
            if reference.digest is not None:
                return self._of_digest(connection, name, reference.digest)
            if reference.label is not None:
                version = self._label_state(connection, name, reference.label)[0]
            if version is None:
                raise self._unlabelled(connection, name, reference.label or SERVED)
            return self._version(connection, name, version)

    def _version(self, connection: Connection, name: str, version: int) -> PromptVersion:
        query = select(prompt_versions).where(prompt_versions.c.name == name, prompt_versions.c.version == version)
        row = connection.execute(query).first()
        if row is None:
            newest = connection.execute(select(prompts.c.latest).where(prompts.c.name == name)).scalar()
            if newest is None:
                raise self._unknown(connection, name)
            raise NotFound(f"prompt {name!r} has no version {version}; the newest is {newest}")
        return self._read(connection, row, self._labels(connection, name))

    def _of_digest(self, connection: Connection, name: str, digest: str) -> PromptVersion:
        query = (
            select(prompt_versions, contents.c.digest)
            .join(contents, contents.c.id == prompt_versions.c.content_id)
            .where(prompt_versions.c.name == name)
            .order_by(desc(prompt_versions.c.version))
        )
        matching = [row for row in connection.execute(query) if bytes(row.digest).hex().startswith(digest)]
        if not matching:
            if self._newest(connection, name) is None:
                raise self._unknown(connection, name)
            raise NotFound(f"prompt {name!r} has no version with digest {digest!r}; see: stemma prompts log {name}")
        if len({bytes(row.digest) for row in matching}) > 1:
            raise NotFound(f"digest {digest!r} fits {len(matching)} versions of prompt {name!r}; give more digits")
        return self._read(connection, matching[0], self._labels(connection, name))

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

    def _newest(self, connection: Connection, name: str) -> PromptVersion | None:
        newest = connection.execute(select(prompts.c.latest).where(prompts.c.name == name)).scalar()
        return None if newest is None else self._version(connection, name, newest)

    def _claim(self, tx: Transaction, name: str) -> PromptVersion | None:
        """The newest version, which stays the newest until the transaction ends; None for a name that is new by this."""
        tx.connection.execute(_CREATE, {"name": name, "latest": 0, "created_at": tx.at})
        locked = select(prompts.c.latest).where(prompts.c.name == name).with_for_update()
        newest = tx.connection.execute(locked).scalar_one()
        return self._version(tx.connection, name, newest) if newest else None

    def _next_version(
        self,
        tx: Transaction,
        name: str,
        prompt: Prompt,
        *,
        base: PromptVersion | None,
        message: str,
        metadata: Mapping[str, Any],
        candidate: int | None,
        trust: TrustLabel,
    ) -> int:
        base_id = None
        if base is not None:
            [base_id] = self._contents.put(tx.connection, [NewText.of(base.prompt)])
        version = 1 if base is None else base.version + 1
        tx.connection.execute(update(prompts).where(prompts.c.name == name).values(latest=version))
        [content_id] = self._contents.put(tx.connection, [NewText.of(prompt, base=base_id)])
        row = {
            "name": name,
            "version": version,
            "content_id": content_id,
            "candidate_id": candidate,
            "author": tx.actor,
            "message": message,
            "metadata": canonical_json(thaw(metadata)).decode(),
            "trust": canonical_json(trust.to_json()).decode(),
            "created_at": tx.at,
        }
        tx.connection.execute(insert(prompt_versions), row)
        return version

    def _label_state(self, connection: Connection, name: str, label: str) -> tuple[int | None, int]:
        query = select(prompt_labels.c.version, prompt_labels.c.generation).where(
            prompt_labels.c.name == name, prompt_labels.c.label == label
        )
        row = connection.execute(query).first()
        return (None, 0) if row is None else (row.version, row.generation)

    def _move(self, tx: Transaction, name: str, label: str, version: int, generation: int) -> None:
        lost = Conflict(f"label {label!r} of {name!r} was moved by somebody else at this moment; look, then try again")
        changed = {"version": version, "generation": generation + 1, "actor": tx.actor, "moved_at": tx.at}
        if generation == 0:
            try:
                tx.connection.execute(insert(prompt_labels), {"name": name, "label": label, **changed})
            except IntegrityError as error:
                raise lost from error
        else:
            here = (prompt_labels.c.name == name, prompt_labels.c.label == label)
            moving = update(prompt_labels).where(*here, prompt_labels.c.generation == generation)
            if tx.connection.execute(moving.values(changed)).rowcount != 1:
                raise lost
        tx.record("label.moved", subject=f"{name}@{label}", data={"version": version, "generation": generation + 1})

    def _labels(self, connection: Connection, name: str) -> dict[str, int]:
        query = select(prompt_labels.c.label, prompt_labels.c.version).where(prompt_labels.c.name == name)
        return {row.label: row.version for row in connection.execute(query.order_by(prompt_labels.c.label))}

    def _forget(self, name: str) -> None:
        kept = self._resolved.copy()
        self._resolved = {key: value for key, value in kept.items() if value[1].name != name}

    def _unknown(self, connection: Connection, name: str) -> StemmaError:
        names = list(connection.scalars(select(prompts.c.name)))
        near = get_close_matches(name, names, n=1)
        way_out = f"did you mean {near[0]!r}?" if near else "see what there is with: stemma prompts ls"
        return NotFound(f"there is no prompt {name!r}; {way_out}")

    def _unlabelled(self, connection: Connection, name: str, label: str) -> StemmaError:
        newest = connection.execute(select(prompts.c.latest).where(prompts.c.name == name)).scalar()
        if newest is None:
            return self._unknown(connection, name)
        return NotFound(
            f"prompt {name!r} has no version labelled {label!r}; "
            f"label one with: stemma prompts label {name} {newest} {label}"
        )


def _reference(name: str, label: str | None, version: int | None) -> Reference:
    if version is not None:
        return Reference(name, version=version)
    if label is not None:
        return Reference(name, label=label)
    try:
        check_name(name)
    except InvalidName:
        return Reference.parse(name)
    return Reference(name, label=SERVED)
