"""Parting a text into the passages to quote from, the question about them, and the rest."""

import re
from dataclasses import dataclass

_SOURCE = (
    r"contexts?|documents?|passages?|articles?|texts?|sources?|help ?cent(?:er|re)|knowledge(?: base)?|"
    r"references?|content|pages?"
)
_ASKED = r"questions?|query|q|ticket|message|request|customer|user"
_MARK = re.compile(
    rf"^[ \t#*]*(?:(?P<source>{_SOURCE})|(?P<asked>{_ASKED})|(?P<other>[A-Za-z][A-Za-z ]{{0,20}}))"
    r"[ \t]*(?:\d+)?[ \t*]*:(?=[\s*]|$)[ \t*]*(?P<first>.*)$",
    re.IGNORECASE,
)
_XML = re.compile(
    rf"<(?P<tag>{_SOURCE}|{_ASKED})(?:\s[^>]*)?>\s*(?P<inside>.*?)\s*</(?P=tag)>", re.IGNORECASE | re.DOTALL
)
_FENCED = re.compile(r"(?:\"\"\"|```|'''|---)\n(.*?)\n(?:\"\"\"|```|'''|---)", re.DOTALL)
_ANSWER_MARK = re.compile(r"answer|output|quote|summary|response|reply|a", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Passages:
    """The text to quote from (empty when none is given), what is asked about it, and everything else."""

    context: str
    question: str | None
    rest: str


def read_passages(text: str) -> Passages:
    """`text` parted by ``Context:`` and ``Question:`` marks (or tags, or a fence) and their usual other names.

    >>> read_passages("Context: Cards arrive in a week. Fees are shown.\\nQuestion: When does it arrive?")
    Passages(context='Cards arrive in a week. Fees are shown.', question='When does it arrive?', rest='')
    """
    contexts: list[str] = []
    asked: list[str] = []
    for tagged in _XML.finditer(text):
        (contexts if re.fullmatch(_SOURCE, tagged["tag"], re.IGNORECASE) else asked).append(tagged["inside"])
    text = _XML.sub("", text)
    if not contexts:
        contexts = [match[1] for match in _FENCED.finditer(text)]
        text = _FENCED.sub("", text)
    blocks: list[tuple[str, list[str]]] = [("rest", [])]
    for line in text.split("\n"):
        match = _MARK.match(line)
        if match is None:
            blocks[-1][1].append(line)
        elif match["source"] or match["asked"]:
            blocks.append(("source" if match["source"] else "asked", [match["first"]]))
        else:
            answer = _ANSWER_MARK.fullmatch(match["other"].strip())
            blocks.append(("rest", [match["first"] if answer else line]))
    texts = [(kind, "\n".join(lines).strip()) for kind, lines in blocks]
    contexts += [block for kind, block in texts if kind == "source"]
    asked += [block for kind, block in texts if kind == "asked"]
    return Passages(
        "\n\n".join(block.strip() for block in contexts if block.strip()),
        next((block.strip() for block in reversed(asked) if block.strip()), None),
        "\n".join(block for kind, block in texts if kind == "rest").strip(),
    )
