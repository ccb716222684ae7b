"""Unit tests of policies: files ``*.test.yaml`` beside them, each case a call or an endorsement and what must come of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stemma.core.errors import InvalidData
from stemma.core.labels import read_label, read_level
from stemma.core.marked import Marked
from stemma.core.trust import Confidentiality, Integrity, TrustLabel
from stemma.guard.policy.policy import Policy
from stemma.guard.ruling import CallFacts, Clearance, EndorseFacts, Ruling, Verdict

_WHO = ("network", "agent", "actor")
_EXPECTED = ("case", "expect", "policy")
_CALL = ("call", "effect", "decided", "arguments", "sensitive", "clearance")
_ENDORSEMENT = ("endorse", "type", "label", "bound")


@dataclass(frozen=True, slots=True)
class Case:
    """What must come of a call or an endorsement: the verdict and, where it is said, a policy that determined it."""

    path: Path
    line: int
    name: str
    facts: CallFacts | EndorseFacts
    expect: Verdict
    policy: str | None

    def difference(self, policy: Policy) -> "Difference | None":
        """What comes of it instead; None when it is as expected."""
        ruling = policy.call(self.facts) if isinstance(self.facts, CallFacts) else policy.endorse(self.facts)
        as_expected = ruling.verdict is self.expect and self.policy in (None, *ruling.policies)
        return None if as_expected else Difference(self, ruling)


@dataclass(frozen=True, slots=True)
class Difference:
    """A case that fails."""

    case: Case
    ruling: Ruling

    def __str__(self) -> str:
        expected = self.case.expect.value + (f" by {self.case.policy!r}" if self.case.policy else "")
        found = self.ruling.verdict.value + "".join(f" by {name!r}" for name in self.ruling.policies[:1])
        return (
            f"{self.case.path}:{self.case.line}: {self.case.name}: expected {expected}, not {found}: "
            f"{'; '.join(self.ruling.reasons)}"
        )


def read_cases(path: Path) -> tuple[Case, ...]:
    """The cases of a file. Raises InvalidData, with the line, for anything in it that is not known, or missing.

    ::

        cases:
          - case: a payment to an account out of a mail waits for a person
            call: pay
            effect: spend
            decided: internal
            arguments:
              iban: {value: DE02120300000000202051, label: untrusted}
              text: {value: rent, label: {integrity: internal, confidentiality: secret, categories: [pii]}}
            sensitive: [iban]
            expect: ask
            policy: approved
          - case: no text is endorsed
            endorse: summary
            type: text
            label: untrusted
            expect: deny
    """
    root = Marked.read(path)
    cases = root.fields("a file of tests", ("cases",), required=("cases",))["cases"]
    return tuple(_case(node) for node in cases.items("cases"))


def cases_in(folder: Path) -> Iterator[Case]:
    """The cases of all files ``*.test.yaml`` in a folder."""
    for path in sorted(folder.glob("*.test.yaml")):
        yield from read_cases(path)


def _case(node: Marked) -> Case:
    is_call = "call" in node.mapping("a case")
    known = (*_EXPECTED, *(_CALL if is_call else _ENDORSEMENT), *_WHO)
    needed = ("case", "expect", *(("call", "effect", "decided") if is_call else ("endorse", "type", "label")))
    keys = node.fields("a case", known, required=needed)
    who = {key: keys[key].text(key) if key in keys else default for key, default in _SOMEBODY.items()}
    return Case(
        node.path,
        node.line,
        keys["case"].text("case"),
        _call(keys, who) if is_call else _endorsement(keys, who),
        keys["expect"].choice("expect", Verdict),
        keys["policy"].text("policy") if "policy" in keys else None,
    )


_SOMEBODY = {"network": "network", "agent": "agent", "actor": "user:somebody"}


def _call(keys: dict[str, Marked], who: dict[str, str]) -> CallFacts:
    arguments = keys["arguments"].mapping("arguments") if "arguments" in keys else {}
    given = {
        name: node.fields(f"argument {name!r}", ("value", "label"), required=("value",))
        for name, node in arguments.items()
    }
    return CallFacts(
        **who,
        tool=keys["call"].text("call"),
        effect=keys["effect"].text("effect"),
        decided=_label(keys["decided"]),
        arguments={name: found["value"].plain() for name, found in given.items()},
        # One without a label is judged as in a network: as untrusted and secret.
        labels={name: _label(found["label"]) for name, found in given.items() if "label" in found},
        sensitive=keys["sensitive"].names("sensitive") if "sensitive" in keys else (),
        clearance=_clearance(keys["clearance"]) if "clearance" in keys else Clearance(),
    )


def _endorsement(keys: dict[str, Marked], who: dict[str, str]) -> EndorseFacts:
    return EndorseFacts(
        **who,
        field=keys["endorse"].text("endorse"),
        type=keys["type"].text("type"),
        label=_label(keys["label"]),
        bound=keys["bound"].whole("bound") if "bound" in keys else None,
    )


def _label(node: Marked) -> TrustLabel:
    """A whole label, or the word of its integrity alone."""
    if not node.is_mapping:
        return TrustLabel(Integrity[read_level(node, Integrity.__members__)])
    if "integrity" not in node.mapping("a label"):
        raise InvalidData(node.path, "a label needs a key 'integrity'", line=node.line)
    return read_label(node, TrustLabel(Integrity.UNTRUSTED))


def _clearance(node: Marked) -> Clearance:
    keys = node.fields("clearance", ("confidentiality", "categories"), required=("confidentiality",))
    return Clearance(
        Confidentiality[read_level(keys["confidentiality"], Confidentiality.__members__)],
        frozenset(keys["categories"].names("categories")) if "categories" in keys else frozenset(),
    )
