"""Every way into what `stemma.open` gives: what changes, what reads, and what nobody is asked about, with the reason."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from tests.network.posting import Post

import stemma
from stemma.core.trust import INTERNAL, UNTRUSTED
from stemma.evaluate.data import Case, Dataset
from stemma.evaluate.scorers import scorer_named
from stemma.evaluate.trial import Trial
from stemma.guard.access import Permission, Role
from stemma.guard.alarms import Alarm, Kind
from stemma.guard.alarms.alarm import NOTHING_STOPPED
from stemma.ledger.authority import Action
from stemma.network import Question, Verdict, define_agent, define_network
from stemma.network.alarms.raising import raised
from stemma.network.message import MessageStatus
from stemma.network.questions import ask
from stemma.network.rooms import WorkerSettings
from stemma.optimize.genetic import Genetic
from stemma.optimize.optimizer import Assignment, Search
from stemma.registry.candidates import NewCandidate
from stemma.registry.prompt import Prompt
from stemma.registry.sessions import Generator, NewSession
from stemma.release.gate import GateVerdict
from stemma.store.schema import messages

Way: TypeAlias = Callable[[stemma.Stemma], object]

HELLO, BYE = Prompt("Say hello."), Prompt("Say goodbye.")
RUN, DEAD, ASKED = "b.1.1", "b.1.1.dead", "b.1.1.t1"
DATA = Dataset((Case({}, "a"),))
DESK = define_network(
    "desk",
    inputs=["ticket"],
    agents=[define_agent("clerk", Prompt("clerk: act."), reads=["ticket"], writes="said")],
    flow=["clerk"],
    model="embedded",
)
ROLE = Role("own", "", (Permission(Action.READ, "*"),))
ALARM = Alarm(Kind.AUTHORITY_WIDENING, "desk", RUN, RUN, "", None, (), NOTHING_STOPPED)


def passed(candidate: Prompt) -> GateVerdict:
    return GateVerdict("PASS", (), candidate.digest, HELLO.digest, "00" * 32, None)


def fill(here: stemma.Stemma) -> None:
    """Something of everything, for the ways below to meet."""
    here.prompts.save("triage", HELLO)
    session = here.sessions.open(NewSession(Generator("tests", {}), prompt_name="triage"))
    here.candidates.store(session, [NewCandidate(HELLO, "seed")])
    here.gate._remember(passed(HELLO))
    here.memories.remember("desk", "kept", source="kept", label=UNTRUSTED)
    here.vault.tokens("shop")
    Post(here.scope).send("dead")
    here.networks.workspace.put(RUN, "plan", 1, label=UNTRUSTED, writer="lead")
    with here.scope.write() as tx:
        tx.connection.execute(messages.update().values(status=MessageStatus.DEAD.value))
        ask(tx, Question(ASKED, RUN, DEAD, "tool", "Pay?", {"tool": "refund"}, UNTRUSTED))
        raised(tx, ALARM)


def session_of(here: stemma.Stemma) -> Any:
    return here.sessions.ls(limit=1)[0]


def optimizing(here: stemma.Stemma) -> object:
    models = stemma.open(store="sqlite://")
    with models:
        trial = Trial(models.target("embedded"), scorer_named("exact"))
        cases = Dataset(tuple(Case({"text": str(number)}, "a") for number in range(40)))
        return asyncio.run(here.optimizer.run(Assignment(HELLO, cases, DATA), Search(Genetic()), trial))


CHANGES: dict[str, dict[str, Way]] = {
    "Stemma": {
        "evaluate": lambda here: here.evaluate(HELLO, DATA),
        "portability": lambda here: here.portability(HELLO, DATA, ["embedded", "gullible"]),
        "optimize": lambda here: here.optimize(Assignment(HELLO, DATA, DATA)),
        "judge": lambda here: here.judge(BYE, HELLO, DATA),
        "target": lambda here: here.target("embedded"),
    },
    "Prompts": {
        "save": lambda here: here.prompts.save("triage", BYE),
        "admit": lambda here: here.prompts.admit("triage", 1, trust=INTERNAL),
        "label": lambda here: here.prompts.label("triage", 1, "staging"),
    },
    "Sessions": {
        "open": lambda here: here.sessions.open(NewSession(Generator("tests", {}))),
        "finish": lambda here: here.sessions.finish(session_of(here), {}),
    },
    "Candidates": {
        "store": lambda here: here.candidates.store(session_of(here), [NewCandidate(BYE, "seed")]),
        "judge": lambda here: here.candidates.judge(session_of(here), [(1, 0.5, None)]),
    },
    "Optimizer": {"run": optimizing},
    "Gate": {
        "judge": lambda here: asyncio.run(here.gate.judge(BYE, HELLO, DATA, None)),  # type: ignore[arg-type]
        "release": lambda here: here.gate.release("triage", 1, passed(HELLO)),
    },
    "Memories": {
        "remember": lambda here: here.memories.remember("desk", "a text", source="s", label=UNTRUSTED),
        "forget": lambda here: here.memories.forget("desk"),
    },
    "Networks": {
        "run": lambda here: here.networks.run(DESK, [{"ticket": "1"}]),
        "submit": lambda here: here.networks.submit(DESK, [{"ticket": "1"}]),
        "cancel": lambda here: here.networks.cancel(RUN),
        "resume": lambda here: here.networks.resume("b.1"),
        "up": lambda here: here.networks.up(DESK),
        "worker": lambda here: here.networks.worker(WorkerSettings()),
    },
    "Questions": {"decide": lambda here: here.networks.questions.decide(ASKED, Verdict.APPROVED)},
    "Letters": {"replay": lambda here: here.networks.letters.replay(DEAD)},
    "Workspace": {"put": lambda here: here.networks.workspace.put(RUN, "a", 1, label=UNTRUSTED, writer="lead")},
    "Alarms": {
        "scan": lambda here: here.alarms.scan(),
        "after": lambda here: here.alarms.after("b.1"),
    },
    "Vault": {
        "tokens": lambda here: here.vault.tokens("another"),
        "reveal": lambda here: here.vault.reveal("no token", "shop"),
        "erase": lambda here: here.vault.erase("shop"),
    },
    "Access": {
        "enable": lambda here: here.access.enable(),
        "disable": lambda here: here.access.disable(),
        "protect": lambda here: here.access.protect([]),
        "add": lambda here: here.access.add("user:bea"),
        "define": lambda here: here.access.define(ROLE),
        "grant": lambda here: here.access.grant("user:ada", "viewer"),
        "revoke": lambda here: here.access.revoke("user:ada", "viewer"),
        "issue": lambda here: here.access.issue("user:ada"),
        "revoke_token": lambda here: here.access.revoke_token("t"),
    },
}

READS: dict[str, dict[str, Way]] = {
    "Stemma": {"ledger": lambda here: here.ledger},
    "Prompts": {
        "get": lambda here: here.prompts.get("triage", version=1),
        "latest": lambda here: here.prompts.latest("triage"),
        "log": lambda here: here.prompts.log("triage"),
        "ls": lambda here: here.prompts.ls(),
    },
    "Candidates": {"prompt": lambda here: here.candidates.prompt(1)},
    "Memories": {
        "search": lambda here: here.memories.search("desk", "kept"),
        "ls": lambda here: [here.memories.ls("desk"), here.memories.ls()],
    },
    "Networks": {
        "ls": lambda here: here.networks.ls(),
        "show": lambda here: here.networks.show(RUN),
        "batch": lambda here: here.networks.batch("b.1"),
        "find": lambda here: here.networks.find(RUN),
    },
    "Questions": {
        "ls": lambda here: here.networks.questions.ls(),
        "get": lambda here: here.networks.questions.get(ASKED),
        "runs": lambda here: here.networks.questions.runs(),
    },
    "Letters": {
        "ls": lambda here: here.networks.letters.ls(run=RUN),
        "get": lambda here: here.networks.letters.get(DEAD),
    },
    "Workspace": {
        "get": lambda here: here.networks.workspace.get(RUN, "plan"),
        "ls": lambda here: here.networks.workspace.ls(RUN),
    },
    "Alarms": {
        "ls": lambda here: here.alarms.ls(),
        "get": lambda here: here.alarms.get(ALARM.id),
    },
    "Access": {
        "principals": lambda here: here.access.principals(),
        "roles": lambda here: here.access.roles(),
        "tokens": lambda here: here.access.tokens(),
    },
}

NARROWS = "asks for nothing and changes nothing: what it gives back asks, in a name with no more rights"
NUMBERS = "ids, numbers, names and digests alone, which stand in the log of whoever needs them; no text of anybody's"
FREE: dict[str, dict[str, str]] = {
    "Stemma": {
        "candidate_named": NUMBERS,
        "public_key": "is anybody's to have",
        "close": "signs what the log has gained, and lets go of the store",
    },
    "Sessions": {"acting_as": NARROWS, "get": NUMBERS, "ls": NUMBERS, "generator": NUMBERS, "seen_by": NUMBERS},
    "Candidates": {"acting_as": NARROWS, "get": NUMBERS, "of_digest": NUMBERS, "of_session": NUMBERS, "count": NUMBERS},
    "Lineage": {"family": NUMBERS},
    "Gate": {"check_incumbent": NUMBERS},
    "Optimizer": {"history": NUMBERS},
    "Memories": {"acting_as": NARROWS, "encoder": "the name of a model", "scopes": NUMBERS},
    "Vault": {"own": "says of tokens whose they are, and nothing of what they stand for"},
    "Networks": {"backlog": NUMBERS, "inboxes": "names of agents, to say which ones a worker serves"},
    "Letters": {"inboxes": NUMBERS},
    "Alarms": {"behind": NUMBERS},
    "Memo": {
        "recall": "an answer to whoever has the whole question, prompt and text included",
        "keep": "takes an open transaction of the store",
    },
    "Access": {
        "whoami": "tells a caller of himself alone",
        "recover": "takes the key of the audit log in the place of a permission",
    },
}

BELOW: dict[str, str] = {
    "Store": "whoever holds it holds the database",
    "Scope": "what rooms are made over: it holds the store",
    "StoredAuthority": "the one that is asked",
    "Ledger": "given by `Stemma.ledger`, which asks",
    "SystemClock": "has no store",
    "Models": "has no store",
    "Settings": "what was told to `stemma.open`",
}
"""What is no room: nothing above it is to be held by a permission here."""

HANDED_OUT: dict[str, str] = {
    "Worker": "made by `Networks.worker`, which asks; each run that it takes on is asked for",
    "LiveNetwork": "made by `Networks.up`, which asks; each run that it begins is asked for",
}
