"""`stemma optimize` and `stemma gate`: from data to a version, and the noes on the way."""

import re
from collections.abc import Iterable

import pytest
from tests.cli.terminal import Terminal

from stemma.cli.optimization import SearchOptions
from stemma.cli.options import BudgetOptions
from stemma.optimize.settings import SearchSettings

COLUMNS = ("--input", "text", "--expected", "label")
SEARCH = ("optimize", "desk/triage", "--train", "data.csv", *COLUMNS, "--max-calls", "500", "--population", "8")
PASSED = """\
candidate N (DIGEST) of session SESSION
against   prompts:/desk/triage/N (DIGEST)
PASS
  the N % interval of the gain, +N to +N, lies above the margin of
  +N
  N % → N % on N cases: +N points (+N to +N)
  N better, N worse
released as prompts:/desk/triage/N, labelled production
"""
HELD = ("--data", "held.csv", *COLUMNS)


@pytest.fixture
def told(desk: Terminal) -> Terminal:
    """Data whose labels nothing in the seed's words can tell, to learn from and, apart, to measure on."""
    desk.write("data.csv", coded(range(30)))
    desk.write("held.csv", coded(range(100, 116)))
    return desk


@pytest.fixture
def learned(told: Terminal) -> str:
    """The session of a search that found a much better prompt."""
    ran = told(*SEARCH, "--holdout", "held.csv", "--json")
    assert ran.code == 0, ran.err
    session: str = ran.json["session"]
    return session


def coded(numbers: Iterable[int]) -> str:
    words = {"refund": "alpha bravo", "delivery": "charlie delta", "account": "echo foxtrot"}
    return "text,label\n" + "".join(f"{said} {n},{label}\n" for n in numbers for label, said in words.items())


def test_result_has_what_programs_read(desk: Terminal) -> None:
    """The JSON object holds digests, the held-out measure, the calls by kind and the budget, which is kept."""
    told = desk(*SEARCH, "--seed", "3", "--json").json
    assert {"session", "seed_digest", "best_digest", "holdout", "calls", "candidates", "seconds"} <= told.keys()
    assert {"n", "seed", "best", "ci95"} <= told["holdout"].keys()
    assert {"task", "meta", "judge", "total", "budget"} <= told["calls"].keys()
    assert told["calls"]["total"] <= told["calls"]["budget"] == 500
    assert told["seed_digest"] == desk("prompts", "show", "desk/triage", "--json").json["digest"]
    again = desk(*SEARCH, "--seed", "3", "--json").json
    assert again["best_digest"] == told["best_digest"]


def test_limit_on_tokens_ends_the_search_early(desk: Terminal) -> None:
    """Fewer tokens are spent than without the limit, the measure is complete, and the text says how many they were."""
    ran = desk(*SEARCH, "--max-tokens", "60000", "--json").json
    assert (ran["holdout"]["missing"], ran["calls"]["total"] < 500) == (0, True)
    shown = desk(*SEARCH, "--max-tokens", "60000").out
    assert int(shown.partition("   tokens ")[2].split()[0]) <= 60_000


def test_options_stand_for_the_settings_defaults() -> None:
    """Who gives no option gets the search that the API gives."""
    assert SearchOptions().settings(BudgetOptions(), "embedded") == SearchSettings()


def test_person_reads_the_gain_and_what_to_type_next(told: Terminal) -> None:
    """The text ends with the gate's command for this session, and the session is told at the start as well."""
    ran = told(*SEARCH, "--holdout", "held.csv")
    session = ran.err.split(":")[0].removeprefix("session ")
    begun = f"session {session}: from prompts:/desk/triage/1 (e141400b541c), with model embedded"
    assert " ".join(ran.err.split()) == begun
    assert f"  stemma gate {session} --data FILE --input text --expected label\n" in ran.out
    assert "gain        +" in ran.out


@pytest.mark.parametrize(
    ("rest", "code", "message"),
    [
        ("--max-calls 5", 1, "5 calls are too few"),
        ("--resume s_none", 1, "there is no session 's_none'"),
        ("--strategy luck", 2, "strategy 'luck' is not known; there are: genetic"),
        ("--holdout 1.5", 2, "--holdout 1.5 is neither a file nor a fraction between 0 and 1"),
        ("--holdout none.csv", 2, "none.csv: no such file; check the path"),
        ("--val none.csv", 2, "none.csv: no such file; check the path"),
        ("--max-tokens 1000", 1, "1000 tokens are too few"),
        ("--max-cost 0", 2, "a budget of 0.0 money buys nothing"),
        ("--population 1", 2, "Invalid value for '--population'"),
        ("--writer gpt-5", 1, "there is no model called 'gpt-5'"),
    ],
)
def test_search_that_cannot_begin_says_why(desk: Terminal, rest: str, code: int, message: str) -> None:
    """What is wrong with a search is said before it costs anything."""
    assert message in desk(*SEARCH, *rest.split()).told(code)


def test_gate_lets_a_better_prompt_through(desk: Terminal, learned: str) -> None:
    """A winner that is shown to be better becomes a version with the label, and its lineage leads to the seed."""
    ran = desk("gate", learned, *HELD, "--label", "production")
    assert ran.code == 0
    named = re.sub(r"\([0-9a-f]{12}\)", "(DIGEST)", ran.out.replace(learned, "SESSION"))
    assert re.sub(r"\d+(\.\d+)?", "N", named) == PASSED
    assert ran.out.endswith("released as prompts:/desk/triage/2, labelled production\n")
    tree = desk("prompts", "lineage", "desk/triage@production").out.splitlines()
    assert tree[0].endswith("desk/triage/2")
    assert "└── #1 e141400b541c  seed" in tree[-1]
    assert desk("prompts", "lineage", "desk/triage@production", "--json").json[0]["version"] == "desk/triage/2"
    assert "let through by user:ada" in desk("prompts", "log", "desk/triage").out


