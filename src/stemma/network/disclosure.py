"""Disclosure: what of a call's arguments leaves as it is, what does not, and what only a tool that is cleared gets in clear.

Two things happen to the arguments, at two times. Before anybody decides about the call, what may not leave is taken out of
them, or the call is refused: policies and people see what the tool would be handed. When all is decided, and right before
the call, tokens are turned back for a tool that is cleared for what stands behind them. That is never written down: what is
decided about, approved, kept and recorded are tokens, and what comes back has them again in the place of what was told.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, quote_plus

from stemma.core.errors import InvalidInput, Unauthorized
from stemma.core.trust import Integrity, TrustLabel, join_all
from stemma.guard.ruling import Clearance
from stemma.guard.text import TOKEN, Blocked, protect
from stemma.guard.text.finding import inside, nodes
from stemma.guard.text.inert import defanged
from stemma.network.protection import OF_PERSON, OF_SECRET, Shield, label_of, softened
from stemma.network.tools.tool import Effect, Tool, ToolFailed
from stemma.network.wanted import Wanted, decisive

_NO_LIMIT = Clearance(OF_SECRET.confidentiality, OF_PERSON.categories)


@dataclass(frozen=True, slots=True)
class Leaving:
    """A call with what may not leave taken out: the `kinds` of that by argument, and why it is `refused`, if it is."""

    call: Wanted
    kinds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Handed:
    """What a tool is really handed. It is told to nobody else; `hidden` makes what comes back fit to be kept."""

    arguments: Mapping[str, Any] = field(repr=False)
    label: TrustLabel
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What was told, by its token."""

    def hidden(self, value: Any) -> Any:
        """`value` with the tokens in the place of what was told: in any case of letters, or as URLs and inert text spell it."""
        told = {
            _low(written): token
            for token, text in self.texts.items()
            if any(map(str.isalnum, text))
            for cased in (text.upper(), text.lower(), text)  # capitals may be more letters: Groß, GROSS
            for written in _spellings(cased.strip())
        }
        return _Hiding(told, sorted({len(one) for one in told}, reverse=True)).whole(value) if told else value


def leaving(call: Wanted, shield: Shield) -> Leaving:
    """The call as it may leave. What strangers wrote and what does not decide is redacted in the place of being refused:
    whether a call is made must not be up to them.
    """
    if shield.protects is None or not call.tool.acts:
        return Leaving(call)
    protection = shield.leaving(_may_see(call.tool))
    if protection is None:
        return Leaving(call)
    deciding = decisive(call)
    arguments, kinds, refused = dict[str, Any](), dict[str, Sequence[str]](), list[str]()
    for name, value in call.arguments.items():
        strange = call.labels[name].integrity is Integrity.UNTRUSTED and name not in deciding
        try:
            done = protect(value, softened(protection) if strange else protection, shield.tokens, path=f"/{name}")
        except Blocked as blocked:
            refused.append(f"{' and '.join(blocked.kinds)} in argument {name!r} is not let out")
            continue
        except InvalidInput as error:
            refused.append(f"argument {name!r}: {error}")
            continue
        arguments[name] = done.value
        if found := {one.kind for one in done.findings}:
            kinds[name] = sorted(found)
    return Leaving(call if refused else replace(call, arguments=arguments), kinds, tuple(refused))


def reveals(call: Wanted, shield: Shield) -> tuple[str, ...]:
    """The arguments with tokens in them that the tool gets in clear."""
    told = _told(call.tool, shield)
    return tuple(name for name, value in call.arguments.items() if any(_tokens(value, told))) if told else ()


