"""Hearsay: what a reader that can be talked into anything writes into typed fields."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from stemma.models.orders import Order

Reading: TypeAlias = Callable[[str], Any]
"""What an honest reader finds in a text; None when it is not there."""

_FORMS = {
    "iban": r"\b[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}\b",
    "email": r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)+",
    "url": r"(?:https?://|www\.)[^\s\"'<>]*[\w/]",
    "datetime": r"\b[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}\b",
    "date": r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b",
}
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def filled(
    schema: Mapping[str, Any], text: str, orders: Sequence[Order], reads: Mapping[str, Reading]
) -> dict[str, Any]:
    """A value for every property of the JSON schema `schema`, out of `text`.

    The orders in it come first: a value of theirs that fits the property stands there, whatever it means, and where any
    text may stand, their own words do. Where there is none, it is what `reads` finds for a property that its description
    begins with, or else the first value of its type.
    """
    properties: Mapping[str, Any] = schema.get("properties", {})
    return {name: _value(wanted, text, orders, reads) for name, wanted in properties.items()}


def _value(wanted: Mapping[str, Any], text: str, orders: Sequence[Order], reads: Mapping[str, Reading]) -> Any:
    about, *form = str(wanted.get("description", "")).split("; ")
    forms = [name for name in _FORMS if name in (about, *form, wanted.get("format"))]
    told = (
        [order.text for order in orders]
        if _is_free(wanted, forms)
        else [one for order in orders for one in order.values]
    )
    for value in told:
        if fits(wanted, value, forms):
            return value
    if about in reads:
        return reads[about](text)
    return next((value for value in _found(wanted, text, forms) if fits(wanted, value, forms)), None)


def _is_free(wanted: Mapping[str, Any], forms: Sequence[str]) -> bool:
    """Whether any text may stand there."""
    return not forms and "enum" not in wanted and "string" in wanted.get("type", "string")


def fits(wanted: Mapping[str, Any], value: Any, forms: Sequence[str] = ()) -> bool:
    """Whether `value` may stand where the schema `wanted` is asked for, in one of these forms if there are any."""
    if "enum" in wanted:
        return value is not None and value in wanted["enum"]
    kinds = wanted.get("type", "string")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(value, bool):
        return "boolean" in kinds
    if isinstance(value, int | float):
        whole = "number" in kinds or ("integer" in kinds and value == int(value))
        low, high = wanted.get("minimum"), wanted.get("maximum")
        return whole and (low is None or value >= low) and (high is None or value <= high)
    if not isinstance(value, str) or "string" not in kinds:
        return False
    return all(re.fullmatch(_FORMS[form], value) for form in forms)


def _found(wanted: Mapping[str, Any], text: str, forms: Sequence[str]) -> Iterator[Any]:
    """The values in `text` that may be of the type, in the order in which they stand there."""
    if "enum" in wanted:
        there = [(text.find(str(value)), value) for value in wanted["enum"] if value is not None]
        yield from (value for place, value in sorted(there, key=lambda one: one[0]) if place >= 0)
        return
    for form in forms:
        yield from re.findall(_FORMS[form], text)
    for number in _NUMBER.findall(text):
        yield float(number) if "." in number else int(number)
    yield "boolean" in wanted.get("type", ()) and "yes" in text.casefold()
    yield text
