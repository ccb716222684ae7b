"""Cleaning: the CSV files as they came, made fit to count with. What was put right and left out is told."""

import csv
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemma.network.tools import Call, Effect, tool

NAMES = {
    "region": ["North", "South", "East", "West"],
    "product": ["Drift", "Brook", "Weir", "Cartridge"],
    "channel": ["web", "retail", "trade"],
    "plan": ["Essential", "Complete"],
}
FILES = ("orders", "subscriptions", "support")
NUMBERS = ("units", "unit_price", "at_start", "joined", "left", "tickets", "cost")
MAY_LACK = ("first_reply_hours",)


@tool(effect=Effect.WRITE, idempotent=True)
def clean(call: Call) -> dict[str, Any]:
    """Cleans every file in `data/` into the run's own folder, and tells what there is and what became of the rows."""
    folder = Path("reports", call.run, "data")
    (call.folder / folder).mkdir(parents=True, exist_ok=True)
    months, accounts = set[str](), dict[str, str]()
    for name in FILES:
        cleaned = Cleaned.read(call.folder / "data" / f"{name}.csv")
        cleaned.write(call.folder / folder / f"{name}.csv")
        accounts[name] = cleaned.account
        months |= {row["month"] for row in cleaned.rows}
    return {"folder": folder.as_posix(), "names": NAMES, "months": sorted(months), "accounts": accounts}


@dataclass
class Cleaned:
    """The rows that can be used, each with its month, and how many could not, by reason."""

    source: str
    given: int = 0
    put_right: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    rows: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "Cleaned":
        cleaned, seen = cls(path.name), set[tuple[str, ...]]()
        with path.open(encoding="utf-8", newline="") as file:
            for raw in csv.DictReader(file):
                cleaned.given += 1
                if tuple(raw.values()) in seen:
                    cleaned.left_out["given twice"] += 1
                else:
                    cleaned._take(raw)
                seen.add(tuple(raw.values()))
        return cleaned

    def _take(self, raw: dict[str, str]) -> None:
        row = {column: tidied(column, text) for column, text in raw.items()}
        missing = next((column for column in row if not row[column] and column not in MAY_LACK), None)
        if missing is not None:
            self.left_out[f"no usable {missing.replace('_', ' ')}"] += 1
            return
        self.put_right += row != raw
        self.rows.append(row | {"month": row["date"][:7]} if "date" in row else row)

    @property
    def account(self) -> str:
        """What became of the rows, in one sentence."""
        told = f"{self.source}: {self.given:,} rows read, {self.put_right} put right, {self.left_out.total()} left out"
        reasons = "; ".join(f"{count} {reason}" for reason, count in sorted(self.left_out.items()))
        return f"{told} ({reasons})." if reasons else f"{told}."

    def write(self, path: Path) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(self.rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)


def tidied(column: str, text: str) -> str:
    """The text as it should have been written; empty where it says nothing that can be used.

    >>> tidied("region", " NORTH"), tidied("region", "export"), tidied("unit_price", "€24,00"), tidied("date", "03/07/2025")
    ('North', '', '24.00', '2025-07-03')
    """
    text = text.strip()
    if column in NAMES:
        bare = text.rstrip(".").casefold()
        return next((name for name in NAMES[column] if bare in (name.casefold(), name[0].casefold())), "")
    if column in ("date", "month"):
        return "-".join(reversed(text.split("/")))
    if column in NUMBERS:
        number = text.removeprefix("€")
        number = number.replace(",", ".") if re.fullmatch(r"\d+,\d\d", number) else number.replace(",", "")
        return number if re.fullmatch(r"-?\d+(\.\d+)?", number) else ""
    return text
