"""Callers of one store: each as a process of its own would be, with a token or without."""

from collections.abc import Callable
from dataclasses import dataclass

from stemma.guard.access import Access, StoredAuthority
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.registry.candidates import Candidates, NewCandidate
from stemma.registry.contents import Contents
from stemma.registry.prompt import Prompt
from stemma.registry.prompts import Prompts
from stemma.registry.sessions import Generator, NewSession, Sessions
from stemma.store import Store
from stemma.testing.clock import VirtualClock


@dataclass(frozen=True)
class Caller:
    """The rooms as one process has them."""

    scope: Scope
    access: Access
    prompts: Prompts
    sessions: Sessions
    candidates: Candidates

    def candidate(self, text: str, *, name: str = "triage", generator: str = "tests") -> int:
        """A candidate that this caller's session wrote for prompt `name`."""
        session = self.sessions.open(NewSession(Generator(generator, {}), prompt_name=name))
        return self.candidates.store(session, [NewCandidate(Prompt(text), "seed")])[0]


@dataclass(frozen=True)
class House:
    """A store with its clock, to call from anywhere."""

    store: Store
    clock: VirtualClock

    def caller(self, token: str | None = None, *, actor: str = "user:ada") -> Caller:
        """Whoever shows `token`; without one, whoever the environment says that he is."""
        authority = StoredAuthority(self.clock, token)
        named = authority.principal(self.store) or actor
        scope = Scope(self.store, Ledger(self.store, self.clock), self.clock, named, authority=authority)
        contents = Contents()
        return Caller(
            scope, Access(scope, authority), Prompts(scope, contents), Sessions(scope), Candidates(scope, contents)
        )

    def govern(self) -> Caller:
        """Governs the store; gives back its first admin, Ada."""
        return self.caller(self.caller().access.enable().secret)


Joining = Callable[..., Caller]
"""What the fixture `join` is."""
