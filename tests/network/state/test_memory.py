"""Memories across tasks: kept once, searched by meaning, forgotten for good."""

from collections.abc import Sequence

import pytest

from stemma.core.digests import canonical_json, digest_bytes
from stemma.core.errors import InvalidInput, InvalidName, NotFound
from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, Confidentiality, Integrity, TrustLabel
from stemma.ledger.scope import Scope
from stemma.models.encoders import Encoder, HashedEncoder
from stemma.models.encoders.encoder import Vectors
from stemma.network.state.memory import Memories
from stemma.store.schema import memories as table

SECRET = TrustLabel(Integrity.INTERNAL, Confidentiality.SECRET)
TEXTS = {
    "m1": "The customer's card never arrived in the post.",
    "m2": "A refund was paid for the broken kettle.",
    "m3": "The password reset mail went to the spam folder.",
}


class CountingEncoder:
    """The hashed encoder under a name of its own, which writes down what it was asked to encode."""

    def __init__(self, name: str, dimensions: int = 512) -> None:
        self.name = name
        self.dimensions = dimensions
        self.encoded: list[str] = []
        self._inner: Encoder = HashedEncoder(dimensions)

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.encoded += texts
        return self._inner.encode(texts)


@pytest.fixture
def memories(scope: Scope) -> Memories:
    """Three memories of the desk."""
    kept = Memories(scope, HashedEncoder(512))
    for source, text in TEXTS.items():
        kept.remember("desk", text, source=source, label=INTERNAL)
    return kept


def test_the_nearest_in_meaning_comes_first(memories: Memories) -> None:
    """A search brings back texts with their labels, sources and scores, best first."""
    found = memories.search("desk", "my card has not arrived", top=2)
    assert found[0].source == "m1"
    assert found[0].text == TEXTS["m1"]
    assert found[0].label == INTERNAL
    assert found[0].score is not None
    assert [one.score for one in found] == sorted([one.score or 0 for one in found], reverse=True)


def test_scopes_are_apart(memories: Memories) -> None:
    """What one scope remembers, no other finds; an unknown scope and a query without a word find nothing."""
    memories.remember("lab", "The card reader is broken.", source="m1", label=INTERNAL)
    assert [one.scope for one in memories.search("lab", "card")] == ["lab"]
    assert memories.search("nowhere", "card") == []
    assert memories.search("desk", "???") == []
    assert memories.scopes() == {"desk": 3, "lab": 1}


def test_a_source_is_remembered_once(memories: Memories, scope: Scope) -> None:
    """Remembering again from the same source, as a replay does, keeps the first text and leaves no second event."""
    size = scope.ledger.size()
    again = memories.remember("desk", "something else", source="m1", label=UNTRUSTED)
    assert (again.text, again.label) == (TEXTS["m1"], INTERNAL)
    assert scope.ledger.size() == size


def test_two_who_remember_one_source_at_once_keep_one(scope: Scope) -> None:
    """Who finds, when about to write, that another was faster gets what the other kept; there is one event."""
    faster = Memories(scope, HashedEncoder(512))

    class Overtaken(CountingEncoder):
        """While it encodes, another process remembers the same source."""

        def encode(self, texts: Sequence[str]) -> Vectors:
            faster.remember("desk", "the faster text", source="m1", label=UNTRUSTED)
            return super().encode(texts)

    kept = Memories(scope, Overtaken("hashed")).remember("desk", "the slower text", source="m1", label=INTERNAL)
    assert [kept] == faster.ls()
    assert (kept.text, kept.label) == ("the faster text", UNTRUSTED)
    assert scope.ledger.size() == 1


def test_the_log_says_what_was_remembered_without_its_words(memories: Memories, scope: Scope) -> None:
    """Each memory is one event of its scope, under the memory's own number, with the digest of its text."""
    event = scope.ledger.tail(kind="memory.written", subject="desk")[0].to_json()
    told = {"source": "m1", "text": digest_bytes(TEXTS["m1"].encode()), "label": INTERNAL.to_json()}
    assert event["data"] == told
    assert event["seq"] == memories.ls()[-1].id


def test_only_what_flows_to_a_label_is_found(scope: Scope) -> None:
    """Within a label, neither less trusted nor more confined memories are found, however near they are."""
    memories = Memories(scope, HashedEncoder(512))
    for name, label in (("t", TRUSTED), ("i", INTERNAL), ("u", UNTRUSTED), ("s", SECRET)):
        memories.remember("desk", "the same text", source=name, label=label)

    def found(within: TrustLabel | None) -> list[str]:
        return [one.source for one in memories.search("desk", "the same text", within=within)]

    assert found(None) == ["t", "i", "u", "s"]
    assert found(INTERNAL) == ["t", "i"]
    assert found(TRUSTED) == ["t"]
    assert found(SECRET) == ["t", "i", "s"]


def test_ties_go_to_the_older_memory(scope: Scope) -> None:
    """Memories that are equally near come in the order in which they were made, at every number asked for."""
    memories = Memories(scope, HashedEncoder(512))
    for number in range(12):
        memories.remember("desk", "the same text", source=f"m{number}", label=INTERNAL)
    for top in (1, 5, 12, 40):
        sources = [one.source for one in memories.search("desk", "the same text", top=top)]
        assert sources == [f"m{number}" for number in range(min(top, 12))]


def test_a_memory_made_elsewhere_is_found_at_once(memories: Memories, scope: Scope) -> None:
    """What another process remembers after the first search is in the next one."""
    memories.search("desk", "card")
    Memories(scope, HashedEncoder(512)).remember("desk", "An invoice was sent twice.", source="m4", label=INTERNAL)
    assert memories.search("desk", "invoice sent twice", top=1)[0].source == "m4"


