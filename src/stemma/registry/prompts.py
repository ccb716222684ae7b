"""Named prompts: versions that never change, and labels that move between them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from stemma.core.digests import thaw
from stemma.core.errors import Conflict, InvalidInput, InvalidName, NotFound, StoreError
from stemma.core.trust import TrustLabel
from stemma.ledger.authority import Action
from stemma.ledger.scope import Scope
from stemma.registry.approval import approve_admission
from stemma.registry.candidates import admit
from stemma.registry.contents import Contents
from stemma.registry.labels import SERVED, LabelMove, label_state, labels_of, move_label
from stemma.registry.prompt import Prompt
from stemma.registry.references import Reference, check_label, check_name
from stemma.registry.versions import NewVersion, PromptVersion, Versions
from stemma.store.schema import candidates, prompts

__all__ = ["SERVED", "LabelMove", "PromptSummary", "PromptVersion", "Prompts"]


@dataclass(frozen=True, slots=True)
class PromptSummary:
    """One line of a listing."""

    name: str
    latest: int
    labels: Mapping[str, int]
    created_at: str


class Prompts:
    """The registry of prompts. One object may be shared by threads of one process."""

    def __init__(self, scope: Scope, contents: Contents) -> None:
        self._scope = scope
        self._contents = contents
        self._versions = Versions(contents)
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

        `name` may be a reference (``prompts:/name@staging``, ``prompts:/name/3``, ``prompts:/name#<digest>``). A label, and
        whether it may be read, is read from the store at most every `cache_ttl_seconds`; this process's own moves are seen at
        once. `fallback` is served, as version 0, when the prompt is not there or the store cannot be reached.

        Raises InvalidName, NotFound naming what there is, Unauthorized, and StoreError.
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
            self._scope.require(Action.READ, f"prompts:/{name}", connection)
            return self._versions.get(connection, name, self._versions.latest(connection, name))

    def log(self, name: str) -> list[PromptVersion]:
        """Every version of a prompt, newest first. Raises NotFound."""
        with self._scope.read() as connection:
            self._scope.require(Action.READ, f"prompts:/{name}", connection)
            return self._versions.all(connection, name)

    def ls(self, folder: str = "") -> list[PromptSummary]:
        """Every prompt whose name begins with `folder`, by name. Raises Unauthorized unless all of `folder` may be read."""
        with self._scope.read() as connection:
            self._scope.require(Action.READ, f"prompts:/{folder.strip('/')}".rstrip("/") + "/", connection)
            rows = connection.execute(select(prompts).order_by(prompts.c.name)).all()
            labels = labels_of(connection)
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

        What comes back is `unchanged` then, and the message is kept nowhere. Raises InvalidName for the name, InvalidInput for
        a prompt that says nothing, TemplateError for templates that cannot be used, and Unauthorized.
        """
        check_name(name)
        if prompt.is_empty:
            raise InvalidInput(f"nothing was saved as {name!r}: the prompt is empty; write what the model is to do")
        prompt.check()
        with self._scope.write() as tx:
            tx.require(Action.WRITE, f"prompts:/{name}")
            newest = self._versions.claim(tx, name)
            if newest is not None and newest.digest == prompt.digest and newest.metadata == thaw(metadata or {}):
                return replace(newest, unchanged=True)
            version = self._versions.add(tx, name, NewVersion(prompt, message, metadata or {}), after=newest)
            tx.record("prompt.saved", subject=f"{name}/{version}", data={"digest": prompt.digest})
        return self.get(name, version=version)

    def admit(
        self, name: str, candidate_id: int, *, trust: TrustLabel, message: str = "", label: str | None = None
    ) -> PromptVersion:
        """Gives a candidate that was let through the next version number, and moves `label` there in the same step.

        This records an admission; whether it is due is `stemma.release`'s to decide. Raises NotFound, Conflict when the
        candidate has been admitted already, and Unauthorized for whoever may not approve it, its writer above all.
        """
        check_name(name)
        with self._scope.write() as tx:
            warning = approve_admission(tx, name, candidate_id)
            row = tx.connection.execute(select(candidates.c.content_id).where(candidates.c.id == candidate_id)).first()
            if row is None:
                raise NotFound(f"there is no candidate {candidate_id}")
            admit(tx, candidate_id)
            prompt = self._contents.get(tx.connection, row.content_id)
            new = NewVersion(prompt, message, candidate=candidate_id, trust=trust)
            version = self._versions.add(tx, name, new, after=self._versions.claim(tx, name))
            told = {"digest": prompt.digest, "candidate": candidate_id, "trust": trust.to_json()}
            told |= {"by_writer": True} if warning else {}
            tx.record("prompt.admitted", subject=f"{name}/{version}", data=told)
            if label is not None:
                seen = label_state(tx.connection, name, check_label(label))
                move_label(tx, name, label, version, seen, admitted=True)
        self._forget(name)
        return self.get(name, version=version)

    def label(self, name: str, version: int, label: str, *, expected: int | None = None) -> LabelMove:
        """Points `label` at `version`. When somebody moves it at the same time one wins and the other gets Conflict.

        `expected` is the version the caller believes the label is at now; 0 stands for none yet.

        A protected label takes the right to approve, and is not for the writer of what it shall point to.

        Raises InvalidName, NotFound, Conflict and Unauthorized; the label is then where it was.
        """
        check_label(label)
        with self._scope.read() as connection:
            self._versions.get(connection, name, version)
            seen = label_state(connection, name, label)
        if expected is not None and expected != (seen.version or 0):
            raise Conflict(
                f"label {label!r} of {name!r} is at version {seen.version or 'none'}, not {expected}; nothing was moved"
            )
        with self._scope.write() as tx:
            warning = move_label(tx, name, label, version, seen)
        self._forget(name)
        return LabelMove(name, label, version, seen.version, warning)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _resolve(self, reference: Reference) -> PromptVersion:
        name, version = reference.name, reference.version
        with self._scope.read() as connection:
            self._scope.require(Action.READ, f"prompts:/{name}", connection)
            if reference.digest is not None:
                return self._versions.of_digest(connection, name, reference.digest)
            if reference.label is not None:
                version = label_state(connection, name, reference.label).version
            if version is None:
                newest, label = self._versions.latest(connection, name), reference.label or SERVED
                raise NotFound(
                    f"prompt {name!r} has no version labelled {label!r}; "
                    f"label one with: stemma prompts label {name} {newest} {label}"
                )
            return self._versions.get(connection, name, version)

    def _forget(self, name: str) -> None:
        kept = self._resolved.copy()
        self._resolved = {key: value for key, value in kept.items() if value[1].name != name}


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
