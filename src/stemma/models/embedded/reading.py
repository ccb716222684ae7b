"""Reading a prompt: from its text to the `Task` it sets, without any knowledge beyond the text."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from stemma.models.embedded.demonstrations import part_demonstrations, unmarked, unquoted
from stemma.models.embedded.labels import CHOOSING, find_labels
from stemma.models.embedded.passages import read_passages
from stemma.models.embedded.rules import apply_rules
from stemma.models.embedded.task import Kind, Label, Refusal, Shown, Task

_TEXT_NAME = r"(?:context|passage|document|text|article|sources?|help ?cent(?:er|re))"
_ANSWERING = re.compile(
    r"\b(?:quot(?:e|es|ing)|(?:extract|find) (?:the|a) (?:sentence|passage|answer)|relevant (?:passage|sentence)|"
    r"answer (?:the|a|each|any|this|my|their|customer|user)\b.*?\bquestions?|answer from|"
    rf"answers? .{{0,40}}\b{_TEXT_NAME}|(?:based (?:only )?on|using (?:only )?) ?the {_TEXT_NAME})\b",
    re.IGNORECASE | re.DOTALL,
)
_SUMMARIZING = re.compile(r"\b(?:summari[sz]\w*|summary|tl;?dr|key (?:points?|sentences?)|gist)\b", re.IGNORECASE)
_NUMBER = {"one": 1, "a": 1, "single": 1, "two": 2, "three": 3, "four": 4, "five": 5}
_SENTENCES = re.compile(
    rf"\b({'|'.join(_NUMBER)}|\d+)[ -](?:short |key |main |single )?(?:sentences?|points?|bullets?|lines?)\b",
    re.IGNORECASE,
)
_UNANSWERABLE = re.compile(
    r"(?:not (?:in|found|contain\w*|answer\w*|there|present|given)|no answer|cannot be (?:found|answered)|"
    r"doesn't|does not|unanswerable|isn't|nothing (?:in|there)|none of)\b"
    r"[^.\n]{0,60}?\b(?:say|answer|reply|respond|return|write|output)\b"
    r"[^\"'“`\n]{0,20}[\"'“`](?P<words>[^\"'”`\n]{1,80})[\"'”`]",
    re.IGNORECASE,
)
_JSON_KEY = re.compile(
    r"\bjson\b.{0,160}?(?:\{\s*\"(?P<braced>\w+)\"\s*:|\b(?:key|field|property)\s+[\"'`“](?P<named>\w+))",
    re.IGNORECASE | re.DOTALL,
)
_BEYOND = (
    (
        "translation",
        re.compile(r"\btranslat\w*", re.IGNORECASE),
        "translation takes a language model, and I only classify and quote",
    ),
    (
        "arithmetic",
        re.compile(r"\b(?:calculat\w*|comput(?:e|es|ing) |arithmetic|solve|add up|sum of|multipl\w*)\b", re.IGNORECASE),
        "arithmetic and reasoning are beyond me; I only classify and quote",
    ),
    (
        "code",
        re.compile(
            r"\b(?:write|generate|implement|fix|refactor)\b.{0,40}\b(?:code|function|program|script|sql|query)\b",
            re.IGNORECASE | re.DOTALL,
        ),
        "writing code takes a language model, and I only classify and quote",
    ),
)
_LARGEST_EXAMPLE_LABEL = 6  # words


def read_task(prompt: str, *, turns: Sequence[tuple[str, str]] = ()) -> Task:
    """The task that `prompt` sets. Earlier `turns` of the conversation (input, answer) count as demonstrations.

    >>> task = read_task("Route the ticket.\\n\\nLabels:\\n- billing: invoices, refunds\\n- shipping: parcels")
    >>> task.kind.value, [label.name for label in task.labels]
    ('classify', ['billing', 'shipping'])
    """
    parted = part_demonstrations(prompt)
    shown = [*parted.shown, *(Shown(unmarked(text), answer.strip()) for text, answer in turns)]
    key, shown = _unwrapped(shown)
    listed = find_labels(parted.rest, _label_like(parted.rest, shown))
    if len(listed.labels) > 1:
        ruled = apply_rules(listed.rest, listed.labels)
        return Task(
            Kind.CLASSIFY,
            labels=ruled.labels,
            demonstrations=_spelled(shown, ruled.labels),
            fallback=ruled.fallback,
            json_key=key or _asked_key(prompt),
        )
    return _textual(prompt)


def read_choice(prompt: str, names: Sequence[str], *, about: str = "", shown: Sequence[Shown] = ()) -> Task:
    """The choice among `names`, with what `prompt` and the field's own description `about` say of each."""
    told = find_labels(f"{part_demonstrations(prompt).rest}\n\n{about}", (), names=names)
    ruled = apply_rules(told.rest, told.labels)
    return Task(
        Kind.CLASSIFY,
        labels=ruled.labels,
        demonstrations=_spelled(shown, ruled.labels),
        fallback=ruled.fallback,
    )