def test_a_search_reads_only_the_vectors_that_are_new(memories: Memories, scope: Scope) -> None:
    """Vectors that were read stay in mind: a search after an addition finds the old ones without the database."""
    memories.search("desk", "card")
    with scope.store.write() as connection:
        connection.execute(table.update().values(vector=b""))
    memories.remember("desk", "An invoice was sent twice.", source="m4", label=INTERNAL)
    for source, query in (("m1", "card never arrived"), ("m4", "invoice sent twice")):
        assert memories.search("desk", query, top=1)[0].source == source


def test_what_is_forgotten_is_found_nowhere(memories: Memories, scope: Scope) -> None:
    """A forgotten memory is gone from this process's search and from those that had it in mind, and its place is filled."""
    other = Memories(scope, HashedEncoder(512))
    [first] = other.search("desk", "the card that never arrived in the post", top=1)
    assert memories.forget(first.id) == 1
    for one in (memories, other):
        [next_best] = one.search("desk", "the card that never arrived in the post", top=1)
        assert next_best.id != first.id
    again = memories.remember("desk", "The card arrived after all.", source="m1", label=INTERNAL)
    assert other.search("desk", "the card arrived after all", top=1) == memories.search(
        "desk", "the card arrived after all", top=1
    )
    assert again.id > first.id


def test_the_newest_memory_forgotten_and_another_made_are_told_apart(memories: Memories) -> None:
    """The id of a deleted memory is never given to another, so a search cannot take one for the other."""
    last = memories.search("desk", "password reset mail", top=1)[0]
    memories.forget(last.id)
    memories.remember("desk", "The kettle boils.", source="m9", label=INTERNAL)
    assert memories.search("desk", "kettle boils", top=1)[0].source == "m9"


def test_a_scope_is_forgotten_whole(memories: Memories, scope: Scope) -> None:
    """Forgetting by name deletes all of a scope with one event that counts them; what is not there is an error."""
    assert memories.forget("desk") == 3
    assert memories.ls() == []
    assert memories.search("desk", "card") == []
    [event] = scope.ledger.tail(kind="memory.forgotten")
    assert (event.to_json()["subject"], event.to_json()["data"]) == ("desk", {"count": 3})
    for missing in ("desk", 1_000_000):
        with pytest.raises(NotFound, match="stemma memory ls"):
            memories.forget(missing)


def test_another_encoder_makes_the_vectors_again_once(memories: Memories, scope: Scope) -> None:
    """Vectors of an encoder that is no longer used are made anew at the first search, kept, and never made again."""
    better = CountingEncoder("better", 256)
    assert Memories(scope, better).search("desk", "card never arrived", top=1)[0].source == "m1"
    assert sorted(better.encoded[1:]) == sorted(TEXTS.values())
    again = CountingEncoder("better", 256)
    assert Memories(scope, again).search("desk", "card never arrived", top=1)[0].source == "m1"
    assert again.encoded == ["card never arrived"]


def test_one_encoder_with_vectors_of_another_length_is_another(memories: Memories, scope: Scope) -> None:
    """Vectors are told apart by their length too, not by the encoder's name alone."""
    assert Memories(scope, HashedEncoder(1024)).search("desk", "card never arrived", top=1)[0].source == "m1"


def test_more_memories_than_a_block_are_all_searched(scope: Scope) -> None:
    """The last of several thousand memories is found as the first is."""
    memories = Memories(scope, HashedEncoder(64))
    remember_many(memories, scope, 5000)
    assert memories.search("desk", "number4999", top=1)[0].source == "m4999"
    assert memories.search("desk", "number0", top=1)[0].source == "m0"


def test_memories_are_listed_newest_first(memories: Memories) -> None:
    """A listing has the newest memories, of one scope or of all, and no more than asked for."""
    memories.remember("lab", "A note.", source="m1", label=INTERNAL)
    assert [one.scope for one in memories.ls(limit=2)] == ["lab", "desk"]
    assert [one.source for one in memories.ls("desk")] == ["m3", "m2", "m1"]
    assert all(one.score is None for one in memories.ls())


def test_what_no_database_holds_is_replaced(memories: Memories) -> None:
    """Zero characters and half surrogate pairs in a text do not stop it from being remembered."""
    kept = memories.remember("desk", "a\0b\ud800c 😀", source="odd", label=UNTRUSTED)
    assert kept.text == "a\ufffdb\ufffdc 😀"
    assert memories.ls(limit=1) == [kept]


def test_what_cannot_be_remembered_is_refused(memories: Memories) -> None:
    """An empty or endless text, and names that nobody can see, are errors; nothing is written."""
    for text in ("", " \n", "x" * 100_001):
        with pytest.raises(InvalidInput, match="'m9'"):
            memories.remember("desk", text, source="m9", label=INTERNAL)
    with pytest.raises(InvalidName):
        memories.remember("", "text", source="m9", label=INTERNAL)
    with pytest.raises(InvalidName):
        memories.remember("desk", "text", source="a\nb", label=INTERNAL)
    assert len(memories.ls()) == 3


def remember_many(memories: Memories, scope: Scope, count: int) -> None:
    """Rows as `remember` writes them, without an event each: a test of searching need not wait for the log."""
    texts = [f"number{number}" for number in range(count)]
    vectors = HashedEncoder(64).encode(texts)
    label = canonical_json(INTERNAL.to_json()).decode()
    rows = [
        {
            "id": number + 1,
            "scope": "desk",
            "source": f"m{number}",
            "text": text,
            "label": label,
            "encoder": "hashed-64",
            "vector": vectors[number].tobytes(),
            "created_at": "2026-01-01T00:00:00.000000Z",
        }
        for number, text in enumerate(texts)
    ]
    with scope.store.write() as connection:
        connection.execute(table.insert(), rows)
