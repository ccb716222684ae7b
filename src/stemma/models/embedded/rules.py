"""Finding the sentences of a prompt that say when a label applies: conditions, exclusions, and what to do otherwise."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from stemma.models.embedded.labels import labelled, quoted_phrases
from stemma.models.embedded.task import Label

_SENTENCE = re.compile(r"(?<=[.;!?])\s+|\n")
_BULLET = re.compile(r"^\s*(?:[-*•+]|\d+[.)])\s+")
_CONDITION_FIRST = re.compile(
    r"^(?:if|when(?:ever)?|for|in case(?: of)?|where)\s+(?P<condition>.+?)\s*(?:,|\bthen\b|->|=>|→|:)\s*(?P<rest>.+)$",
    re.IGNORECASE,
)
_CONDITION_LAST = re.compile(
    r"\b(?:if|when(?:ever)?|for|means|covers|includes|only if|only when)\s+(?P<condition>.+)$", re.IGNORECASE
)
_OTHERWISE = re.compile(
    r"^(?:otherwise|else|by default|default(?: label| category| class)?|fall ?back(?: label)?|when in doubt|in doubt|"
    r"if unsure|if in doubt|everything else|anything else|all other\b.*?|in all other cases|"
    r"if (?:none|nothing|no)\b.*?|if (?:it is |you are )?(?:not sure|unsure|unclear|uncertain)\b.*?|"
    r"if you (?:can(?:no|')t|do not know|don't know)\b.*?)(?=\W|$)",
    re.IGNORECASE,
)
_ELSE = re.compile(
    r"\b(?:otherwise|when in doubt|if unsure|if in doubt|if none\b.*?)\b[,:]?\s+(?P<rest>.+)$", re.IGNORECASE
)
_NEVER = re.compile(
    r"\b(?:never|do not|don't|avoid)\s+(?:use|choose|answer|pick|return|output|assign|say|using|choosing)\b",
    re.IGNORECASE,
)
_PREFER = re.compile(r"\b(?:over|rather than|instead of|not)\b", re.IGNORECASE)
_MENTION = re.compile(
    r"\b(?:mentions?|contains?|includes?|says?|has|uses?|starts? with|begins? with|words? like|with the words?)\b"
    r"\s*(?P<phrases>.+)$",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\b(?:not|never|no|without|doesn't|isn't)\b", re.IGNORECASE)
_BREAK = re.compile(r"\s*(?:,\s*(?:or|and)\s+|,\s*|\s+(?:or|and)\s+)")
_ARTICLE = re.compile(r"^(?:an?|the|any|words?|phrases?|like|such as)\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ruled:
    """The labels with what the rules say about them added, and the label for everything else."""

    labels: tuple[Label, ...]
    fallback: str | None


def apply_rules(text: str, labels: Sequence[Label]) -> Ruled:
    """What the sentences of `text` say about `labels`.

    Understood are conditions ('if the customer mentions a refund, answer billing'; 'billing: when money is
    owed'), a label never to be used, and the label to use otherwise. Other prose has no effect.
    """
    told = {label.name: label for label in labels}
    mention = _any_of(list(told))
    fallback: str | None = None
    for sentence in _sentences(text):
        named = mention.findall(sentence)
        if not named:
            continue
        first = _written(named[0], told)
        otherwise = _OTHERWISE.match(sentence) or _ELSE.search(sentence)
        if otherwise:
            after = mention.findall(sentence, otherwise.start())
            fallback = _written(after[0] if after else named[0], told)
            sentence = sentence[: otherwise.start()]
            if not mention.search(sentence):
                continue
        condition, subject = _condition(sentence, mention)
        name = _written(subject, told) if subject else first
        if _NEVER.search(sentence):
            if condition is None:
                told.pop(name, None)
            elif name in told:
                told[name] = replace(told[name], bans=(*told[name].bans, *_phrases(condition)))
        elif condition is not None and name in told:
            told[name] = _with_condition(told[name], condition)
    return Ruled(tuple(told.values()), fallback if fallback in told else None)


def _sentences(text: str) -> Iterator[str]:
    for part in _SENTENCE.split(text):
        sentence = _BULLET.sub("", part).strip()
        if sentence:
            yield sentence


def _any_of(names: Sequence[str]) -> re.Pattern[str]:
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])", re.IGNORECASE)


def _written(found: str, told: dict[str, Label]) -> str:
    return next((name for name in told if name.lower() == found.lower()), found)


def _condition(sentence: str, mention: re.Pattern[str]) -> tuple[str | None, str | None]:
    """The condition in `sentence` and the label it leads to."""
    first = _CONDITION_FIRST.match(sentence)
    if first and (target := _target(first["rest"], mention)):
        return first["condition"], target
    last = _CONDITION_LAST.search(sentence)
    if last and (target := _target(sentence[: last.start()], mention)):
        return last["condition"].rstrip(" ."), target
    return None, None


def _target(text: str, mention: re.Pattern[str]) -> str | None:
    """The label that `text` leads to: the one before 'rather than' or 'not', where several are named."""
    found = mention.findall(_PREFER.split(text)[0]) or mention.findall(text)
    return found[0] if found else None


def _with_condition(label: Label, condition: str) -> Label:
    mentioned = _MENTION.search(condition)
    denied = bool(mentioned and _DENIED.search(condition[: mentioned.start()]))
    if denied:
        return replace(label, bans=(*label.bans, *_phrases(condition)))
    cues = _phrases(condition) if mentioned or quoted_phrases(condition) else ()
    about = "" if mentioned and cues else labelled(label.name, condition).description
    return replace(
        label,
        description="; ".join(part for part in (label.description, about) if part),
        cues=tuple(dict.fromkeys([*label.cues, *cues])),
    )


def _phrases(condition: str) -> tuple[str, ...]:
    """The phrases a condition looks for: the quoted ones, or else the list behind 'mentions'."""
    quoted = quoted_phrases(condition)
    if quoted:
        return tuple(quoted)
    mentioned = _MENTION.search(condition)
    listed = _BREAK.split(mentioned["phrases"] if mentioned else condition)
    bare = [_ARTICLE.sub("", item.strip(" .")) for item in listed]
    return tuple(item for item in bare if item and len(item.split()) <= 4)
