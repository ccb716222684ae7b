"""The analyst's programs: each answers one kind of question with figures.

Every program answers with *facts*, plain JSON: sentences with the figures in them, a table, and the series or steps
that a chart is drawn from. Whoever writes the report has these and nothing else.
"""

import calendar
import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from stemma.network.tools import Call, Effect, ToolFailed, tool

Analysis: TypeAlias = Literal["change", "trend", "ranking", "prices", "churn", "support"]
Row: TypeAlias = dict[str, Any]
Facts: TypeAlias = dict[str, Any]

NUMBERS = ("units", "unit_price", "at_start", "joined", "left", "tickets", "cost")


@tool(effect=Effect.READ)
def analyse(analysis: Analysis, scope: dict[str, Any], tables: dict[str, Any], call: Call) -> Facts:
    """Runs one of the analyses over the cleaned tables, within the scope of the question."""
    program, needs = PROGRAMS[analysis]
    rows = read_rows(call.folder / tables["folder"] / f"{needs}.csv")
    facts = program(Data(rows, scope, tables["names"]))
    return {"analysis": analysis, **facts, "data": tables["accounts"][needs]}


def read_rows(path: Path) -> list[Row]:
    """The rows of a cleaned file, counts and amounts as numbers."""
    with path.open(encoding="utf-8", newline="") as file:
        rows: list[Row] = list(csv.DictReader(file))
    for row in rows:
        row |= {column: float(row[column]) for column in NUMBERS if column in row}
        if "unit_price" in row:
            row["revenue"] = row["units"] * row["unit_price"]
    return rows


@dataclass(frozen=True)
class Data:
    """The rows that a question is about, and how to add them up."""

    rows: list[Row]
    scope: Mapping[str, Any]
    names: Mapping[str, Sequence[str]]

    def within(self, **named: str) -> list[Row]:
        """The rows of what the question names and of what is `named` here, which goes before."""
        wanted = {**self.scope["named"], **named}
        return [row for row in self.rows if all(row.get(column, name) == name for column, name in wanted.items())]

    def each(self, column: str) -> dict[str, list[Row]]:
        """The rows within the scope, by the values of a column; all of its values, when the question names one."""
        found = {name: self.within(**{column: name}) for name in self.names[column]}
        return {name: rows for name, rows in found.items() if rows}

    def cut(self, *columns: str) -> str:
        """The column to set side by side: the one that the question asks about, else the first that it leaves open."""
        asked = [column for column in columns if column in self.scope["by"]]
        left_open = [column for column in columns if column not in self.scope["named"]]
        return (asked or left_open or list(columns))[0]

    def words(self, *, by: str = "") -> str:
        """What the figures are about, to stand behind a noun: ' for Weir in the North'; not what they are split `by`."""
        told = [
            column for column in ("product", "plan", "channel", "region") if column in self.rows[0] and column != by
        ]
        return "".join(self.scope["words"].get(column, "") for column in told)

    def left_open(self, *columns: str) -> list[str]:
        return [column for column in columns if column not in self.scope["named"]]

    @property
    def now(self) -> "Period":
        return Period(**self.scope["period"])

    @property
    def then(self) -> "Period | None":
        """The period to hold it against, where the data go back so far."""
        return Period(**self.scope["before"]) if self.scope["before"] else None

    @property
    def quarters(self) -> list["Period"]:
        months: dict[str, list[str]] = {}
        for month in sorted({row["month"] for row in self.rows}):
            months.setdefault(f"Q{(int(month[5:]) + 2) // 3} {month[:4]}", []).append(month)
        return [Period(name, held) for name, held in months.items()]


@dataclass(frozen=True)
class Period:
    """Months with a name."""

    name: str
    months: list[str]

    def total(self, rows: Iterable[Row], column: str = "revenue") -> float:
        return float(sum(row[column] for row in rows if row["month"] in self.months))

    def price(self, rows: Sequence[Row]) -> float:
        """Euros a unit."""
        return self.total(rows) / self.total(rows, "units")

    def rate(self, rows: Sequence[Row]) -> float:
        """The share of customers who left in an average month."""
        return self.total(rows, "left") / self.total(rows, "at_start")


