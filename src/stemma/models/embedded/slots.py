"""Finding a typed value in a text: an e-mail address, an amount, a date, an identifier, a number. Nothing is guessed."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

_MONTH_NAMES = "january february march april may june july august september october november december"
_MONTHS = _MONTH_NAMES.split()
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS)
_DATE = re.compile(
    rf"\b(?P<iso>\d{{4}}-\d{{2}}-\d{{2}})\b|"
    rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?(?P<month>{_MONTH})\.?,?\s+(?P<year>\d{{4}})\b|"
    rf"\b(?P<month2>{_MONTH})\.?\s+(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year2>\d{{4}})\b|"
    r"\b(?P<day3>\d{1,2})[./](?P<month3>\d{1,2})[./](?P<year3>\d{4})\b",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_URL = re.compile(r"\bhttps?://[^\s<>\"')\]]+")
_CURRENCY = r"[$€£¥]|\b(?:USD|EUR|GBP|CHF|JPY|dollars?|euros?|pounds?)\b"
_NUMBER_TEXT = r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[-+]?\d+(?:\.\d+)?"
_AMOUNT = re.compile(rf"(?:{_CURRENCY})\s?({_NUMBER_TEXT})|({_NUMBER_TEXT})\s?(?:{_CURRENCY})", re.IGNORECASE)
_NUMBER = re.compile(rf"(?<![\w.])({_NUMBER_TEXT})(?![\w]|\.\d)")
_ID = re.compile(r"(?<![\w#-])#?(?=[\w-]*\d)[A-Za-z]{0,8}[-_]?[A-Za-z0-9]*\d[A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*(?![\w@])")
_PHONE = re.compile(r"(?<![\w])\+?\d[\d ()/-]{6,}\d(?!\w)")
_REACH = 40  # characters before a value in which a word of the field's name speaks for it


@dataclass(frozen=True, slots=True)
class SlotType:
    """A kind of value: what it is called in field names and formats, and how to find it."""

    names: re.Pattern[str]
    find: Callable[[str], Iterator[tuple[int, str]]]


def _plainly(pattern: re.Pattern[str]) -> Callable[[str], Iterator[tuple[int, str]]]:
    def find(text: str) -> Iterator[tuple[int, str]]:
        for match in pattern.finditer(text):
            groups = [group for group in match.groups() if group]
            yield match.start(), (groups[0] if groups else match[0]).strip()

    return find


def _dates(text: str) -> Iterator[tuple[int, str]]:
    for match in _DATE.finditer(text):
        if match["iso"]:
            yield match.start(), match["iso"]
            continue
        day, month, year = (match[name] or match[f"{name}2"] or match[f"{name}3"] for name in ("day", "month", "year"))
        try:
            yield match.start(), date(int(year), _month_number(month), int(day)).isoformat()
        except ValueError:
            continue  # the 31st of February is no date; the next match may be one


def _month_number(month: str) -> int:
    if month.isdigit():
        return int(month)
    return next(place for place, name in enumerate(_MONTHS, 1) if name.startswith(month.lower()[:3]))


def _type(names: str, find: Callable[[str], Iterator[tuple[int, str]]]) -> SlotType:
    return SlotType(re.compile(rf"(?:\b|_)(?:{names})(?:\b|_|$)", re.IGNORECASE), find)


_TYPES = (
    _type("e-?mail(?: address)?", _plainly(_EMAIL)),
    _type("ur[il]|link|website", _plainly(_URL)),
    _type("date|day|deadline|due|birthday", _dates),
    _type("amount|price|cost|total|sum|fee|charge|balance|payment", _plainly(_AMOUNT)),
    _type("phone|telephone|mobile", _plainly(_PHONE)),
    _type("ids?|identifier|number|code|reference|ref|order|invoice|ticket|account|serial", _plainly(_ID)),
)
_NUMERIC = _type("", _plainly(_NUMBER))


def typed_value(text: str, *, name: str, about: str = "", numeric: bool = False) -> str | None:
    """The value in `text` that a field `name` with the description `about` asks for; none where there is none.

    Dates are given in ISO form, day before month where figures alone leave it open. Of several values the
    one that words of the field's name come just before is taken, else the first.

    >>> typed_value("Order AB-1234 cost $1,250.50 on March 3, 2024", name="order_id")
    'AB-1234'
    >>> typed_value("Order AB-1234 cost $1,250.50 on March 3, 2024", name="paid_on", about="the date of payment")
    '2024-03-03'
    """
    kind = _kind_of(name, about, numeric=numeric)
    if kind is None:
        return None
    words = [word for word in re.split(r"[\W_]+", name.lower()) if len(word) > 2]
    found = list(kind.find(text))
    if not found and numeric:
        found = list(_NUMERIC.find(text))
    scored = [
        (-sum(word in text[max(0, start - _REACH) : start].lower() for word in words), start, value)
        for start, value in found
    ]
    return min(scored)[2] if scored else None


def is_typed(name: str, about: str = "") -> bool:
    """Whether a text field of this name and description asks for a value that `typed_value` can find."""
    return _kind_of(name, about, numeric=False) is not None


def _kind_of(name: str, about: str, *, numeric: bool) -> SlotType | None:
    if numeric:
        amounts = next(kind for kind in _TYPES if kind.names.search("amount"))
        return amounts if amounts.names.search(name) or amounts.names.search(about) else _NUMERIC
    for text in (name, about):
        for kind in _TYPES:
            if kind.names.search(text):
                return kind
    return None
