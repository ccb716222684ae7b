"""`stemma memory` from the terminal."""

import pytest
from tests.cli.terminal import Terminal

import stemma
from stemma.core.trust import INTERNAL, UNTRUSTED


@pytest.fixture
def remembering(terminal: Terminal) -> Terminal:
    """A terminal beside a store with three memories in two scopes."""
    with stemma.open() as here:
        here.memories.remember("desk", "The card never arrived.", source="m1", label=UNTRUSTED)
        here.memories.remember("desk", "A refund was paid for the kettle.", source="m2", label=INTERNAL)
        here.memories.remember("lab", "The reader is broken.", source="m1", label=INTERNAL)
    return terminal


def test_memories_are_listed_with_their_trust(remembering: Terminal) -> None:
    """A listing shows id, scope, trust and text of each, newest first, and how many each scope has."""
    lines = remembering("memory", "ls").out.splitlines()
    assert lines[0].split() == ["id", "scope", "trust", "text"]
    assert [line.split()[1] for line in lines[1:4]] == ["lab", "desk", "desk"]
    assert "untrusted" in lines[3]
    assert lines[4] == "desk: 2, lab: 1"
    told = remembering("memory", "ls", "--scope", "desk", "--limit", "1", "--json").json
    assert [one["source"] for one in told["memories"]] == ["m2"]
    assert told["scopes"] == {"desk": 2, "lab": 1}


def test_strangers_memories_are_shown_inert(terminal: Terminal) -> None:
    """What a stranger had remembered moves no cursor, and nothing in it can be followed."""
    with stemma.open() as here:
        here.memories.remember("desk", "see https://evil.example\x1b[2J", source="m1", label=UNTRUSTED)
    shown = terminal("memory", "ls").out
    assert "hxxps[:]//evil" in shown
    assert "\x1b" not in shown


def test_search_finds_by_meaning_and_says_with_which_encoder(remembering: Terminal) -> None:
    """The nearest memory comes first with its score; the encoder that measured is named."""
    told = remembering("memory", "search", "desk", "a card that has not arrived", "--top", "1", "--json").json
    assert [one["source"] for one in told["memories"]] == ["m1"]
    assert told["memories"][0]["label"]["integrity"] == "untrusted"
    assert told["memories"][0]["score"] > 0
    shown = remembering("memory", "search", "desk", "card").out
    assert shown.splitlines()[0].split() == ["near", "id", "scope", "trust", "text"]
    assert told["encoder"] in shown.splitlines()[-1]


def test_forgetting_by_id_and_by_scope(remembering: Terminal) -> None:
    """One memory goes by its id, a whole scope by its name; afterwards they are not found."""
    [one] = remembering("memory", "ls", "--scope", "lab", "--json").json["memories"]
    assert remembering("memory", "forget", str(one["id"]), "--json").json == {"forgotten": 1}
    assert remembering("memory", "forget", "--scope", "desk").out == "forgot 2 memories\n"
    ran = remembering("memory", "ls")
    assert (ran.code, ran.out) == (0, "")
    assert "no memories yet" in ran.err


def test_what_cannot_be_forgotten_is_one_line(remembering: Terminal) -> None:
    """A memory that is not there is an error with the way out; naming none, or both ways at once, is wrong use."""
    assert "stemma memory ls" in remembering("memory", "forget", "999").told(1)
    assert "--scope" in remembering("memory", "forget").told(2)
    assert "--scope" in remembering("memory", "forget", "1", "--scope", "desk").told(2)


def test_a_search_without_a_find_says_so(remembering: Terminal) -> None:
    """Nothing near is no error; where to look is told beside standard output."""
    ran = remembering("memory", "search", "nowhere", "card")
    assert (ran.code, ran.out) == (0, "")
    assert "'nowhere'" in ran.err
