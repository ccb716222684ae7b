"""The business analysis example answers real questions from its real files, with nothing but the embedded model."""

import csv
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.cli.terminal import process

import stemma
from stemma.network import Run, RunStatus, load_manifest, mermaid
from stemma.network.people import Verdict
from stemma.platform import Stemma
from stemma.testing.scripted import ScriptedModel

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "business-analysis"
NORTH = "Why did revenue fall in the north in the third quarter?"
REGIONS = "Which region brings in the most money?"
EAST = "Are we losing more Essential subscribers in the east than we used to?"
QUESTIONS = (NORTH, REGIONS, EAST)


def started(folder: Path, *, changed: Mapping[str, str] | None = None) -> Path:
    """A copy of the example, its manifest changed as its README says."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("reports", ".*", "__pycache__"))
    manifest = (folder / "stemma.yaml").read_text()
    for old, new in (changed or {}).items():
        assert old in manifest
        manifest = manifest.replace(old, new)
    (folder / "stemma.yaml").write_text(manifest)
    return folder


def asked(here: Stemma, folder: Path, questions: Sequence[str], **options: Any) -> tuple[Run, ...]:
    requests = [{"question": question} for question in questions]
    return here.networks.run(load_manifest(folder / "stemma.yaml"), requests, **options).runs


def values(run: Run) -> Mapping[str, Any]:
    assert run.outcome is not None
    return run.outcome.values


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return started(tmp_path_factory.mktemp("example") / "analysis")


@pytest.fixture(scope="module")
def here(folder: Path) -> Iterator[Stemma]:
    with stemma.open(store=f"sqlite:///{folder}/.stemma/stemma.db", model="embedded") as opened:
        yield opened


@pytest.fixture(scope="module")
def runs(here: Stemma, folder: Path) -> tuple[Run, ...]:
    """One run for each question."""
    return asked(here, folder, QUESTIONS)


def orders() -> list[tuple[str, str, float]]:
    """Month, region and amount of every order, read and cleaned by other code than the example's."""
    found, seen = [], set()
    for line in (EXAMPLE / "data" / "orders.csv").read_text().splitlines()[1:]:
        if line in seen:
            continue
        seen.add(line)
        _, date, region, _, _, units, price = next(csv.reader([line]))
        day = re.sub(r"(..)/(..)/(....)", r"\3-\2-\1", date)
        initial = region.strip()[:1].upper()
        price = price.replace("€", "").replace(",", ".")
        if initial in "NSEW" and initial and re.fullmatch(r"-?\d+", units) and price and region != "export":
            found.append((day[:7], initial, int(units) * float(price)))
    return found


def revenue(region: str, *months: str) -> str:
    amount = sum(amount for month, of, amount in orders() if of == region and month.startswith(months))
    return f"€{amount:,.0f}"


def test_every_question_becomes_a_report_with_its_chart(runs: tuple[Run, ...], folder: Path) -> None:
    """Each run publishes Markdown, a page and a drawing that is well-formed, says its title and stands in the page."""
    assert [run.status for run in runs] == [RunStatus.COMPLETED] * len(QUESTIONS)
    for run, question in zip(runs, QUESTIONS, strict=True):
        place = folder / "reports" / run.id
        drawing = (place / "chart.svg").read_text()
        assert values(run)["facts"]["title"] in "".join(ElementTree.fromstring(drawing).itertext())
        page = (place / "report.html").read_text()
        assert drawing in page
        assert f"<h1>{question}</h1>" in page
        assert re.findall(r'(?:src|href)="[^"]*"', page) == [], "a page that needs no other file"
        assert (place / "report.md").read_text() == values(run)["report"]


def test_choices_are_the_right_ones(runs: tuple[Run, ...], folder: Path) -> None:
    """The analyst, the visualiser, the researcher and the reviewer choose what suits each question."""
    chosen = [tuple(values(run)[name] for name in ("analysis", "kind", "bears")) for run in runs]
    assert chosen == [("change", "waterfall", "yes"), ("ranking", "bars", "yes"), ("churn", "line", "yes")]
    drawing = (folder / "reports" / runs[0].id / "chart.svg").read_text()
    assert ">−€40.4k</text>" in drawing, "what a waterfall says of its steps"
    report = values(runs[0])["report"]
    assert "will fall sharply in the third quarter until the offices buy from somebody else." in report
    assert "From `memos/2025-07-carrick.md`." in report


def test_question_that_no_note_speaks_of_gets_a_report(here: Stemma, folder: Path) -> None:
    """Where nothing can be quoted, the report says that nothing was found."""
    (run,) = asked(here, folder, ["Zyx?"])
    assert (run.status, values(run)["bears"]) == (RunStatus.COMPLETED, "no")
    assert "nothing was found that bears on the question" in values(run)["report"]


