"""Searching a folder of documents."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidData
from stemma.network.knowledge import Library, Passage

HELP = {
    "cards.md": "# Lost cards\n\nFreeze the card in the app.\n\nA new card comes in five days.\n\n# Fees\n\nCash costs 2 %.",
    "deep/travel.txt": "Trips abroad\nneed no notice.",
    "picture.png": "not a document",
}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    for name, text in HELP.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return Library.read(tmp_path)


def test_documents_are_cut_at_headings(library: Library) -> None:
    """Passages are whole paragraphs under one heading, with their file; what is no document is left out."""
    assert library.passages == (
        Passage("cards.md", "Lost cards", "Freeze the card in the app.\n\nA new card comes in five days."),
        Passage("cards.md", "Fees", "Cash costs 2 %."),
        Passage("deep/travel.txt", "", "Trips abroad need no notice."),
    )


def test_sentences_go_on_where_a_line_was_full(tmp_path: Path) -> None:
    """Lines of one paragraph are one line of the passage; items of a list and rows of a table keep their own."""
    (tmp_path / "wrapped.md").write_text(
        "Cash costs\n2 %.\n- in the app\n  or outside\n- at a bank\n\n| a |\n| b |\n\n```\nx\ny\n```"
    )
    (passage,) = Library.read(tmp_path).passages
    assert passage.text == "Cash costs 2 %.\n- in the app or outside\n- at a bank\n\n| a |\n| b |\n\n```\nx\ny\n```"


def test_long_sections_are_cut_between_paragraphs(tmp_path: Path) -> None:
    """A section over the length of a passage becomes several, none of which cuts a paragraph."""
    paragraph = " ".join(["word"] * 50)
    (tmp_path / "long.md").write_text("# Title\n\n" + "\n\n".join([paragraph] * 5))
    passages = Library.read(tmp_path).passages
    assert [len(passage.text.split()) for passage in passages] == [100, 100, 50]
    assert {passage.heading for passage in passages} == {"Title"}


def test_search_finds_what_shares_rare_words(library: Library) -> None:
    """The passage that shares the telling words comes first, a plural s or a heading notwithstanding."""
    assert library.search("My CARDS are gone, freeze them", top=1)[0].heading == "Lost cards"
    assert [passage.heading for passage in library.search("what are the fees", top=4)] == ["Fees", "Lost cards"]
    assert library.search("xylophone", top=4) == ()


@given(query=st.text(), top=st.integers(1, 5))
def test_search_is_a_bounded_selection(query: str, top: int) -> None:
    """Whatever is asked, at most `top` different passages of the folder come back, the same each time."""
    passages = tuple(Passage(f"{number}.md", "", text) for number, text in enumerate(HELP.values()))
    found = Library(passages).search(query, top=top)
    assert len(found) <= top
    assert len(set(found)) == len(found)
    assert set(found) <= set(passages)
    assert Library(passages).search(query, top=top) == found


def test_digest_names_the_content(library: Library) -> None:
    """Two folders with the same passages have one digest, and it survives JSON."""
    assert Library.from_json(library.to_json()).digest == library.digest
    assert Library(library.passages[:-1]).digest != library.digest


def test_folders_that_cannot_be_searched(tmp_path: Path) -> None:
    """A missing folder, one without text, and a file that is not UTF-8 are named."""
    with pytest.raises(InvalidData, match="not a folder"):
        Library.read(tmp_path / "missing")
    with pytest.raises(InvalidData, match="holds no text"):
        Library.read(tmp_path)
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(InvalidData, match=r"latin\.txt: is not UTF-8 at byte 3"):
        Library.read(tmp_path)
