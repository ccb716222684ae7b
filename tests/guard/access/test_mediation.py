"""No way around: whatever changes a store, or reads what users' data stand in, asks first; a new way in cannot be forgotten."""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, is_dataclass, replace
from enum import Enum
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import pytest
from sqlalchemy import Connection, select
from tests.guard.access.ways import BELOW, CHANGES, FREE, HANDED_OUT, READS, Way, fill

import stemma
from stemma.core.errors import Unauthorized
from stemma.core.trust import UNTRUSTED
from stemma.ledger.authority import Action, Rules
from stemma.ledger.scope import Scope
from stemma.network.records import Records, claim_runs
from stemma.network.run import RunStatus
from stemma.network.state.memory import Memories
from stemma.store import Store
from stemma.store.schema import metadata, networks


class NobodyMay:
    """An authority that refuses everything, and says what it was asked for."""

    def require(self, connection: Connection, actor: str, action: Action, resource: str) -> None:
        raise Unauthorized(actor, action, resource, "nobody may", "there is none")

    def rules(self, connection: Connection) -> Rules:
        return Rules(governed=True, separated=True)


@dataclass
class OnceOnly(NobodyMay):
    """Whatever is asked first is allowed, and nothing after it: a right that ends while something is done."""

    asked: int = 0

    def require(self, connection: Connection, actor: str, action: Action, resource: str) -> None:
        self.asked += 1
        if self.asked > 1:
            super().require(connection, actor, action, resource)


@pytest.fixture(scope="module")
def ungoverned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stemma.Stemma]:
    """A store that asks nobody, with something of everything in it."""
    with stemma.open(store=f"sqlite:///{tmp_path_factory.mktemp('open') / 's.db'}", actor="user:ada") as here:
        fill(here)
        yield here


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stemma.Stemma]:
    """A governed store with something of everything in it, as somebody opens it who has a token and no role."""
    url = f"sqlite:///{tmp_path_factory.mktemp('governed') / 's.db'}"
    with stemma.open(store=url, actor="user:ada") as here:
        fill(here)
        secret = here.access.enable().secret
    with stemma.open(store=url, token=secret) as ada:
        ada.access.add("user:nil")
        token = ada.access.issue("user:nil").secret
    with stemma.open(store=url, token=token) as nil:
        yield nil


def rooms(here: stemma.Stemma) -> dict[str, object]:
    """Everything of ours that hangs on what was opened, by its class, however deep."""
    found: dict[str, object] = {}
    waiting: list[object] = [here]
    while waiting:
        one = waiting.pop()
        name = type(one).__name__
        if name in found:
            continue
        found[name] = one
        if name not in BELOW:
            held = [getattr(one, name) for name in ways_into(one)]
            waiting += [
                value for value in held if type(value).__module__.startswith("stemma.") and is_room(type(value))
            ]
    return found


def ways_into(room: object) -> set[str]:
    return {name for name in (*dir(type(room)), *vars(room)) if not name.startswith("_")}


def is_room(kind: type) -> bool:
    """Whether it does things: it is no record, no closed set and no error."""
    record = is_dataclass(kind) and kind.__name__ not in BELOW
    protocol = getattr(kind, "_is_protocol", False)
    return not record and not protocol and not issubclass(kind, (Enum, BaseException, tuple))


def is_wired(module: str) -> bool:
    """Whether what is opened may come to use it: faces stand above, migrations and the attacks' extras beside."""
    return not re.match(r"stemma\.(__main__|cli|testing|store\.migrations|platform\.attack)", module)


def test_every_way_in_is_known(ungoverned: stemma.Stemma) -> None:
    """A new room, and a new public method of one, fails here until somebody says what it is, and shows that it asks."""
    found = rooms(ungoverned)
    known = {**CHANGES, **READS, **FREE}
    assert found.keys() - BELOW.keys() == known.keys()
    for name in known:
        room = found[name]
        listed = [each.get(name, {}).keys() for each in (CHANGES, READS, FREE)]
        leads_on = {way for way in ways_into(room) if type(getattr(room, way)).__name__ in found}
        assert ways_into(room) == set().union(*listed) | leads_on, name
        assert sum(map(len, listed)) == len(set().union(*listed)), f"{name} has a way in that is listed twice"


def test_what_a_room_hands_out_is_known(ungoverned: stemma.Stemma) -> None:
    """A method that gives back something which does things is as much a way in as what it gives back."""
    modules = [import_module(one.name) for one in walk_packages(stemma.__path__, "stemma.") if is_wired(one.name)]
    kinds = {
        kind.__name__
        for module in modules
        for kind in vars(module).values()
        if inspect.isclass(kind) and kind.__module__ == module.__name__ and is_room(kind)
    }
    found, handed = rooms(ungoverned), set[str]()
    for name, room in found.items():
        for way in ways_into(room) if name not in BELOW else ():
            method = getattr(type(room), way, None)
            written = str(getattr(method, "__annotations__", {}).get("return", ""))
            handed |= {word for word in re.findall(r"\w+", written) if word in kinds}
    assert handed - found.keys() == HANDED_OUT.keys()