# --- the programs -----------------------------------------------------------------------------------------------------


def change(data: Data) -> Facts:
    """What made revenue rise or fall: the change between two periods, split in the way that explains most of it."""
    now, then, of, words = data.now, data.then, data.within(), data.words()
    if then is None:
        raise ToolFailed(f"there is nothing before {now.name} to compare it with")
    before, after = then.total(of), now.total(of)
    cuts = {column: data.each(column) for column in data.left_open("product", "channel", "region")}

    def moved(rows: Sequence[Row]) -> float:
        return now.total(rows) - then.total(rows)

    def along(rows: Sequence[Row]) -> float:
        """How far the rows moved in the direction of the whole."""
        return moved(rows) if after > before else -moved(rows)

    by, parts = max(cuts.items(), key=lambda cut: max(map(along, cut[1].values())))
    main = max(parts, key=lambda name: along(parts[name]))
    inside = parts[main]
    statements = [
        f"Revenue{words} {'rose' if after > before else 'fell'} from {money(before)} in {then.name} to {money(after)} in "
        f"{now.name}, {percent(after / before - 1, signed=True)}.",
        f"By {by}, {main} moved most: {money(moved(inside), signed=True)}, from {money(then.total(inside))} to "
        f"{money(now.total(inside))}.",
        f"That was {then.total(inside, 'units'):,.0f} units at {money(then.price(inside))} on average before, and "
        f"{now.total(inside, 'units'):,.0f} at {money(now.price(inside))} after.",
    ]
    for column in (column for column in cuts if column != by):
        deeper = {name: [row for row in inside if row[column] == name] for name in data.names[column]}
        most = max(deeper, key=lambda name: along(deeper[name]))
        statements.append(f"Within {main}, by {column}, {most} moved most: {money(moved(deeper[most]), signed=True)}.")
    table = [
        [name, money(then.total(rows)), money(now.total(rows)), money(moved(rows), signed=True)]
        for name, rows in parts.items()
    ]
    return {
        "title": f"What changed revenue{words}, {then.name} to {now.name}",
        "shape": "A total before and a total after, and the parts that made the change between the two.",
        "statements": statements,
        "table": {"columns": [by, then.name, now.name, "change"], "rows": table},
        "series": series(
            parts, {period.name: [period.total(rows) for rows in parts.values()] for period in (then, now)}, "€"
        ),
        "steps": {
            "before": [then.name, round(before, 2)],
            "parts": [[name, round(moved(rows), 2)] for name, rows in parts.items()],
            "after": [now.name, round(after, 2)],
        },
    }


def trend(data: Data) -> Facts:
    """How revenue moved, month by month, over all the time there is."""
    of, words = data.within(), data.words()
    months = [Period(month, [month]) for month in sorted({row["month"] for row in data.rows})]
    sums, quarters = {month.name: month.total(of) for month in months}, {q.name: q.total(of) for q in data.quarters}
    years = {
        year: sum(sums[month] for month in sums if month.startswith(year)) for year in sorted({m[:4] for m in sums})
    }
    (first, was), (last, is_now) = min(years.items()), max(years.items())
    high, low = max(quarters, key=quarters.__getitem__), min(quarters, key=quarters.__getitem__)
    best, worst = max(sums, key=sums.__getitem__), min(sums, key=sums.__getitem__)
    return {
        "title": f"Revenue{words} by month",
        "shape": f"One amount in each of {len(months)} months in a row: how it moved over time.",
        "statements": [
            f"Revenue{words} {'rose' if is_now > was else 'fell'} from {money(was)} in {first} to {money(is_now)} in {last}, "
            f"{percent(is_now / was - 1, signed=True)}.",
            f"The strongest quarter was {high} with {money(quarters[high])}, the weakest {low} with {money(quarters[low])}.",
            f"The strongest month was {spelled(best)} with {money(sums[best])}, "
            f"the weakest {spelled(worst)} with {money(sums[worst])}.",
        ],
        "table": {
            "columns": ["quarter", "revenue"],
            "rows": [[name, money(value)] for name, value in quarters.items()],
        },
        "series": series(sums, {"revenue": list(sums.values())}, "€"),
    }


