"""Handles: names that stand for text which an agent may pass on and must not read.

An agent that can do things never sees what strangers wrote. It sees ``$h1``; nothing of the text comes through, not
even its length, and where the agent puts the name, the runtime puts the text, with its label (after CaMeL, Debenedetti
et al. 2025, and FIDES, Costa et al. 2025).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stemma.core.trust import Integrity, TrustLabel, join_all
from stemma.guard.fields import replaced

_REFERENCE = re.compile(r"\$h[0-9]{1,6}(?:\.[A-Za-z_][A-Za-z0-9_]{0,63})?")


@dataclass(frozen=True, slots=True)
class Held:
    """What a handle stands for. `source` says where it came from, in words for people."""

    name: str
    value: Any
    label: TrustLabel
    source: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A value with the text of its handles in it, the join of their labels (None without any), and what they were."""

    value: Any
    label: TrustLabel | None
    used: tuple[Held, ...] = ()

    def label_from(self, own: TrustLabel) -> TrustLabel:
        """The label of the whole, whose other words carry `own`."""
        return own if self.label is None else own.join(self.label)


class UnknownHandle(LookupError):
    """A name that stands for nothing."""


@dataclass
class Handles:
    """The handles of one turn, numbered in the order in which their texts came: the same in every replay."""

    _held: dict[str, Held] = field(default_factory=dict)
    _number: int = 0

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, name: str) -> bool:
        return name in self._held

    def get(self, name: str) -> Held:
        """What a handle stands for. Raises UnknownHandle, which names those that there are."""
        try:
            return self._held[name.strip()]
        except KeyError:
            there = ", ".join(self._held) or "none"
            raise UnknownHandle(f"there is no {name!r}; there are: {there}") from None

    def hide(self, value: Any, label: TrustLabel, source: str) -> str:
        """A handle for `value`."""
        return self._hold(self._next(), value, label, source)

    def hide_fields(self, values: Mapping[str, tuple[Any, TrustLabel]], source: str) -> str:
        """One handle for several values, each with its label; each is ``$h1.field``."""
        name = self._next()
        for one, (value, label) in values.items():
            self._hold(f"{name}.{one}", value, label, f"{source}: {one}")
        return name

    def shown(self, value: Any, label: TrustLabel, fields: Mapping[str, TrustLabel], source: str) -> Any:
        """`value` as an agent may see it: what is untrusted, the whole or some of its fields, behind handles."""
        if label.integrity is Integrity.UNTRUSTED:
            return self.hide(value, label, source)
        untrusted = {path: of for path, of in fields.items() if of.integrity is Integrity.UNTRUSTED}
        if not untrusted:
            return value
        return replaced(value, untrusted, lambda item, of, path: self.hide(item, of.join(label), f"{source}: {path}"))

    def fill(self, value: Any) -> Filled:
        """`value` with every reference filled in; one that is a whole text becomes the value itself. What is filled in is not
        looked at again. Raises UnknownHandle for a text that is nothing but a reference to something that is not there.
        """
        used: list[Held] = []
        filled = self._filled(value, used)
        return Filled(filled, join_all([held.label for held in used]) if used else None, tuple(used))

    def _filled(self, value: Any, used: list[Held]) -> Any:
        match value:
            case str():
                return self._text(value, used)
            case Mapping():
                return {self._as_text(key, used): self._filled(item, used) for key, item in value.items()}
            case list() | tuple():
                return [self._filled(item, used) for item in value]
            case _:
                return value

    def _text(self, text: str, used: list[Held]) -> Any:
        if "$h" not in text:
            return text
        if _REFERENCE.fullmatch(text.strip()):
            held = self.get(text)
            used.append(held)
            return held.value
        return self._as_text(text, used)

    def _as_text(self, text: str, used: list[Held]) -> str:
        def found(match: re.Match[str]) -> str:
            held = self._held.get(match.group())
            if held is None:
                # "$h1." at the end of a sentence, with a word behind it, is a reference and a full stop.
                name, _, rest = match.group().partition(".")
                held, rest = self._held.get(name), f".{rest}" if rest else ""
                if held is None:
                    return match.group()
                used.append(held)
                return _said(held.value) + rest
            used.append(held)
            return _said(held.value)

        return _REFERENCE.sub(found, text) if "$h" in text else text

    def _next(self) -> str:
        self._number += 1
        return f"$h{self._number}"

    def _hold(self, name: str, value: Any, label: TrustLabel, source: str) -> str:
        self._held[name] = Held(name, value, label, source)
        return name


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
