"""The workspace: the keys that the agents of one run share, each with its label and a count of its writes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from stemma.core.digests import canonical_json, digest, digest_bytes, thaw
from stemma.core.errors import Conflict, InvalidInput, InvalidName, NotFound
from stemma.core.trust import INTERNAL, UNTRUSTED, Integrity, TrustLabel, join_all
from stemma.ledger.authority import Action
from stemma.ledger.scope import Scope, Transaction
from stemma.network.leave import may_read_run
from stemma.network.tools.tool import Call, Effect, Labelled, Tool, ToolFailed
from stemma.store.schema import workspace

_LONGEST_KEY = 200
_LARGEST_VALUE = 1_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A key as it stands: `revision` counts the writes from 1, `writer` made the last one."""

    run: str
    key: str
    value: Any
    label: TrustLabel
    revision: int
    writer: str
    at: str


class Overtaken(Conflict):
    """A key is not at the revision that its writer counted on. `found` is 0, and `writer` None, where there is no such key."""

    def __init__(self, key: str, *, expected: int, found: int, writer: str | None) -> None:
        self.key, self.expected, self.found, self.writer = key, expected, found, writer
        stands = f"it is at revision {found}, written by {writer!r}" if found else "there is no such key"
        counted = f"at revision {expected}" if expected else "new"
        super().__init__(
            f"key {key!r} was expected to be {counted}, but {stands}; nothing was written. Read it again and decide"
        )


