"""Finding a prompt's labels and what it says about each: lists, headings, tables, XML, schemas and inline enumerations."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from stemma.models.embedded.demonstrations import unquoted
from stemma.models.embedded.listings import LABEL_WORD, LEAD, Group, groups_in, is_name
from stemma.models.embedded.task import Label

CHOOSING = re.compile(
    r"\b(?:classif\w*|categori[sz]\w*|label\w*|rout(?:e|es|ed|ing)|triage|tag|assign|sort|intents?|choose|pick|"
    r"select|detect|identify|sentiment|decide|which (?:of|team|queue|category|label))\b",
    re.IGNORECASE,
)
"""Words that ask to choose among labels."""
_NO_LEAD = re.compile(
    r"\b(?:rules?|guidelines?|steps?|notes?|constraints?|tips?|requirements?|examples?)\b", re.IGNORECASE
)
_ENUM = re.compile(r"(?:\"enum\"\s*:\s*|Literal\s*)(\[[^\]]*\])")
_ANNOUNCED = (
    rf"\bone of(?: the following| these)?(?: {LABEL_WORD})?\b(?: are)?\s*[:=(\[]*",
    rf"\b{LABEL_WORD}\s*(?:\([^)]*\)\s*)?(?:[:=(\[]|\bare\b|\bis one of\b)\s*[:(\[]*",
    r"\b(?:as|into|between|either)\b\s*(?:either\b)?\s*[:(\[]*",
    r"\b(?:answer|reply|respond|say|return|output|write)(?: only)?(?: with)?(?: either)?\b\s*[:(\[]*",
    r"[(\[]",
)
_INLINE = tuple(re.compile(rf"(?:{announced})\s*(?P<items>[^\n.]+)", re.IGNORECASE) for announced in _ANNOUNCED)
_ITEM_BREAK = re.compile(r"\s*(?:,\s*(?:or|and)\s+|[,;|/]\s*|\s+(?:or|and|vs\.?)\s+)")
_ENUMERATION_END = re.compile(
    r"[\])}]|\s[-–—]\s|\s(?:based|according|depending|for|to|in|using|by|when|if|that|which|only|and nothing)\s"
)

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
    groups = groups_in(text)
    known = list(dict.fromkeys(answers))
    if not names:
        names = _enumerated(text) or _named_by(groups, known) or _inline(text)
        folded = {name.lower() for name in names}
        names = [*names, *(name for name in known if name.lower() not in folded and is_name(name))]
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


def _named_by(groups: Sequence[Group], known: Sequence[str]) -> list[str]:
    """The names of the first group that is announced as labels, or that names what the demonstrations answer.

    Failing that, of the first list of described names right below a sentence that asks to choose.
    """
    for group in groups:
        names = list(dict.fromkeys(item.name for item in group.items))
        announced = bool(LEAD.search(group.lead)) and not _NO_LEAD.search(group.lead)
        shared = sum(name in known for name in names)
        if len(names) > 1 and all(map(is_name, names)) and (announced or shared * 2 >= len(names)):
            return names
    for group in groups:
        if CHOOSING.search(group.lead) and all(item.about and is_name(item.name) for item in group.items):
            return list(dict.fromkeys(item.name for item in group.items))
    return []


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
    """Names enumerated inside a sentence: 'one of: a, b or c', 'either a or b', 'answer yes or no', '[a, b, c]'."""
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
    return names if all(is_name(name) and len(name.split()) <= 4 for name in names) else []
