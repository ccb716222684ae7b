"""The report: filled in from facts and a passage, checked against both, and published as Markdown and HTML."""

import json
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from stemma.network.tools import Call, Effect, tool

CHART = "chart.svg"
STYLE = """
body { font: 16px/1.6 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; color: #1d2733; max-width: 48rem;
       margin: 3rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.7rem; line-height: 1.25; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
figure { margin: 1.5rem 0; } figure svg { width: 100%; height: auto; border: 1px solid #e3e7eb; border-radius: 6px; }
table { border-collapse: collapse; font-size: .86rem; display: block; overflow-x: auto; }
th, td { padding: .35rem .8rem .35rem 0; border-bottom: 1px solid #e3e7eb; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
blockquote { margin: 1rem 0; padding: .2rem 1.1rem; border-left: 4px solid #1f5f8b; background: #f3f7fa; }
"""
NUMBER = re.compile(r"(\d[\d,]*(?:\.\d+)?)(?:\s?(k|thousand|M|million)\b)?")
SIZES = {"": 1.0, "k": 1e3, "thousand": 1e3, "M": 1e6, "million": 1e6}
COMMON = frozenset(
    """about again also among been come compared could does down from have into last less many more most much over same
    than that their them then there these they this those time used very were what when where which with would
    """.split()  # noqa: SIM905 - forty strings read worse
)


@tool(effect=Effect.READ)
def common_ground(question: str, passage: str, call: Call) -> str:
    """What the passage and the question both speak of, in one sentence for the reviewer."""
    if not source_of(passage, call.folder):
        return "Nothing was quoted from the notes."
    shared = sorted(_telling(question) & _telling(passage))
    if len(shared) < 2:
        return "The two have nothing in common that would tell."
    return f"Both speak of {', '.join(shared)}."


@tool(effect=Effect.READ)
def write_report(
    question: str, facts: dict[str, Any], chart: dict[str, str], passage: str, bears: str, call: Call
) -> str:
    """Fills in the report, in Markdown. The passage stands in it only when it bears on the question."""
    source = source_of(passage, call.folder)
    if bears.strip().casefold() == "yes" and source:
        heard = f"> {passage}\n\nFrom `{source}`."
    else:
        heard = "The notes were searched, and nothing was found that bears on the question."
    first, *others = facts["statements"]
    columns, rows = facts["table"]["columns"], facts["table"]["rows"]
    table = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    parts = [
        f"# {question}",
        f"**{first}**",
        "\n".join(f"- {statement}" for statement in others),
        f"![{chart['title']}]({CHART})",
        "## What people wrote",
        heard,
        "## The figures",
        "\n".join(f"| {' | '.join(row)} |" for row in table),
        "## How they were found",
        f"Analysis `{facts['analysis']}`. {facts['data']}",
    ]
    return "\n\n".join(parts) + "\n"


@tool(effect=Effect.READ)
def check_report(report: str, facts: dict[str, Any], call: Call) -> str:
    """'yes' when every number in the report is one of the computed ones, rounded or not, and every quote is word for word.

    The question in the heading and the names of files are left alone.
    """
    problems, computed = list[str](), [value for value, _ in _numbers(json.dumps(facts, ensure_ascii=False))]
    for line in report.splitlines():
        if line.startswith(">"):
            if not source_of(line.lstrip("> "), call.folder):
                problems.append(f"no note says {line.lstrip('> ')!r}")
        elif not line.startswith("# "):
            found = _numbers(re.sub(r"`[\w./-]+`", "", line))
            problems += [f"{value:,g} was not computed" for value, fine in found if not _among(computed, value, fine)]
    return f"no: {'; '.join(problems)}" if problems else "yes"


@tool(effect=Effect.WRITE, idempotent=True, sensitive=())
def publish(report: str, chart: dict[str, str], call: Call) -> str:
    """Writes `report.md` and `report.html`, which holds its chart and needs no other file; answers with the place."""
    folder = call.folder / "reports" / call.run
    (folder / "report.md").write_text(report, encoding="utf-8")
    drawing = (call.folder / chart["file"]).read_text(encoding="utf-8")
    (folder / "report.html").write_text(as_page(report, drawing), encoding="utf-8")
    return f"reports/{call.run}/report.html"


def as_page(report: str, drawing: str) -> str:
    """The report as one page. Whoever wrote it, no HTML, link or picture but our own chart comes alive in it."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "autolink"])

    def image(_renderer: Any, tokens: Sequence[Token], place: int, _options: Any, _env: Any) -> str:
        token = tokens[place]
        return f"<figure>{drawing}</figure>" if token.attrs.get("src") == CHART else escape(token.content)

    markdown.add_render_rule("image", image)
    title = escape(report.partition("\n")[0].lstrip("# "))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body>\n{markdown.render(report)}</body></html>\n"
    )


def source_of(passage: str, folder: Path) -> str | None:
    """The note in which the passage stands, word for word, under `notes/`; none for what nobody wrote."""
    quoted = " ".join(passage.split())
    for path in sorted((folder / "notes").rglob("*.md")):
        if quoted and quoted in " ".join(path.read_text(encoding="utf-8").split()):
            return path.relative_to(folder / "notes").as_posix()
    return None


def _telling(text: str) -> set[str]:
    """The words that say what a text is about, without their plural s."""
    words = re.findall(r"[a-z0-9]{4,}", text.casefold())
    return {word.removesuffix("s") for word in words if word not in COMMON}


def _numbers(text: str) -> list[tuple[float, float]]:
    """Every number in the text, and half a unit of its last digit."""
    found = []
    for digits, size in NUMBER.findall(text):
        decimals = len(digits.partition(".")[2])
        found.append((float(digits.replace(",", "")) * SIZES[size], 0.5 * 10**-decimals * SIZES[size]))
    return found


def _among(computed: Sequence[float], value: float, fine: float) -> bool:
    return any(abs(value - known) <= fine * 1.0001 for known in computed)
