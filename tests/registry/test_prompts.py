"""Named prompts: versions that never change, labels that move."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from stemma.core.errors import Conflict, InvalidInput, InvalidName, NotFound, StoreError, TemplateError
from stemma.core.trust import INTERNAL, UNTRUSTED
from stemma.ledger.scope import Scope
from stemma.registry.candidates import Candidates, NewCandidate, Status
from stemma.registry.contents import Contents
from stemma.registry.prompt import Demonstration, Prompt
from stemma.registry.prompts import Prompts
from stemma.registry.sessions import Generator, NewSession, Sessions
from stemma.store import Store
from stemma.testing.clock import VirtualClock

FIRST, SECOND = Prompt("Sort the ticket."), Prompt("Sort the ticket into one queue.")


@pytest.fixture
def prompts(scope: Scope) -> Prompts:
    return Prompts(scope, Contents())


def _kinds(scope: Scope) -> list[str]:
    return [entry.kind for entry in scope.ledger.tail(100)]


def _candidate(scope: Scope, prompt: Prompt) -> int:
    session = Sessions(scope).open(NewSession(Generator("tests", {})))
    return Candidates(scope, Contents()).store(session, [NewCandidate(prompt, "seed")])[0]


# --- saving and reading -----------------------------------------------------------------------------------------------


def test_versions_are_numbered_and_never_change(prompts: Prompts) -> None:
    """Each save of something new gets the next number, and the earlier numbers keep their words, author and message."""
    prompts.save("support/triage", FIRST, message="by hand", metadata={"ticket": 7})
    prompts.save("support/triage", SECOND)
    one, two = prompts.get("support/triage", version=1), prompts.get("support/triage", version=2)
    assert (one.prompt, one.author, one.message, one.metadata) == (FIRST, "user:test", "by hand", {"ticket": 7})
    assert (two.prompt, two.reference, two.digest) == (SECOND, "prompts:/support/triage/2", SECOND.digest)
    assert prompts.latest("support/triage").version == 2


def test_saving_the_same_again_changes_nothing(scope: Scope, prompts: Prompts) -> None:
    """An unchanged prompt keeps its version and is no event; changed metadata, or a return to old words, is a version."""
    saved = [prompts.save("triage", FIRST) for _ in range(3)]
    assert [(one.version, one.unchanged) for one in saved] == [(1, False), (1, True), (1, True)]
    assert _kinds(scope) == ["prompt.saved"]
    assert prompts.save("triage", FIRST, metadata={"owner": "ada"}).version == 2
    assert prompts.save("triage", SECOND).version == 3
    assert prompts.save("triage", FIRST).version == 4


@pytest.mark.parametrize("prompt", [Prompt(""), Prompt(" \n", user="\t")], ids=["nothing", "spaces"])
def test_a_prompt_that_says_nothing_is_not_saved(prompts: Prompts, prompt: Prompt) -> None:
    """Nobody means an empty prompt; one that has nothing but a user's turn, or examples, says something."""
    with pytest.raises(InvalidInput, match="nothing was saved as 'triage': the prompt is empty"):
        prompts.save("triage", prompt)
    assert prompts.ls() == []
    assert prompts.save("triage", Prompt("", user="{{ticket}}")).version == 1
    assert prompts.save("triage", Prompt("", demonstrations=(Demonstration("a", "b"),))).version == 2


def test_a_prompt_is_found_by_every_kind_of_reference(prompts: Prompts) -> None:
    """Number, label, digest and prefix of a digest name the same version, with and without the scheme."""
    prompts.save("triage", FIRST)
    prompts.save("triage", SECOND)
    prompts.label("triage", 2, "staging")
    for reference in ("triage/2", "prompts:/triage@staging", f"triage#{SECOND.digest}", f"triage#{SECOND.digest[:8]}"):
        assert prompts.get(reference).version == 2
    assert prompts.get("triage", label="staging").labels == ("staging",)


def test_serving_never_takes_the_newest(prompts: Prompts) -> None:
    """Without a label a prompt is not served however new it is, and the message says how to label it."""
    prompts.save("triage", FIRST)
    prompts.save("triage", SECOND)
    with pytest.raises(
        NotFound, match=r"has no version labelled 'production'.*stemma prompts label triage 2 production"
    ):
        prompts.get("triage")
    prompts.label("triage", 1, "production")
    assert prompts.get("triage").version == 1


def test_what_is_not_there_is_told_with_what_is(prompts: Prompts) -> None:
    """A near miss is named, and otherwise the way to a listing; a wrong number names the newest."""
    prompts.save("support/triage", FIRST)
    with pytest.raises(NotFound, match=r"no prompt 'support/triag'; did you mean 'support/triage'\?"):
        prompts.get("support/triag")
    with pytest.raises(NotFound, match="no prompt 'weather'; see what there is with: stemma prompts ls"):
        prompts.latest("weather")
    with pytest.raises(NotFound, match="has no version 9; the newest is 1"):
        prompts.get("support/triage", version=9)
    with pytest.raises(NotFound, match="has no version with digest 'ffffffff'"):
        prompts.get("support/triage#ffffffff")
    with pytest.raises(NotFound, match="no prompt 'weather'"):
        prompts.log("weather")


