"""Trust labels as files write them."""

from pathlib import Path

import pytest

from stemma.core.errors import InvalidData
from stemma.core.labels import read_label
from stemma.core.marked import Marked
from stemma.core.trust import TRUSTED, Confidentiality, Integrity, TrustLabel

SECRET = TrustLabel(Integrity.UNTRUSTED, Confidentiality.SECRET, frozenset({"pii"}))


def marked(folder: Path, text: str) -> Marked:
    (folder / "label.yaml").write_text(text)
    return Marked.read(folder / "label.yaml")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("{integrity: trusted}", TrustLabel(Integrity.TRUSTED, SECRET.confidentiality, SECRET.categories)),
        ("{integrity: Internal}", TrustLabel(Integrity.INTERNAL, SECRET.confidentiality, SECRET.categories)),
        ("{confidentiality: public}", TrustLabel(SECRET.integrity, Confidentiality.PUBLIC, SECRET.categories)),
        ("{categories: []}", TrustLabel(SECRET.integrity, SECRET.confidentiality)),
        (
            "{integrity: trusted, confidentiality: internal, categories: [health]}",
            TrustLabel(Integrity.TRUSTED, Confidentiality.INTERNAL, frozenset({"health"})),
        ),
    ],
)
def test_what_is_not_written_is_as_it_was(tmp_path: Path, text: str, label: TrustLabel) -> None:
    """Each part of a label is read by itself; those that are left out are the default's."""
    assert read_label(marked(tmp_path, text), SECRET) == label


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "{integrity: trustd}",
            "'trustd' is no level of a label (did you mean 'trusted'?); use untrusted, internal, trusted",
        ),
        ("{confidentiality: trusted}", "'trusted' is no level of a label; use public, internal, secret"),
        ("{integrity: [trusted]}", "a label"),
        ("{trust: trusted}", "trust"),
        ("{categories: pii}", "categories"),
        ("trusted", "a label"),
    ],
)
def test_label_that_is_none_is_refused_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    """Nothing is guessed: a level or a part that there is not is named, with those that there are."""
    with pytest.raises(InvalidData) as refused:
        read_label(marked(tmp_path, f"\n{text}\n"), TRUSTED)
    assert problem in str(refused.value)
    assert "label.yaml:2" in str(refused.value)
