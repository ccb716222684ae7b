"""Where prompt texts live."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from stemma.core.errors import NotFound, StoreDamaged
from stemma.registry.contents import CHAIN, Contents, NewText, find_ids
from stemma.registry.prompt import Demonstration, Prompt
from stemma.store import Store
from stemma.store.schema import contents

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
prompts = st.builds(
    Prompt,
    texts,
    demonstrations=st.lists(st.builds(Demonstration, texts, texts), max_size=3).map(tuple),
    user=st.none() | texts,
    settings=st.dictionaries(texts, st.integers(-5, 5) | st.booleans() | texts, max_size=2),
)


def _put(store: Store, *items: Prompt, base: int | None = None) -> list[int]:
    with store.write() as connection:
        return Contents().put(connection, [NewText.of(item, base=base) for item in items])


def _chain(store: Store, length: int) -> tuple[list[Prompt], list[int]]:
    """Prompts of one line of descent, each written by an object that has seen none of the others, and their ids."""
    line = "Answer in one word, and do not explain why you chose it."
    versions = [Prompt("\n".join(f"{line} ({number})" for number in range(count))) for count in range(1, length + 1)]
    ids: list[int] = []
    for version in versions:
        ids += _put(store, version, base=ids[-1] if ids else None)
    return versions, ids


def test_texts_come_back_through_chains_of_any_length(store: Store) -> None:
    """Every text of a line of descent several times as long as a chain reads back, by an object that knows none of them."""
    versions, ids = _chain(store, 3 * CHAIN + 2)
    with store.read() as connection:
        assert [Contents().get(connection, number) for number in ids] == versions


def test_no_text_needs_more_than_a_chain_of_others(store: Store) -> None:
    """However long the line of descent, a whole text is at most `CHAIN` steps away."""
    _chain(store, 2 * CHAIN + 3)
    with store.read() as connection:
        depths = list(connection.scalars(select(contents.c.depth).order_by(contents.c.id)))
    assert depths == [place % (CHAIN + 1) for place in range(2 * CHAIN + 3)]


def test_a_text_beside_its_parent_is_small(store: Store) -> None:
    """A variant of a long text takes a small part of the text's own size."""
    whole = Prompt("\n".join(f"- rule {number * 7919 % 1009}: {number * 104729 % 10007}" for number in range(100)))
    [base] = _put(store, whole)
    [child] = _put(store, whole.with_(instructions=whole.instructions + "\n- one more"), base=base)
    with store.read() as connection:
        payloads = {row.id: row.payload for row in connection.execute(select(contents.c.id, contents.c.payload))}
    assert len(payloads[child]) * 10 < len(payloads[base])


def test_equal_texts_share_one_id(store: Store) -> None:
    """A text is stored once, whether it comes twice in a batch, again later, or with another parent."""
    one, other = Prompt("one"), Prompt("other")
    first, second, again = _put(store, one, other, one)
    assert first == again != second
    assert _put(store, other, one, base=second) == [second, first]
    with store.read() as connection:
        assert len(connection.execute(select(contents.c.id)).all()) == 2


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(prompts, min_size=1, max_size=6), st.data())
def test_any_prompt_reads_back(store: Store, batch: list[Prompt], data: st.DataObject) -> None:
    """Every prompt, beside any other as its base, comes back equal and with its digest."""
    bases = _put(store, *batch)
    derived = [item.with_(instructions=f"{item.instructions} again") for item in batch]
    ids = _put(store, *derived, base=data.draw(st.sampled_from(bases)))
    with store.read() as connection:
        fresh = Contents()
        for number, item in zip([*bases, *ids], [*batch, *derived], strict=True):
            assert fresh.get(connection, number).digest == item.digest


def test_a_batch_of_thousands_keeps_its_order(store: Store) -> None:
    """Ids come in the order of the texts, also where they take more than one query and some were there before."""
    batch = [Prompt(f"text {number}") for number in range(1_203)]
    known = _put(store, *batch[500:600])
    ids = _put(store, *batch)
    assert ids[500:600] == known
    with store.read() as connection:
        found = find_ids(connection, [bytes.fromhex(item.digest) for item in batch])
    assert [found[bytes.fromhex(item.digest)] for item in batch] == ids


def test_what_a_transaction_took_back_is_forgotten(store: Store) -> None:
    """An id that is dealt out again after a rollback names the new text, also to the object that stored the old one."""
    shared = Contents()
    with suppress(RuntimeError), store.write() as connection:
        [lost] = shared.put(connection, [NewText.of(Prompt("taken back"))])
        assert shared.get(connection, lost) == Prompt("taken back")
        raise RuntimeError("undo")
    with store.write() as connection:
        [kept] = shared.put(connection, [NewText.of(Prompt("kept"))])
        assert shared.get(connection, kept) == Prompt("kept")


def test_an_unknown_id_is_not_found(store: Store) -> None:
    """Neither reading an id that is not there nor building on it gives anything."""
    with store.read() as connection, pytest.raises(NotFound, match="no stored text with id 99"):
        Contents().get(connection, 99)
    with pytest.raises(NotFound, match="no stored text with id 99"):
        _put(store, Prompt("orphan"), base=99)


def test_a_text_that_is_not_its_digest_is_damage(store: Store) -> None:
    """A stored text that was exchanged for another, or cut off, is reported and never served."""
    first, second = _put(store, Prompt("the reviewed words"), Prompt("other words"))
    with store.write() as connection:
        payload = connection.execute(select(contents.c.payload).where(contents.c.id == second)).scalar_one()
        connection.execute(update(contents).where(contents.c.id == first).values(payload=payload))
        connection.execute(update(contents).where(contents.c.id == second).values(payload=payload[:-3]))
    for number in (first, second):
        with store.read() as connection, pytest.raises(StoreDamaged, match="restore a backup"):
            Contents().get(connection, number)
