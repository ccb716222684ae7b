"""Charts: facts drawn as SVG, which any browser shows and any page can hold. No library needed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape

from stemma.network.tools import Call, Effect, tool

WIDTH, HEIGHT = 760, 430
LEFT, RIGHT, TOP, BOTTOM = 74, 22, 84, 58
COLOURS = ("#1f5f8b", "#d9762b", "#3f8f5b", "#8a4f9e", "#b8963e", "#5b6b73")
RISE, FALL, TOTAL = "#3f8f5b", "#c0483c", "#44546a"
INK, FAINT, GRID = "#1d2733", "#66727f", "#e3e7eb"
_DARKEST, _LIGHTEST = (31, 95, 139), (236, 243, 248)


@tool(effect=Effect.WRITE, idempotent=True)
def draw(facts: dict[str, Any], kind: Literal["line", "bars", "waterfall", "heatmap"], call: Call) -> dict[str, str]:
    """Draws the facts as a chart of one kind, into the run's own folder.

    Facts that a waterfall cannot show, because no parts add up to a change, are drawn as bars.
    """
    if kind == "waterfall" and "steps" not in facts:
        kind = "bars"
    path = Path("reports", call.run, "chart.svg")
    (call.folder / path).parent.mkdir(parents=True, exist_ok=True)
    (call.folder / path).write_text(as_svg(facts, kind), encoding="utf-8")
    return {"file": path.as_posix(), "kind": kind, "title": facts["title"]}


def as_svg(facts: dict[str, Any], kind: str) -> str:
    """The chart. The same facts give the same bytes."""
    labels, unit = facts["series"]["labels"], facts["series"]["unit"]
    lines: dict[str, list[float]] = dict(facts["series"]["lines"])
    canvas = Canvas(facts["title"], unit)
    match kind:
        case "line":
            _line(canvas, labels, lines)
        case "waterfall":
            _waterfall(canvas, facts["steps"])
        case "heatmap":
            _heatmap(canvas, labels, lines)
        case _:
            _bars(canvas, labels, lines)
    return canvas.svg(f"Source: {facts['data'].partition(':')[0]}, cleaned")


@dataclass
class Canvas:
    """What has been drawn so far, and where values come to lie."""

    title: str
    unit: str
    low: float = 0.0
    high: float = 1.0
    step: float = 1.0
    drawn: list[str] = field(default_factory=list)

    def scale(self, values: Sequence[float], *, from_zero: bool) -> None:
        """Lays out the vertical axis so that it holds the values and ends on round numbers."""
        low, high = min(values), max(values)
        if from_zero or 0 < low < high - low:
            low, high = min(0.0, low), max(0.0, high)
        self.step = _round_step((high - low) / 5 or abs(high) / 5 or 1.0)
        self.low, self.high = math.floor(low / self.step) * self.step, math.ceil(high / self.step) * self.step

    def y(self, value: float) -> float:
        return TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)

    def axis(self) -> None:
        for number in range(round((self.high - self.low) / self.step) + 1):
            value = self.low + number * self.step
            self.rule(LEFT, self.y(value), WIDTH - RIGHT, colour=FAINT if abs(value) < self.step / 1e6 else GRID)
            self.text(LEFT - 8, self.y(value) + 4, said(value, self.unit), anchor="end", colour=FAINT)

    def rule(self, x1: float, y: float, x2: float, *, colour: str, dashed: bool = False) -> None:
        dash = ' stroke-dasharray="3 3"' if dashed else ""
        self.drawn.append(f'<line x1="{x1:.1f}" y1="{y:.1f}" x2="{x2:.1f}" y2="{y:.1f}" stroke="{colour}"{dash}/>')

    def box(self, x: float, y: float, width: float, height: float, colour: str, *, hint: str) -> None:
        self.drawn.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{max(height, 0.8):.1f}" rx="1.5" fill="{colour}">'
            f"<title>{escape(hint)}</title></rect>"
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        anchor: str = "middle",
        colour: str = INK,
        size: int = 12,
        bold: bool = False,
    ) -> None:
        weight = ' font-weight="600"' if bold else ""
        self.drawn.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"{weight}>'
            f"{escape(words)}</text>"
        )

    def legend(self, names: Sequence[str]) -> None:
        x: float = LEFT
        for number, name in enumerate(names):
            self.drawn.append(f'<rect x="{x:.1f}" y="53" width="11" height="11" rx="2" fill="{COLOURS[number % 6]}"/>')
            self.text(x + 16, 63, name, anchor="start", colour=FAINT)
            x += 34 + 7 * len(name)

    def svg(self, source: str) -> str:
        self.text(LEFT, 28, self.title, anchor="start", size=16, bold=True)
        self.text(
            LEFT,
            46,
            "in €" if self.unit == "€" else self.unit,
            anchor="start",
            colour=FAINT,
        )
        self.text(WIDTH - RIGHT, HEIGHT - 10, source, anchor="end", colour=FAINT, size=10)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(self.title)}" font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif">'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>{"".join(self.drawn)}</svg>\n'
        )


def _line(canvas: Canvas, labels: Sequence[str], lines: dict[str, list[float]]) -> None:
    canvas.scale([value for values in lines.values() for value in values], from_zero=False)
    canvas.axis()
    room = (WIDTH - LEFT - RIGHT - 24) / max(1, len(labels) - 1)
    places = [LEFT + 12 + room * number for number in range(len(labels))]
    for place, label in _not_too_many(list(zip(places, labels, strict=True))):
        canvas.text(place, HEIGHT - BOTTOM + 18, label, colour=FAINT, size=11)
    for number, (name, values) in enumerate(lines.items()):
        points = [(x, canvas.y(value)) for x, value in zip(places, values, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        colour = COLOURS[number % 6]
        canvas.drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.2"/>')
        for (x, y), label, value in zip(points, labels, values, strict=True):
            hint = escape(f"{name}, {label}: {said(value, canvas.unit)}")
            canvas.drawn.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.8" fill="{colour}"><title>{hint}</title></circle>'
            )
    if len(lines) > 1:
        canvas.legend(list(lines))
    else:
        values = next(iter(lines.values()))
        for extreme, above in ((max(values), 10), (min(values), -18)):
            place = places[values.index(extreme)]
            canvas.text(
                min(max(place, LEFT + 26), WIDTH - 44), canvas.y(extreme) - above, said(extreme, canvas.unit), bold=True
            )


def _bars(canvas: Canvas, labels: Sequence[str], lines: dict[str, list[float]]) -> None:
    canvas.scale([value for values in lines.values() for value in values], from_zero=True)
    canvas.axis()
    group = (WIDTH - LEFT - RIGHT) / len(labels)
    width = min(64.0, group * 0.72 / len(lines))
    named = group > 46 * len(lines)
    for place, label in _not_too_many([(LEFT + group * (at + 0.5), label) for at, label in enumerate(labels)]):
        canvas.text(place, HEIGHT - BOTTOM + 18, label, size=11)
    for number, (name, values) in enumerate(lines.items()):
        for at, value in enumerate(values):
            x = LEFT + group * (at + 0.5) + width * (number - len(lines) / 2)
            top, words = canvas.y(max(value, 0.0)), said(value, canvas.unit)
            height = abs(canvas.y(value) - canvas.y(0))
            canvas.box(x + 1, top, width - 2, height, COLOURS[number % 6], hint=f"{name}, {labels[at]}: {words}")
            if named:
                canvas.text(x + width / 2, top - 6, words, size=11)
    if len(lines) > 1:
        canvas.legend(list(lines))


def _waterfall(canvas: Canvas, steps: dict[str, Any]) -> None:
    (before, start), (after, end) = steps["before"], steps["after"]
    columns, level = [(before, 0.0, start, TOTAL, said(start, canvas.unit))], start
    for name, moved in sorted(steps["parts"], key=lambda part: part[1], reverse=end > start):
        sign = "+" if moved >= 0 else "−"
        columns.append(
            (name, level, level + moved, RISE if moved >= 0 else FALL, f"{sign}{said(abs(moved), canvas.unit)}")
        )
        level += moved
    columns.append((after, 0.0, end, TOTAL, said(end, canvas.unit)))
    canvas.scale([value for column in columns for value in column[1:3]], from_zero=True)
    canvas.axis()
    group = (WIDTH - LEFT - RIGHT) / len(columns)
    for at, (name, of, to, colour, words) in enumerate(columns):
        x, top = LEFT + group * at + group * 0.16, canvas.y(max(of, to))
        canvas.box(x, top, group * 0.68, abs(canvas.y(of) - canvas.y(to)), colour, hint=f"{name}: {words}")
        canvas.text(x + group * 0.34, top - 7, words, bold=colour != TOTAL)
        canvas.text(x + group * 0.34, HEIGHT - BOTTOM + 18, name)
        if at < len(columns) - 1:
            canvas.rule(x + group * 0.68, canvas.y(to), x + group, colour=FAINT, dashed=True)


def _heatmap(canvas: Canvas, labels: Sequence[str], lines: dict[str, list[float]]) -> None:
    left, top = LEFT + 12, TOP + 4
    width, height = (WIDTH - RIGHT - left) / len(labels), min(66.0, (HEIGHT - BOTTOM - top) / len(lines))
    low, high = min(map(min, lines.values())), max(map(max, lines.values()))
    for row, (name, values) in enumerate(lines.items()):
        canvas.text(left - 8, top + height * (row + 0.5) + 4, name, anchor="end")
        for column, value in enumerate(values):
            share = (value - low) / (high - low) if high > low else 0.0
            shade = ",".join(str(round(a + (b - a) * share)) for a, b in zip(_LIGHTEST, _DARKEST, strict=True))
            x, y, words = left + width * column, top + height * row, said(value, canvas.unit)
            canvas.box(x + 1, y + 1, width - 2, height - 2, f"rgb({shade})", hint=f"{name}, {labels[column]}: {words}")
            if width > 42:
                colour = "#ffffff" if share > 0.55 else INK
                canvas.text(x + width / 2, y + height / 2 + 4, words, colour=colour, size=11)
    for place, label in _not_too_many([(left + width * (at + 0.5), label) for at, label in enumerate(labels)]):
        canvas.text(place, top + height * len(lines) + 18, label, colour=FAINT, size=11)


def _not_too_many(placed: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """As many of the labels as have room side by side."""
    room = (placed[-1][0] - placed[0][0]) / max(1, len(placed) - 1) or WIDTH
    every = math.ceil((7 * max(len(label) for _, label in placed) + 6) / room)
    return placed[::every]


def _round_step(rough: float) -> float:
    size = 10 ** math.floor(math.log10(rough))
    return float(next(step * size for step in (1, 2, 2.5, 5, 10) if step * size >= rough * 0.999))


def said(value: float, unit: str) -> str:
    """A value as a chart says it.

    >>> said(40448.2, "€"), said(3.25, "% a month"), said(-1500000, "€")
    ('€40.4k', '3.2 %', '−€1.5M')
    """
    if unit != "€":
        return f"{value:.1f} %" if unit.startswith("%") else f"{value:g}"
    sign, value = "−" if value < 0 else "", abs(value)
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{sign}€{value / size:.{1 if value < 100 * size else 0}f}".removesuffix(".0") + letter
    return f"{sign}€{value:.0f}"
