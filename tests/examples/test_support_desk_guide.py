"""The guide to networks: its Python runs in the support desk's folder, and its YAML stands in the examples."""

import shutil
from pathlib import Path

import pytest
from tests.examples.page import Page

ROOT = Path(__file__).resolve().parents[2]
GUIDE = Page.read("networks.md")

PRINTED = {
    "Tools": ([], []),
    "In Python": (
        ["34.00", "completed RF-121044"],
        ["failed agent 'cashier': order 121044 was refunded already: RF-121044"],
    ),
    "Memory": (["My Tarn shows E4 and stays cold."], ["My Tarn shows E4 and stays cold."]),
    "Messages": (["order_transit"], ["order_transit"]),
}
"""By section, what its snippet prints the first time and, in the same folder with the same store, the second."""


@pytest.mark.parametrize("section", PRINTED)
def test_python_of_the_guide_runs_alone_and_again(
    section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each snippet does what the text around it says, without those before it, and as often as it is run."""
    [block] = GUIDE.sections[section].blocks("python")
    desk = Path(shutil.copytree(ROOT / "examples" / "support-desk", tmp_path / "desk"))
    monkeypatch.chdir(desk)
    monkeypatch.setenv("STEMMA_STORE", f"sqlite:///{desk}/stemma.db")
    for printed in PRINTED[section]:
        exec(compile(block, "networks.md", "exec"), {"__name__": "guide"})
        assert capsys.readouterr().out.splitlines() == printed
    paid = desk / "ledger" / "refunds.csv"
    assert (paid.read_text().count("RF-121044,121044") if paid.exists() else 0) == (section == "In Python")


def test_every_python_block_of_the_guide_is_run() -> None:
    """None is left out of the test above."""
    assert len(GUIDE.blocks("python")) == len(PRINTED)


def test_yaml_of_the_guide_stands_in_the_examples() -> None:
    """No snippet shows what no example does: every line is one of an example's manifest."""
    manifests = [*ROOT.glob("examples/*/stemma.yaml"), ROOT / "examples" / "support-desk" / "desk.yaml"]
    known = {line for manifest in manifests for line in manifest.read_text(encoding="utf-8").splitlines()}
    lines = [line for block in GUIDE.blocks("yaml") for line in block.splitlines()]
    assert lines
    assert [line for line in lines if line not in known] == []
