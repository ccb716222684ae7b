"""The desk's books: orders are looked up in `accounts.csv`, refunds are written to `ledger/refunds.csv`.

What is owed follows from the books alone. Nothing that a customer wrote, and nothing that a model answered, is an amount.
"""

import csv
import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TextIO, TypeAlias

from pydantic import WithJsonSchema

from stemma.network.tools import Call, Effect, ToolFailed, tool

LIMIT = Decimal("100.00")
"""The highest refund, in euros, that this desk pays. Whatever is above it is a person's work."""

RETURN_LABEL = Decimal("6.50")
EXPRESS_SURCHARGE = Decimal("9.90")
COLUMNS = ("reference", "order", "customer", "amount", "reason", "key")

Record: TypeAlias = Mapping[str, str]
"""An order by the columns of `accounts.csv`, and `refunded`, the reference of its refund or an empty text."""

_TEXT = {"type": "string", "minLength": 1}
Claim: TypeAlias = Annotated[
    dict[str, str],
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "order": {"type": "string", "pattern": "^[0-9]{6}$"},
                "customer": _TEXT,
                "amount": {"type": "string", "pattern": "^([1-9][0-9]*[.][0-9]{2}|0[.]([0-9][1-9]|[1-9]0))$"},
                "reason": _TEXT,
            },
            "required": ["order", "customer", "amount", "reason"],
            "additionalProperties": False,
        }
    ),
]
"""What is to be paid, in euros and more than nothing. Each call is held against this, and what a person writes instead."""


@tool(effect=Effect.READ)
def find_account(reference: dict[str, Any], call: Call) -> dict[str, str]:
    """The order that a ticket is about; empty where the books have none, several, or another customer's.

    Args:
        reference: What the ticket names: `order`, `email`, either of which may be missing.
    """
    order, email = ((reference.get(name) or "").strip().casefold() for name in ("order", "email"))
    named = order if re.fullmatch(r"\d{6}", order) else ""
    if not named and not email:
        return {}
    with (call.folder / "accounts.csv").open(encoding="utf-8", newline="") as lines:
        found = [row for row in csv.DictReader(lines) if named in ("", row["order"]) and email in ("", row["email"])]
    if len(found) != 1:
        return {}
    refund = next((row for row in _refunds(call.folder) if row["order"] == found[0]["order"]), None)
    return found[0] | {"refunded": refund["reference"] if refund else ""}


@tool(effect=Effect.READ)
def assess_claim(record: dict[str, str]) -> dict[str, str]:
    """What the books say is owed for an order: order, customer, amount in euros, and the reason.

    Args:
        record: The order.
    """
    if not record:
        raise ToolFailed("the order is not known")
    if record["refunded"]:
        raise ToolFailed(f"order {record['order']} was refunded already: {record['refunded']}")
    amount, reason = _owed(record)
    if not amount:
        raise ToolFailed(f"nothing is owed for order {record['order']}")
    return {"order": record["order"], "customer": record["customer"], "amount": f"{amount:.2f}", "reason": reason}


@tool(effect=Effect.READ)
def is_within_limit(claim: dict[str, str]) -> str:
    """Whether the desk may pay this itself: "yes" or "no"."""
    return "yes" if Decimal(claim["amount"]) <= LIMIT else "no"


@tool(effect=Effect.SPEND, idempotent=True, timeout=10)
def refund(claim: Claim, call: Call) -> dict[str, str]:
    """Pays a claim back to the payment method of the order, once: the receipt, whose `paid` says whether it was now.

    Called again with the same key, after a crash, it gives the same receipt; with another key, for an order that is
    refunded already, the receipt of that refund and ``paid: "before"``.

    Args:
        claim: What `assess_claim` found, or what a person made of it.
    """
    with _ledger(call.folder) as ledger:
        for row in csv.DictReader(ledger):
            if row["order"] == claim["order"]:
                paid = "now" if row["key"] == call.key else "before"
                return _receipt(row, paid)
        row = claim | {"reference": f"RF-{claim['order']}", "key": call.key}
        csv.DictWriter(ledger, COLUMNS).writerow(row)
    return _receipt(row, "now")


def _receipt(row: Record, paid: str) -> dict[str, str]:
    return {**{name: row[name] for name in ("reference", "order", "amount")}, "paid": paid}


def _owed(record: Record) -> tuple[Decimal, str]:
    """The rules of `help-centre/refunds.md` and its neighbours."""
    paid, charges = Decimal(record["paid"]), int(record["charges"])
    if charges > 1:
        return paid * (charges - 1), f"charged {charges} times"
    match record["status"]:
        case "lost" | "cancelled":
            return paid, f"{record['items']}: {record['status']}"
        case "returned":
            less = RETURN_LABEL if record["returned_for"] == "changed mind" else Decimal(0)
            return paid - less, f"{record['items']}: returned, {record['returned_for']}"
    if record["delivery"] == "express" and record["delivered"] > record["promised"]:
        return EXPRESS_SURCHARGE, f"express parcel came on {record['delivered']}, not on {record['promised']}"
    return Decimal(0), ""


def _refunds(folder: Path) -> list[Record]:
    path = folder / "ledger" / "refunds.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@contextmanager
def _ledger(folder: Path) -> Iterator[TextIO]:
    """The ledger, open at its beginning for reading and for adding a line. Whoever else wants it, waits."""
    path = folder / "ledger" / "refunds.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("a+", encoding="utf-8", newline="") as ledger:
        fcntl.flock(ledger, fcntl.LOCK_EX)  # given back when the file is closed, even by a crash
        if not os.fstat(ledger.fileno()).st_size:
            csv.DictWriter(ledger, COLUMNS).writeheader()
        ledger.seek(0)
        yield ledger
