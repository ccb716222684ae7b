"""The research network at work on its own documents: rounds of a program, votes, citations."""

import csv
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_ai.messages import ModelResponse, ToolCallPart

import stemma
from stemma.network import load_manifest
from stemma.network.run import RunReport, RunStatus
from stemma.registry.formats import read_prompt
from stemma.testing.scripted import ScriptedModel

RESEARCH = Path(__file__).resolve().parents[2] / "examples" / "research"
VISITORS, FEET, EXPECTED = "q01", "q02", "q15"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example."""
    return Path(shutil.copytree(RESEARCH, tmp_path / "research"))


def asked(folder: Path, questions: Sequence[str], **models: ScriptedModel) -> list[RunReport]:
    with stemma.open(store=f"sqlite:///{folder}/stemma.db", models=models) as here:
        items = [{"question": question} for question in questions]
        result = here.networks.run(load_manifest(folder / "stemma.yaml"), items, new=True)
        return [here.networks.show(run.id) for run in result.runs]


def questions(name: str = "questions.csv") -> dict[str, dict[str, str]]:
    with (RESEARCH / name).open(encoding="utf-8") as lines:
        return {row["id"]: row for row in csv.DictReader(lines)}


def values(report: RunReport) -> Mapping[str, Any]:
    assert report.run.outcome is not None
    return report.run.outcome.values


def said(report: RunReport, agent: str) -> list[Any]:
    """What the agent answered, time after time."""
    return [
        sent.answer["value"] for sent in report.messages if sent.message.recipient == agent and sent.answer is not None
    ]


def test_programs_are_corrected_checked_and_cited(folder: Path) -> None:
    """Programs are tried, tested and corrected; the panel votes; answers cite sentences that stand in the folder."""
    rows = questions()
    first, second, third = asked(folder, [rows[one]["question"] for one in (VISITORS, FEET, EXPECTED)])

    assert said(first, "tester") == [
        "Skarnhead 2023: 2022 is a year, not a number of visitors",
        "the program failed: line 4: ValueError: could not convert string to float: '11,480'",
        "Skarnhead 2023: 11,480 is the figure of 2022, not of 2023",
        "passed",
    ]
    assert said(first, "coder") == ["begin", "next_number", "parse_separators", "next_number"]
    assert said(second, "coder") == ["begin", "convert_units"]
    for report, row in ((first, rows[VISITORS]), (second, rows[FEET])):
        assert report.run.status is RunStatus.COMPLETED
        assert values(report)["verdict_votes"] == {"sceptic": "yes", "archivist": "yes", "recounter": "yes"}
        assert f"**{row['expected']}**" in values(report)["answer"].replace(",", "")
        cited = re.findall(r"\]\((\S+)\): “(.+?)”", values(report)["answer"])
        assert cited
        assert all(quote in (folder / file).read_text() for file, quote in cited)

    assert third.run.status is RunStatus.HANDED_OVER
    assert values(third)["verdict_votes"] == {"sceptic": "no", "archivist": "yes"}
    assert values(third)["verdict"] == "no"
    assert "answer" not in values(third)


def test_answers_are_the_same_again(folder: Path) -> None:
    """Asked twice, the network writes the same values, word for word."""
    question = questions()[VISITORS]["question"]
    once, again = asked(folder, [question, question])
    assert values(once) == values(again)


def test_language_model_in_the_coders_place(folder: Path) -> None:
    """With the lines that the README says to change, a model writes the program, tries it in the sandbox, and mends it."""
    block = re.search(r"```yaml\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert block is not None
    manifest = yaml.safe_load((folder / "stemma.yaml").read_text())
    manifest["agents"] |= yaml.safe_load(block[1])
    manifest["agents"]["coder"]["model"] = "scripted"
    del manifest["agents"]["editor"], manifest["tools"]["edit_program"]
    manifest["teams"]["laboratory"]["loop"]["steps"] = ["coder", "executor", "tester"]
    (folder / "stemma.yaml").write_text(yaml.safe_dump(manifest))

    quote = "Its tower is 24 metres high, with 93 steps."
    figure = {"light": "Quarrelsay", "year": "", "unit": "steps", "factor": 1, "quote": quote}
    draft = "used = [{}]\n{{'value': int(used[0]['number']), 'unit': 'steps', 'used': used}}"
    wrong, right = (draft.format(figure | {"number": number}) for number in ("24", "93"))
    model = ScriptedModel([ModelResponse(parts=[ToolCallPart("lab_run", {"code": wrong})]), wrong, right])
    [report] = asked(folder, ["How many steps does the tower of Quarrelsay have?"], scripted=model)

    assert said(report, "coder") == [wrong, right]
    assert said(report, "tester") == ["Quarrelsay: 24 is a number of metres, not of steps", "passed"]
    assert "24 is a number of metres" in model.calls[-1].user
    assert "**93 steps**" in values(report)["answer"]


@pytest.mark.parametrize("prompt", sorted(path.name for path in RESEARCH.glob("*.prompt.yml")))
def test_prompts_can_be_used(prompt: str) -> None:
    """Each prompt file passes the template rules and says what it is for."""
    read = read_prompt(RESEARCH / prompt)
    read.prompt.check()
    assert read.name
    assert read.description


def test_measured_accuracy(folder: Path) -> None:
    """The network answers as many questions right as the README says."""
    told = re.findall(r"\| `(\w+\.csv)`.*?\| (\d+) of (\d+) \|", (folder / "README.md").read_text())
    for name, (right, total) in {name: (int(right), int(total)) for name, right, total in told}.items():
        rows = list(questions(name).values())
        reports = asked(folder, [row["question"] for row in rows])
        results = [re.search(r"\*\*(.+)\*\*", values(report).get("answer", "")) for report in reports]
        answers = [result[1].replace(",", "") if result else "" for result in results]
        assert (sum(a == row["expected"] for a, row in zip(answers, rows, strict=True)), len(rows)) == (right, total)
