"""Separation of duties: the writer of a prompt never lets it through, on any path."""

import pytest
from tests.guard.access.house import Caller, House, Joining

from stemma.core.errors import Unauthorized
from stemma.core.trust import INTERNAL
from stemma.registry.candidates import NewCandidate
from stemma.registry.contents import Contents
from stemma.registry.prompt import Prompt
from stemma.registry.prompts import Prompts
from stemma.registry.sessions import Generator, NewSession
from stemma.release import Gate
from stemma.release.gate import GateVerdict

HELLO, BYE = Prompt("Say hello."), Prompt("Say goodbye.")
ROLES = ("author", "reviewer", "operator", "viewer")


def gate_of(caller: Caller) -> Gate:
    return Gate(caller.scope, caller.prompts, caller.candidates, caller.sessions)


def passed(caller: Caller, candidate: int) -> GateVerdict:
    """A verdict that is on record: this candidate is better than HELLO."""
    digest = caller.candidates.get(candidate).digest
    verdict = GateVerdict("PASS", (), digest, HELLO.digest, "00" * 32, None)
    gate_of(caller)._remember(verdict)
    return verdict


def refused(caller: Caller) -> pytest.RaisesExc[Unauthorized]:
    did = "(wrote it|ran the session that wrote it)"
    return pytest.raises(Unauthorized, match=f"{caller.scope.actor} {did}, and nobody lets his own words through")


# --- in a governed store ----------------------------------------------------------------------------------------------


def test_nobody_moves_a_protected_label_onto_his_own_version(join: Joining) -> None:
    """Another with the right to approve does; a label that is not protected is its author's to move."""
    bea, cy = join("user:bea", *ROLES), join("user:cy", *ROLES)
    bea.prompts.save("triage", HELLO)
    with refused(bea) as error:
        bea.prompts.label("triage", 1, "production")
    assert error.value.way_out.endswith("does so with: stemma prompts label triage 1 production")
    assert bea.prompts.label("triage", 1, "staging").warning is None
    assert cy.prompts.label("triage", 1, "production").warning is None


def test_a_reviewer_is_needed_whoever_wrote_it(join: Joining) -> None:
    """An author without the right to approve moves no protected label, and a reviewer no other."""
    bea, cy, dee = join("user:bea", "author"), join("user:cy", "reviewer"), join("user:dee", "author")
    cy_s = bea.prompts.save("triage", HELLO)
    with pytest.raises(Unauthorized, match=r"user:dee may not approve prompts:/triage: no role"):
        dee.prompts.label("triage", cy_s.version, "production")
    with refused(bea) as error:
        bea.prompts.label("triage", cy_s.version, "production")
    assert "access grant" not in str(error.value), "no role would help the writer"
    with pytest.raises(Unauthorized, match=r"user:cy may not write prompts:/triage: no role"):
        cy.prompts.label("triage", cy_s.version, "staging")


def test_the_same_words_are_the_same_writers(join: Joining) -> None:
    """Neither saved again by somebody else, nor under another name, nor as a candidate do they become another's alone."""
    bea, cy = join("user:bea", *ROLES), join("user:cy", *ROLES)
    bea.prompts.save("triage", HELLO)
    bea.prompts.save("triage", BYE)
    copied = [cy.prompts.save("triage", HELLO), cy.prompts.save("other", HELLO)]
    candidate = cy.candidate(HELLO.instructions)
    for version in copied:
        with refused(bea):
            bea.prompts.label(version.name, version.version, "production")
    with refused(bea):
        bea.prompts.admit("triage", candidate, trust=INTERNAL)


def test_who_opened_a_session_admits_none_of_its_candidates(ada: Caller, join: Joining) -> None:
    """Through the registry or the gate, with a label or without; another does, and the version is still the writer's."""
    bea, cy = join("user:bea", *ROLES), join("user:cy", *ROLES)
    cy.prompts.save("triage", HELLO)
    ada.prompts.label("triage", 1, "production")
    candidate = bea.candidate("Say goodbye.")
    verdict = passed(cy, candidate)
    for label in (None, "staging", "production"):
        with refused(bea):
            gate_of(bea).release("triage", candidate, verdict, label=label)
        with refused(bea):
            bea.prompts.admit("triage", candidate, trust=INTERNAL, label=label)
    released = gate_of(cy).release("triage", candidate, verdict, label="production")
    assert (released.version, released.author, released.labels) == (2, "user:cy", ("production",))
    with refused(bea):
        bea.prompts.label("triage", 2, "production")


