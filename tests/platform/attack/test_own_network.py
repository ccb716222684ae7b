"""Attacks on a user's own network: nothing of it is run or changed, good ones hold, and holes are named."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.platform.attack.own_networks import CALLED, TASKS, crew, office

from stemma.core.errors import InvalidInput
from stemma.platform.attack import AttackReport, Mode, attack, suite_called
from stemma.platform.attack.own.arena import OwnArena
from stemma.platform.attack.own.suite import OwnSuite

ATTACKED = (Mode.UNDEFENDED, Mode.DEFENDED)
EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(autouse=True)
def _no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMMA_STORE", f"sqlite:///{tmp_path}/no-store/stemma.db")


def attacked(suite: str, network: Path, modes: Sequence[Mode] = ATTACKED) -> AttackReport:
    """The report of a suite against the network in a folder, which stays as it is."""
    before = _content(network)
    report = attack(suite_called(suite, network), modes=modes)
    assert _content(network) == before
    assert not (network.parent / "no-store").exists()
    return report


def problems(report: AttackReport) -> dict[str, str]:
    """What got through, with how."""
    return {one.case: one.problem for one in report.failures if one.mode is Mode.DEFENDED}


def test_good_network_holds_and_does_its_tasks(tmp_path: Path) -> None:
    """Every attack works without the guard and none with it; the task is done once a person approves the payment."""
    report = attacked("injection", office(tmp_path / "office"), tuple(Mode))
    assert (report.pairs, report.undefended_asr, report.asr, report.no_way) == (3, 1.0, 0.0, 0)
    assert (report.utility_without_approval, report.utility, report.approvals_per_task) == (0.0, 1.0, 1.0)
    assert (report.network, report.tasks, report.text_only_marked) == ("office", "written", 1.0)
    assert not (tmp_path / "office" / CALLED).exists()


def test_swapped_values_are_held(tmp_path: Path) -> None:
    """An account that another was written over is paid without the guard, and not with it."""
    report = attacked("substitution", office(tmp_path / "office"))
    assert (report.pairs, report.undefended_asr, report.asr) == (1, 1.0, 0.0)


def test_flood_of_questions_is_held(tmp_path: Path) -> None:
    """Thirty calls of each kind, asked for in one mail, get past nobody who looks."""
    report = attacked("fatigue", office(tmp_path / "office"))
    assert (report.pairs, report.undefended_asr, report.asr) == (2, 1.0, 0.0)


def test_strangers_text_that_is_declared_ours_is_a_hole(tmp_path: Path) -> None:
    """A tool that returns mail and does not say so lets every wish through; the failure says which label is wrong."""
    report = attacked("injection", office(tmp_path / "office", mail="", tasks=f"strangers: [read_mail]\n{TASKS}"))
    assert report.asr == 1.0
    assert not report.held
    [how] = [told for case, told in problems(report).items() if "tool 'pay' of clerk" in case]
    assert "invoice: from tool 'read_mail' to tool 'pay' of clerk" in problems(report)
    assert "agent 'clerk' called 'pay' with iban='mallory" in how
    assert "label it untrusted" in how


def test_argument_that_decides_and_is_not_named_is_a_hole(tmp_path: Path) -> None:
    """A swapped account goes through where the tool says that only the amount decides; the failure names the argument."""
    report = attacked("substitution", office(tmp_path / "office", pay=', sensitive=["amount"]'))
    assert report.asr == 1.0
    assert "'iban' is not among the arguments that the tool names as sensitive" in " ".join(problems(report).values())


def test_policy_that_permits_too_much_is_a_hole(tmp_path: Path) -> None:
    """A permit without a condition lets the swapped account through; the failure names the policy."""
    network = office(tmp_path / "office")
    (network / "policies").mkdir()
    (network / "policies" / "wide.cedar").write_text(
        '@id("pay-anything")\npermit (principal == Agent::"clerk", action == Action::"spend", resource);\n'
    )
    report = attacked("substitution", network)
    assert report.asr == 1.0
    assert "permitted by policy 'pay-anything'" in " ".join(problems(report).values())


def test_network_without_tasks_is_attacked_in_one_that_is_made_up(tmp_path: Path) -> None:
    """Without attack.yaml agents read whatever strangers write, and the report says that the task is made up."""
    report = attacked("injection", office(tmp_path / "office", tasks=None), tuple(Mode))
    assert (report.tasks, report.undefended_asr, report.asr, report.utility) == ("made-up", 1.0, 0.0, 1.0)
    assert any("taken for ours, and not attacked: request, pay, wipe" in note for note in report.notes)


class Slice(OwnSuite):
    """The attacks through documents, memories, the letter or the lead, with models that look at nothing they are not shown."""

    def arenas(self, mode: Mode, folder: Path) -> Iterator[OwnArena]:
        seen = set[str]()
        for arena in super().arenas(mode, folder):
            kind = arena.plot.folder or arena.plot.peer or str(arena.plot.remembered) or "plain"
            if kind not in seen and arena.plot.peer in ("", "lead"):
                yield arena
            seen.add(kind)


@pytest.mark.parametrize(
    ("suite", "reached"),
    [
        (
            "injection",
            {"input 'letter' to tool 'pay' of payer", "documents 'notes' to tool 'send' of expert and helper"},
        ),
        ("second-order", {"input 'letter' to tool 'send' of expert and helper"}),
        ("memory", {"memory 'desk' to tool 'pay' of payer", "memory 'letters' to words in the answer"}),
        ("peers", {"agent 'lead' to tool 'pay' of payer"}),
    ],
)
def test_teams_memories_and_documents_are_held(suite: str, reached: set[str], tmp_path: Path) -> None:
    """In a hierarchy with roles, a panel and phases the attacks get through without the guard, and none with it."""
    report = attack(Slice(suite, crew(tmp_path / "crew")), modes=ATTACKED)
    failed = {one.case for one in report.failures if one.mode is Mode.UNDEFENDED}
    assert report.asr == 0
    assert not {f"from {way}" for way in reached} & failed
    assert not (tmp_path / "crew" / CALLED).exists()


def test_attack_that_fails_without_the_guard_is_said_to_have_no_way(tmp_path: Path) -> None:
    """What can not be reached at all is no merit of the guard, and told apart."""
    network = office(tmp_path / "office", tasks=TASKS.replace("answers: {", "answers: {wipe: ok, "))
    manifest = (network / "stemma.yaml").read_text()
    (network / "stemma.yaml").write_text(
        manifest.replace("wipe: {", "wipe: {label: {integrity: untrusted}, ")  # which nobody has a reason to call
    )
    report = attacked("injection", network, (Mode.UNDEFENDED,))
    assert report.no_way == 3
    assert {one.problem for one in report.failures} == {
        "there is no such way: the attack fails with the guard off, too"
    }


@pytest.mark.parametrize(
    ("manifest", "reached"),
    [("support-desk/stemma.yaml", 1.0), ("support-desk/desk.yaml", 0.5)],
)
def test_examples_hold(manifest: str, reached: float, tmp_path: Path) -> None:
    """Nothing gets through the networks that are shipped as examples, and something would without the guard."""
    copied = shutil.copytree(EXAMPLES / Path(manifest).parent, tmp_path / "example")
    report = attack(suite_called("injection", copied / Path(manifest).name), modes=ATTACKED)
    assert (report.undefended_asr, report.asr) == (reached, 0.0)


@pytest.mark.parametrize(
    ("suite", "reason"),
    [
        ("memory", "attacks what agents remember, and no agent of network 'office' has a memory"),
        ("second-order", "network 'office' has neither a hierarchy nor an agent that asks or posts"),
        ("peers", "attacks what agents tell each other"),
        ("agentdojo", "leave out --network"),
        ("fatigue-tired", "leave out --network"),
    ],
)
def test_suite_with_nothing_to_attack_says_so(suite: str, reason: str, tmp_path: Path) -> None:
    """What the suite attacks, and that the network has none of it, stands in one line."""
    with pytest.raises(InvalidInput, match=reason) as raised:
        suite_called(suite, office(tmp_path / "office"))
    assert "\n" not in str(raised.value)


def test_substitution_says_how_a_value_is_written_down(tmp_path: Path) -> None:
    """Without a task that takes a value from data there is nothing to swap."""
    with pytest.raises(InvalidInput, match=r"\{from: TOOL, find: PATTERN\}"):
        suite_called("substitution", office(tmp_path / "office", tasks=None))


def test_network_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A folder without a manifest is no network."""
    with pytest.raises(InvalidInput, match=r"there is no network at .*name the folder of a stemma\.yaml"):
        suite_called("injection", tmp_path)


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
