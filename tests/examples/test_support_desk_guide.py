"""The guide to networks: its Python runs in the support desk's folder, and its YAML stands in the examples."""

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


def test_python_of_the_guide_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after another, the snippets do what the text around them says."""
    desk = Path(shutil.copytree(ROOT / "examples" / "support-desk", tmp_path / "desk"))
    monkeypatch.chdir(desk)
    monkeypatch.setenv("STEMMA_STORE", f"sqlite:///{desk}/stemma.db")
    names: dict[str, object] = {"__name__": "guide"}
    for block in blocks("python"):
        exec(compile(block, "networks.md", "exec"), names)
    assert capsys.readouterr().out.splitlines() == [
        "34.00",
        "completed RF-121044",
        "My Tarn shows E4 and stays cold.",
        "order_transit",
    ]
    assert "RF-121044,121044" in (desk / "ledger" / "refunds.csv").read_text()


def test_yaml_of_the_guide_stands_in_the_examples() -> None:
    """No snippet shows what no example does: every line is one of an example's manifest."""
    manifests = [*ROOT.glob("examples/*/stemma.yaml"), ROOT / "examples" / "support-desk" / "desk.yaml"]
    known = {line for manifest in manifests for line in manifest.read_text(encoding="utf-8").splitlines()}
    lines = [line for block in blocks("yaml") for line in block.splitlines()]
    assert lines
    assert [line for line in lines if line not in known] == []


def test_links_of_the_guide_lead_somewhere() -> None:
    """Every file and folder that it points to is there."""
    links: list[str] = re.findall(r"\]\((?!http)(.+?)\)", GUIDE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