def ranking(data: Data) -> Facts:
    """Who brings in most: regions, products or channels side by side."""
    by, now, words = data.cut("region", "product", "channel"), data.now, data.words()
    parts = data.each(by)
    sums = {name: now.total(rows) for name, rows in parts.items()}
    order = sorted(sums, key=lambda name: -sums[name])
    total = sum(sums.values())
    shares = {name: percent(sums[name] / total) for name in order}
    statements = [
        f"By {by}, {order[0]} brings in most{words} in {now.name}: {money(sums[order[0]])}, "
        f"{shares[order[0]]} of {money(total)}.",
        *(f"Then comes {name} with {money(sums[name])}, {shares[name]}." for name in order[1:-1]),
        f"Last comes {order[-1]} with {money(sums[order[-1]])}, {shares[order[-1]]}.",
    ]
    if then := data.then:
        growth = {name: sums[name] / then.total(parts[name]) - 1 for name in order}
        most = max(growth, key=growth.__getitem__)
        statements.append(f"Against {then.name}, {most} did best: {percent(growth[most], signed=True)}.")
    return {
        "title": f"Revenue{words} by {by}, {now.name}",
        "shape": f"One amount for each of {len(order)} {by}s, to be compared side by side, largest first.",
        "statements": statements,
        "table": {
            "columns": [by, "revenue", "share"],
            "rows": [[name, money(sums[name]), shares[name]] for name in order],
        },
        "series": series(order, {"revenue": [sums[name] for name in order]}, "€"),
    }


def prices(data: Data) -> Facts:
    """What a unit was sold for on average: one product by region, or all products, each against its first quarter."""
    by, quarters = ("region" if "product" in data.scope["named"] else "product"), data.quarters
    paid = {name: [quarter.price(rows) for quarter in quarters] for name, rows in data.each(by).items()}
    reached = [place for place, quarter in enumerate(quarters) if set(quarter.months) & set(data.now.months)]
    at, start = reached[-1], max(0, reached[0] - 1)
    swing = {name: values[at] / values[start] - 1 for name, values in paid.items()}
    most = data.scope["named"].get(by) or max(swing, key=lambda name: abs(swing[name]))
    first, last, lowest = quarters[start].name, quarters[at].name, min(paid[most])
    words = data.words()
    if by not in data.scope["named"]:
        words += f" in the {most}" if by == "region" else f" for {most}"
    return {
        "title": f"Average price{data.words(by=by)} by {by}",
        "shape": f"One line for each of {len(paid)} {by}s: how it moved over {len(quarters)} quarters in a row, over time.",
        "statements": [
            f"The average price{words} went from {money(paid[most][start])} in {first} to {money(paid[most][at])} in "
            f"{last}, {percent(swing[most], signed=True)}.",
            f"Its lowest in any quarter was {money(lowest)}, in {quarters[paid[most].index(lowest)].name}.",
            *(
                f"For {name} it went from {money(values[start])} to {money(values[at])}, {percent(swing[name], signed=True)}."
                for name, values in paid.items()
                if name != most
            ),
        ],
        "table": _by_quarter(by, quarters, paid, money),
        "series": series(
            [quarter.name for quarter in quarters],
            {name: [100 * value / values[0] for value in values] for name, values in paid.items()},
            f"{quarters[0].name} = 100",
        ),
    }


