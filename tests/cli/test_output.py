"""Tables, JSON and lines, as people and programs read them."""

import json
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from stemma.cli.output import cut, print_json, print_table, say, tell

ROWS = [("b_1.2", "the last column has more words than there is room for"), ("b_1.10", "short [/bold] :smile:")]


def test_table_cuts_only_its_last_column(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What is copied stays whole in a narrow terminal, and text that looks like markup is shown as it is."""
    monkeypatch.setenv("COLUMNS", "30")
    print_table(("run", "outcome"), ROWS)
    assert capsys.readouterr().out == "run     outcome\nb_1.2   the last column has m…\nb_1.10  short [/bold] :smile:\n"


def test_table_folds_where_the_last_column_is_copied(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A last column that must not lose anything goes on below itself."""
    monkeypatch.setenv("COLUMNS", "20")
    print_table(("entry", "subject"), [("1", "0123456789abcdef"), ("2", "")], fold=True)
    assert capsys.readouterr().out == "entry  subject\n1      0123456789abc\n       def\n2\n"


def test_table_into_a_file_is_whole(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe has no width: `grep` finds what the store holds."""
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table(("run", "outcome"), [("b_1", "word " * 60)])
    assert capsys.readouterr().out.splitlines()[1] == "b_1  " + ("word " * 60).rstrip()


def test_lines_are_never_broken(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A command to copy, or a prompt's own text, has the line breaks it came with and no others."""
    monkeypatch.setenv("COLUMNS", "20")
    say("stemma optimize support/triage --train tickets.csv [dim]")
    assert capsys.readouterr().out == "stemma optimize support/triage --train tickets.csv [dim]\n"


def test_json_takes_read_only_values(capsys: pytest.CaptureFixture[str]) -> None:
    """Frozen mappings and tuples, of which results are made, are JSON objects and lists."""
    frozen: Mapping[str, object] = MappingProxyType({"ci95": (0.1, 0.2), "of": MappingProxyType({"n": 3})})
    print_json(frozen)
    assert capsys.readouterr().out == ('{\n  "ci95": [\n    0.1,\n    0.2\n  ],\n  "of": {\n    "n": 3\n  }\n}\n')


def test_nothing_that_is_shown_commands_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Escapes, turned directions and what nobody sees are spelt out in tables, and escaped in JSON, which says the same."""
    deceiving = "a\x1b[2J\u202eb\u200bc\u2028\x9b1m😀ü"
    print_table(("id", "said"), [(deceiving, deceiving)])
    print_json([deceiving])
    shown = capsys.readouterr().out
    assert all(one.isprintable() or one == "\n" for one in shown)
    assert "😀ü" in shown
    assert json.loads(shown[shown.index("[\n") :]) == [deceiving]


@pytest.mark.parametrize(("text", "line"), [("as it is", "as it is"), ("two\nlines of it", "two line…")])
def test_cut_text_shows_that_it_is(text: str, line: str) -> None:
    """A sign stands where something was left out."""
    assert cut(text, 9) == line


def test_prose_breaks_between_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A sentence fits the terminal, and an id in it stays whole."""
    monkeypatch.setenv("COLUMNS", "24")
    tell("go on with --resume s_0123456789")
    assert capsys.readouterr().out == "  go on with --resume\n  s_0123456789\n"