def test_an_author_who_may_not_approve_releases_nothing(join: Joining) -> None:
    """The gate's verdict is no permission: whoever releases needs the right to approve, whatever passed."""
    bea, cy = join("user:bea", "author"), join("user:cy", *ROLES)
    candidate = cy.candidate("Say goodbye.")
    with pytest.raises(Unauthorized, match=r"user:bea may not approve verdicts:/\w+: no role of user:bea allows it"):
        passed(bea, candidate)
    verdict = passed(cy, candidate)
    with pytest.raises(Unauthorized, match="user:bea may not approve prompts:/triage: no role of user:bea allows it"):
        gate_of(bea).release("triage", candidate, verdict)


def test_a_reviewer_releases_to_where_it_is_tried(join: Joining) -> None:
    """Whoever lets a candidate through may label it for a trial with it, and still moves no such label otherwise."""
    bea, cy = join("user:bea", "author"), join("user:cy", "reviewer")
    candidate = bea.candidate("Say goodbye.")
    released = gate_of(cy).release("triage", candidate, passed(cy, candidate), label="staging")
    assert released.labels == ("staging",)
    with pytest.raises(Unauthorized, match="user:cy may not write prompts:/triage"):
        cy.prompts.label("triage", 1, "canary")


def test_who_began_a_search_with_a_prompt_did_not_write_it(join: Joining) -> None:
    """A session's first candidate is what it found; only what it made of that is its own."""
    bea, cy = join("user:bea", *ROLES), join("user:cy", *ROLES)
    bea.prompts.save("triage", HELLO)
    session = cy.sessions.open(NewSession(Generator("genetic", {}), prompt_name="triage"))
    [seed] = cy.candidates.store(session, [NewCandidate(HELLO, "seed")])
    [child] = cy.candidates.store(session, [NewCandidate(BYE, "mutate", (seed,))])
    cy.prompts.label("triage", 1, "production")
    bea.prompts.save("triage", BYE)
    with refused(cy):
        cy.prompts.label("triage", 2, "production")
    with refused(cy):
        cy.prompts.admit("triage", child, trust=INTERNAL)


def test_neither_an_agent_that_generated_a_prompt_nor_what_ran_it_lets_it_through(join: Joining) -> None:
    """The agent because none does, the service because it opened the session; a person reviews it."""
    worker, cy = join("service:worker", *ROLES), join("user:cy", *ROLES)
    candidate = worker.candidate("Say goodbye.", generator="desk/plan")
    for actor in ("service:worker", "agent:desk/plan"):
        prompts = Prompts(worker.scope.acting_as(actor), Contents())
        with pytest.raises(Unauthorized):
            prompts.admit("triage", candidate, trust=INTERNAL)
    assert cy.prompts.admit("triage", candidate, trust=INTERNAL).version == 1


def test_protected_labels_are_what_the_store_says(ada: Caller, join: Joining) -> None:
    """More of them, or none at all; a change holds at once in every process."""
    bea = join("user:bea", *ROLES)
    bea.prompts.save("triage", HELLO)
    ada.access.protect(["staging"])
    with refused(bea):
        bea.prompts.label("triage", 1, "staging")
    bea.prompts.label("triage", 1, "production")
    ada.access.protect([])
    bea.prompts.label("triage", 1, "staging")


# --- in a store that nobody governs -----------------------------------------------------------------------------------


def test_alone_with_a_store_one_is_warned(house: House) -> None:
    """The only person there is may let his own words through; the move says so, and the log keeps that it was so."""
    ada = house.caller()
    ada.prompts.save("triage", HELLO)
    moved = ada.prompts.label("triage", 1, "production")
    assert moved.warning is not None
    assert moved.warning.startswith(
        "user:ada wrote it, and nobody lets his own words through where the store is governed"
    )
    candidate = ada.candidate("Say goodbye.")
    gate_of(ada).release("triage", candidate, passed(ada, candidate), label="production")
    entries = [*ada.scope.ledger.tail(9, kind="label.moved"), *ada.scope.ledger.tail(9, kind="prompt.admitted")]
    assert [entry.data["by_writer"] for entry in entries] == [True] * 3
    other = house.caller(actor="user:bea")
    assert other.prompts.label("triage", 1, "production").warning is None
    assert "by_writer" not in ada.scope.ledger.tail(1, kind="label.moved")[0].data


def test_labels_can_be_protected_without_tokens(house: House) -> None:
    """Whoever says which labels are protected means it, although names are then only what callers say they are."""
    ada, bea = house.caller(), house.caller(actor="user:bea")
    ada.access.protect(["production"])
    ada.prompts.save("triage", HELLO)
    with refused(ada):
        ada.prompts.label("triage", 1, "production")
    assert bea.prompts.label("triage", 1, "production").warning is None
