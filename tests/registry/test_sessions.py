"""The record of who wrote what with which means."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from stemma import __version__
from stemma.core.errors import Conflict, NotFound
from stemma.core.trust import INTERNAL, UNTRUSTED
from stemma.ledger.scope import Scope
from stemma.registry.sessions import Generator, NewSession, Sessions, SessionStatus

GENERATOR = Generator("genetic", {"population": 50, "operators": ["edit", "crossover"]})


@pytest.fixture
def sessions(scope: Scope) -> Sessions:
    return Sessions(scope)


def test_a_session_keeps_all_that_its_outcome_depends_on(sessions: Sessions) -> None:
    """Generator, model, parameters, seed, data, code version, actor and trust come back as they were given."""
    new = NewSession(
        GENERATOR,
        prompt_name="triage",
        model="embedded",
        parameters={"max_calls": 6000, "rate": 0.1},
        seed=2**40,
        data_digest="ab" * 32,
        trust=UNTRUSTED,
    )
    opened = sessions.open(new)
    assert opened == sessions.get(opened.id)
    assert (opened.generator, opened.model, opened.parameters) == (GENERATOR.digest, "embedded", new.parameters)
    assert (opened.seed, opened.data_digest, opened.code_version) == (2**40, "ab" * 32, __version__)
    assert (opened.actor, opened.trust, opened.prompt_name) == ("user:test", UNTRUSTED, "triage")
    assert (opened.status, opened.result, opened.finished_at) == (SessionStatus.OPEN, None, None)


def test_a_generator_is_registered_once_whoever_comes_first(scope: Scope, sessions: Sessions) -> None:
    """Sessions of one generator that are opened at the same moment all succeed, and it is registered by one of them."""
    with ThreadPoolExecutor(6) as threads:
        opened = list(threads.map(lambda _: sessions.open(NewSession(GENERATOR)), range(12)))
    assert len({session.id for session in opened}) == 12
    assert [entry.kind for entry in scope.ledger.tail(50)].count("generator.registered") == 1


def test_what_is_not_given_is_not_made_up(sessions: Sessions) -> None:
    """A session without a model, a seed or data has none, and what it writes counts as a service's own words."""
    opened = sessions.open(NewSession(GENERATOR))
    assert (opened.model, opened.seed, opened.data_digest, opened.prompt_name) == (None, None, None, None)
    assert (opened.parameters, opened.trust) == ({}, INTERNAL)


def test_a_generator_is_registered_once(scope: Scope, sessions: Sessions) -> None:
    """Equal generators are one, with one event; another setting is another generator."""
    for generator in (
        GENERATOR,
        Generator("genetic", dict(sorted(GENERATOR.body.items()))),
        Generator("genetic", {}),
    ):
        sessions.open(NewSession(generator))
    registered = [entry.subject for entry in scope.ledger.tail(9, kind="generator.registered")]
    assert registered == [GENERATOR.digest, Generator("genetic", {}).digest]
    assert len(scope.ledger.tail(9, kind="session.opened")) == 3
    assert sessions.generator(GENERATOR.digest) == GENERATOR
    with pytest.raises(NotFound, match="no generator"):
        sessions.generator("0" * 64)


def test_a_session_ends_once(scope: Scope, sessions: Sessions) -> None:
    """The first ending stands with its result, as one event; a second one is a conflict and changes nothing."""
    opened = sessions.open(NewSession(GENERATOR))
    ended = sessions.finish(opened, {"best": "cd" * 32})
    assert (ended.status, ended.result) == (SessionStatus.FINISHED, {"best": "cd" * 32})
    assert ended.finished_at is not None
    with pytest.raises(Conflict, match=f"session '{opened.id}' has ended already"):
        sessions.finish(opened, {}, status=SessionStatus.FAILED)
    assert sessions.get(opened.id) == ended
    assert [entry.kind for entry in scope.ledger.tail(1)] == ["session.finished"]


def test_a_failure_is_kept_as_one(scope: Scope, sessions: Sessions) -> None:
    """A session that ended by an error says so, in its record and in the log."""
    opened = sessions.open(NewSession(GENERATOR))
    assert sessions.finish(opened, {"error": "no data"}, status=SessionStatus.FAILED).status is SessionStatus.FAILED
    assert len(scope.ledger.tail(9, kind="session.failed", subject=opened.id)) == 1


def test_sessions_are_listed_newest_first(sessions: Sessions) -> None:
    """The listing can be cut short and kept to one prompt; an unknown id is answered with the most recent ones."""
    with pytest.raises(NotFound, match="the most recent are: none yet"):
        sessions.get("s_unknown")
    opened = [sessions.open(NewSession(GENERATOR, prompt_name=name)) for name in ("triage", "reply", "triage")]
    assert sessions.ls() == opened[::-1]
    assert sessions.ls(limit=1) == [opened[2]]
    assert sessions.ls(prompt_name="triage") == [opened[2], opened[0]]
    with pytest.raises(NotFound, match=f"the most recent are: {opened[2].id}, {opened[1].id}"):
        sessions.get("s_unknown")
