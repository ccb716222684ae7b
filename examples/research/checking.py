"""The tester and the fact-checkers: what a program came to, held against the question and the documents.

Nothing here is shared with the coder, so that its mistakes are not shared either.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, TypeAlias

from stemma.network.tools import Call, Effect, tool

Used: TypeAlias = Mapping[str, Any]
"""A figure as a program tells it: light, year, number, unit, factor, quote."""

Check: TypeAlias = Callable[[Used, Sequence[Used], str | None], str | None]
"""What speaks against a figure, given all that are used and the unit that is asked for."""

_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
_NUMBER = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?!\w|[.,]\d)")
_UNIT = re.compile(r"nautical miles|kilowatt-hours|megawatt-hours|metres|feet|visitors|steps")
_CLAUSE_END = re.compile(r"[,;]\s|\band\b|(?<=[.!?])\s")
_ASKED = {
    "visitors": r"visitor",
    "steps": r"\bsteps?\b",
    "kilowatt-hours": r"kilowatt|electricity|energy",
    "nautical miles": r"nautical|\brange|\bseen\b|\bfar|\bfurther|\breach",
    "metres": r"metre|\bhigh|\btall|\bheight",
    "year": r"\blit\b|\bbuilt\b|\bold",
}
_FACTORS = {("feet", "metres"): 0.3048, ("megawatt-hours", "kilowatt-hours"): 1000}
_RESULT, _FIGURE = ("value", "unit", "used"), ("light", "year", "number", "unit", "factor", "quote")
_CHOOSING = ("maximum", "minimum")
_TAKES = {"lookup": (1, 1), "difference": (2, 2), "ratio": (2, 2), "growth": (2, 2)}
"""The fewest and the most figures that a calculation takes. The others compare or add up two or more."""


@tool(effect=Effect.READ)
def check_output(question: str, kind: str, output: dict[str, Any]) -> str:
    """The tester's report: "passed", or what is wrong with a program's output.

    Args:
        question: What the program answers.
        kind: The calculation that was planned.
        output: What the sandbox returned.
    """
    if "failed" in output:
        return str(output["failed"])
    result = output["value"]
    if not _has(result, _RESULT) or not result["used"] or not all(_has(one, _FIGURE) for one in result["used"]):
        return f"the program's value is no dictionary with {', '.join(_RESULT)}, where used lists {', '.join(_FIGURE)}"
    unit = _asked_unit(question)
    wrong_figures = (_wrong(result["used"], check, unit) for check in (_wrong_number, _used_twice, _wrong_unit))
    return next(filter(None, wrong_figures), None) or _wrong_result(kind, result["value"], result["used"]) or "passed"


@tool(effect=Effect.READ)
def gather_evidence(output: dict[str, Any]) -> str:
    """The sentences that an answer rests on, each once.

    Args:
        output: What the sandbox returned.
    """
    return " ".join(dict.fromkeys(one["quote"] for one in output["value"]["used"]))


@tool(effect=Effect.READ)
def is_sourced(question: str, output: dict[str, Any], call: Call) -> str:
    """The archivist's vote: whether every figure stands, word for word, in the document of a light that is asked about.

    Args:
        question: What is answered.
        output: What the sandbox returned.
    """
    for one in output["value"]["used"]:
        document = _document(one["light"], call.folder)
        if one["light"] not in question or one["quote"] not in document or _place(one) is None:
            return "no"
    return "yes"


@tool(effect=Effect.READ)
def is_recounted(question: str, kind: str, output: dict[str, Any], call: Call) -> str | None:
    """The recounter's vote: whether the calculation comes to the same with figures that it found by itself.

    It reads whole documents, a clause at a time, and takes a number only when the clause says of which year it is. Where it
    finds none it does not vote.

    Args:
        question: What is answered.
        kind: The calculation that was planned.
        output: What the sandbox returned.
    """
    used, unit = output["value"]["used"], _asked_unit(question)
    found = [_found(_document(one["light"], call.folder), one["year"], unit, question) for one in used]
    figures = [figure for figure in found if figure is not None]
    if len(figures) < len(used):
        return None
    again, value = _calculated(kind, figures, [one["light"] for one in used]), output["value"]["value"]
    same = again == value if isinstance(value, str) or isinstance(again, str) else math.isclose(again, value)
    return "yes" if same else "no"


# --- what a figure can be -------------------------------------------------------------------------------------------------


def _has(value: Any, keys: Sequence[str]) -> bool:
    return isinstance(value, dict) and all(key in value for key in keys)


def _wrong(used: Sequence[Used], check: Check, unit: str | None) -> str:
    """The problems of one kind that the figures have, so that one edit can mend them."""
    named = [(" ".join(filter(None, (one["light"], one["year"]))), check(one, used, unit)) for one in used]
    return "; ".join(f"{name}: {problem}" for name, problem in named if problem)


def _wrong_number(one: Used, used: Sequence[Used], unit: str | None) -> str | None:
    """What speaks against this being the number that is asked for."""
    number, place = one["number"], _place(one)
    if place is None:
        return f"{number} does not stand in the sentence that is quoted for it"
    written = _written_unit(one["quote"], place)
    if written == "year" and unit != "year":
        return f"{number} is a year, not a number of {unit or 'anything'}"
    if unit is not None and written not in (unit, "") and (written, unit) not in _FACTORS:
        return f"{number} is a number of {written}, not of {unit}"
    if unit != "year" and one["year"] and one["year"] != (year := _year(one["quote"], place)):
        told = f"the figure of {year}, not of {one['year']}" if year else f"not said to be of {one['year']}"
        return f"{number} is {told}"
    return None


def _used_twice(one: Used, used: Sequence[Used], unit: str | None) -> str | None:
    """Whether this is a figure before it once more."""
    same = [other for other in used if (other["quote"], other["number"]) == (one["quote"], one["number"])]
    return f"{one['number']} is another figure's number of the same sentence" if same[0] is not one else None


def _wrong_unit(one: Used, used: Sequence[Used], unit: str | None) -> str | None:
    """What speaks against its unit."""
    place = _place(one)
    assert place is not None
    written = _written_unit(one["quote"], place)
    if unit is None:
        others = {other["unit"] for other in used} - {one["unit"]}
        return (
            f"{one['number']} is written in {one['unit']}, while others are in {', '.join(others)}" if others else None
        )
    factor = _FACTORS.get((written, unit), 1)
    if not math.isclose(one["factor"], factor):
        return f"{one['number']} is written in {written}, and the question asks for {unit}"
    return None


def _wrong_result(kind: str, value: Any, used: Sequence[Used]) -> str | None:
    """What speaks against the value."""
    fewest, most = _TAKES.get(kind, (2, math.inf))
    if not fewest <= len(used) <= most:
        return f"the question asks about {len(used)} figures, and the planned calculation, {kind}, takes another number"
    if kind in _CHOOSING:
        return None if value in [one["light"] for one in used] else f"{value!r} is none of the lights that are compared"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return f"{value!r} is not a number"
    if kind == "difference" and value < 0:
        return f"the difference is negative: {value:g}"
    if kind == "ratio" and value < 1:
        return f"the ratio is below one: {value:.3g}"
    return None


def _asked_unit(question: str) -> str | None:
    return next((unit for unit, pattern in _ASKED.items() if re.search(pattern, question, re.IGNORECASE)), None)


def _place(one: Used) -> int | None:
    """Where in its quote the number ends."""
    return next((match.end() for match in _NUMBER.finditer(one["quote"]) if match[0] == one["number"]), None)


def _written_unit(quote: str, place: int) -> str:
    """The unit right behind the number, else "year" for what looks like one, else the last unit before it, if any."""
    unit = _UNIT.match(quote[place:].lstrip())
    if unit:
        return unit[0]
    *before, number = quote[:place].rsplit(" ", 1)
    if _YEAR.fullmatch(number):
        return "year"
    return next(iter(_UNIT.findall("".join(before))[::-1]), "")


def _year(quote: str, place: int) -> str:
    """The year named in the number's own clause, else the last one before it, else the first one behind it."""
    ends = [match.start() for match in _CLAUSE_END.finditer(quote)]
    begin, end = (
        max([0, *(one for one in ends if one < place)]),
        min([len(quote), *(one for one in ends if one >= place)]),
    )
    clause, before, behind = (_YEAR.findall(text) for text in (quote[begin:end], quote[:place], quote[place:]))
    return next(iter([*clause, *before[::-1], *behind]), "")


