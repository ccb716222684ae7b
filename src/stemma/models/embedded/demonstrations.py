"""Finding a prompt's demonstrations, in the notations people write them in.

``Input:`` / ``Output:`` lines (and their many other names, questions and answers, user and assistant
turns), arrows, JSON lines, and XML. What is left of the text, and an input that still waits for its output,
are given back too.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from stemma.models.embedded.task import Shown

_INPUT_NAMES = (
    "input|text|message|query|question|q|user|human|ticket|customer|e-?mail|review|sentence|utterance|request|post|"
    "tweet|comment|document|passage|content|prompt|case|issue|complaint|subject"
)
_OUTPUT_NAMES = (
    "output|label|answer|a|category|class|intent|assistant|ai|bot|response|sentiment|topic|result|route|queue|team|"
    "agent|department|priority|prediction|completion|expected|classification|type|tag|decision|reply"
)
_MARK = (
    r"^[ \t]*{bullet}(?:\*\*|__)?(?:{names})(?:[ \t]*#?\d+)?[ \t]*(?:\*\*|__)?[ \t]*:"
    r"[ \t]*(?:\*\*|__)?[ \t]*(.*)$"
)
_INPUT = re.compile(_MARK.format(bullet=r"(?:[-*•][ \t]+)?", names=_INPUT_NAMES), re.IGNORECASE)
_OUTPUT = re.compile(_MARK.format(bullet="", names=_OUTPUT_NAMES), re.IGNORECASE)
_HEADING = re.compile(r"^\s*(?:#+\s|<|```|---)")
_ARROW = re.compile(r"^\s*(?:[-*•]\s+|\d+[.)]\s+)?(.+?)\s*(?:->|=>|→|⇒)\s*(.+?)\s*$")
_XML = re.compile(
    rf"<({_INPUT_NAMES})>\s*(.*?)\s*</\1>\s*<({_OUTPUT_NAMES})>\s*(.*?)\s*</\3>", re.IGNORECASE | re.DOTALL
)
_XML_WRAPPER = re.compile(r"</?(?:examples?|demonstrations?|shots?)(?:\s[^>]*)?>", re.IGNORECASE)
_CONDITION = re.compile(r"^(?:if|when|whenever|for|otherwise|else|unless|unsure|default)\b", re.IGNORECASE)
_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»"}


@dataclass(frozen=True, slots=True)
class Parted:
    """A text parted into its demonstrations, the rest, and the input that has no output yet."""

    rest: str
    shown: tuple[Shown, ...]
    open_input: str | None


def part_demonstrations(text: str) -> Parted:
    """The demonstrations in `text`, in their order, and what is left without them.

    >>> part_demonstrations("Classify.\\n\\nInput: sky\\nOutput: blue\\n\\nInput: grass\\nOutput:")
    Parted(rest='Classify.\\n\\n\\nInput: grass', shown=(Shown(input='sky', output='blue'),), open_input='grass')
    """
    shown: list[Shown] = [Shown(match[2].strip(), match[4].strip()) for match in _XML.finditer(text)]
    if shown:
        text = _XML_WRAPPER.sub("", _XML.sub("", text))
    lines = text.split("\n")
    marked, lines, open_input = _marked_pairs(lines)
    recorded, lines = _json_pairs(lines)
    drawn, lines = _arrow_pairs(lines)
    return Parted("\n".join(lines), (*shown, *marked, *recorded, *drawn), open_input)


def unmarked(text: str) -> str:
    """`text` without the name in front of it and the empty ``Output:`` behind it, as templates write them."""
    lines = text.strip().split("\n")
    behind = _OUTPUT.match(lines[-1])
    if len(lines) > 1 and behind and not behind[1].strip():
        lines = lines[:-1]
    before = _INPUT.match(lines[0])
    if before and not any(_INPUT.match(line) for line in lines[1:]):
        lines[0] = before[1]
    return unquoted("\n".join(lines).strip())


def unquoted(text: str) -> str:
    """`text` without a pair of quotation marks, backticks or emphasis around the whole of it."""
    text = text.strip()
    for mark in ("**", "__"):
        if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
            text = text[len(mark) : -len(mark)].strip()
    closing = _QUOTES.get(text[:1])
    if closing and len(text) > 2 and text.endswith(closing) and closing not in text[1:-1]:
        return text[1:-1].strip()
    return text


def _marked_pairs(lines: list[str]) -> tuple[list[Shown], list[str], str | None]:
    shown: list[Shown] = []
    rest: list[str] = []
    pending: list[str] | None = None
    raw: list[str] = []
    place = 0
    while place < len(lines):
        line = lines[place]
        place += 1
        output = _OUTPUT.match(line) if pending is not None else None
        if pending is not None and output:
            answer, place = _output_text(output[1], lines, place)
            if answer:
                shown.append(Shown(unquoted("\n".join(pending)), unquoted(answer)))
                pending, raw = None, []
            continue
        start = _INPUT.match(line)
        if start:
            rest += raw  # the marked line before it was no demonstration after all
            pending, raw = [start[1]], [line]
        elif pending is not None and not _HEADING.match(line):
            pending.append(line)
            raw.append(line)
        else:
            rest += [*raw, line]
            pending, raw = None, []
    return shown, rest + raw, unquoted("\n".join(pending)) if pending is not None else None


def _output_text(first: str, lines: list[str], place: int) -> tuple[str, int]:
    """The output that begins with `first` before line `place`: that line, or the lines below it up to an empty one."""
    collected = [first.strip()] if first.strip() else []
    opened = first.count("{") - first.count("}")
    while place < len(lines) and (opened > 0 or not collected):
        line = lines[place]
        if not line.strip() or _INPUT.match(line):
            break
        collected.append(line.strip())
        opened += line.count("{") - line.count("}")
        place += 1
    return "\n".join(collected), place


def _json_pairs(lines: list[str]) -> tuple[list[Shown], list[str]]:
    shown, rest = [], []
    for line in lines:
        pair = next(_pairs_in(line.strip().rstrip(",")), None)
        if pair is None:
            rest.append(line)
        else:
            shown.append(pair)
    return shown, rest


def _pairs_in(line: str) -> Iterator[Shown]:
    if not (line.startswith("{") and line.endswith("}")):
        return
    try:
        record = json.loads(line)
    except ValueError:
        return
    if not isinstance(record, Mapping):
        return
    given = _value(record, _INPUT_NAMES)
    wanted = _value(record, _OUTPUT_NAMES)
    if given is not None and wanted is not None:
        yield Shown(given, wanted)


def _value(record: Mapping[str, object], names: str) -> str | None:
    for key, value in record.items():
        if re.fullmatch(names, key, re.IGNORECASE) and isinstance(value, str | dict):
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return None


def _arrow_pairs(lines: Iterable[str]) -> tuple[list[Shown], list[str]]:
    """Lines such as ``"where is my card" -> card_arrival``; a condition before the arrow makes it a rule, not a pair."""
    shown, rest = [], []
    for line in lines:
        match = _ARROW.match(line)
        if match and not _CONDITION.match(match[1]) and len(match[2].split()) <= 6:
            shown.append(Shown(unquoted(match[1]), unquoted(match[2])))
        else:
            rest.append(line)
    return shown, rest