def test_a_refused_save_leaves_nothing(scope: Scope, prompts: Prompts) -> None:
    """A bad name or a template that cannot be used writes neither a version nor an event."""
    with pytest.raises(InvalidName, match=r"never contains '\.\.'"):
        prompts.save("support/../triage", FIRST)
    with pytest.raises(TemplateError):
        prompts.save("triage", Prompt("{{ unclosed"))
    assert prompts.ls() == []
    assert _kinds(scope) == []


def test_log_and_ls_tell_what_there_is(prompts: Prompts) -> None:
    """The log is newest first with the labels; the listing is by name, and a folder is a whole part of a name."""
    for name in ("support/triage", "support/reply", "supporting"):
        prompts.save(name, FIRST)
    prompts.save("support/triage", SECOND)
    prompts.label("support/triage", 1, "production")
    assert [(one.version, one.labels) for one in prompts.log("support/triage")] == [(2, ()), (1, ("production",))]
    assert [one.name for one in prompts.ls()] == ["support/reply", "support/triage", "supporting"]
    assert [(one.name, one.latest, one.labels) for one in prompts.ls("support/")] == [
        ("support/reply", 1, {}),
        ("support/triage", 2, {"production": 1}),
    ]


# --- serving: fallback and cache --------------------------------------------------------------------------------------


class ShakyStore(Store):
    """A store whose reads can be made to fail, and that calls `after_read` once when a read has ended."""

    broken = False
    after_read: Callable[[], object] | None = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        if self.broken:
            raise StoreError("the store is out of reach")
        with super().read() as connection:
            yield connection
        action, self.after_read = self.after_read, None
        if action is not None:
            action()


@pytest.fixture
def shaky(scope: Scope) -> ShakyStore:
    return ShakyStore(scope.store.engine)


def test_a_fallback_is_served_when_there_is_nothing_else(scope: Scope, shaky: ShakyStore) -> None:
    """The fallback, as version 0, stands in for a prompt that is missing or a store that is out of reach, never for
    one that is there; a name that breaks the grammar stays an error."""
    prompts = Prompts(replace(scope, store=shaky), Contents())
    assert prompts.get("triage", fallback=SECOND) == prompts.get("triage", fallback=SECOND)
    assert prompts.get("triage", fallback=SECOND).version == 0
    prompts.save("triage", FIRST)
    prompts.label("triage", 1, "production")
    assert prompts.get("triage", fallback=SECOND).prompt == FIRST
    shaky.broken = True
    assert prompts.get("triage", version=7, fallback=SECOND).prompt == SECOND
    with pytest.raises(StoreError):
        prompts.get("triage", version=7)
    with pytest.raises(InvalidName):
        prompts.get("No Name", fallback=SECOND)


def test_a_label_is_read_again_when_its_time_is_up(scope: Scope) -> None:
    """Another process's move is seen after `cache_ttl_seconds`, sooner by a caller that allows less, at once with 0."""
    clock = VirtualClock()
    here, elsewhere = Prompts(replace(scope, clock=clock), Contents()), Prompts(scope, Contents())
    for prompt in (FIRST, SECOND):
        here.save("triage", prompt)
    here.label("triage", 1, "production")
    assert here.get("triage").version == 1
    elsewhere.label("triage", 2, "production")
    clock.advance(9.9)
    assert here.get("triage").version == 1
    assert here.get("triage", cache_ttl_seconds=60).version == 1
    assert here.get("triage", cache_ttl_seconds=5).version == 2
    elsewhere.label("triage", 1, "production")
    assert here.get("triage").version == 2
    assert here.get("triage", cache_ttl_seconds=0).version == 1


def test_a_cached_label_needs_no_store(scope: Scope, shaky: ShakyStore) -> None:
    """Within its time a label that was read is served without asking the store."""
    prompts = Prompts(replace(scope, store=shaky), Contents())
    prompts.save("triage", FIRST)
    prompts.label("triage", 1, "production")
    served = prompts.get("triage")
    shaky.broken = True
    assert prompts.get("triage") is served


def test_own_moves_are_seen_at_once(scope: Scope, shaky: ShakyStore) -> None:
    """A move through the same object is served next, even when another thread was reading the label meanwhile."""
    prompts = Prompts(replace(scope, store=shaky), Contents())
    for prompt in (FIRST, SECOND):
        prompts.save("triage", prompt)
    prompts.label("triage", 1, "production")
    shaky.after_read = lambda: prompts.label("triage", 2, "production")
    assert prompts.get("triage").version == 1  # read before the move
    assert prompts.get("triage").version == 2


# --- labels -----------------------------------------------------------------------------------------------------------


def test_a_label_moves_when_it_is_where_the_caller_believes(scope: Scope, prompts: Prompts) -> None:
    """A move names the version it left; with `expected` it happens from there alone, and 0 means that there is none yet."""
    for prompt in (FIRST, SECOND):
        prompts.save("triage", prompt)
    assert prompts.label("triage", 1, "production", expected=0).previous is None
    with pytest.raises(Conflict, match="is at version 1, not 2; nothing was moved"):
        prompts.label("triage", 2, "production", expected=2)
    assert prompts.label("triage", 2, "production", expected=1).previous == 1
    moves = [entry.data for entry in scope.ledger.tail(9, kind="label.moved", subject="triage@production")]
    assert [(move["version"], move["generation"]) for move in moves] == [(1, 1), (2, 2)]


