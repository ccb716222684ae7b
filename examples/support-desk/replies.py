"""What leaves the desk: a citation of the help centre, a case for a person, and the reply to the customer."""

import hashlib
import json
import re
from typing import Any

from stemma.network.tools import Call, Effect, ToolFailed, tool

PAYS = "We have refunded €{amount} to the payment method of your order. The reference is {reference}."
PAID_BEFORE = "We have looked into it: order {order} was refunded already. The reference is {reference}."
NOT_PAID = "We have looked into your request with a colleague, and cannot pay a refund for order {order}."
NOTHING_OWED = "We have looked up order {order}: it was charged {times}, and nothing is to be paid back."
UNKNOWN = (
    "We could not find your order. Please send us its number, which has six digits, from the address you ordered with."
)
STANDING = {
    "received": "Order {order} ({items}) is received and not packed yet.",
    "being prepared": "Order {order} ({items}) is being prepared and not packed yet.",
    "packed": "Order {order} ({items}) is packed and leaves our warehouse next.",
    "on its way": "Order {order} ({items}) is on its way and should be with you by {promised}.",
    "delivered": "Order {order} ({items}) was delivered on {delivered}.",
    "lost": "The parcel of order {order} ({items}) is lost.",
    "cancelled": "Order {order} ({items}) is cancelled.",
    "returned": "Order {order} ({items}) is back with us.",
}
CASE = "A colleague takes this over and answers you by tomorrow. The number of your case is {number}."
QUOTED = "From “{article}”: {text}"
LETTER = "Hello,\n\nthank you for your message. {body}\n\nYour Fellhollow support desk"


@tool(effect=Effect.READ)
def cite(passage: str, call: Call) -> dict[str, str]:
    """The sentence with the one behind it, and the article of the help centre in which they stand word for word.

    Args:
        passage: A sentence that somebody says is the help centre's.
    """
    for path in sorted((call.folder / "help-centre").glob("*.md")):
        title, _, text = path.read_text(encoding="utf-8").partition("\n")
        _, found, behind = text.partition(passage)
        if found:
            more = re.match(r"[ \t]+.+?[.!?](?=\s|$)", behind)
            return {"text": passage + (more[0] if more else ""), "article": title.removeprefix("# ")}
    raise ToolFailed("the sentence does not stand in the help centre")


@tool(effect=Effect.WRITE, idempotent=True)
def open_case(ticket: str, category: str, call: Call) -> dict[str, str]:
    """Puts a ticket on the desk of a person; the same case however often it is called for one message.

    Args:
        ticket: What the customer wrote.
        category: The queue that it belongs to.
    """
    number = f"K-{hashlib.sha256(call.key.encode()).hexdigest()[:6].upper()}"
    path = call.folder / "ledger" / "cases" / f"{number}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"queue": category, "ticket": ticket}, ensure_ascii=False) + "\n", encoding="utf-8")
    return {"number": number}


@tool(effect=Effect.READ)
def write_reply(plan: str, quote: Any, record: Any, claim: Any, receipt: Any, case: Any) -> str:
    """The reply to the customer, filled in from what the workers brought; what they did not bring is an empty text.

    Args:
        plan: What the lead chose.
        quote: What the help centre says, and its article.
        record: The order in the books.
        claim: What the books say is owed.
        receipt: Of the refund.
        case: Of the person who takes over.
    """
    said = []
    if case:
        said.append(CASE.format(**case))
    elif plan == "refund":
        said.append(_about_refund(record, claim, receipt))
    elif record:
        said.append(STANDING[record["status"]].format(**record))
    if quote and (receipt or plan != "refund"):
        said.append(QUOTED.format(**quote))
    if not said:
        raise ToolFailed("the workers brought nothing to tell the customer")
    return LETTER.format(body="\n\n".join(said))


def _about_refund(record: Any, claim: Any, receipt: Any) -> str:
    if receipt:
        return (PAYS if receipt["paid"] == "now" else PAID_BEFORE).format(**receipt)
    if claim:  # it was owed, and a person, or the clock, said no
        return NOT_PAID.format(**claim)
    if not record:
        return UNKNOWN
    if record["refunded"]:
        return PAID_BEFORE.format(order=record["order"], reference=record["refunded"])
    return NOTHING_OWED.format(times="once", **record)