def churn(data: Data) -> Facts:
    """How many customers left, of those there were."""
    by = data.cut("plan", "region")
    now, of, words, parts, quarters = data.now, data.within(), data.words(), data.each(by), data.quarters
    rates = {name: [quarter.rate(rows) for quarter in quarters] for name, rows in parts.items()}
    inside = {name: now.rate(rows) for name, rows in parts.items()}
    most = max(inside, key=inside.__getitem__)
    statements = [
        f"In an average month of {now.name}, {percent(now.rate(of))} of the customers{words} left.",
        f"In all, {now.total(of, 'left'):,.0f} of them left in {now.name}.",
    ]
    if then := data.then:
        statements.append(f"In {then.name} it had been {percent(then.rate(of))} and {then.total(of, 'left'):,.0f}.")
    statements.append(f"By {by}, {most} lost the largest share in {now.name}: {percent(inside[most])} a month.")
    rate, name = max((max(values), name) for name, values in rates.items())
    peak = quarters[rates[name].index(rate)].name
    statements.append(f"The highest rate of any quarter was that of {name} in {peak}: {percent(rate)} a month.")
    return {
        "title": f"Customers{data.words(by=by)} who left in an average month, by {by}",
        "shape": f"One rate for each of {len(rates)} {by}s: how it moved over {len(quarters)} quarters in a row, over time.",
        "statements": statements,
        "table": _by_quarter(by, quarters, rates, percent),
        "series": series(
            [quarter.name for quarter in quarters],
            {name: [100 * rate for rate in values] for name, values in rates.items()},
            "% a month",
        ),
    }


def support(data: Data) -> Facts:
    """What support cost, and for which products or regions."""
    by, now, of, words = data.cut("product", "region"), data.now, data.within(), data.words()
    parts, quarters = data.each(by), data.quarters
    costs = {name: [quarter.total(rows, "cost") for quarter in quarters] for name, rows in parts.items()}
    total, tickets = now.total(of, "cost"), now.total(of, "tickets")
    most = max(parts, key=lambda name: now.total(parts[name], "cost"))
    statements = [
        f"Support{words} cost {money(total)} in {now.name}, for {tickets:,.0f} tickets: {money(total / tickets)} a ticket.",
        f"By {by}, {most} cost most: {money(now.total(parts[most], 'cost'))}.",
    ]
    if then := data.then:
        was, were = then.total(of, "cost"), then.total(of, "tickets")
        statements.append(
            f"In {then.name} it had been {money(was)} for {were:,.0f} tickets, {money(was / were)} a ticket; "
            f"the cost changed by {percent(total / was - 1, signed=True)}."
        )
    return {
        "title": f"Cost of support{data.words(by=by)} by {by} and quarter",
        "shape": f"A grid of cells: one amount for each of {len(parts)} {by}s in each of {len(quarters)} quarters.",
        "statements": statements,
        "table": _by_quarter(by, quarters, costs, money),
        "series": series([quarter.name for quarter in quarters], costs, "€"),
    }


PROGRAMS: Mapping[str, tuple[Callable[[Data], Facts], str]] = {
    "change": (change, "orders"),
    "trend": (trend, "orders"),
    "ranking": (ranking, "orders"),
    "prices": (prices, "orders"),
    "churn": (churn, "subscriptions"),
    "support": (support, "support"),
}


# --- figures ----------------------------------------------------------------------------------------------------------


def money(value: float, *, signed: bool = False) -> str:
    """Whole euros from a thousand on, cents below.

    >>> money(1234.5), money(-12.5, signed=True)
    ('€1,234', '−€12.50')
    """
    sign = "−" if value < 0 else "+" if signed else ""
    return f"{sign}€{abs(value):,.0f}" if abs(value) >= 1000 else f"{sign}€{abs(value):,.2f}"


def percent(share: float, *, signed: bool = False) -> str:
    """One decimal, and a space that no line is broken at.

    >>> percent(-0.0512, signed=True)
    '−5.1\\xa0%'
    """
    sign = "−" if share < 0 else "+" if signed else ""
    return f"{sign}{abs(100 * share):.1f}\xa0%"


def spelled(month: str) -> str:
    """A month as people say it.

    >>> spelled("2025-07")
    'July 2025'
    """
    return f"{calendar.month_name[int(month[5:])]} {month[:4]}"


def series(labels: Iterable[str], lines: Mapping[str, Sequence[float]], unit: str) -> dict[str, Any]:
    kept = [[name, [round(value, 2) for value in values]] for name, values in lines.items()]
    return {"labels": list(labels), "lines": kept, "unit": unit}


def _by_quarter(
    by: str, quarters: Sequence[Period], values: Mapping[str, Sequence[float]], said: Callable[[float], str]
) -> dict[str, Any]:
    rows = [[name, *(said(value) for value in of)] for name, of in values.items()]
    return {"columns": [by, *(quarter.name for quarter in quarters)], "rows": rows}