def _textual(prompt: str) -> Task:
    """The task of a prompt without labels: answering or summarising by quoting, or one the model declines."""
    passages = read_passages(prompt)
    unanswerable = _UNANSWERABLE.search(prompt)
    task = Task(
        Kind.ANSWER,
        context=passages.context,
        json_key=_asked_key(prompt),
        unanswerable=unanswerable["words"] if unanswerable else None,
    )
    if _SUMMARIZING.search(passages.rest):
        return replace(task, kind=Kind.SUMMARIZE, sentences=_sentence_count(passages.rest))
    if _ANSWERING.search(passages.rest) or (passages.context and passages.question is not None):
        return task
    return Task(Kind.REFUSE, refusal=_refusal(prompt))


def _refusal(prompt: str) -> Refusal:
    for code, pattern, reason in _BEYOND:
        if pattern.search(prompt):
            return Refusal(code, reason)
    if CHOOSING.search(prompt):
        return Refusal(
            "no_labels", "the prompt names no labels to choose from; list them under 'Labels:' or show demonstrations"
        )
    return Refusal("free_text", "free text takes a language model, and I only classify, route and quote")


def _sentence_count(text: str) -> int:
    match = _SENTENCES.search(text)
    if match is None:
        return 1
    word = match[1].lower()
    return max(1, min(20, _NUMBER.get(word) or int(word)))


def _unwrapped(shown: Sequence[Shown]) -> tuple[str | None, list[Shown]]:
    """The JSON key that every demonstration's output uses, and the demonstrations with the value alone."""
    keys, bare = [], []
    for one in shown:
        try:
            value = json.loads(one.output)
        except ValueError:
            return None, list(shown)
        if not (isinstance(value, dict) and len(value) == 1):
            return None, list(shown)
        [(key, answer)] = value.items()
        keys.append(key)
        bare.append(Shown(one.input, answer if isinstance(answer, str) else json.dumps(answer)))
    if not keys or len(set(keys)) > 1:
        return None, list(shown)
    return keys[0], bare


def _asked_key(prompt: str) -> str | None:
    match = _JSON_KEY.search(prompt)
    return (match["braced"] or match["named"]) if match else None


def _label_like(rest: str, shown: Sequence[Shown]) -> list[str]:
    """The outputs of the demonstrations, where they can be labels: short, and shared, or the prompt asks to choose."""
    outputs = [one.output for one in shown]
    if any(len(output.split()) > _LARGEST_EXAMPLE_LABEL or "\n" in output for output in outputs):
        return []
    if len(set(outputs)) == len(outputs) and not CHOOSING.search(rest):
        return []
    return outputs


def _spelled(shown: Sequence[Shown], labels: Sequence[Label]) -> tuple[Shown, ...]:
    """The demonstrations whose output is a label, spelled as the label is."""
    by_name = {_folded(label.name): label.name for label in reversed(labels)}
    spelled = ((one.input, by_name.get(_folded(one.output))) for one in shown)
    return tuple(Shown(text, name) for text, name in spelled if name is not None)


def _folded(name: str) -> str:
    return " ".join(unquoted(name).lower().rstrip(".").split())