class Workspace:
    """The shared keys of every run. Raises Unauthorized for whoever may not read the run, or write to it."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def get(self, run: str, key: str) -> Entry | None:
        """The entry under `key`, if there is one."""
        self._may_read(run)
        return self._found(run, key)

    def put(
        self, run: str, key: str, value: Any, *, label: TrustLabel, writer: str, expected: int | None = None
    ) -> Entry:
        """Writes `value`, JSON of at most 1 MB. One transaction, with the event ``workspace.written``.

        `label` joins everything that the writer had read. `expected` is the revision that the writer counts on, 0 for a key
        that must be new; of many writers who count on the same one, exactly one wins. With None, whatever stands there is
        replaced.

        Raises Overtaken, NotFound for an unknown run, InvalidName and InvalidInput.
        """
        _check_key(key)
        written = canonical_json(thaw(value))
        if len(written) > _LARGEST_VALUE:
            raise InvalidInput(
                f"the value for key {key!r} is {len(written):,} bytes of JSON, over the {_LARGEST_VALUE:,} that a workspace "
                "holds; keep it in a file, and its name here"
            )
        fresh = {
            "run": run,
            "key": key,
            "value": written.decode(),
            "label": canonical_json(label.to_json()).decode(),
            "revision": 1,
            "writer": writer,
        }
        try:
            with self._scope.write() as tx:
                tx.require(Action.WRITE, f"workspace:/{run}")
                revision = self._write(tx, fresh | {"written_at": tx.at}, expected)
                told = {
                    "key": digest(key),
                    "revision": revision,
                    "value": digest_bytes(written),
                    "label": label.to_json(),
                }
                tx.record("workspace.written", subject=run, data=told)
        except IntegrityError as error:  # the run is the only thing that a row refers to
            raise NotFound(f"there is no run {run!r}; list the runs with: stemma runs ls") from error
        return Entry(run, key, json.loads(written), label, revision, writer, tx.at)

    def ls(self, run: str) -> list[Entry]:
        """Every entry of `run`, by key."""
        self._may_read(run)
        return self._all(run)

    # Agents read their own run's keys as the runtime gives them, and are not asked each time.

    def _found(self, run: str, key: str) -> Entry | None:
        with self._scope.read() as connection:
            row = connection.execute(_ENTRIES.where(workspace.c.run == run, workspace.c.key == key)).first()
        return None if row is None else _entry(row)

    def _all(self, run: str) -> list[Entry]:
        with self._scope.read() as connection:
            rows = connection.execute(_ENTRIES.where(workspace.c.run == run)).all()
        return sorted(map(_entry, rows), key=lambda entry: entry.key)  # databases differ in how they sort texts

    def _may_read(self, run: str) -> None:
        with self._scope.read() as connection:
            may_read_run(self._scope, connection, run)

    def _write(self, tx: Transaction, fresh: dict[str, Any], expected: int | None) -> int:
        """The revision written. What is compared is compared by the statement that writes: nobody comes between."""
        table, here = workspace.c, (workspace.c.run == fresh["run"]) & (workspace.c.key == fresh["key"])
        changes = {name: fresh[name] for name in ("value", "label", "writer", "written_at")}
        following = changes | {"revision": table.revision + 1}
        inserting = (sqlite if self._scope.store.is_sqlite else postgresql).insert(workspace).values(fresh)
        if expected is None:
            statement: Any = inserting.on_conflict_do_update(index_elements=["run", "key"], set_=following)
        elif expected == 0:
            statement = inserting.on_conflict_do_nothing()
        else:
            statement = workspace.update().where(here, table.revision == expected).values(following)
        revision: int | None = tx.connection.execute(statement.returning(table.revision)).scalar()
        if revision is None:
            standing = tx.connection.execute(select(table.revision, table.writer).where(here)).first()
            found, writer = (0, None) if standing is None else tuple(standing)
            raise Overtaken(fresh["key"], expected=expected or 0, found=found, writer=writer)
        return revision


def workspace_tools(shared: Workspace) -> Mapping[str, Tool]:
    """`workspace_get`, `workspace_put` and `workspace_list`, over the run that the call belongs to.

    What comes back carries the labels of those who wrote it; what is written carries that of everything the agent has read
    so far.
    """

    async def get(arguments: Mapping[str, Any], call: Call) -> Labelled:
        ours, theirs = (shared._found(call.run, key) for key in _both(arguments["key"]))
        label = INTERNAL if ours is None else ours.label
        strange = UNTRUSTED if theirs is None else theirs.label.join(UNTRUSTED)
        if call.label.integrity is Integrity.UNTRUSTED:
            value = ours if theirs is None else theirs
            return Labelled(_shown(arguments["key"], value, theirs), label.join(strange))
        found = _shown(arguments["key"], ours, ours) | {_STRANGERS: _shown(arguments["key"], theirs, theirs)}
        return Labelled(found, label, {_STRANGERS: strange})

    async def put(arguments: Mapping[str, Any], call: Call) -> Labelled:
        writer = f"{call.agent} ({call.key})"
        ours, theirs = _both(arguments["key"])
        key, expected = arguments["key"], int(arguments["revision"])
        place = theirs if call.label.integrity is Integrity.UNTRUSTED else ours
        try:
            entry = shared.put(call.run, place, arguments["value"], label=call.label, writer=writer, expected=expected)
        except Overtaken as overtaken:
            if overtaken.writer != writer:
                raise ToolFailed(str(overtaken), label=call.label) from overtaken
            # This very call wrote it, before a crash cut its answer off.
            return Labelled({"key": key, "revision": overtaken.found}, call.label)
        except InvalidInput as error:
            raise ToolFailed(str(error), label=call.label) from error
        return Labelled({"key": key, "revision": entry.revision}, call.label)

    async def ls(_: Mapping[str, Any], call: Call) -> Labelled:
        entries = shared._all(call.run)
        # An agent chose the name of a key after reading what its label says.
        ours = [entry for entry in entries if not entry.key.startswith(_THEIRS)]
        theirs = [entry for entry in entries if entry.key.startswith(_THEIRS)]
        strange = join_all([UNTRUSTED, *(entry.label for entry in theirs)])
        shown: list[Any] = [_listed(entry) for entry in ours]
        shown.append({_STRANGERS: [_listed(entry) for entry in theirs]})
        label = join_all([entry.label for entry in ours] or [INTERNAL])
        return Labelled(shown, label, {f"[].{_STRANGERS}": strange})

    key = {"type": "string", "minLength": 1, "maxLength": _LONGEST_KEY}
    tools = (
        Tool(
            "workspace_get",
            "Reads a key of the workspace that all agents of this task share. Revision 0 means that there is no such key. "
            "What was written under it by agents that had read strangers' texts is under 'strangers'.",
            _parameters(key=key),
            get,
            Effect.READ,
            INTERNAL,
        ),
        Tool(
            "workspace_put",
            "Writes a key of the workspace that all agents of this task share. `revision` is the one you read, 0 for a new "
            "key; if somebody else has written the key since, nothing is written.",
            _parameters(key=key, value={}, revision={"type": "integer", "minimum": 0}),
            put,
            Effect.WRITE,
            INTERNAL,
            idempotent=True,
            labelled=True,
        ),
        Tool(
            "workspace_list",
            "Lists the keys of the workspace that all agents of this task share.",
            _parameters(),
            ls,
            Effect.READ,
            INTERNAL,
        ),
    )
    return {tool.name: tool for tool in tools}


_STRANGERS = "strangers"
_THEIRS = "~"
"""How the keys begin under which lies what is written by those who have read strangers' texts. Were it to take the place of
what others wrote, or to be found missing among that, strangers would tell all who look there something."""


def _both(key: str) -> tuple[str, str]:
    """Where a key lies that strangers had no say in, and where one that they had."""
    if key.startswith(_THEIRS):
        raise ToolFailed(f"no key begins with {_THEIRS!r}; choose another for {key!r}")
    return key, f"{_THEIRS}{key}"


def _shown(key: str, entry: Entry | None, counted: Entry | None) -> dict[str, Any]:
    """An entry as an agent sees it, with the revision that it has to count on when it writes."""
    revision, value = 0 if counted is None else counted.revision, None if entry is None else entry.value
    return {"key": key, "revision": revision, "value": value}


def _listed(entry: Entry) -> dict[str, Any]:
    return {"key": entry.key.removeprefix(_THEIRS), "revision": entry.revision, "writer": entry.writer}


_ENTRIES = select(workspace)


def _entry(row: Row[Any]) -> Entry:
    label = TrustLabel.from_json(json.loads(row.label))
    return Entry(row.run, row.key, json.loads(row.value), label, row.revision, row.writer, row.written_at)


def _check_key(key: str) -> None:
    if not (0 < len(key) <= _LONGEST_KEY and key.isprintable() and key == key.strip()):
        raise InvalidName(
            "key", key, f"a key has 1 to {_LONGEST_KEY} printable characters, with no space at either end"
        )


def _parameters(**properties: Any) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