def test_a_label_only_points_at_what_exists(scope: Scope, prompts: Prompts) -> None:
    """A label cannot be put on a version or a prompt that is not there, nor be spelled otherwise than the grammar says."""
    prompts.save("triage", FIRST)
    with pytest.raises(NotFound, match="has no version 2"):
        prompts.label("triage", 2, "production")
    with pytest.raises(NotFound, match="no prompt 'triages'; did you mean 'triage'"):
        prompts.label("triages", 1, "production")
    with pytest.raises(InvalidName):
        prompts.label("triage", 1, "Production!")
    assert _kinds(scope) == ["prompt.saved"]


# --- two processes ----------------------------------------------------------------------------------------------------


def _race(url: str, action: str, values: list[str]) -> list[str]:
    """What comes of processes that have all read before the first of them writes."""
    script = Path(__file__).with_name("racing.py")
    with ExitStack() as running:
        racers = [
            running.enter_context(
                subprocess.Popen(
                    [sys.executable, str(script), url, action, value],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for value in values
        ]
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("\n")
            racer.stdin.flush()
        return [racer.communicate(timeout=60)[0].strip() for racer in racers]


@pytest.mark.parametrize("labelled", [False, True], ids=["new label", "moved label"])
def test_of_two_processes_that_move_a_label_one_wins(scope: Scope, store_url: str, labelled: bool) -> None:
    """When both have read the label before either moves it, one move and one event happen, and the other is told."""
    prompts = Prompts(scope, Contents())
    for number in range(1, 4):
        prompts.save("triage", Prompt(f"version {number}"))
    if labelled:
        prompts.label("triage", 3, "production")
    outcomes = _race(store_url, "label", ["1", "2"])
    [lost] = [outcome for outcome in outcomes if outcome.startswith("Conflict: ")]
    [won] = [outcome for outcome in outcomes if outcome != lost]
    assert "was moved by somebody else at this moment" in lost
    assert won == f"moved to {prompts.get('triage').version}"
    assert len(scope.ledger.tail(9, kind="label.moved")) == 1 + labelled
    assert scope.ledger.verify().verified


def test_two_processes_may_save_one_new_name(scope: Scope, store_url: str) -> None:
    """Both versions are kept under different numbers, with an event each; the same words become one version."""
    assert sorted(_race(store_url, "save", ["one", "two"])) == ["saved as 1", "saved as 2"]
    assert _race(store_url, "save", ["three", "three"]) == ["saved as 3", "saved as 3"]
    versions = Prompts(scope, Contents()).log("triage")
    assert {one.prompt.instructions for one in versions} == {"one", "two", "three"}
    assert _kinds(scope) == ["prompt.saved"] * 3


# --- admission --------------------------------------------------------------------------------------------------------


def test_an_admitted_candidate_is_a_version_with_its_trust(scope: Scope, prompts: Prompts) -> None:
    """Admission gives the next number, moves the label, marks the candidate and keeps its trust label, each an event."""
    prompts.save("triage", FIRST)
    candidate = _candidate(scope, SECOND)
    admitted = prompts.admit("triage", candidate, trust=UNTRUSTED, label="production", message="from a search")
    assert (admitted.version, admitted.candidate, admitted.trust) == (2, candidate, UNTRUSTED)
    assert prompts.get("triage") == admitted
    assert Candidates(scope, Contents()).get(candidate).status is Status.ADMITTED
    assert _kinds(scope)[-2:] == ["prompt.admitted", "label.moved"]


def test_a_candidate_is_admitted_once(scope: Scope, prompts: Prompts) -> None:
    """A second admission is a conflict and leaves neither a version nor an event; an unknown candidate is not found."""
    candidate = _candidate(scope, SECOND)
    prompts.admit("triage", candidate, trust=INTERNAL)
    before = _kinds(scope)
    with pytest.raises(Conflict, match=f"candidate {candidate} has been admitted already"):
        prompts.admit("other", candidate, trust=INTERNAL)
    with pytest.raises(NotFound, match="no candidate 999"):
        prompts.admit("other", 999, trust=INTERNAL)
    assert [one.name for one in prompts.ls()] == ["triage"]
    assert _kinds(scope) == before


def test_admission_and_label_are_one_step(scope: Scope, prompts: Prompts) -> None:
    """When the label cannot be moved the candidate gets no version either, and can be admitted later."""
    candidate = _candidate(scope, SECOND)
    before = _kinds(scope)
    with pytest.raises(InvalidName):
        prompts.admit("triage", candidate, trust=INTERNAL, label="Not A Label")
    assert prompts.ls() == []
    assert Candidates(scope, Contents()).get(candidate).status is Status.STORED
    assert _kinds(scope) == before
    assert prompts.admit("triage", candidate, trust=INTERNAL, label="staging").labels == ("staging",)