def test_figures_are_those_of_the_files(runs: tuple[Run, ...]) -> None:
    """What the reports say was earned is what a count of the raw rows comes to."""
    before, after = revenue("N", "2025-04", "2025-05", "2025-06"), revenue("N", "2025-07", "2025-08", "2025-09")
    assert f"fell from {before} in Q2 2025 to {after} in Q3 2025" in values(runs[0])["report"]
    for region in ("North", "South", "East", "West"):
        assert f"| {region} | {revenue(region[0], '2025')} |" in values(runs[1])["report"]


def test_second_run_is_the_same(here: Stemma, runs: tuple[Run, ...], folder: Path) -> None:
    """Begun anew, the same questions get the same reports and drawings, to the byte."""
    again = asked(here, folder, QUESTIONS, new=True)
    for first, second in zip(runs, again, strict=True):
        assert first.id != second.id
        for name in ("report.md", "report.html", "chart.svg", "data/orders.csv"):
            one, other = (folder / "reports" / run.id / name for run in (first, second))
            assert one.read_bytes() == other.read_bytes()


def test_made_up_number_is_not_published(tmp_path: Path) -> None:
    """With a model for a writer, a report is published when its numbers are computed ones, rounded; else a person has it."""
    folder = started(
        tmp_path / "analysis",
        changed={
            "  writer: {calls: write_report, reads": "  unused: {calls: write_report, reads",
            "  # writer: {prompt: writer.prompt.yml,": "  writer: {prompt: writer.prompt.yml, model: scribe,",
        },
    )
    manifest = (folder / "stemma.yaml").read_text()
    manifest = re.sub(r"  unused: .*\n", "", manifest).replace(
        '  write_report: {python: "report.py:write_report"}\n', ""
    )
    (folder / "stemma.yaml").write_text(manifest)
    texts = [
        "# Why?\n\n**It fell by a fifth, 20%, to about €163 thousand in Q3.**\n\n![The change](chart.svg)\n\n<script>",
        "# Why?\n\n**It fell by 35%.**",
    ]
    scribe = ScriptedModel(texts)
    with stemma.open(store=f"sqlite:///{folder}/.stemma/stemma.db", models={"scribe": scribe}) as here:
        sound, invented = (asked(here, folder, [NORTH], new=True)[0] for _ in texts)
    assert "Figures:\n- Revenue in the North fell from" in scribe.calls[0].user
    assert (sound.status, invented.status) == (RunStatus.COMPLETED, RunStatus.HANDED_OVER)
    page = (folder / "reports" / sound.id / "report.html").read_text()
    assert "<svg" in page
    assert "<script" not in page
    assert values(invented)["checked"] == "no: 35 was not computed"
    assert not (folder / "reports" / invented.id / "report.html").exists()


def test_person_can_stand_before_publishing(tmp_path: Path) -> None:
    """With the last lines of the manifest taken in, a report waits for a person, and is there once they approve."""
    folder = started(tmp_path / "analysis", changed={"# people:": "people:", "#   - {before": "  - {before"})
    with stemma.open(store=f"sqlite:///{folder}/.stemma/stemma.db", model="embedded") as here:
        (waiting,) = asked(here, folder, [NORTH], wait=False)
        (open_question,) = here.networks.questions.ls()
        assert open_question.question.text == "Publish this report?"
        assert not (folder / "reports" / waiting.id / "report.html").exists()
        here.networks.questions.decide(open_question.question.id, Verdict.APPROVED)
        (done,) = asked(here, folder, [NORTH], wait=False)
    assert (done.id, done.status) == (waiting.id, RunStatus.COMPLETED)
    assert (folder / "reports" / done.id / "report.html").is_file()


def test_questions_name_analyses_and_notes_that_there_are() -> None:
    """The right answers beside the questions are labels of the analyst's prompt and files among the notes."""
    labels = set(re.findall(r"^ {6}- (\w+): ", (EXAMPLE / "analyst.prompt.yml").read_text(), re.MULTILINE))
    for name in ("questions.csv", "more-questions.csv"):
        rows = list(csv.DictReader((EXAMPLE / name).read_text().splitlines()))
        assert {row["analysis"] for row in rows} == labels
        assert len({row["question"] for row in rows}) == len(rows)
        assert all((EXAMPLE / "notes" / row["source"]).is_file() for row in rows if "source" in row)


def test_picture_is_that_of_the_network() -> None:
    """The README shows what the command draws."""
    assert mermaid(load_manifest(EXAMPLE / "stemma.yaml")).strip() in (EXAMPLE / "README.md").read_text()


def test_project_starts_from_the_example(tmp_path: Path) -> None:
    """`stemma init --example` leaves a folder in which the network can run, and never writes over one."""
    folder = tmp_path / "mine"
    began = process("init", folder, "--example", "business-analysis", "--json")
    assert began.returncode == 0, began.stderr
    assert {"stemma.yaml", "data", "notes", "README.md"} <= set(json.loads(began.stdout)["files"])
    assert load_manifest(folder / "stemma.yaml").name == "business-analysis"
    again = process("init", folder, "--example", "business-analysis")
    assert (again.returncode, "is there already, and nothing was written" in again.stderr) == (2, True)