# --- counting again -------------------------------------------------------------------------------------------------------


def _found(document: str, year: str, unit: str | None, question: str) -> float | None:
    """The number that a clause of the document gives for the year in the unit, in a sentence that uses it."""
    units = {unit: 1.0} | {one: factor for (one, into), factor in _FACTORS.items() if into == unit}
    for sentence in document.split(". "):
        known = next((one for one in units if one and one in sentence), None)
        for clause in _CLAUSE_END.split(sentence):
            if unit == "year":
                if "lit" in clause and (years := _YEAR.findall(clause)):
                    return float(years[0])
            elif known and (not year or f"in {year}" in clause.casefold()):
                numbers = [one for one in _NUMBER.findall(clause) if not _YEAR.fullmatch(one)]
                if len(numbers) == 1 and (year or f"{numbers[0]} {known}" in clause):
                    return float(numbers[0].replace(",", "")) * units[known]
    return None


def _calculated(kind: str, figures: Sequence[float], lights: Sequence[str]) -> float | str:
    match kind:
        case "sum":
            return sum(figures)
        case "mean":
            return fmean(figures)
        case "maximum":
            return lights[figures.index(max(figures))]
        case "minimum":
            return lights[figures.index(min(figures))]
        case "difference":
            return figures[0] - figures[1]
        case "ratio":
            return figures[0] / figures[1]
        case "growth":
            return (figures[1] - figures[0]) / figures[0] * 100
        case _:
            return figures[0]


def _document(light: str, folder: Path) -> str:
    """The text of the document about the light; empty without one."""
    for path in sorted((folder / "survey").glob("*.md")):
        title, _, text = path.read_text(encoding="utf-8").partition("\n")
        if title == f"# {light}":
            return text.strip()
    return ""
