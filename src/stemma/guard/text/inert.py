"""Untrusted text as it may be shown: nothing in it can be followed, run or obeyed by what shows it."""

import re
from functools import lru_cache

from stemma.core.errors import InvalidInput
from stemma.guard.text.cleaning import clean

_WORD = re.compile(r"[\w-]+")
# Written backwards, and held against texts that are, since the colon is what is rare: an engine that looks for the names first
# stops at every letter of a text.
_SCHEMES = "|".join(
    name[::-1]
    for name in _WORD.findall(
        "https http ftps ftp wss ws file mailto tel sms callto facetime skype data javascript vbscript blob about magnet "
        "news intent market view-source chrome resource ssh telnet ldaps ldap jar cid mid geo git svn slack zoommtg vscode urn"
    )
)
_LINKS = re.compile(rf":(?<=\S:)(?=(?:{_SCHEMES})(?![a-z0-9]))", re.IGNORECASE)
_HYPERTEXT = re.compile(r"\]:\[(s?p)tth(?![a-z0-9])", re.IGNORECASE)
# What mail programs, chats and Markdown make a link of though it has no scheme. Addresses of people stay whole.
_DOMAINS = re.compile(
    r"[@.](?:(?<=@)[\w.-]+|(?<=www\.)(?<![^\W_]www\.)|(?<=[\w-]\.)([a-z]{2,7})(?![\w-]))", re.IGNORECASE
)
_TOP = frozenset(
    _WORD.findall(
        "com org net edu gov mil int info biz name io ai co app dev xyz top site online shop store club link click live "
        "page cloud tech space website zip mov eu uk us de fr nl ch at it es pl ru cn in br jp au ca me tv cc ly gl to tk "
        "ml ga cf gq su ws sh gg so be is se no dk fi pt cz hu ro ua ir tr kr tw hk sg za mx ar cl onion"
    )
)
_TAG = re.compile(r"<(?=\S)")
_LINE_END = re.compile(r"\r\n?")
_OPEN, _CLOSE = "[untrusted, from ", "[end of untrusted]"
_MARKS = re.compile(r"\[(?=(?:untrusted, from |end of untrusted\]))", re.IGNORECASE)
_LONGEST_SOURCE = 100


def inert(text: str, source: str) -> str:
    """`text`, which somebody outside wrote, as it may be shown to a person or handed on, marked with its `source`.

    Clean (see `clean`); addresses, images, tags and links of Markdown and of plain text are spelt so that nothing follows
    them, and a person still can read them. Whatever is inert already, and marked with the same source, stays as it is.
    Raises InvalidInput when `source` is empty.

    >>> inert("See [this](https://evil.example/?q=1) <img src=x>", "web page")
    '[untrusted, from web page] See [this] (hxxps[:]//evil.example/?q=1) ‹img src=x> [end of untrusted]'
    """
    name = _source(source)
    opening, closing = f"{_OPEN}{name}]", _CLOSE
    body = defanged(_MARKS.sub("(", _unmarked(clean(text).text, opening, closing)))
    gap = "\n" if "\n" in body else " "
    return f"{opening}{gap}{body}{gap}{closing}"


def _unmarked(text: str, opening: str, closing: str) -> str:
    """What is marked already, without its marks; the same text where it is not, or not whole."""
    start, end = len(opening) + 1, len(text) - len(closing) - 1
    marked = text.startswith((f"{opening} ", f"{opening}\n")) and text.endswith((f" {closing}", f"\n{closing}"))
    return text[start:end] if marked and start <= end else text


def defanged(text: str) -> str:
    """`text` with nothing left in it that a browser, a terminal, a chat or a reader of Markdown takes for a link or a tag."""
    text = _TAG.sub("‹", _LINE_END.sub("\n", text))
    backwards = _LINKS.sub("]:[", text.replace("://", "[:]//")[::-1])
    text = _HYPERTEXT.sub(r"]:[\1xxh", backwards)[::-1]
    text = text.replace("](", "] (").replace("]:", "] :").replace("![", "! [")
    return _DOMAINS.sub(_parted, text)


def _parted(match: re.Match[str]) -> str:
    top = match[1]
    if match[0] != "." and (top is None or top.casefold().replace("ı", "i") not in _TOP):
        return match[0]
    return f"[.]{top or ''}"


@lru_cache(maxsize=1024)
def _source(source: str) -> str:
    name = (
        " ".join(defanged(clean(source).text).split())
        .translate({ord("["): "(", ord("]"): ")"})[:_LONGEST_SOURCE]
        .strip()
    )
    if not name:
        raise InvalidInput("untrusted text cannot be shown without the name of its source; say where it comes from")
    return name
