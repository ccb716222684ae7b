"""Parting a text into the passages to quote from, the question about them, and the rest."""

import re
from dataclasses import dataclass

_SOURCE = r"contexts?|documents?|passages?|articles?|texts?|sources?|help ?cent(?:er|re)|knowledge(?: base)?|references?|content|pages?"
_ASKED = r"questions?|query|q|ticket|message|request|customer|user"
_MARK = re.compile(
    rf"^[ \t#*]*(?:(?P<source>{_SOURCE})|(?P<asked>{_ASKED})|(?P<other>[A-Za-z][A-Za-z ]{{0,20}}))[ \t]*(?:\d+)?[ \t*]*:[ \t*]*(?P<first>.*)$",
    re.IGNORECASE,
)
_XML = re.compile(rf"<(?P<tag>{_SOURCE}|{_ASKED})(?:\s[^>]*)?>\s*(?P<inside>.*?)\s*</(?P=tag)>", re.IGNORECASE | re.DOTALL)
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
    for match in _XML.finditer(text):
        (contexts if re.fullmatch(_SOURCE, match["tag"], re.IGNORECASE) else asked).append(match["inside"])
    text = _XML.sub("", text)
    if not contexts:
        contexts = [match[1] for match in _FENCED.finditer(text)]
        text = _FENCED.sub("", text)
    rest: list[str] = []
    target = rest
    for line in text.split("\n"):
        match = _MARK.match(line)
        if match is None:
            target.append(line)
            continue
        target = []
        if match["source"]:
            contexts.append("")
            target = _Block(contexts)
        elif match["asked"]:
            asked.append("")
            target = _Block(asked)
        elif _ANSWER_MARK.fullmatch(match["other"].strip()):
            target = rest
        else:
            target = rest
            rest.append(line)
            continue
        target.append(match["first"])
    context = "\n\n".join(block.strip() for block in contexts if block.strip())
    question = next((block.strip() for block in reversed(asked) if block.strip()), None)
    return Passages(context, question, "\n".join(rest).strip())


class _Block(list[str]):
    """Lines that are added to the last text of a list of texts."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__()
        self._texts = texts

    def append(self, line: str) -> None:
        self._texts[-1] = f"{self._texts[-1]}\n{line}".strip("\n") if self._texts[-1] else line
