"""`stemma portability` from the terminal."""

import pytest
from tests.cli.terminal import Terminal

from stemma.cli.portability import names_in

ARGUMENTS = ("portability", "desk/triage", "--data", "data.csv", "--input", "text", "--expected", "label", "--models")


def test_models_stand_side_by_side(desk: Terminal) -> None:
    """JSON has a row for each model with its score, interval, calls and seconds; a model that is missing says why, and the rest
    goes on."""
    ran = desk(*ARGUMENTS, "opnai:gpt-4o, embedded, embedded:hashed", "--json")
    assert ran.code == 0
    missing, first, second = ran.json["models"]
    assert missing["model"] == "opnai:gpt-4o"
    assert "did you mean 'openai:gpt-4o'?" in missing["problem"]
    assert (first["n"], first["missing"], first["calls"]["total"], first["problem"]) == (180, 0, 180, None)
    assert first["ci95"][0] < first["score"] < first["ci95"][1]
    assert first["seconds"] > 0
    assert ran.json["compared_with"] == "embedded"
    assert (second["difference"]["gain"], second["difference"]["n"]) == (0, 180)


def test_table_says_the_same(desk: Terminal) -> None:
    """People read one line a model, with the difference to the first and its interval, and below what it took; in the usual
    terminal no line is broken."""
    ran = desk(*ARGUMENTS, "embedded, embedded:hashed, opnai:x", "--limit", "20")
    lines = ran.out.splitlines()
    assert lines[0].split()[:2] == ["model", "score"]
    assert lines[1].startswith("embedded ")
    assert "+0.0 (" in lines[2]
    assert "not asked:" in lines[3]
    assert max(map(len, lines)) <= 80
    took = lines.index("") + 1
    assert lines[took].split() == ["model", "calls", "tokens", "cost", "median"]
    assert [line.split()[:2] for line in lines[took + 1 : took + 3]] == [["embedded", "20"], ["embedded:hashed", "20"]]
    assert lines[-1] == "difference: percentage points to 'embedded', with their 95 % interval"
    assert ran.err == ""


def test_no_model_at_all_is_an_error(desk: Terminal) -> None:
    """When none could be asked the rows still say why, and the command fails."""
    ran = desk(*ARGUMENTS, "opnai:x, gpt-5", "--json")
    assert (ran.code, ran.err) == (1, "error: none of 2 models could be asked; the table says why\n")
    assert [row["n"] for row in ran.json["models"]] == [0, 0]


def test_each_score_is_in_the_audit_log(desk: Terminal) -> None:
    """A score of the report is recorded like that of an evaluation, one entry a model that was asked."""
    before = desk("audit", "verify", "--json").json["entries"]
    desk(*ARGUMENTS, "embedded, embedded:hashed, opnai:x", "--limit", "5")
    assert desk("audit", "verify", "--json").json["entries"] == before + 2


@pytest.mark.parametrize(
    ("models", "rest", "message"),
    [
        (" , ", "", "no model is named to try the prompt on"),
        ("embedded", "--scorer best", "scorer 'best' is not known"),
        ("embedded, embedded:hashed", "--max-calls 1", "1 calls cannot be shared out among 2 models"),
    ],
)
def test_wrong_use_is_one_line(desk: Terminal, models: str, rest: str, message: str) -> None:
    """What is wrong for every model alike is no row, but an error."""
    assert message in desk(*ARGUMENTS, models, *rest.split()).told(2)


def test_semicolons_let_chains_into_the_list(desk: Terminal) -> None:
    """A chain is a row of its own beside its members."""
    assert names_in("a, b") == ["a", "b"]
    ran = desk(*ARGUMENTS, "embedded; embedded:hashed, embedded", "--limit", "5", "--json")
    assert [row["model"] for row in ran.json["models"]] == ["embedded", "embedded:hashed, embedded"]


def test_two_encoders_are_two_models(desk: Terminal) -> None:
    """With the weights installed, the hashed and the better encoder each have a row, and a difference between them."""
    ran = desk(*ARGUMENTS, "embedded, embedded:minilm", "--limit", "60", "--json")
    hashed, minilm = ran.json["models"]
    if minilm["problem"] is not None:
        pytest.skip(minilm["problem"])
    assert hashed["n"] == minilm["n"] == minilm["difference"]["n"] == 60
    assert minilm["difference"]["gain"] == pytest.approx(minilm["score"] - hashed["score"])