def disclosed(call: Wanted, shield: Shield, purpose: Mapping[str, Any]) -> Handed:
    """What the tool is handed. Blocks. Raises ToolFailed where what stands behind a token was erased, or may not be told by
    whoever this process belongs to; what strangers wrote and what does not decide stays a token then, since whether a call is
    made must not be up to it. Raises NotConfigured where the vault's key is not here.

    `purpose` is what the event ``vault.revealed`` says of why.
    """
    told, label = _told(call.tool, shield), call.label
    if not told or shield.vault is None:
        return Handed(call.arguments, label)
    names = reveals(call, shield)
    # Whether a stranger's text has a token in it must not show in the label: with one or without, it is the same.
    if names or label.integrity is Integrity.UNTRUSTED:
        label = join_all([label, *told])
    if not names:
        return Handed(call.arguments, label)
    deciding = decisive(call)
    ours = [name for name in names if call.labels[name].integrity is not Integrity.UNTRUSTED or name in deciding]
    try:
        found = shield.vault.reveal(
            [call.arguments[name] for name in names],
            shield.tenant,
            wanted=lambda kind: label_of(kind) in told,
            purpose={**purpose, "tool": call.tool.name, "arguments": list(names)},
        )
    except Unauthorized as error:
        if not ours:
            return Handed(call.arguments, label)
        raise ToolFailed(f"what stands behind its tokens may not be told: {error}") from error
    for name in ours:
        if any(token in found.gone for token in _tokens(call.arguments[name], told)):
            raise ToolFailed(
                f"what stood behind a token in argument {name!r} was erased; leave it out, or find out anew what it was"
            )
    return Handed({**call.arguments, **dict(zip(names, found.value, strict=True))}, label, found.texts)


def _may_see(tool: Tool) -> Clearance:
    """What may reach the tool as it is. One that writes keeps what it gets; whatever else acts hands it on."""
    if tool.clearance is not None:
        return tool.clearance
    return _NO_LIMIT if tool.effect is Effect.WRITE else Clearance()


def _told(tool: Tool, shield: Shield) -> tuple[TrustLabel, ...]:
    """What the tool gets in clear of what stands behind tokens, as what it adds to a label. Never without being declared."""
    if shield.protects is None or tool.clearance is None or tool.labelled:
        return ()
    return tuple(label for label in shield.protects.behind_tokens if tool.clearance.covers(label))


def _tokens(value: Any, told: Sequence[TrustLabel]) -> Iterator[str]:
    """The tokens in `value` for what adds one of these to a label."""
    for node in nodes(value):
        if isinstance(node.value, str):
            yield from (one[0] for one in TOKEN.finditer(node.value) if label_of(one["kind"].lower()) in told)


@dataclass(frozen=True, slots=True)
class _Hiding:
    """Puts tokens in the place of what was told, by its lower case; `lengths` are those of its texts, the longest first.

    It goes by looking up, not by one expression of them all: that would try each of thousands at every place.
    """

    told: Mapping[str, str]
    lengths: Sequence[int]

    def whole(self, value: Any) -> Any:
        match value:
            case str():
                return self._text(value)
            case int() | float() if not isinstance(value, bool):
                return self.told.get(str(value), value)
            case _:
                return inside(value, "", lambda key, _: self._text(key), lambda one, _: self.whole(one))

    def _text(self, text: str) -> str:
        pieces, done = list[str](), 0
        for start in (place.start() for place in _BEGINS.finditer(text) if place.lastindex is None):
            end = self._end(text, start) if start >= done else 0
            if end:
                pieces += (text[done:start], self.told[_low(text[start:end])])
                done = end
        return "".join([*pieces, text[done:]])

    def _end(self, text: str, start: int) -> int:
        """Where what was told, and begins at `start`, ends; zero where nothing does."""
        ends = (start + length for length in self.lengths)
        return next((end for end in ends if _low(text[start:end]) in self.told and not _goes_on(text, end)), 0)


_BEGINS = re.compile(f"(?P<token>{TOKEN.pattern})|(?<![A-Za-z0-9])(?=\\S)", re.IGNORECASE)
"""Where something that was told may begin; not inside of tokens, whose letters are nobody's name."""


def _spellings(text: str) -> tuple[str, ...]:
    return quote_plus(text, errors="replace"), quote(text, "", errors="replace"), defanged(text), text


def _low(text: str) -> str:
    """In lower case, letter for letter: there is one letter of which `lower` makes two, and all behind it would be moved."""
    return text.replace("İ", "i").lower()


def _goes_on(text: str, end: int) -> bool:
    return text[end : end + 1].isascii() and text[end : end + 1].isalnum()
