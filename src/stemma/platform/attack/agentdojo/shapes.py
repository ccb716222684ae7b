"""Shapes: results that AgentDojo's tools run together into one text or list, taken apart by who wrote what.

A service knows which of its words are its own; AgentDojo's tools mix them with what strangers wrote. Here they are put
into fields again, by rules that no stranger's words can sway: by what comes first in a text, by who is said to have
sent it, by the form that a name has to have. The declarations of each suite then label the fields.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

_ONE_WORD = re.compile(r"[A-Za-z0-9_-]{1,24}")
_RATED = re.compile(r"Rating: ([0-9.]+)\nReviews: (.*)", re.DOTALL)


def rated(value: Any) -> Any:
    """``Rating: 4.5``, which the service writes first, and the guests' reviews after it; one entry a name."""
    if not isinstance(value, Mapping):
        return value
    return [{"name": name, **_rated(text)} for name, text in value.items()]


def _rated(text: str) -> Mapping[str, Any]:
    found = _RATED.fullmatch(text)
    return {"reviews": text} if found is None else {"rating": float(found[1]), "reviews": found[2]}


def channels(value: Any) -> Any:
    """Names in the form that names of channels have, one short word; and what else stands where a name should."""
    names = [name for name in value if _ONE_WORD.fullmatch(name)]
    return {"channels": names, "other": [name for name in value if name not in names]}


def booked(value: Any) -> Any:
    """Transactions: the subject is the account holder's own where he is the sender, else the other side's message."""
    return [
        entry
        if entry["sender"] == "me"
        else {("message" if key == "subject" else key): one for key, one in entry.items()}
        for entry in value
    ]


SHAPES: Mapping[str, Callable[[Any], Any]] = {
    "get_channels": channels,
    "get_most_recent_transactions": booked,
    "get_rating_reviews_for_car_rental": rated,
    "get_rating_reviews_for_hotels": rated,
    "get_rating_reviews_for_restaurants": rated,
}
"""By tool. Every other tool's results have fields already."""
