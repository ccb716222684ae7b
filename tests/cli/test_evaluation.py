"""`stemma eval` and `stemma audit` from the terminal."""

import pytest
from tests.cli.terminal import Terminal

EVAL = ("eval", "desk/triage", "--data", "data.csv", "--input", "text", "--expected", "label")


def test_score_comes_with_its_interval(desk: Terminal) -> None:
    """JSON has the score, the interval around it, what is missing and the calls; the text says the same."""
    told = desk(*EVAL, "--json").json
    assert told["n"] == 180
    assert told["ci95"][0] < told["score"] < told["ci95"][1]
    assert (told["missing"], told["bad_rows"], told["calls"]["total"]) == (0, 0, 180)
    shown = desk(*EVAL, "--failures", "2")
    assert f"{100 * told['score']:.1f} %" in shown.out
    assert shown.err == ""
    assert len(shown.out.splitlines()) == 6


def test_prompt_in_a_file_is_called_by_its_name(desk: Terminal) -> None:
    """What was never saved has no version that could be asked for."""
    told = desk("eval", "triage.txt", "--data", "data.csv", "--input", "text", "--expected", "label", "--json").json
    assert told["reference"] == "triage.txt"


def test_rows_that_cannot_be_used_are_told_by_line(desk: Terminal) -> None:
    """A row without its answer is left out and named on standard error; --strict stops at it."""
    desk.write("gaps.csv", "text,label\nwhere is my parcel,delivery\nrefund me,\n")
    ran = desk("eval", "desk/triage", "--data", "gaps.csv", "--input", "text", "--expected", "label", "--json")
    assert (ran.json["n"], ran.json["bad_rows"]) == (1, 1)
    assert ran.err.startswith("warning: gaps.csv:3: left out: ")
    strict = desk("eval", "desk/triage", "--data", "gaps.csv", "--input", "text", "--expected", "label", "--strict")
    assert strict.told(2).startswith("gaps.csv:3: ")


@pytest.mark.parametrize(
    ("limit", "n"), [(("--max-calls", "10"), 10), (("--max-tokens", "5000"), None)], ids=["calls", "tokens"]
)
def test_what_a_limit_leaves_out_is_missing_not_wrong(desk: Terminal, limit: tuple[str, str], n: int | None) -> None:
    """A limit leaves scores missing and never counts them as zero; one line says how many were not asked."""
    ran = desk(*EVAL, *limit, "--json")
    told = ran.json
    assert ran.code == 0
    assert told["n"] == (n or told["calls"]["total"]) > 5
    assert told["n"] + told["missing"] == 180
    line = f"warning: {told['missing']} of 180 cases were not asked: {' '.join(limit)} was spent; the score is of {told['n']}"
    assert (" ".join(ran.err.split()), desk(*EVAL, *limit).out.count("without an answer")) == (line, 0)


def test_limit_that_leaves_nothing_to_score_is_an_error(desk: Terminal) -> None:
    """A score of no case is none: the command fails, and says which limit to raise."""
    assert desk(*EVAL, "--max-tokens", "100").told(1) == (
        "none of 180 cases was scored: --max-tokens 100 was too little for the first; give more"
    )
    assert desk(*EVAL, "--max-cost", "0").told(2).startswith("a budget of 0.0 money buys nothing")


def test_model_in_this_process_costs_nothing(desk: Terminal) -> None:
    """A limit on cost holds for the embedded model by itself."""
    ran = desk(*EVAL, "--max-cost", "0.01", "--json")
    assert (ran.json["missing"], ran.err) == (0, "")


