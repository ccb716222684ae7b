"""The formatter: an answer in Markdown, with every figure traced to its document."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stemma.network.tools import Call, Effect, ToolFailed, tool

_BETWEEN = {"sum": " + ", "difference": " − ", "ratio": " ÷ ", "growth": " → "}


@tool(effect=Effect.READ)
def write_answer(question: str, kind: str, output: dict[str, Any], verdict_votes: dict[str, Any], call: Call) -> str:
    """The answer in Markdown: the value, the figures it was made of, where each of them stands, and who accepted it.

    Args:
        question: What is answered.
        kind: The calculation that was planned.
        output: What the sandbox returned.
        verdict_votes: What each fact-checker voted.
    """
    result = output["value"]
    used = result["used"]
    cited = list(dict.fromkeys((one["light"], one["quote"]) for one in used))
    figures = [f"{_figure(one)} [{cited.index((one['light'], one['quote'])) + 1}]" for one in used]
    sources = [f"{n}. {_link(light, call.folder)}: “{quote}”" for n, (light, quote) in enumerate(cited, start=1)]
    votes = ", ".join(f"{member}: {vote}" for member, vote in verdict_votes.items())
    return "\n\n".join(
        [
            f"### {question}",
            f"**{_amount(result['value'], result['unit'])}**",
            f"{kind.capitalize()} of {_BETWEEN.get(kind, ', ').join(figures)}.",
            "\n".join(sources),
            f"Fact-checkers: {votes}.",
        ]
    )


def _figure(one: Mapping[str, Any]) -> str:
    """A figure as it is written, and what it was converted to.

    >>> _figure({"light": "Ormsay", "year": "", "number": "102", "unit": "metres", "factor": 0.3048})
    'Ormsay: 102 × 0.3048 metres'
    """
    whose = " ".join(filter(None, (one["light"], one["year"])))
    if one["unit"] == "year":
        return f"{whose}: {one['number']}"
    converted = "" if one["factor"] == 1 else f" × {one['factor']:g}"
    return f"{whose}: {one['number']}{converted} {one['unit']}"


def _amount(value: float | str, unit: str) -> str:
    """A result with its unit, to two places.

    >>> _amount(13202.0, "visitors"), _amount(31.0896, "metres"), _amount("Caldra", "")
    ('13,202 visitors', '31.09 metres', 'Caldra')
    """
    if isinstance(value, str):
        return value
    if unit == "year":
        return f"{value:.0f}"
    return f"{value:,.2f}".rstrip("0").rstrip(".") + f" {unit}"


def _link(light: str, folder: Path) -> str:
    """Where the document about the light is, relative to the network's folder."""
    for path in sorted((folder / "survey").glob("*.md")):
        if path.read_text(encoding="utf-8").startswith(f"# {light}\n"):
            return f"[{light}](survey/{path.name})"
    raise ToolFailed(f"there is no document about {light}")
