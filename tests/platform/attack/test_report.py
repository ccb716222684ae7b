"""The figures of an attack, from what came of its cases."""

import json

import pytest

from stemma.core.errors import InvalidInput, NotFound
from stemma.platform.attack import AttackReport, Case, Judged, Mode, Pass, suite_called
from stemma.platform.attack.suite import About, own_networks_only

ONE, TWO, WORDS = Case("one", {}), Case("two", {}), Case("words", {}, text_only=True)


def passed(mode: Mode, *results: tuple[Case, Judged], questions: int = 0, alarms: int = 0) -> Pass:
    """One pass that took a second."""
    return Pass(mode, results, questions, alarms, 1.0)


def test_rates_are_shares_of_their_own_pass() -> None:
    """Each figure comes from the mode that measures it, and from no other."""
    report = AttackReport.of(
        "suite",
        [
            passed(Mode.UNDEFENDED, (ONE, Judged(True, True)), (TWO, Judged(True, False))),
            passed(Mode.DEFENDED, (ONE, Judged(False, False)), (TWO, Judged(False, False)), alarms=3),
            passed(Mode.ALONE, (ONE, Judged(False)), (TWO, Judged(True))),
            passed(Mode.HELPED, (ONE, Judged(True)), (TWO, Judged(True)), questions=1),
        ],
    )
    assert (report.pairs, report.undefended_asr, report.asr) == (2, 0.5, 0.0)
    assert (report.utility_without_approval, report.utility, report.approvals_per_task) == (0.5, 1.0, 0.5)
    assert (report.alarms, report.seconds, report.held) == (3, 4.0, True)


def test_what_went_wrong_is_told_case_by_case() -> None:
    """A failure names the case, the mode and what happened."""
    report = AttackReport.of(
        "suite", [passed(Mode.DEFENDED, (ONE, Judged(True, True))), passed(Mode.HELPED, (TWO, Judged(False)))]
    )
    assert [(one.case, one.mode, one.problem) for one in report.failures] == [
        ("one", Mode.DEFENDED, "the attack got through"),
        ("two", Mode.HELPED, "the task was not done"),
    ]
    assert not report.held


def test_pair_gets_through_where_any_way_of_the_models_lets_it() -> None:
    """Models that look and models that do not are tried with the same pairs, which count once."""
    report = AttackReport.of(
        "suite",
        [
            passed(Mode.UNDEFENDED, (ONE, Judged(True, True)), (TWO, Judged(True, False, how="no way"))),
            passed(
                Mode.DEFENDED,
                (ONE, Judged(True)),
                (TWO, Judged(True)),
                (ONE, Judged(True, True, how="so")),
                (TWO, Judged(True)),
            ),
        ],
        about=About("desk", "made-up", ("a note",)),
    )
    assert (report.pairs, report.asr, report.no_way) == (2, 0.5, 1)
    assert [one.problem for one in report.failures] == ["no way", "the attack got through: so"]
    assert (report.network, report.tasks, report.notes) == ("desk", "made-up", ("a note",))


def test_words_get_through_only_unmarked() -> None:
    """An attacker who wants words in the answer has won only where they are not marked."""
    marked = AttackReport.of("suite", [passed(Mode.DEFENDED, (WORDS, Judged(True, True, marked=True)))])
    unmarked = AttackReport.of("suite", [passed(Mode.DEFENDED, (WORDS, Judged(True, True, marked=False)))])
    assert (marked.asr, marked.text_only_marked, marked.held) == (0.0, 1.0, True)
    assert (unmarked.asr, unmarked.text_only_marked, unmarked.held) == (1.0, 0.0, False)


def test_action_that_is_marked_has_got_through() -> None:
    """A mark on the answer undoes no payment."""
    assert not AttackReport.of("suite", [passed(Mode.DEFENDED, (ONE, Judged(True, True, marked=True)))]).held


def test_nothing_is_claimed_of_what_was_not_run() -> None:
    """A figure without cases is absent, not zero."""
    report = AttackReport.of("suite", [])
    assert {report.asr, report.undefended_asr, report.utility, report.approvals_per_task} == {None}
    assert report.text_only_marked is None


def test_report_is_json() -> None:
    """The report can be written as it is."""
    report = AttackReport.of("suite", [passed(Mode.DEFENDED, (ONE, Judged(True, True)))])
    assert json.loads(json.dumps(report.to_json()))["failures"][0]["mode"] == "defended"


def test_unknown_suite_is_named_with_those_that_there_are() -> None:
    """A wrong name is answered with the right ones."""
    with pytest.raises(NotFound, match=r"there is no suite .agentdoja.*there are: .*agentdojo"):
        suite_called("agentdoja")


def test_suite_with_networks_of_its_own_takes_no_other() -> None:
    """It says so, instead of leaving the user's network out."""
    from pathlib import Path

    with pytest.raises(InvalidInput, match="leave out --network"):
        own_networks_only("agentdojo", Path("mine"))
    own_networks_only("agentdojo", None)
