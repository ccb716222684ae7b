"""What becomes of personal data and secrets in a value: by kind for what has a form, by field for what has none."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from stemma.core.errors import InvalidInput, Refused
from stemma.guard.text.finding import Finding, inside, longest, nodes
from stemma.guard.text.personal import KINDS, personal
from stemma.guard.text.secrets import secrets

SECRET = "secret"
"""Every kind that `secrets` finds, where a protection does not name it by itself."""

TOKEN = re.compile(
    r"(?<![A-Za-z0-9])pii_(?P<kind>[a-z0-9-]{1,64})_(?P<body>[a-z2-7]{34,})(?![A-Za-z0-9])", re.IGNORECASE
)
"""What a token looks like, in any case of letters: it survives JSON, Markdown, URLs and models that shout."""

_FIELD = re.compile(r"[\w -]+(?:\.[\w -]+)*")
_SEPARATORS = re.compile(r"[\s_-]+")


class Treatment(StrEnum):
    """What is done with a find."""

    REDACT = "redact"  # replaced by its kind, for good
    TOKENISE = "tokenise"  # replaced by a token, which the vault turns back
    BLOCK = "block"  # the whole value is refused
    KEEP = "keep"


class Blocked(Refused):
    """A value with finds in it that are to be blocked, of these `kinds`."""

    def __init__(self, what: str, reasons: Sequence[str], kinds: Sequence[str]) -> None:
        self.kinds = tuple(kinds)
        super().__init__(what, reasons)


class Tokens(Protocol):
    """Whoever gives a token for a text; see `stemma.guard.vault`."""

    def token(self, kind: str, text: str) -> str:
        """A token for `text`, always the same for the same kind and text."""


@dataclass(frozen=True, slots=True)
class Protection:
    """A policy: treatments of kinds (those of `personal` and `secrets`; `secret` means all of the latter) and of fields.

    A field is a name in a JSON object, wherever it stands, or several with dots between, the inner one last; case,
    underscores and hyphens make no difference. What it holds is treated whole, as no detector finds names and addresses.
    Kinds that are not named are kept, and not even looked for.
    """

    kinds: Mapping[str, Treatment] = field(default_factory=dict)
    fields: Mapping[str, Treatment] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.fields:
            if _FIELD.fullmatch(name) is None:
                raise InvalidInput(
                    f"{name!r} names no field; write a name, or names with dots, such as customer.address"
                )

    @classmethod
    def all(cls, treatment: Treatment, *fields: str) -> "Protection":
        """The same for every kind, and for `fields`."""
        return cls(dict.fromkeys((*KINDS, SECRET), treatment), dict.fromkeys(fields, treatment))

    def of_kind(self, kind: str) -> Treatment:
        general = Treatment.KEEP if kind in KINDS else self.kinds.get(SECRET, Treatment.KEEP)
        return Treatment(self.kinds.get(kind, general))

    def of_field(self, path: str) -> tuple[str, Treatment] | None:
        """Which of the named fields the JSON Pointer `path` is, and its treatment."""
        steps = [_folded(step) for step in path.split("/")[1:] if not step.isdigit()]
        for name, treatment in self.fields.items():
            wanted = [_folded(step) for step in name.split(".")]
            if steps[-len(wanted) :] == wanted:
                return name, Treatment(treatment)
        return None

    @property
    def looks_for_personal(self) -> bool:
        return any(self.of_kind(kind) is not Treatment.KEEP for kind in KINDS)

    @property
    def looks_for_secrets(self) -> bool:
        return any(treatment != Treatment.KEEP for kind, treatment in self.kinds.items() if kind not in KINDS)


@dataclass(frozen=True, slots=True)
class Protected:
    """A value as it may go on, and what was found in it."""

    value: Any
    findings: tuple[Finding, ...]


def protect(value: Any, protection: Protection, tokens: Tokens | None = None, *, path: str = "") -> Protected:
    """`value`, a text or a JSON value, with every find treated as `protection` says, in keys of objects too.

    `path` says which field of something larger it is. What is protected already stays as it is. Raises Blocked when a find is
    to be blocked, NotConfigured when personal data is to be looked for without Presidio, InvalidInput when it is to be
    tokenised without `tokens`, or nested too deep.

    >>> protect({"name": "Ada", "n": 1}, Protection(fields={"name": Treatment.REDACT})).value
    {'name': '[redacted name]', 'n': 1}
    """
    for _ in nodes(value):  # refuses what is nested too deep, before anything is done
        pass
    work = _Protecting(protection, tokens)
    done = work.whole(value, path)
    if work.blocked:
        reasons = [f"{kind} {f'in {at}' if at else 'in it'} is not let through" for kind, at in work.blocked]
        kinds = dict.fromkeys(kind for kind, _ in work.blocked)
        raise Blocked("the text" if isinstance(value, str) else "the value", reasons, list(kinds))
    return Protected(done, tuple(work.findings))


class _Protecting:
    def __init__(self, protection: Protection, tokens: Tokens | None) -> None:
        self._protection = protection
        self._tokens = tokens
        self._personal = protection.looks_for_personal
        self._secret = protection.looks_for_secrets
        self.findings: list[Finding] = []
        self.blocked: list[tuple[str, str]] = []

    def whole(self, value: Any, path: str) -> Any:
        named = self._protection.of_field(path) if path else None
        if named is not None and named[1] is not Treatment.KEEP:
            return self._field(value, path, *named)
        if isinstance(value, str):
            return self._text(value, path)
        return inside(value, path, self._text, self.whole)

    def _field(self, value: Any, path: str, name: str, treatment: Treatment) -> Any:
        """Every text and number in a field that is protected as a whole."""
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            text = str(value)
            if not text or _is_protected(text):
                return value
            kind = re.sub(r"[^a-z0-9]+", "-", name.rpartition(".")[2].lower())
            self.findings.append(Finding(kind, 0, len(text), path=path))
            return self._treated(treatment, kind, text, path)
        return inside(value, path, self._text, lambda one, at: self._field(one, at, name, treatment))

    def _text(self, text: str, path: str) -> str:
        found = (personal(text) if self._personal else []) + (secrets(text) if self._secret else [])
        pieces, done = list[str](), 0
        for one in longest(found):
            treatment = self._protection.of_kind(one.kind)
            if treatment is Treatment.KEEP:
                continue
            self.findings.append(one.at(path))
            pieces += (text[done : one.start], self._treated(treatment, one.kind, text[one.start : one.end], path))
            done = one.end
        return "".join([*pieces, text[done:]])

    def _treated(self, treatment: Treatment, kind: str, text: str, path: str) -> str:
        if treatment is Treatment.BLOCK:
            self.blocked.append((kind, path))
            return text
        if treatment is Treatment.REDACT:
            return f"[redacted {kind}]"
        if self._tokens is None:
            raise InvalidInput(
                f"{kind} is to be tokenised, which needs a vault; give the tokens of a tenant, or redact it"
            )
        return self._tokens.token(kind, text)


def _is_protected(text: str) -> bool:
    return re.fullmatch(r"\[redacted [a-z0-9-]+\]|pii_[a-z0-9-]+_[a-z2-7]+", text) is not None


def _folded(name: str) -> str:
    return _SEPARATORS.sub("", name).lower()
