"""Static checks: what can be said of a candidate before a single call is paid for it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stemma.core.errors import TemplateError
from stemma.models.tokens import count_tokens
from stemma.registry.prompt import Prompt

_SHINGLE = 12  # words; a shared run this long is a quotation, not a coincidence (Broder 1997 on shingling)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class CheckPolicy:
    """What a candidate must keep of the prompt that it descends from.

    `token_cap` bounds the prompt's own estimated tokens. `frozen` texts must stand in the instructions word for word;
    `forbidden` regular expressions must match nowhere, demonstrations included. `labels` that stand in the origin's
    instructions must still stand in the candidate's. Text of `training` cases may be quoted in demonstrations only.
    """

    token_cap: int | None = 1500
    frozen: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def problems_of(
    candidate: Prompt, origin: Prompt, policy: CheckPolicy, *, training: Iterable[str] = ()
) -> tuple[str, ...]:
    """Everything that is wrong with `candidate`, one sentence each; nothing when it may be evaluated."""
    return tuple(_problems(candidate, origin, policy, training))


def prompt_tokens(prompt: Prompt) -> int:
    """The estimated tokens that every call pays for the prompt itself, whatever the input."""
    return count_tokens(prompt.instructions) + count_tokens(prompt.examples) + count_tokens(prompt.user or "")


def _problems(candidate: Prompt, origin: Prompt, policy: CheckPolicy, training: Iterable[str]) -> Iterable[str]:
    try:
        candidate.check()
    except TemplateError as error:
        yield f"its template cannot be used: {error}"
        return
    if lost := [name for name in origin.variables if name not in candidate.variables]:
        yield f"it lost the variable {lost[0]!r}"
    if new := [name for name in candidate.variables if name not in origin.variables]:
        yield f"it needs a variable {new[0]!r} that nobody gives"
    if candidate.template_format != origin.template_format:
        yield f"it changed the template format to {candidate.template_format!r}"
    for part in ("input_schema", "output_schema"):
        if getattr(candidate, part) != getattr(origin, part):
            yield f"it changed the {part.replace('_', ' ')}"
    tokens = prompt_tokens(candidate)
    if policy.token_cap is not None and tokens > policy.token_cap:
        yield f"it takes {tokens} tokens, more than the cap of {policy.token_cap}"
    for text in policy.frozen:
        if text in origin.instructions and text not in candidate.instructions:
            yield f"it changed the frozen text {text[:60]!r}"
    whole = f"{candidate.instructions}\n{candidate.user or ''}\n{candidate.examples}"
    for pattern in policy.forbidden:
        if re.search(pattern, whole):
            yield f"it holds what the pattern {pattern!r} forbids"
    for label in policy.labels:
        if label in origin.instructions and label not in candidate.instructions:
            yield f"it lost the label {label!r}"
            break
    if copied := _copied(candidate.instructions, origin.instructions, training):
        yield f"its instructions quote training data: {copied!r}"


def _copied(instructions: str, original: str, training: Iterable[str]) -> str | None:
    """A run of words that the instructions share with a training text and did not have before."""
    new = _shingles(instructions) - _shingles(original)
    if not new:
        return None
    for text in training:
        if shared := new & _shingles(text):
            return " ".join(min(shared))
    return None


def _shingles(text: str) -> set[tuple[str, ...]]:
    words: Sequence[str] = _WORD.findall(text.lower())
    return {tuple(words[start : start + _SHINGLE]) for start in range(len(words) - _SHINGLE + 1)}
