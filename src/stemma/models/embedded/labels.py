"""Finding a prompt's labels and what it says about each: lists, headings, tables, XML, schemas and inline
enumerations.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stemma.models.embedded.demonstrations import unquoted
from stemma.models.embedded.task import Label

_LABEL_WORD = (
    r"(?:labels?|categor(?:y|ies)|class(?:es)?|intents?|options?|topics?|queues?|teams?|departments?|routes?|"
    r"agents?|types?|tags?|choices?|destinations?|sentiments?|priorit(?:y|ies)|specialists?|workers?|experts?|"
    r"handlers?|values?|one of|outputs?|answers?|kinds?|levels?|buckets?)"
)
_LEAD = re.compile(rf"\b{_LABEL_WORD}\b", re.IGNORECASE)
_NO_LEAD = re.compile(
    r"\b(?:rules?|guidelines?|steps?|notes?|constraints?|tips?|requirements?|examples?)\b", re.IGNORECASE
)
_ITEM = re.compile(r"^(\s*)(?:[-*•+]|\(?\d+[.)]|\(?[a-z][.)])\s+(\S.*)$")
_HEADING = re.compile(r"^\s*(#+)\s+(.*?)\s*#*\s*$")
_NAMED = re.compile(
    r"^(?P<name>(?:\*\*.+?\*\*|`.+?`|\".+?\"|“.+?”|[^:—–=]+?))\s*(?::|—|–|\s-\s|\s=\s)\s*(?P<about>.*)$",
    re.DOTALL,
)
_TABLE_ROW = re.compile(r"^\s*\|(.+)\|\s*$")
_XML_NAMED = re.compile(
    rf"<({_LABEL_WORD}|item)\s+(?:name|id|value|label)\s*=\s*[\"'](?P<name>[^\"']+)[\"'][^>]*?"
    r"(?:/>|>(?P<about>.*?)</\1>)",
    re.IGNORECASE | re.DOTALL,
)
_XML_PARTS = re.compile(
    r"<(?:name|label|id)>\s*(?P<name>[^<]+?)\s*</(?:name|label|id)>\s*"
    r"(?:<(?P<tag>description|about|definition|meaning)>\s*(?P<about>.*?)\s*</(?P=tag)>)?",
    re.IGNORECASE | re.DOTALL,
)
_XML_GROUP = re.compile(rf"<({_LABEL_WORD})>(?P<inside>.*?)</\1>", re.IGNORECASE | re.DOTALL)
_XML_ANY = re.compile(r"<(?P<name>[\w.-]+)>\s*(?P<about>.*?)\s*</(?P=name)>", re.DOTALL)
_ENUM = re.compile(r"(?:\"enum\"\s*:\s*|Literal\s*)(\[[^\]]*\])")
_ANNOUNCED = (
    rf"\bone of(?: the following| these)?(?: {_LABEL_WORD})?\b(?: are)?\s*[:=(\[]*",
    rf"\b{_LABEL_WORD}\s*(?:\([^)]*\)\s*)?(?:[:=(\[]|\bare\b|\bis one of\b)\s*[:(\[]*",
    r"\b(?:as|into|between|either)\b\s*(?:either\b)?\s*[:(\[]*",
    r"\b(?:answer|reply|respond|say|return|output|write)(?: only)?(?: with)?(?: either)?\b\s*[:(\[]*",
    r"[(\[]",
)
_INLINE = tuple(re.compile(rf"(?:{announced})\s*(?P<items>[^\n.]+)", re.IGNORECASE) for announced in _ANNOUNCED)
_ITEM_BREAK = re.compile(r"\s*(?:,\s*(?:or|and)\s+|[,;|/]\s*|\s+(?:or|and|vs\.?)\s+)")
_ENUMERATION_END = re.compile(
    r"[\])}]|\s[-–—]\s|\s(?:based|according|depending|for|to|in|using|by|when|if|that|which|only|and nothing)\s"
)
_LONGEST_NAME = 8  # words

_CUES = re.compile(
    r"\b(?P<what>keywords?|cues?|cue words|key ?phrases?|signals?|triggers?|signal words|mentions|synonyms|"
    r"typical words|clues?|not|excludes?|excluding|never|but not|not for)\s*:\s*(?P<list>[^.\n]*(?:\.(?=\w)[^.\n]*)*)",
    re.IGNORECASE,
)
_AGAINST = re.compile(r"not|exclud|never|but", re.IGNORECASE)
_QUOTED = re.compile(r"\"([^\"\n]{2,60})\"|“([^”\n]{2,60})”|(?<!\w)'([^'\n]{2,60})'(?!\w)|`([^`\n]{2,60})`")


@dataclass(frozen=True, slots=True)
class Listed:
    """The labels found, and the lines of the prompt that said nothing about any of them."""

    labels: tuple[Label, ...]
    rest: str


def find_labels(text: str, answers: Sequence[str], *, names: Sequence[str] = ()) -> Listed:
    """The labels that `text` lists, with what it says about each, then those that only occur among `answers`.

    `answers` are the outputs of the prompt's demonstrations. The most explicit notation in the text decides
    what a label is; other lists that describe the same names add to their descriptions. Given `names` are
    the labels as they are, and `text` only tells about them.
    """
    groups = _groups(text)
    known = list(dict.fromkeys(answers))
    if not names:
        names = _enumerated(text) or _named_by(groups, known) or _inline(text)
        names = [*names, *(name for name in known if _is_name(name))]
    told: dict[str, list[str]] = {name: [] for name in names}
    used: list[str] = []
    for group in groups:
        for item in group.items:
            if item.name in told:
                used += item.lines
                if item.about:
                    told[item.name].append(item.about)
    consumed = set(used)
    rest = "\n".join(line for line in text.split("\n") if line not in consumed)
    return Listed(tuple(labelled(name, "\n".join(dict.fromkeys(about))) for name, about in told.items()), rest)


def labelled(name: str, about: str) -> Label:
    """The label, with keywords, quoted phrases and exclusions taken out of what is said about it.

    >>> labelled("billing", 'money questions. Keywords: refund, charge. Not: card lost')
    Label(name='billing', description='money questions', cues=('refund', 'charge'), bans=('card lost',))
    """
    cues: list[str] = []
    bans: list[str] = []
    for match in _CUES.finditer(about):
        found = [unquoted(item) for item in _ITEM_BREAK.split(match["list"]) if item and item.strip()]
        (bans if _AGAINST.match(match["what"]) else cues).extend(found)
    about = " ".join(_CUES.sub("", about).split()).strip(" .;,(-")
    cues += quoted_phrases(about)
    return Label(name, about, tuple(dict.fromkeys(cues)), tuple(dict.fromkeys(bans)))


def quoted_phrases(text: str) -> list[str]:
    """The phrases of at most six words that stand in quotation marks in `text`."""
    found = (next(part for part in match.groups() if part) for match in _QUOTED.finditer(text))
    return [phrase.strip(" .,!?") for phrase in found if len(phrase.split()) <= 6]


@dataclass(frozen=True, slots=True)
class _Item:
    name: str
    about: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Group:
    """Things listed together, and the line that announced them."""

    lead: str
    items: tuple[_Item, ...]


def _named_by(groups: Sequence[_Group], known: Sequence[str]) -> list[str]:
    """The names of the first group that is announced as labels, or that names what the demonstrations
    answer.
    """
    for group in groups:
        names = list(dict.fromkeys(item.name for item in group.items))
        announced = bool(_LEAD.search(group.lead)) and not _NO_LEAD.search(group.lead)
        shared = sum(name in known for name in names)
        if len(names) > 1 and all(map(_is_name, names)) and (announced or shared * 2 >= len(names)):
            return names
    return []


def _groups(text: str) -> list[_Group]:
    lines = text.split("\n")
    return [*_xml_groups(text), *_tables(lines), *_heading_groups(lines), *_lists(lines)]


def _lists(lines: Sequence[str]) -> Iterator[_Group]:
    """Bulleted, numbered and plain ``name: description`` lists, each under the last line that was not part
    of one.
    """
    lead, items, margin, gap = "", list[_Item](), 0, False
    for line in lines:
        match = _ITEM.match(line)
        plain = None if match or gap else _plain_item(lead, line)
        if not line.strip():
            gap = bool(items)
            continue
        if match and items and len(match[1]) > margin:
            items[-1] = _continued(items[-1], match[2], line)
        elif match:
            margin = len(match[1])
            items.append(_item(match[2], line))
        elif items and line.startswith((" ", "\t")) and not gap:
            items[-1] = _continued(items[-1], line.strip(), line)
        elif plain is not None:
            items.append(plain)
        else:
            if items:
                yield _Group(lead, tuple(items))
            lead, items = line, []
        gap = False
    if items:
        yield _Group(lead, tuple(items))


def _plain_item(lead: str, line: str) -> _Item | None:
    """A line ``name: description`` without a bullet, where labels were announced."""
    if not (lead.rstrip().endswith(":") and _LEAD.search(lead)) or _HEADING.match(line):
        return None
    item = _item(line.strip(), line)
    alone = len(line.split()) == 1 and not line.rstrip().endswith(":")
    return item if _is_name(item.name) and len(item.name.split()) <= 4 and (item.about or alone) else None


def _item(content: str, line: str) -> _Item:
    match = _NAMED.match(content)
    if match and _is_name(name := unquoted(match["name"])):
        return _Item(name, match["about"].strip(" *"), (line,))
    return _Item(unquoted(content).rstrip(",;"), "", (line,))


def _continued(item: _Item, more: str, line: str) -> _Item:
    return _Item(item.name, f"{item.about}\n{more}".strip(), (*item.lines, line))


def _heading_groups(lines: Sequence[str]) -> Iterator[_Group]:
    """The headings one level below another one, each with the text under it."""
    leads: dict[int, str] = {}
    items: dict[int, list[_Item]] = {}
    current: int | None = None
    for line in lines:
        match = _HEADING.match(line)
        if match is None:
            if current is not None and line.strip():
                last = items[current][-1]
                items[current][-1] = _continued(last, line.strip(" -*•"), line)
            continue
        level = len(match[1])
        for deeper in [known for known in items if known > level]:
            yield _Group(_above(leads, deeper), tuple(items.pop(deeper)))
        current = level
        items.setdefault(level, []).append(_Item(unquoted(match[2].rstrip(":")), "", (line,)))
        leads = {known: lead for known, lead in leads.items() if known < level}
        leads[level] = match[2]
    for level in sorted(items):
        yield _Group(_above(leads, level), tuple(items[level]))


def _above(leads: dict[int, str], level: int) -> str:
    return next((leads[known] for known in sorted(leads, reverse=True) if known < level), "")


def _tables(lines: Sequence[str]) -> Iterator[_Group]:
    header: str | None = None
    items: list[_Item] = []
    for line in [*lines, ""]:
        match = _TABLE_ROW.match(line)
        if match is None:
            if header is not None and items:
                yield _Group(header, tuple(items))
            header, items = None, []
        elif header is None:
            header = match[1]
        elif set(match[1]) - set("|-: "):
            cells = [unquoted(cell) for cell in match[1].split("|")]
            items.append(_Item(cells[0], "\n".join(cell for cell in cells[1:] if cell), (line,)))


def _xml_groups(text: str) -> Iterator[_Group]:
    for pattern, source in ((_XML_NAMED, text), (_XML_PARTS, text)):
        if found := [_xml_item(match) for match in pattern.finditer(source)]:
            yield _Group("labels", tuple(found))
    insides = [match["inside"] for match in _XML_GROUP.finditer(text)]
    alone = [unquoted(inside.strip()) for inside in insides if "<" not in inside]
    if len(alone) > 1:
        yield _Group("labels", tuple(_Item(name, "", ()) for name in alone))
    for inside in insides:
        if found := [_xml_item(match) for match in _XML_ANY.finditer(inside)]:
            repeated = len({item.name for item in found}) < len(found)
            yield _Group("labels", tuple(_Item(item.about, "", ()) for item in found) if repeated else tuple(found))


def _xml_item(match: re.Match[str]) -> _Item:
    return _Item(match["name"].strip(), " ".join((match["about"] or "").split()), tuple(match[0].split("\n")))


def _enumerated(text: str) -> list[str]:
    for match in _ENUM.finditer(text):
        try:
            values = json.loads(match[1].replace("'", '"'))
        except ValueError:
            continue
        names = [value for value in values if isinstance(value, str)]
        if len(names) > 1:
            return list(dict.fromkeys(names))
    return []


def _inline(text: str) -> list[str]:
    """Names enumerated inside a sentence: 'one of: a, b or c', 'either a or b', 'answer yes or no', '[a, b,
    c]'.
    """
    for pattern in _INLINE:
        for match in pattern.finditer(text):
            names = _enumeration(match["items"])
            if len(names) > 1:
                return names
    return []


def _enumeration(items: str) -> list[str]:
    """The short names that `items` begins with; none where it goes on as prose."""
    quoted = quoted_phrases(items)
    if len(quoted) < 2:
        listed = _ENUMERATION_END.split(items)[0]
        quoted = [unquoted(item) for item in _ITEM_BREAK.split(listed) if item]
    names = list(dict.fromkeys(name.strip(" .:?![](){}") for name in quoted))
    return names if all(_is_name(name) and len(name.split()) <= 4 for name in names) else []


def _is_name(text: str) -> bool:
    """Whether `text` could name a label: a few words, no sentence."""
    return 0 < len(text.split()) <= _LONGEST_NAME and len(text) <= 80 and not re.search(r"[.!:]\s|\n|[.!]$", text)
