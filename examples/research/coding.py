"""The coder's program: a template for the kind of question, filled with figures that stand in the quoted passages.

The first draft is naive: of the sentence that shares the most words with the question it takes the first number, as it is
written. What a test finds wrong is mended by one edit at a time. The program is all that is remembered from round to round:
an edit reads it, and writes it anew.
"""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from stemma.network.tools import Call, Effect, tool

_NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?!\w)")
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_WORD_END = re.compile(r"(?:ing|est|ed|er|es|e|d|s)$")
_TELLING_NOTHING = frozenset(
    re.findall(r"\w+", "and any are did for had has have how its many much the there was were what which")
)
_UNITS = ("nautical miles", "kilowatt-hours", "megawatt-hours", "metres", "feet", "visitors", "steps")
_INTO = {"feet": ("metres", 0.3048), "megawatt-hours": ("kilowatt-hours", 1000)}

_CALCULATIONS = {
    "lookup": "values[0]",
    "sum": "sum(values)",
    "difference": "values[0] - values[1]",
    "ratio": "values[0] / values[1]",
    "growth": "(values[1] - values[0]) / values[0] * 100",
    "mean": "sum(values) / len(values)",
    "maximum": 'used[values.index(max(values))]["light"]',
    "minimum": 'used[values.index(min(values))]["light"]',
}
_UNIT_OF_RESULT = {"ratio": "times", "growth": "percent", "maximum": "", "minimum": ""}


@dataclass(frozen=True)
class Figure:
    """A number in a quoted sentence, taken for a light and, where the question names one, a year.

    `number` is as it is written, and `factor` brings it into `unit`. `reading` counts the numbers tried, from 1; it is 0 when
    none is left to try.
    """

    light: str
    year: str
    reading: int
    number: str = ""
    unit: str = ""
    factor: float = 1
    quote: str = ""


@tool(effect=Effect.READ)
def edit_program(question: str, kind: str, passages: str, edit: str, tested: str, code: str, call: Call) -> str:
    """The program with one edit made: begin, next_number, parse_separators, convert_units, swap or keep.

    Args:
        question: What the program answers.
        kind: The calculation: lookup, sum, difference, ratio, growth, mean, maximum or minimum.
        passages: The sentences that figures may be taken from, word for word.
        edit: What to change.
        tested: The report of the last test, which names the figures that are wrong.
        code: The program so far; empty before the first draft.
    """
    reader = _Reader(question, passages, call.folder / "survey")
    if not code:
        return _program(kind, [reader.figure(light, year, 1) for light, year in reader.wanted(kind)])
    figures, parses = _used(code), '.replace(",", "")' in code
    wrong = [f"{figure.light} {figure.year}".strip() + ":" in tested for figure in figures]
    match edit:
        case "next_number":
            figures = [
                reader.figure(one.light, one.year, one.reading + 1) if is_wrong else one
                for one, is_wrong in zip(figures, wrong, strict=True)
            ]
        case "convert_units":
            figures = [_converted(one) if is_wrong else one for one, is_wrong in zip(figures, wrong, strict=True)]
        case "swap":
            figures = figures[::-1]
        case "parse_separators":
            parses = True
    return _program(kind, figures, parses=parses)


class _Reader:
    """The quoted sentences about each light that a question names, those with the most words of the question first."""

    def __init__(self, question: str, passages: str, folder: Path) -> None:
        self._question = question
        self._asked = _words(question)
        self._sentences: dict[str, list[str]] = {}
        for path in sorted(folder.glob("*.md")):
            title, _, text = path.read_text(encoding="utf-8").partition("\n")
            light = title.removeprefix("# ").strip()
            if light in question:
                quoted = [sentence for sentence in _SENTENCE_END.split(text.strip()) if sentence in passages]
                shared = {sentence: len(self._asked & _words(sentence) - _words(light)) for sentence in quoted}
                self._sentences[light] = sorted((one for one in quoted if shared[one]), key=lambda one: -shared[one])

    def wanted(self, kind: str) -> list[tuple[str, str]]:
        """The light and the year of each figure that the calculation takes, in the order in which the question names them."""
        years = list(dict.fromkeys(_YEAR.findall(self._question)))
        if kind == "growth":
            years.sort()
        lights = sorted(self._sentences, key=self._question.index)
        return [(light, year) for light in lights for year in years or [""]]

    def figure(self, light: str, year: str, reading: int) -> Figure:
        """The number tried as the `reading`-th. A year that the question names is no answer to it, and is passed over."""
        found = [one for sentence in self._sentences[light] for one in self._numbers(sentence)]
        if not 0 < reading <= len(found):
            return Figure(light, year, 0)
        number, unit, quote = found[reading - 1]
        return Figure(light, year, reading, number, unit, 1, quote)

    def _numbers(self, sentence: str) -> Iterator[tuple[str, str, str]]:
        for match in _NUMBER.finditer(sentence):
            if match[0] not in self._question:
                yield match[0], _unit(sentence, match), sentence


def _unit(sentence: str, number: re.Match[str]) -> str:
    """The unit behind the number, else the last one before it; "year" for what looks like one."""
    behind = next((unit for unit in _UNITS if sentence[number.end() :].lstrip().startswith(unit)), None)
    if behind or _YEAR.fullmatch(number[0]):
        return behind or "year"
    before = {sentence.rfind(unit, 0, number.start()): unit for unit in _UNITS}
    return before[max(before)] if max(before) >= 0 else ""


def _converted(figure: Figure) -> Figure:
    unit, factor = _INTO.get(figure.unit, (figure.unit, figure.factor))
    return replace(figure, unit=unit, factor=factor)


def _program(kind: str, figures: Sequence[Figure], *, parses: bool = False) -> str:
    used = "".join(f"    {asdict(figure)!r},\n" for figure in figures)
    number = 'one["number"].replace(",", "")' if parses else 'one["number"]'
    lacking = [f"{figure.light} {figure.year}".strip() for figure in figures if not figure.reading]
    if lacking or not figures:
        told = f"the passages give no other number for {', '.join(lacking) or 'what is asked'}"
        return f"used = [\n{used}]\nraise LookupError({json.dumps(told)})\n"
    unit = _UNIT_OF_RESULT.get(kind, figures[0].unit)
    if kind == "difference" and unit == "year":
        unit = "years"
    return (
        f"used = [\n{used}]\n"
        f'values = [float({number}) * one["factor"] for one in used]\n'
        f"value = {_CALCULATIONS[kind]}\n"
        f'{{"value": value, "unit": {json.dumps(unit)}, "used": used}}\n'
    )


def _used(code: str) -> list[Figure]:
    """The figures of a program that `_program` wrote."""
    first = ast.parse(code).body[0]
    assert isinstance(first, ast.Assign)
    return [Figure(**one) for one in ast.literal_eval(first.value)]


def _words(text: str) -> frozenset[str]:
    """The words of a text that tell what it is about, without their endings."""
    words = {word for word in re.findall(r"\w+", text.casefold()) if len(word) > 2}
    return frozenset(_WORD_END.sub("", word) for word in words - _TELLING_NOTHING)