@pytest.mark.parametrize(
    ("reference", "data", "rest", "code", "message"),
    [
        ("desk/triage", "none.csv", "", 2, "none.csv: no such file (did you mean 'other.csv'?); check the path"),
        ("desk/triage", "empty.csv", "", 2, "empty.csv: is empty; it needs a header line and rows"),
        ("desk/triage", "header.csv", "", 2, "header.csv: has a header and no rows; add at least one"),
        ("desk/triage", "latin.csv", "", 2, "latin.csv:2: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("desk/triage", "other.csv", "", 2, "other.csv: has no column 'text'"),
        ("unknown.txt", "data.csv", "", 2, "the template needs 'who', which is not among the variables given ('text')"),
        ("evil.txt", "data.csv", "", 2, "'text.__class__' reaches for a Python attribute"),
        ("desk/none", "data.csv", "", 1, "there is no prompt 'desk/none'"),
        ("desk/triage", "data.csv", "--model gpt-5", 1, "there is no model called 'gpt-5'; name a provider too"),
        ("desk/triage", "data.csv", "--model mistral:x", 1, "add it with: pip install 'pydantic-ai-slim[mistral]'"),
        ("desk/triage", "data.csv", "--scorer best", 2, "scorer 'best' is not known; there are exact, normalised"),
        ("desk/triage", "data.csv", "--scorer judge:kind", 2, "a judge needs a model to ask"),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_one_line(
    desk: Terminal, reference: str, data: str, rest: str, code: int, message: str
) -> None:
    """Bad data, a bad template and an unknown model each name themselves and the way out; nothing is recorded."""
    desk.write("empty.csv", "")
    desk.write("header.csv", "text,label\n")
    desk.write("latin.csv", b"text,label\ncaf\xe9,refund\n")
    desk.write("other.csv", "message,label\nhello,refund\n")
    desk.write("unknown.txt", "Sort {{text}} for {{who}}")
    desk.write("evil.txt", "Sort {{text.__class__}}")
    before = desk("audit", "verify", "--json").json["entries"]
    ran = desk("eval", reference, "--data", data, "--input", "text", "--expected", "label", *rest.split())
    assert message in ran.told(code)
    assert desk("audit", "verify", "--json").json["entries"] == before


def test_log_is_shown_signed_exported_and_verified(desk: Terminal) -> None:
    """From the store or from a file, the log proves itself; a changed byte is named."""
    assert desk("audit", "verify").out.startswith("verified: 2 entries; 2 of them are signed for, by ")
    newest = desk("audit", "tail", "-n", "1", "--json").json
    assert [(entry["kind"], entry["subject"], entry["actor"]) for entry in newest] == [
        ("label.moved", "desk/triage@production", "user:ada")
    ]
    desk.write("kept.txt", desk("audit", "checkpoint").out)
    assert desk("audit", "export", "log.jsonl", "--json").json["entries"] == 2
    assert desk("audit", "verify", "--export", "log.jsonl", "--kept", "kept.txt").code == 0
    text = (desk.folder / "log.jsonl").read_text()
    desk.write("forged.jsonl", text.replace("user:ada", "user:eve"))
    ran = desk("audit", "verify", "--export", "forged.jsonl", "--json")
    assert (ran.code, ran.json["verified"], ran.json["first_bad"]) == (1, False, 0)
    assert desk("audit", "verify", "--export", "forged.jsonl").out.startswith("NOT verified: entry 0: ")


def test_tail_keeps_subjects_whole_in_a_narrow_terminal(desk: Terminal) -> None:
    """A digest that does not fit is folded, not cut; what no entry matches is said."""
    desk(*EVAL, "--limit", "5")
    digest = desk("prompts", "show", "desk/triage", "--json").json["digest"]
    shown = desk("audit", "tail", "--kind", "prompt.evaluated").out
    assert digest in "".join(line[46:] for line in shown.splitlines()[1:])
    none = " ".join(desk("audit", "tail", "--kind", "none.such").err.split())
    assert none.startswith("there are no such entries of kind 'none.such'")
    assert none.endswith("see all with: stemma audit tail")


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("verify --export none.jsonl", 2, "none.jsonl: the export cannot be read: No such file"),
        ("verify --export data.csv", 2, "data.csv"),
        ("verify --public-key none.pub", 2, "none.pub: cannot be read: No such file or directory; check the path"),
        ("export nowhere/log.jsonl", 2, "nowhere/log.jsonl: the export cannot be written"),
    ],
)
def test_audit_says_what_it_cannot_read(desk: Terminal, line: str, code: int, message: str) -> None:
    """Missing files are named in one line."""
    assert message in desk("audit", *line.split()).told(code)
