"""The lists of a prompt, in whatever notation: bullets, numbers, plain lines, headings, tables and XML."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stemma.models.embedded.demonstrations import unquoted

LABEL_WORD = (
    r"(?:labels?|categor(?:y|ies)|class(?:es)?|intents?|options?|topics?|queues?|teams?|departments?|routes?|"
    r"agents?|types?|tags?|choices?|destinations?|sentiments?|priorit(?:y|ies)|specialists?|workers?|experts?|"
    r"handlers?|values?|one of|outputs?|answers?|kinds?|levels?|buckets?)"
)
LEAD = re.compile(rf"\b{LABEL_WORD}\b", re.IGNORECASE)
"""Words that announce labels."""
_ITEM = re.compile(r"^(\s*)(?:[-*•+]|\(?\d+[.)]|\(?[a-z][.)])\s+(\S.*)$")
_HEADING = re.compile(r"^\s*(#+)\s+(.*?)\s*#*\s*$")
_NAMED = re.compile(
    r"^(?P<name>(?:\*\*.+?\*\*|`.+?`|\".+?\"|“.+?”|[^:—–=]+?))\s*(?::|—|–|\s-\s|\s=\s)\s*(?P<about>.*)$",
    re.DOTALL,
)
_TABLE_ROW = re.compile(r"^\s*\|(.+)\|\s*$")
_XML_NAMED = re.compile(
    rf"<({LABEL_WORD}|item)\s+(?:name|id|value|label)\s*=\s*[\"'](?P<name>[^\"']+)[\"'][^>]*?"
    r"(?:/>|>(?P<about>.*?)</\1>)",
    re.IGNORECASE | re.DOTALL,
)
_XML_PARTS = re.compile(
    r"<(?:name|label|id)>\s*(?P<name>[^<]+?)\s*</(?:name|label|id)>\s*"
    r"(?:<(?P<tag>description|about|definition|meaning)>\s*(?P<about>.*?)\s*</(?P=tag)>)?",
    re.IGNORECASE | re.DOTALL,
)
_XML_GROUP = re.compile(rf"<({LABEL_WORD})>(?P<inside>.*?)</\1>", re.IGNORECASE | re.DOTALL)
_XML_ANY = re.compile(r"<(?P<name>[\w.-]+)>\s*(?P<about>.*?)\s*</(?P=name)>", re.DOTALL)
_LONGEST_NAME = 8  # words


@dataclass(frozen=True, slots=True)
class Item:
    """Something listed, what is said about it, and the lines of the text that say so."""

    name: str
    about: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Things listed together, and the line that announced them."""

    lead: str
    items: tuple[Item, ...]


def groups_in(text: str) -> list[Group]:
    """Everything that `text` lists, the most explicit notations first."""
    lines = text.split("\n")
    return [*_xml_groups(text), *_tables(lines), *_heading_groups(lines), *_lists(lines)]


def _lists(lines: Sequence[str]) -> Iterator[Group]:
    """Bulleted, numbered and plain ``name: description`` lists, each under the last line that was not part of one."""
    lead, items, margin, gap = "", list[Item](), 0, False
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
                yield Group(lead, tuple(items))
            lead, items = line, []
        gap = False
    if items:
        yield Group(lead, tuple(items))


def _plain_item(lead: str, line: str) -> Item | None:
    """A line ``name: description`` without a bullet, where labels were announced."""
    if not (lead.rstrip().endswith(":") and LEAD.search(lead)) or _HEADING.match(line):
        return None
    item = _item(line.strip(), line)
    alone = len(line.split()) == 1 and not line.rstrip().endswith(":")
    return item if is_name(item.name) and len(item.name.split()) <= 4 and (item.about or alone) else None


def _item(content: str, line: str) -> Item:
    match = _NAMED.match(content)
    if match and is_name(name := unquoted(match["name"])):
        return Item(name, match["about"].strip(" *"), (line,))
    return Item(unquoted(content).rstrip(",;"), "", (line,))


def _continued(item: Item, more: str, line: str) -> Item:
    return Item(item.name, f"{item.about}\n{more}".strip(), (*item.lines, line))


def _heading_groups(lines: Sequence[str]) -> Iterator[Group]:
    """The headings one level below another one, each with the text under it."""
    leads: dict[int, str] = {}
    items: dict[int, list[Item]] = {}
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
            yield Group(_above(leads, deeper), tuple(items.pop(deeper)))
        current = level
        items.setdefault(level, []).append(Item(unquoted(match[2].rstrip(":")), "", (line,)))
        leads = {known: lead for known, lead in leads.items() if known < level}
        leads[level] = match[2]
    for level in sorted(items):
        yield Group(_above(leads, level), tuple(items[level]))


def _above(leads: dict[int, str], level: int) -> str:
    return next((leads[known] for known in sorted(leads, reverse=True) if known < level), "")


def _tables(lines: Sequence[str]) -> Iterator[Group]:
    header: str | None = None
    items: list[Item] = []
    for line in [*lines, ""]:
        match = _TABLE_ROW.match(line)
        if match is None:
            if header is not None and items:
                yield Group(header, tuple(items))
            header, items = None, []
        elif header is None:
            header = match[1]
        elif set(match[1]) - set("|-: "):
            cells = [unquoted(cell) for cell in match[1].split("|")]
            items.append(Item(cells[0], "\n".join(cell for cell in cells[1:] if cell), (line,)))


def _xml_groups(text: str) -> Iterator[Group]:
    for pattern, source in ((_XML_NAMED, text), (_XML_PARTS, text)):
        if found := [_xml_item(match) for match in pattern.finditer(source)]:
            yield Group("labels", tuple(found))
    insides = [match["inside"] for match in _XML_GROUP.finditer(text)]
    alone = [unquoted(inside.strip()) for inside in insides if "<" not in inside]
    if len(alone) > 1:
        yield Group("labels", tuple(Item(name, "", ()) for name in alone))
    for inside in insides:
        if found := [_xml_item(match) for match in _XML_ANY.finditer(inside)]:
            repeated = len({item.name for item in found}) < len(found)
            yield Group("labels", tuple(Item(item.about, "", ()) for item in found) if repeated else tuple(found))


def _xml_item(match: re.Match[str]) -> Item:
    return Item(match["name"].strip(), " ".join((match["about"] or "").split()), tuple(match[0].split("\n")))


def is_name(text: str) -> bool:
    """Whether `text` could name a label: a few words, no sentence."""
    return 0 < len(text.split()) <= _LONGEST_NAME and len(text) <= 80 and not re.search(r"[.!:]\s|\n|[.!]$", text)
