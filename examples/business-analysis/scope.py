"""Scope: which part of the data a question is about, and which time."""

import calendar
import re
from collections.abc import Sequence
from typing import Any

from stemma.network.tools import Effect, ToolFailed, tool

MONTHS = tuple(calendar.month_name)[1:]
AS_SAID = {"product": "for", "plan": "on", "channel": "through", "region": "in the"}
QUARTERS = ("first", "second", "third", "fourth")
SEASONS = {"spring": range(3, 6), "summer": range(6, 9), "autumn": range(9, 12)}
QUARTER = re.compile(rf"\bq([1-4])\b|\b({'|'.join(QUARTERS)}|last) quarter\b|\b(end) of (?:the|this) year\b")
YEAR_BEFORE = re.compile(r"\b(?:year (?:before|earlier|on year)|(?:than|to|with) last year)\b")


@tool(effect=Effect.READ)
def read_scope(question: str, tables: dict[str, Any]) -> dict[str, Any]:
    """Reads out of the question what it names.

    The answer has `named` (a value by column), `by` (the columns that the question sets side by side), and the months of
    the `period` that is asked about and of the one `before` it, which it is held against. `words` name the same in prose.
    """
    asked, months = question.casefold(), tables["months"]
    said = {column: _said(names, asked) for column, names in tables["names"].items()}
    period = _period(asked, months)
    before = _before(period, months, 12 if YEAR_BEFORE.search(asked) or len(period) > 3 else len(period))
    return {
        "named": {column: names[0] for column, names in said.items() if len(names) == 1},
        "by": [column for column, names in said.items() if len(names) > 1 or _set_apart(column, asked)],
        "period": {"name": period_name(period), "months": period},
        "before": {"name": period_name(before), "months": before} if before else None,
        "words": {column: f" {AS_SAID[column]} {names[0]}" for column, names in said.items() if len(names) == 1},
    }


def _said(names: Sequence[str], asked: str) -> list[str]:
    return [name for name in names if re.search(rf"\b{name.casefold()}s?\b", asked)]


def _set_apart(column: str, asked: str) -> bool:
    """Whether the question asks which one of them."""
    return bool(re.search(rf"\b(?:which|what|by|per|across|between|each|every) (?:the )?{column}s?\b", asked))


def _period(asked: str, months: Sequence[str]) -> list[str]:
    years = [int(year) for year in re.findall(r"\b20\d\d\b", asked)]
    latest = int(months[-1][:4])
    last_year = " last year" in asked and not YEAR_BEFORE.search(asked)
    year = years[-1] if years else latest - last_year
    period = [month for number in _numbers(asked) if (month := f"{year}-{number:02d}") in months]
    if not period:
        raise ToolFailed(f"the data run from {months[0]} to {months[-1]}, and the question asks about another time")
    return period


def _numbers(asked: str) -> Sequence[int]:
    """The months of the year that are asked about; all of them when none is named."""
    quarter = QUARTER.search(asked)
    if quarter:
        number = int(quarter[1]) if quarter[1] else QUARTERS.index(quarter[2]) + 1 if quarter[2] in QUARTERS else 4
        return range(3 * number - 2, 3 * number + 1)
    named = [number for number, name in enumerate(MONTHS, start=1) if re.search(rf"\b{name.casefold()}\b", asked)]
    if named:
        return range(named[0], 13 if re.search(r"\bsince\b", asked) else named[-1] + 1)
    return next((numbers for season, numbers in SEASONS.items() if season in asked), range(1, 13))


def _before(period: Sequence[str], months: Sequence[str], back: int) -> list[str]:
    """As many months, so many months earlier; none where the data do not go back so far."""
    first = months.index(period[0]) - back
    return list(months[first : first + len(period)]) if first >= 0 else []


def period_name(months: Sequence[str]) -> str:
    """A period as people say it.

    >>> period_name(["2025-07", "2025-08", "2025-09"]), period_name(["2025-06", "2025-07"]), period_name(["2025-08"])
    ('Q3 2025', 'June to July 2025', 'August 2025')
    """
    year, numbers = months[0][:4], [int(month[5:]) for month in months]
    if len(numbers) == 12:
        return year
    if len(numbers) == 3 and numbers[0] % 3 == 1:
        return f"Q{numbers[0] // 3 + 1} {year}"
    return f"{' to '.join(dict.fromkeys(MONTHS[number - 1] for number in (numbers[0], numbers[-1])))} {year}"
