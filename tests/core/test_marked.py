"""YAML that knows its lines: numbers, times and places."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidData
from stemma.core.marked import Marked
from stemma.network.drawing.words import span


def read(folder: Path, text: str) -> Marked:
    path = folder / "some.yaml"
    path.write_text(text)
    return Marked.read(path)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90), ("2.5", 2.5), ("90s", 90), ("30m", 1800), ("2h", 7200), ("3d", 259_200), ("1.5 h", 5400)],
)
def test_times_are_read_as_people_write_them(tmp_path: Path, written: str, seconds: float) -> None:
    """A unit of seconds, minutes, hours or days, or none."""
    assert read(tmp_path, f"wait: {written}").at("wait").seconds("wait") == seconds


@pytest.mark.parametrize("written", ["0", "0d", "-1", "3w", "d", "1d 2h", "1e3", "inf", "nan", "٣d"])
def test_what_is_no_time_is_refused(tmp_path: Path, written: str) -> None:
    """Nothing, less, another unit and two of them are told apart from a time, with the line."""
    with pytest.raises(InvalidData, match="must be a time above 0") as caught:
        read(tmp_path, f"a: 1\nwait: {written}").at("wait").seconds("wait")
    assert caught.value.line == 2


@given(st.integers(1, 10_000_000))
def test_a_time_reads_back_as_it_is_shown(tmp_path_factory: pytest.TempPathFactory, seconds: int) -> None:
    """What the pictures say of a time is what the manifest could say."""
    assert read(tmp_path_factory.getbasetemp(), span(seconds)).seconds("it") == seconds


def test_a_place_is_found_as_far_as_it_exists(tmp_path: Path) -> None:
    """An error about what is not written points at the nearest thing around it."""
    root = read(tmp_path, "a:\n  b:\n    - one\n    - c:\n        two\n")
    assert root.at("a", "b", 1, "c").line == 5
    assert root.at("a", "b", 7, "c").line == 3
    assert root.at("a", "nothing", 1).line == 2
    assert root.at("b").line == 1


@pytest.mark.parametrize("written", ["1.0", "-1", "٣", "1_000", "1e3", "x"])
def test_whole_numbers_are_digits(tmp_path: Path, written: str) -> None:
    """Only what everybody reads as the same number is one."""
    with pytest.raises(InvalidData, match="must be a whole number from 0"):
        read(tmp_path, written).whole("it", least=0)
    assert read(tmp_path, "0").whole("it", least=0) == 0


def test_flags_and_shares(tmp_path: Path) -> None:
    """True and false in the words of YAML; a share ends at its bound."""
    assert [read(tmp_path, word).flag("it") for word in ("true", "No")] == [True, False]
    with pytest.raises(InvalidData, match="must be true or false, not 'maybe'"):
        read(tmp_path, "maybe").flag("it")
    assert read(tmp_path, "0").number("it", most=1) == 0
    with pytest.raises(InvalidData, match=r"from 0 to 1, not '1\.1'"):
        read(tmp_path, "1.1").number("it", most=1)
    with pytest.raises(InvalidData, match="above 0, not 'nan'"):
        read(tmp_path, "nan").number("it")
