"""Telephone numbers by their form.

The matcher of `phonenumbers` tries every region's rules on every run of digits: 170,000 characters a second for eight
regions, and it misses the numbers of all others. The forms here are those in which people of many countries group digits;
what a lone run of digits is, only a word before it can tell.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

PHONE = re.compile(
    r"(?<![\w.@/#=$€£¥+:-])(?:(?=[+(])|(?<!\d ))"  # not in the middle of a longer row of groups
    r"(?P<plus>\+\d{1,3}[ .-]?)?(?P<area>\(\+?\d{1,5}\)[ .-]?)?"
    r"\d{1,13}(?:[ .-]\d{2,8}){0,5}"
    r"(?P<extension> ?(?:x|ext\.?) ?\d{1,6})?"
    r"(?!\w|[.:/-]\d|[ ]?[%€£$¥])",
    re.ASCII | re.IGNORECASE,
)

_SAID = re.compile(
    r"\b(?:phone|tele?|telephone|mobile|cell|cellular|fax|call(?:ing|ed)?|dial|desk|office|sms|text(?:ing)?|whatsapp|hotline"
    r"|contact|reach(?:able)?|handy|telefon|t[ée]l[ée]phone|tel[ée]fono)\b[^\d\n]{0,24}\n?[^\d\n]{0,8}$",
    re.IGNORECASE,
)
_BEFORE = 48  # characters in which such a word may stand
# Lengths of the groups of digits in national numbers that do not begin with a zero.
_GROUPED = re.compile("334|1334|2222|22222|333|233|323|2334|2322|3222|3322|244|344|234|3333|433|55|254|322")
_SHORT = ("34", "44")
_DATE = re.compile(r"(?:19|20)\d\d[.-]\d\d(?:[.-]\d\d)?|\d\d[.-]\d\d[.-](?:19|20)\d\d|(?:19|20)\d\d[ .-](?:19|20)\d\d")
_WORD_FOLLOWS = re.compile(r" [^\W\d_]")


def phone_ends(match: re.Match[str]) -> Iterator[int]:
    """Where the number ends, if `match` of `PHONE` is one."""
    if _is_phone(match):
        yield match.end()


def _is_phone(match: re.Match[str]) -> bool:
    number = match.group()[: -len(match["extension"])] if match["extension"] else match.group()
    groups = re.findall(r"\d+", number)
    total = sum(map(len, groups))
    if not 7 <= total <= 15 or _DATE.fullmatch(number):
        return False
    if match["plus"]:
        return total >= 8 and any(groups[0][:length] in _country_codes() for length in (1, 2, 3))
    if match["area"]:
        return len(groups) > 1
    shape = "".join(str(len(group)) for group in groups)
    if _GROUPED.fullmatch(shape) or (
        groups[0].startswith("0") and shape != "324" and len(groups) > 1 and 8 <= total <= 13
    ):
        return True
    if shape in _SHORT and not _WORD_FOLLOWS.match(match.string, match.end()):
        return True
    before = match.string[max(0, match.start() - _BEFORE) : match.start()]
    return (len(groups) == 1 or shape in _SHORT) and total <= 13 and _SAID.search(before) is not None


@lru_cache(maxsize=1)
def _country_codes() -> frozenset[str]:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE  # comes with Presidio

    return frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))