WAYS = [(room, name) for each in (CHANGES, READS) for room, ways in each.items() for name in ways]


@pytest.mark.parametrize(("room", "name"), WAYS)
def test_whoever_has_no_role_is_refused(refused: stemma.Stemma, room: str, name: str) -> None:
    """Each change and each look is refused with what is missing and who grants it, and nothing of it is left behind."""
    before = everything(refused.scope.store)
    way = {**CHANGES.get(room, {}), **READS.get(room, {})}[name]
    told = r"user:nil may not .*: no role of user:nil allows it; an admin \(user:ada\) (grants it with|can do it)"
    with pytest.raises(Unauthorized, match=told):
        way(refused)
    assert everything(refused.scope.store) == before


@pytest.mark.parametrize(("room", "name"), [(room, name) for room, ways in READS.items() for name in ways])
def test_an_ungoverned_store_asks_nobody(ungoverned: stemma.Stemma, room: str, name: str) -> None:
    """Whoever can open it reads all of it."""
    READS[room][name](ungoverned)


def test_nothing_is_told_by_remembering_under_a_source_that_is_there(refused: stemma.Stemma) -> None:
    """What is kept there would be given back."""
    with pytest.raises(Unauthorized, match="user:nil may not write memories:/desk"):
        refused.memories.remember("desk", "another", source="kept", label=UNTRUSTED)


def test_a_right_that_ends_while_a_text_is_encoded_keeps_nothing(ungoverned: stemma.Stemma) -> None:
    """The question is put again in the transaction that writes."""
    before = everything(ungoverned.scope.store)
    once = Memories(replace(ungoverned.scope, authority=OnceOnly()), ungoverned.models.encoder(dimensions=64))
    with pytest.raises(Unauthorized, match="user:ada may not write memories:/desk"):
        once.remember("desk", "a text", source="s", label=UNTRUSTED)
    assert everything(ungoverned.scope.store) == before


def _pinned(scope: Scope) -> Any:
    with scope.read() as connection:
        digest = connection.execute(select(networks.c.digest)).scalars().first()
    assert digest is not None
    return Records(scope).network(digest.hex())


RECORDS: dict[str, Callable[[Scope], object]] = {
    "open_batch": lambda scope: Records(scope).open_batch("c", _pinned(scope), [{"ticket": "1"}]),
    "keep": lambda scope: Records(scope).keep(_pinned(scope)),
    "cancel": lambda scope: Records(scope).cancel("b.1.1"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_the_rows_of_runs_are_changed_by_leave(ungoverned: stemma.Stemma, name: str) -> None:
    """Also below the room that faces people."""
    before = everything(ungoverned.scope.store)
    with pytest.raises(Unauthorized, match="user:ada may not use networks:/desk: nobody may"):
        RECORDS[name](replace(ungoverned.scope, authority=NobodyMay()))
    assert everything(ungoverned.scope.store) == before


def test_a_worker_takes_on_no_run_without_leave(ungoverned: stemma.Stemma) -> None:
    """One whose token has ended stops there, and the run waits for another."""
    Records(ungoverned.scope).open_batch("waiting", _pinned(ungoverned.scope), [{"ticket": "1"}])
    refusing = replace(ungoverned.scope, authority=NobodyMay())
    with pytest.raises(Unauthorized, match="user:ada may not use networks:/desk"), refusing.write() as tx:
        claim_runs(tx, "me", most=1, batch="waiting")
    assert [run.status for run in Records(ungoverned.scope).batch("waiting")] == [RunStatus.WAITING]


@pytest.mark.parametrize(
    ("room", "name"),
    [
        ("Questions", "decide"),
        ("Prompts", "admit"),
        ("Prompts", "save"),
        ("Gate", "release"),
        ("Access", "grant"),
        ("Access", "enable"),
    ],
)
def test_no_agent_approves_grants_or_saves_anywhere(ungoverned: stemma.Stemma, room: str, name: str) -> None:
    """Also in a store that nobody governs."""
    way: Way = CHANGES[room][name]
    with (
        stemma.open(store=ungoverned.settings.store, actor="agent:desk/clerk") as agent,
        pytest.raises(Unauthorized, match="agent:desk/clerk may not"),
    ):
        way(agent)


def everything(store: Store) -> dict[str, list[Any]]:
    with store.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table))] for table in metadata.sorted_tables
        }
