"""The policies of a network: files under review that say which calls are made, which wait for a person, and which are not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from cedarpy import Decision, PolicySet, is_authorized

from stemma.core.digests import digest
from stemma.core.errors import InvalidData, InvalidInput
from stemma.core.trust import Integrity
from stemma.guard.policy import reasons
from stemma.guard.policy.arguments import Kind, encoded, merged
from stemma.guard.policy.entities import EFFECTS, Asked
from stemma.guard.policy.statements import Statement, statements
from stemma.guard.policy.validation import validated
from stemma.guard.ruling import CallFacts, EndorseFacts, Ruling, Verdict

DEFAULTS = Path(__file__).parent
"""The folder of the default policies and their tests."""

_DEFAULT = "default.cedar"
_LARGEST = 2**63 - 1  # of Cedar's Long


@dataclass(frozen=True, eq=False, repr=False)
class Policy:
    """Cedar policies, parsed and validated once; asked about every call and every endorsement.

    `texts` are the files by name: `Policy.of(texts)` gives the same policy again. `version` is a digest of them and of the
    schema. Whatever goes wrong while it is asked means deny.

    >>> from stemma.core.trust import INTERNAL, UNTRUSTED
    >>> from stemma.guard.ruling import Clearance
    >>> call = dict(network="desk", agent="clerk", actor="user:ada", tool="pay", effect="spend", decided=INTERNAL)
    >>> call |= dict(arguments={"iban": "DE02"}, sensitive=("iban",), clearance=Clearance())
    >>> Policy.default().call(CallFacts(**call, labels={"iban": INTERNAL})).verdict.value
    'allow'
    >>> Policy.default().call(CallFacts(**call, labels={"iban": UNTRUSTED})).reasons
    ("argument 'iban' is untrusted and decides what happens; no policy lets that through without a person",)
    """

    version: str
    texts: Mapping[str, str]
    statements: tuple[Statement, ...]
    _parsed: PolicySet
    _uses: Mapping[str, Mapping[str, Kind]]
    """By policy, the arguments that it looks at."""
    _looks: dict[str, Mapping[str, Kind]] = field(default_factory=dict)
    """By tool, what `looks_at` found."""

    @classmethod
    def load(cls, folder: Path | None) -> Self:
        """The policies in a folder's ``*.cedar`` files, and the default ones unless a ``default.cedar`` there replaces them.

        A folder that is None or not there gives the default ones alone. Raises InvalidData with file and line.
        """
        texts = {_DEFAULT: _read(DEFAULTS / _DEFAULT)}
        if folder is not None and folder.is_dir():
            texts |= {path.name: _read(path) for path in folder.glob("*.cedar")}
        return cls.of(texts, folder=folder)

    @classmethod
    def default(cls) -> Self:
        """The policies that hold before anyone writes a line."""
        return cls.load(None)

    @classmethod
    def of(cls, texts: Mapping[str, str], *, folder: Path | None = None) -> Self:
        """Exactly these policies, by the name of their file; no default ones are added.

        `folder` is named in errors. Raises InvalidData with file and line for what cannot be parsed, does not fit the
        schema, or has a name that another policy has.
        """
        found = list[Statement]()
        texts = dict(sorted(texts.items()))
        for name, text in texts.items():
            path = name if folder is None or not (folder / name).is_file() else str(folder / name)
            found += statements(path, text)
        schema = _read(DEFAULTS / "policy.cedarschema")
        uses = validated(found, schema)
        parsed = {"templates": {}, "staticPolicies": {one.id: one.parsed for one in found}, "templateLinks": []}
        version = digest({"schema": schema, "texts": texts})
        return cls(version, texts, tuple(found), PolicySet.from_json_str(json.dumps(parsed)), uses)

    def call(self, facts: CallFacts) -> Ruling:
        """Whether a tool is called: allow; ask, when only a person's approval makes it allowed; else deny. Never raises."""
        try:
            return self._call(facts)
        except Exception as error:  # noqa: BLE001 - the guard fails closed, and says why
            return self._failed(error)

    def endorse(self, facts: EndorseFacts) -> Ruling:
        """Whether a field that was read out of a text counts as internal from now on: allow or deny. Never raises."""
        try:
            return self._endorse(facts)
        except Exception as error:  # noqa: BLE001 - the guard fails closed, and says why
            return self._failed(error)

    def looks_at(self, tool: str) -> Mapping[str, Kind]:
        """The arguments of a tool that policies speak of, each with the type they take it for."""
        if tool not in self._looks:
            uses = (self._uses[one.id] for one in self.statements if one.tool in (None, tool))
            self._looks[tool] = merged(use for of in uses for use in of.items())
        return self._looks[tool]

    def _call(self, facts: CallFacts) -> Ruling:
        if facts.effect not in EFFECTS:
            raise InvalidInput(f"the tool's effect is {facts.effect!r}, and not one of {', '.join(EFFECTS)}")
        handed = facts.handed
        content = [label.integrity for name, label in facts.labels.items() if name not in facts.sensitive]
        context = {
            "decided": int(facts.decided.integrity),
            "sensitive": int(facts.of_sensitive),
            "content": int(min(content, default=Integrity.TRUSTED)),
            "untrusted": [n for n, label in facts.labels.items() if label.integrity is Integrity.UNTRUSTED],
            "confidentiality": int(handed.confidentiality),
            "clearance": int(facts.clearance.confidentiality),
            "uncovered": list(handed.categories - facts.clearance.categories),
            "cleared": facts.clearance.covers(handed),
            "actor": facts.actor,
            "arguments": {
                name: encoded(name, facts.arguments[name], kind)
                for name, kind in self.looks_at(facts.tool).items()
                if facts.arguments.get(name) is not None
            },
        }
        asked = Asked.call(facts)
        permitted, first = self._ask(asked, {**context, "approved": False})
        if permitted:
            return self._ruling(Verdict.ALLOW, reasons.allowed(first), first)
        permitted, second = self._ask(asked, {**context, "approved": True})
        if permitted:
            return self._ruling(Verdict.ASK, reasons.asks(facts, first), (*first, *second))
        return self._ruling(Verdict.DENY, reasons.denied(facts, second), second)

    def _endorse(self, facts: EndorseFacts) -> Ruling:
        never = reasons.uncountable(facts)
        if never is not None or facts.bound is None:
            return self._ruling(Verdict.DENY, (str(never),), ())
        context = {
            "integrity": int(facts.label.integrity),
            "confidentiality": int(facts.label.confidentiality),
            "categories": list(facts.label.categories),
            "bound": min(facts.bound, _LARGEST),
            "actor": facts.actor,
        }
        permitted, found = self._ask(Asked.endorsement(facts), context)
        if permitted:
            return self._ruling(Verdict.ALLOW, reasons.allowed(found), found)
        return self._ruling(Verdict.DENY, reasons.stays(facts, found), found)

    def _ask(self, asked: Asked, context: Mapping[str, Any]) -> tuple[bool, tuple[str, ...]]:
        """Whether it is permitted, and the policies that determined it. Raises InvalidInput when any of them failed."""
        answer = is_authorized(asked.to_cedar(context), self._parsed, asked.entities)
        # Cedar skips a policy that fails: a forbid that cannot be evaluated would let through what it is there to stop.
        if answer.diagnostics.errors or answer.decision is Decision.NoDecision:
            raise InvalidInput("; ".join(answer.diagnostics.errors) or "no decision was reached")
        return answer.decision is Decision.Allow, tuple(sorted(answer.diagnostics.reasons))

    def _ruling(self, verdict: Verdict, why: tuple[str, ...], policies: tuple[str, ...]) -> Ruling:
        return Ruling(verdict, why, policies, self.version)

    def _failed(self, error: Exception) -> Ruling:
        told = str(error) if isinstance(error, InvalidInput) else f"{type(error).__name__}: {error}"
        return self._ruling(Verdict.DENY, (f"the policies could not be evaluated, which means deny: {told}",), ())


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise InvalidData(path, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidData(path, f"is not UTF-8 at byte {error.start}; save it as UTF-8") from error
