"""Untrusted text as it may be shown: nothing in it can be followed, run or obeyed by what shows it."""

import re

from stemma.core.errors import InvalidInput
from stemma.guard.text.cleaning import clean

_SCHEMES = re.compile(
    r"(?<![a-z0-9])(https?|ftps?|wss?|file|mailto|tel|sms|callto|facetime|skype|data|javascript|vbscript|blob|about|magnet|news"
    r"|intent|market|view-source|chrome|resource|ssh|telnet|ldaps?|jar|cid|mid|geo|git|svn|slack|zoommtg|vscode|urn)"
    r":(?=[^\s])",
    re.IGNORECASE,
)
_HYPERTEXT = re.compile(r"(?<![a-z0-9])h(?:tt)(ps?)(?=\[:\])", re.IGNORECASE)
# What mail programs, chats and Markdown make a link of though it has no scheme. Addresses of people stay whole.
_DOMAINS = re.compile(
    r"(?P<whole>@[\w.-]+)"
    r"|(?<![^\W_])(?P<first>www)\."
    r"|(?<=[\w-])\.(?=(?:com|org|net|edu|gov|mil|int|info|biz|name|io|ai|co|app|dev|xyz|top|site|online|shop|store|club|link|click"
    r"|live|page|cloud|tech|space|website|zip|mov|eu|uk|us|de|fr|nl|ch|at|it|es|pl|ru|cn|in|br|jp|au|ca|me|tv|cc|ly|gl|to|tk|ml"
    r"|ga|cf|gq|su|ws|sh|gg|so|be|is|se|no|dk|fi|pt|cz|hu|ro|ua|ir|tr|kr|tw|hk|sg|za|mx|ar|cl|onion)(?![\w-]))",
    re.IGNORECASE,
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
    text = text.replace("://", "[:]//")
    text = _SCHEMES.sub(r"\1[:]", text)
    text = _HYPERTEXT.sub(r"hxx\1", text)
    text = text.replace("](", "] (").replace("]:", "] :").replace("![", "! [")
    return _DOMAINS.sub(_parted, text)


def _parted(match: re.Match[str]) -> str:
    if match["whole"]:
        return match["whole"]
    return f"{match['first'] or ''}[.]"


def _source(source: str) -> str:
    name = (
        " ".join(defanged(clean(source).text).split())
        .translate({ord("["): "(", ord("]"): ")"})[:_LONGEST_SOURCE]
        .strip()
    )
    if not name:
        raise InvalidInput("untrusted text cannot be shown without the name of its source; say where it comes from")
    return name
