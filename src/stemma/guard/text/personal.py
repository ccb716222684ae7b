"""Personal data in texts: what has a form of its own. Names and addresses have none; protect those by field.

Patterns and checks come from Presidio's recognizers, run one by one: its engine around them tokenises every text and
compares every result with every other, which grows with the square of a text. Where a recognizer misses, is slow or would
ask the network (the list of top-level domains), it is put right here. No language model takes part.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from stemma.core.errors import NotConfigured
from stemma.guard.text.finding import Finding, longest
from stemma.guard.text.phone import PHONE, phone_ends

KINDS = ("iban", "email", "url", "card", "ip", "ssn", "phone")
"""What can be found, in the order in which equal stretches are believed."""


def personal(text: str) -> list[Finding]:
    """Personal data in `text`, in order, one for each: kinds as in `KINDS`. Where two overlap, the longer counts.

    Linear in the text's length. Raises NotConfigured when Presidio is not installed; the first call loads it, which takes
    seconds.
    """
    found = [
        Finding(recognizer.kind, start, end) for recognizer in recognizers() for start, end in recognizer.spans(text)
    ]
    return longest(found)


@dataclass(frozen=True, slots=True)
class Recognizer:
    """Candidates by pattern; each has ends at which it may really end, the widest first, and a check of what it says."""

    kind: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool]
    ends: Callable[[re.Match[str]], Iterator[int]]

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        match = self.pattern.search(text)
        while match is not None:
            start = match.start()
            ends = (end for end in self.ends(match) if self.holds(text[start:end]))
            end = next(ends, None)
            if end is not None:
                yield start, end
            # What was no find may have swallowed the beginning of one.
            match = self.pattern.search(text, start + 1 if end is None else end)


@lru_cache(maxsize=1)
def recognizers() -> tuple[Recognizer, ...]:
    """One for each kind. Raises NotConfigured when Presidio is not installed."""
    try:
        # Takes seconds, as spaCy comes with it.
        import tldextract
        from presidio_analyzer.predefined_recognizers import IbanRecognizer, IpRecognizer, UsSsnRecognizer
    except ImportError as missing:
        raise NotConfigured(
            f"personal data cannot be found, as {missing.name!r} is not installed; "
            "install it with: pip install 'stemma-ai[pii]'"
        ) from missing
    # Presidio's own check of an e-mail address fetches the list of domains from the network at first use.
    domains = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    iban, ip, ssn = IbanRecognizer(), IpRecognizer(), UsSsnRecognizer()
    return (
        Recognizer("iban", _IBAN, lambda found: _passes(iban, found.upper()), _iban_ends),
        Recognizer("email", _EMAIL, lambda found: bool(domains(found.rpartition("@")[2]).suffix), _whole),
        Recognizer("url", _URL, bool, _url_ends),
        Recognizer("card", _CARD, _is_card, _whole),
        Recognizer("ip", _either(ip), lambda found: _passes(ip, found), _whole),
        Recognizer("ssn", _either(ssn), lambda found: _passes(ssn, found), _whole),
        Recognizer("phone", PHONE, bool, phone_ends),
    )


_IBAN = re.compile(
    # Presidio's, for lower case too.
    r"(?<![A-Z0-9])[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?![A-Z0-9])",
    re.ASCII | re.IGNORECASE,
)
_EMAIL = re.compile(r"(?<![\w.%+&-])\w[\w.%+&'-]{0,63}@\w+(?:-+\w+)*(?:\.\w+(?:-+\w+)*)+")
_URL = re.compile(
    r"(?<![a-z0-9])(?:https?|ftp)://[^\s<>\"'`{}|\\^]+"
    r"|(?<![\w@.-])www\.[^\s<>\"'`{}|\\^]+"
    # Without a scheme only under the commonest domains: else half of what programs are made of would be an address.
    r"|(?<![\w@/.-])[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*"
    r"\.(?:com|org|net|edu|gov|mil|info|biz|eu|uk|de|fr|nl|ch|at)(?![\w@-]|\.\w)(?:/[^\s<>\"'`{}|\\^]*)?",
    re.IGNORECASE,
)
_CARD = re.compile(
    r"(?<![\w.+-])(?:\d{12,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{4,5})(?![\w-]|\.\d)",
    re.ASCII,
)
_BRANDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-59]|[689]\d)\d{11,16}"  # Diners Club
    r"|6(?:011|5\d\d|4[4-9]\d|22\d)\d{12,15}"  # Discover, UnionPay
    r"|62\d{14,17}"  # UnionPay
    r"|35\d{14,17}|(?:2131|1800)\d{11}"  # JCB
    r"|(?:5[0678]|6\d)\d{10,17}"  # Maestro
)
_AFTER_A_LINK = ".,;:!?*_~'"


def _whole(match: re.Match[str]) -> Iterator[int]:
    yield match.end()


def _iban_ends(match: re.Match[str]) -> Iterator[int]:
    """Wherever a word ends in it: what follows an IBAN may look as if it went on."""
    text, start = match.string, match.start()
    for end in range(match.end(), start + 14, -1):
        if end == match.end() or not text[end].isalnum():
            yield end


def _url_ends(match: re.Match[str]) -> Iterator[int]:
    """Without the punctuation of the sentence around it, and without a bracket that was opened before it."""
    found = match.group()
    kept = len(found.rstrip(_AFTER_A_LINK + ")]"))
    still_open = {close: found.count(opened, 0, kept) - found.count(close, 0, kept) for opened, close in ("()", "[]")}
    for mark in found[kept:]:
        still_open[mark] = still_open.get(mark, 0) - 1
        if still_open[mark] < 0:
            break
        kept += 1
    if kept:
        yield match.start() + kept


def _is_card(found: str) -> bool:
    digits = "".join(filter(str.isdigit, found))
    return _BRANDS.fullmatch(digits) is not None and _luhn(digits)


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = sum(sum(divmod(2 * int(one), 10)) for one in digits[-2::-2])
    return (doubled + sum(map(int, digits[-1::-2]))) % 10 == 0


def _either(recognizer: Any) -> re.Pattern[str]:
    """Presidio's patterns for one kind, without those that it calls weak."""
    return re.compile("|".join(one.regex for one in recognizer.patterns if one.score >= 0.5), re.ASCII | re.IGNORECASE)


def _passes(recognizer: Any, found: str) -> bool:
    return recognizer.validate_result(found) is not False and not recognizer.invalidate_result(found)
