"""No way around: whatever changes a store through a room asks first, and a new way in cannot be forgotten."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import Connection, select, update
from tests.network.posting import Post

from stemma.core.errors import Unauthorized
from stemma.core.trust import INTERNAL, UNTRUSTED
from stemma.evaluate.data import Case, Dataset
from stemma.guard.access import Access, Permission, Role, StoredAuthority
from stemma.ledger import Ledger
from stemma.ledger.authority import Action, Rules
from stemma.ledger.scope import Scope
from stemma.models.encoders import HashedEncoder
from stemma.network import Question, Verdict
from stemma.network.letters import Letters
from stemma.network.message import MessageStatus
from stemma.network.questions import Questions, ask
from stemma.network.records import Records, claim_runs
from stemma.network.run import RunStatus
from stemma.network.state.memory import Memories
from stemma.registry.candidates import Candidates, NewCandidate
from stemma.registry.contents import Contents
from stemma.registry.prompt import Prompt
from stemma.registry.prompts import Prompts
from stemma.registry.sessions import Generator, NewSession, Sessions
from stemma.release import Gate
from stemma.release.gate import GateVerdict
from stemma.store import Store
from stemma.store.schema import messages, metadata, networks
from stemma.testing.clock import VirtualClock

HELLO, BYE = Prompt("Say hello."), Prompt("Say goodbye.")


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


@dataclass(frozen=True)
class Rooms:
    """Every room over one scope, and what a store holds for them to change."""

    scope: Scope
    prompts: Prompts
    sessions: Sessions
    candidates: Candidates
    gate: Gate
    memories: Memories
    questions: Questions
    letters: Letters
    records: Records
    access: Access

    @classmethod
    def over(cls, scope: Scope) -> "Rooms":
        contents = Contents()
        prompts, sessions, candidates = Prompts(scope, contents), Sessions(scope), Candidates(scope, contents)
        return cls(
            scope,
            prompts,
            sessions,
            candidates,
            Gate(scope, prompts, candidates, sessions),
            Memories(scope, HashedEncoder(64)),
            Questions(scope),
            Letters(scope),
            Records(scope),
            Access(scope, StoredAuthority(scope.clock)),
        )

    @property
    def session(self) -> Any:
        return Rooms.over(replace(self.scope, authority=StoredAuthority(self.scope.clock))).sessions.ls(limit=1)[0]


def passed(candidate: Prompt) -> GateVerdict:
    return GateVerdict("PASS", (), candidate.digest, HELLO.digest, "00" * 32, None)


READS: dict[Any, set[str]] = {
    Prompts: {"get", "latest", "log", "ls"},
    Sessions: {"acting_as", "get", "ls", "generator"},
    Candidates: {"acting_as", "get", "of_digest", "of_session", "count", "prompt"},
    Gate: set(),
    Memories: {"acting_as", "encoder", "search", "ls", "scopes"},
    Questions: {"ls", "runs", "get"},
    Letters: {"ls", "get", "inboxes"},
    Records: {"batch", "statuses", "batches", "known_network", "network", "agents", "ls", "get", "report"},
    Access: {"whoami", "principals", "roles", "tokens"},
}
KEYED: dict[Any, set[str]] = {Access: {"recover"}}
"""What takes the key of the audit log in the place of a permission."""
ROLE = Role("own", "", (Permission(Action.READ, "*"),))

CHANGES: dict[Any, dict[str, Callable[[Rooms], object]]] = {
    Prompts: {
        "save": lambda rooms: rooms.prompts.save("triage", BYE),
        "admit": lambda rooms: rooms.prompts.admit("triage", 1, trust=INTERNAL),
        "label": lambda rooms: rooms.prompts.label("triage", 1, "staging"),
    },
    Sessions: {
        "open": lambda rooms: rooms.sessions.open(NewSession(Generator("tests", {}))),
        "finish": lambda rooms: rooms.sessions.finish(rooms.session, {}),
    },
    Candidates: {
        "store": lambda rooms: rooms.candidates.store(rooms.session, [NewCandidate(BYE, "seed")]),
        "judge": lambda rooms: rooms.candidates.judge(rooms.session, [(1, 0.5, None)]),
    },
    Gate: {
        "judge": lambda rooms: asyncio.run(
            rooms.gate.judge(BYE, HELLO, Dataset((Case({}, "a"),)), None)  # type: ignore[arg-type]
        ),
        "release": lambda rooms: rooms.gate.release("triage", 1, passed(HELLO)),
    },
    Memories: {
        "remember": lambda rooms: rooms.memories.remember("desk", "a text", source="s", label=UNTRUSTED),
        "forget": lambda rooms: rooms.memories.forget("desk"),
    },
    Questions: {"decide": lambda rooms: rooms.questions.decide("b.1.1.t1", Verdict.APPROVED)},
    Letters: {"replay": lambda rooms: rooms.letters.replay("b.1.1.dead")},
    Records: {
        "open_batch": lambda rooms: rooms.records.open_batch("c", network_in(rooms), [{"ticket": "1"}]),
        "open_run": lambda rooms: open_run_in(rooms),
        "keep": lambda rooms: rooms.records.keep(network_in(rooms)),
        "cancel": lambda rooms: rooms.records.cancel("b.1.1"),
    },
    Access: {
        "enable": lambda rooms: rooms.access.enable(),
        "disable": lambda rooms: rooms.access.disable(),
        "protect": lambda rooms: rooms.access.protect([]),
        "add": lambda rooms: rooms.access.add("user:bea"),
        "define": lambda rooms: rooms.access.define(ROLE),
        "grant": lambda rooms: rooms.access.grant("user:ada", "viewer"),
        "revoke": lambda rooms: rooms.access.revoke("user:ada", "viewer"),
        "issue": lambda rooms: rooms.access.issue("user:ada"),
        "revoke_token": lambda rooms: rooms.access.revoke_token("t"),
    },
}


def network_in(rooms: Rooms) -> Any:
    with rooms.scope.read() as connection:
        digest = connection.execute(select(networks.c.digest)).scalar_one()
    return Records(rooms.scope).network(digest.hex())


def open_run_in(rooms: Rooms) -> object:
    network = network_in(rooms)
    with rooms.scope.write() as tx:
        return rooms.records.open_run(tx, "d", 1, network, {"ticket": "1"}, owner="me")


@pytest.fixture(scope="module")
def open_rooms() -> Iterator[Rooms]:
    """Rooms that ask nobody, with something of everything in them."""
    store, clock = Store.open("sqlite://"), VirtualClock()
    rooms = Rooms.over(Scope(store, Ledger(store, clock), clock, "user:ada"))
    rooms.prompts.save("triage", HELLO)
    session = rooms.sessions.open(NewSession(Generator("tests", {}), prompt_name="triage"))
    rooms.candidates.store(session, [NewCandidate(HELLO, "seed")])
    rooms.gate._remember(passed(HELLO))
    rooms.memories.remember("desk", "kept", source="kept", label=UNTRUSTED)
    post = Post(rooms.scope)
    post.send("dead")
    with rooms.scope.write() as tx:
        tx.connection.execute(update(messages).values(status=MessageStatus.DEAD.value))
        ask(tx, Question("b.1.1.t1", "b.1.1", "b.1.1.dead", "tool", "Pay?", {"tool": "refund"}, UNTRUSTED))
    yield rooms
    store.close()


@pytest.mark.parametrize("room", CHANGES, ids=lambda room: room.__name__)
def test_every_way_into_a_room_is_known_to_change_or_to_read(room: type) -> None:
    """A new public method fails here until somebody says what it is, and, if it changes something, shows that it asks."""
    public = {name for name in dir(room) if not name.startswith("_")}
    assert public == READS[room] | CHANGES[room].keys() | KEYED.get(room, set())
    assert not READS[room] & CHANGES[room].keys()


@pytest.mark.parametrize(("room", "name"), [(room, name) for room, ways in CHANGES.items() for name in ways])
def test_what_changes_a_store_asks_first(open_rooms: Rooms, room: type, name: str) -> None:
    """Where nobody may do anything each change is refused, and nothing of it is left behind."""
    before = everything(open_rooms.scope.store)
    refusing = Rooms.over(replace(open_rooms.scope, authority=NobodyMay()))
    with pytest.raises(Unauthorized, match=r"user:ada may not .*: nobody may; there is none"):
        CHANGES[room][name](refusing)
    assert everything(open_rooms.scope.store) == before


@pytest.mark.parametrize(
    "read",
    [
        lambda rooms: rooms.prompts.get("triage", version=1),
        lambda rooms: rooms.prompts.latest("triage"),
        lambda rooms: rooms.prompts.log("triage"),
        lambda rooms: rooms.prompts.ls(),
        lambda rooms: rooms.candidates.prompt(1),
        lambda rooms: rooms.memories.search("desk", "kept"),
        lambda rooms: rooms.memories.ls("desk"),
        lambda rooms: rooms.memories.ls(),
        lambda rooms: rooms.memories.remember("desk", "another", source="kept", label=UNTRUSTED),
    ],
)
def test_texts_of_prompts_and_memories_are_read_by_leave(open_rooms: Rooms, read: Callable[[Rooms], object]) -> None:
    """Whoever may not read them sees none, also not by remembering something under a source that is there."""
    with pytest.raises(Unauthorized, match="nobody may"):
        read(Rooms.over(replace(open_rooms.scope, authority=NobodyMay())))


def test_a_right_that_ends_while_a_text_is_encoded_keeps_nothing(open_rooms: Rooms) -> None:
    """The question is put again in the transaction that writes."""
    before = everything(open_rooms.scope.store)
    with pytest.raises(Unauthorized, match="user:ada may not write memories:/desk"):
        CHANGES[Memories]["remember"](Rooms.over(replace(open_rooms.scope, authority=OnceOnly())))
    assert everything(open_rooms.scope.store) == before


def test_a_worker_takes_on_no_run_without_leave(open_rooms: Rooms) -> None:
    """One whose token has ended stops there, and the run waits for another."""
    Records(open_rooms.scope).open_batch("waiting", network_in(open_rooms), [{"ticket": "1"}])
    refusing = replace(open_rooms.scope, authority=NobodyMay())
    with pytest.raises(Unauthorized, match="user:ada may not use networks:/desk"), refusing.write() as tx:
        claim_runs(tx, "me", most=1, batch="waiting")
    assert [run.status for run in Records(open_rooms.scope).batch("waiting")] == [RunStatus.WAITING]


@pytest.mark.parametrize("name", ["decide", "admit", "release", "grant", "save", "enable"])
def test_no_agent_approves_grants_or_saves_anywhere(open_rooms: Rooms, name: str) -> None:
    """Also in a store that nobody governs."""
    as_agent = Rooms.over(open_rooms.scope.acting_as("agent:desk/clerk"))
    [change] = [ways[name] for ways in CHANGES.values() if name in ways]
    with pytest.raises(Unauthorized, match="agent:desk/clerk may not"):
        change(as_agent)


def everything(store: Store) -> dict[str, list[Any]]:
    with store.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table))] for table in metadata.sorted_tables
        }