def test_gate_that_says_no_exits_100_with_reasons(desk: Terminal, learned: str) -> None:
    """A failed check, or a comparison that shows nothing, releases nothing and says why."""
    failed = desk("gate", learned, *HELD, "--token-cap", "10", "--json")
    assert (failed.code, failed.json["verdict"], failed.json["version"]) == (100, "FAIL", None)
    assert any("10" in reason for reason in failed.json["reasons"])
    desk.write("few.csv", coded(range(200, 202)))
    open_ = desk("gate", learned, "--data", "few.csv", *COLUMNS)
    assert open_.code == 100
    assert open_.out.splitlines()[2:4] == [
        "INCONCLUSIVE",
        "  6 complete pairs are too few to decide; 30 are asked for",
    ]
    assert desk("prompts", "ls", "--json").json[0]["latest"] == 1


def test_dry_run_judges_and_releases_nothing(desk: Terminal, learned: str) -> None:
    """--dry-run says what the gate would say, and that nothing was released; so does JSON, with what was compared."""
    ran = desk("gate", learned, *HELD, "--dry-run")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "nothing is released: this was a dry run")
    assert "user:ada ran the session that wrote this candidate: a release" in " ".join(ran.err.split())
    told = desk("gate", learned, *HELD, "--dry-run", "--json").json
    assert (told["against"], told["dry_run"], told["seen"]) == ("prompts:/desk/triage/1", True, 0)
    assert told["candidate_id"] == desk("prompts", "lineage", learned, "--json").json[0]["id"]
    assert desk("prompts", "ls", "--json").json[0]["latest"] == 1


def test_gate_does_not_count_what_the_search_learned_from(desk: Terminal, learned: str) -> None:
    """Its own training data decide nothing; mixed with unseen cases they are left out and counted."""
    known = desk("gate", learned, "--data", "data.csv", *COLUMNS, "--label", "production")
    assert known.code == 100
    assert "INCONCLUSIVE\n  90 of 90 cases are left out, as the candidate or the incumbent learned" in known.out
    assert "0 are left and 30 are asked for; give more cases that no search has seen" in " ".join(known.out.split())
    desk.write("mixed.csv", coded([*range(10), *range(100, 116)]))
    mixed = desk("gate", learned, "--data", "mixed.csv", *COLUMNS, "--dry-run")
    assert "30 cases are left out: the candidate or the incumbent learned from them" in " ".join(mixed.out.split())
    told = desk("gate", learned, "--data", "mixed.csv", *COLUMNS, "--json").json
    assert (told["verdict"], told["seen"], told["comparison"]["n"]) == ("PASS", 30, 48)


def test_gate_refuses_another_incumbent_than_the_labelled_before_it_asks(desk: Terminal, learned: str) -> None:
    """What a release would refuse is refused while it costs nothing: no verdict is recorded."""
    desk.write("next.txt", "Say which it is.\n\nLabels:\n- refund\n- delivery\n- account\n")
    assert desk("prompts", "save", "desk/triage", "next.txt").code == 0
    refused = desk("gate", learned, *HELD, "--against", "desk/triage/2", "--label", "production").told(100)
    assert "'production' is prompts:/desk/triage/1 (e141400b541c) now, and the comparison is with" in refused
    assert "compare with desk/triage@production, or release under another label" in refused
    assert "gate.judged" not in desk("audit", "tail").out
    assert desk("gate", learned, *HELD, "--against", "desk/triage/2", "--label", "staging").code == 0


def test_gate_says_that_the_labelled_version_is_the_candidate(desk: Terminal, learned: str) -> None:
    """More cases would not tell a prompt from itself."""
    assert desk("gate", learned, *HELD, "--label", "production").code == 0
    again = desk("gate", learned, *HELD, "--label", "production")
    assert (again.code, "candidate and incumbent are the same words" in again.out) == (100, True)


def test_sessions_are_listed_with_what_they_came_to(desk: Terminal, learned: str) -> None:
    """Each with the id that gate and --resume take, when it was, what it took and what it found."""
    named, line = desk("sessions", "ls").out.splitlines()
    assert named == f"{learned}  finished  desk/triage"
    assert re.fullmatch(r"   \S{10} \d\d:\d\d  \d+ calls  best [\d.]+ %  held out [\d.]+ %", line)
    [told] = desk("sessions", "ls", "desk/triage", "--json").json
    assert (told["id"], told["state"], told["prompt"]) == (learned, "finished", "desk/triage")
    assert "there are no searches yet" in desk("sessions", "ls", "desk/other").err


def test_lineage_fits_the_terminal(desk: Terminal, learned: str) -> None:
    """However many operators a candidate comes from, its line is not broken: the names give way."""
    lines = desk("prompts", "lineage", learned).out.splitlines()
    assert max(map(len, lines)) <= 80
    assert all(re.match(r"[│ ├└─]*#\d+ [0-9a-f]{12}  \S+( .*)?$", line) for line in lines)


@pytest.mark.parametrize(
    ("candidate", "message"),
    [("99", "there is no candidate 99"), ("s_none", "there is no session 's_none'"), ("abc", "there is no candidate")],
)
def test_gate_knows_only_what_a_session_wrote(desk: Terminal, candidate: str, message: str) -> None:
    """A candidate that is not there is named."""
    assert message in desk("gate", candidate, "--data", "data.csv", *COLUMNS).told(1)
