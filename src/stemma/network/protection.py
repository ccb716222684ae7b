"""Protection: what comes into a network is made clean, and what becomes of personal data and secrets on the way in and out.

On the way in it is the inputs of a task, and what tools return, before either is written down; on the way out what tools are
handed (see `disclosure`), and what a task comes to. What is not clean (invisible characters, turned directions, terminal
escapes, letters that stand for others) is only what deceives people; nothing is refused for what it says, unless the manifest
wants a kind blocked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from stemma.core.errors import InvalidInput, NotConfigured
from stemma.core.marked import near
from stemma.core.trust import Confidentiality, Integrity, TrustLabel
from stemma.guard.ruling import Clearance
from stemma.guard.text import TOKEN, Blocked, Limits, Protection, Treatment, clean, inspect, protect
from stemma.guard.text.finding import DEEPEST, rewritten
from stemma.guard.text.personal import KINDS as PERSONAL
from stemma.guard.text.protection import SECRET, Tokens
from stemma.guard.text.secrets import KINDS as SECRETS
from stemma.guard.vault import Revealed

LONGEST = Limits()
"""The largest input of a task."""

LARGEST = Limits(depth=DEEPEST)
"""The largest value that a task may come to."""

KINDS = (*PERSONAL, SECRET, *SECRETS)
"""What a manifest may say a treatment of."""

OF_PERSON = TrustLabel(Integrity.TRUSTED, Confidentiality.PUBLIC, frozenset({"pii"}))
"""What personal data adds to the label of a text that holds it."""

OF_SECRET = TrustLabel(Integrity.TRUSTED, Confidentiality.SECRET)
"""What a secret adds."""

_NESTED = "token"  # the kind of a token for what a stranger wrote, when that is a token


class Vault(Protocol):
    """Where tokens come from, and are turned back: `stemma.guard.vault.Vault`."""

    def tokens(self, tenant: str) -> Tokens: ...

    def own(self, value: Any, tenant: str) -> frozenset[str]: ...

    def reveal(
        self, value: Any, tenant: str, *, wanted: Callable[[str], bool], purpose: Mapping[str, Any]
    ) -> Revealed: ...


@dataclass(frozen=True, slots=True)
class Protects:
    """What a network does with personal data and secrets, by kind and by field; see `guard.text.Protection`.

    `out` is what becomes of kinds, and of some of the `fields`, where they leave; of secrets, unless it says so, that they are
    blocked. Tokens are those of `tenant`; without one, of a tenant named like the network. Raises InvalidInput for an `out` of
    what is neither.
    """

    kinds: Mapping[str, Treatment] = field(default_factory=dict)
    fields: Mapping[str, Treatment] = field(default_factory=dict)
    tenant: str = ""
    out: Mapping[str, Treatment] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.out:
            if name not in KINDS and name not in self.fields:
                known = (*KINDS, *self.fields)
                raise InvalidInput(
                    f"'out' of 'protect' names {name!r}, which is no kind, and none of the fields{near(name, known)}; "
                    f"name it under 'fields' too, or one of {', '.join(known)}"
                )

    @property
    def behind_tokens(self) -> tuple[TrustLabel, ...]:
        """What may stand behind the tokens that are spoken here, as what it adds to a label; nothing where none are."""
        treated = [*self.kinds.items(), *self.fields.items(), *self.out.items()]
        tokenised = [label_of(name) for name, treatment in treated if treatment == Treatment.TOKENISE]
        return tuple(dict.fromkeys([OF_PERSON, *tokenised] if tokenised or self.tenant else []))


@dataclass(frozen=True, slots=True)
class Output:
    """What a task comes to, as it may be told; `withheld` says why of each value that may not."""

    values: Mapping[str, Any]
    withheld: Mapping[str, str]


@dataclass(frozen=True)
class Shield:
    """What stands at the entry and the exits of one network."""

    network: str
    protects: Protects | None
    vault: Vault | None

    # --- in -----------------------------------------------------------------------------------------------------------

    def item(self, values: Mapping[str, str], labels: Mapping[str, TrustLabel]) -> dict[str, str]:
        """The inputs of a task as they go in. Raises InvalidInput for one that is too large, Refused for a kind that is to be
        blocked, NotConfigured where tokens are wanted and there is no vault, or what finds personal data is not installed.
        """
        inspect(dict(values), LONGEST)
        cleaned = {name: self.incoming(text, labels[name]) for name, text in values.items()}
        if self.protects is None:
            return cleaned
        leaving = self.leaving(Clearance())
        if leaving is not None:
            protect("", leaving, self.tokens)  # what is not installed shows now, not in the middle of the work
        # As one value, so that the names of inputs are fields, too.
        protected: dict[str, str] = protect(cleaned, self._coming_in, self.tokens).value
        return protected

    def incoming(self, value: Any, label: TrustLabel) -> Any:
        """`value`, a text or a value of JSON, with what strangers may have put into its texts to deceive taken out.

        A token of ours that a stranger wrote is a text like any other: it gets a token of its own. Else whoever was once sent
        a token could have it turned back by handing it in.
        """
        if label.integrity is not Integrity.UNTRUSTED:
            return value
        cleaned = rewritten(value, lambda text, _: clean(text).text)
        tokens = self.tokens
        if tokens is None or self.vault is None or not (own := self.vault.own(cleaned, self.tenant)):
            return cleaned

        def nested(text: str, _: str) -> str:
            return TOKEN.sub(lambda one: tokens.token(_NESTED, one[0]) if one[0] in own else one[0], text)

        return rewritten(cleaned, nested)

    def result(self, value: Any, label: TrustLabel) -> Any:
        """What a tool returned, as it is written down and told. Raises as `item` does."""
        value = self.incoming(value, label)
        return value if self.protects is None else protect(value, self._coming_in, self.tokens).value

    # --- out ----------------------------------------------------------------------------------------------------------

    def leaving(self, clearance: Clearance) -> Protection | None:
        """What becomes of what leaves towards somebody with that clearance; None where nothing has to be looked for."""
        if self.protects is None:
            return None
        kinds, fields = dict[str, Treatment](), dict[str, Treatment]()
        for name, treatment in ({SECRET: Treatment.BLOCK} | dict(self.protects.out)).items():
            if not clearance.covers(label_of(name)):
                (kinds if name in KINDS else fields)[name] = treatment
        return Protection(kinds, fields) if {*kinds.values(), *fields.values()} - {Treatment.KEEP} else None

    def output(self, values: Mapping[str, Any], labels: Mapping[str, TrustLabel]) -> Output:
        """What a task came to as it is told: strangers' words clean, and all of it protected as the manifest says."""
        told, withheld = dict[str, Any](), dict[str, str]()
        leaving = self.leaving(Clearance())
        for name, value in values.items():
            try:
                inspect(value, LARGEST)
                if labels[name].integrity is Integrity.UNTRUSTED:
                    value = rewritten(value, lambda text, _: clean(text).text)
                told[name] = value if leaving is None else protect(value, leaving, self.tokens, path=f"/{name}").value
            except Blocked as blocked:
                withheld[name] = f"{' and '.join(blocked.kinds)} is not let out"
            except InvalidInput:
                most = f"{LARGEST.characters:,} characters, {LARGEST.nodes:,} values, {LARGEST.depth} levels"
                withheld[name] = f"it is larger than may be told ({most})"
        return Output(told, withheld)

    def reason(self, text: str) -> str:
        """Why a task ended so, which may quote anybody."""
        leaving = self.leaving(Clearance())
        cleaned = clean(text).text
        return cleaned if leaving is None else str(protect(cleaned, softened(leaving), self.tokens).value)

    # --- tokens -------------------------------------------------------------------------------------------------------

    @property
    def tenant(self) -> str:
        """Whose tokens are spoken here."""
        return (self.protects.tenant if self.protects is not None else "") or self.network

    @cached_property
    def tokens(self) -> Tokens | None:
        """What gives them; None where none are spoken."""
        if self.protects is None or not self.protects.behind_tokens:
            return None
        if self.vault is None:
            raise NotConfigured(
                f"network {self.network!r} wants tokens, and this store was opened without a vault for them"
            )
        return self.vault.tokens(self.tenant)

    @cached_property
    def _coming_in(self) -> Protection:
        assert self.protects is not None
        return Protection(self.protects.kinds, self.protects.fields)


def label_of(kind: str) -> TrustLabel:
    """What text of that kind, or of a field of that name, adds to the label of what holds it."""
    return OF_SECRET if kind == SECRET or kind in SECRETS else OF_PERSON


def softened(protection: Protection) -> Protection:
    """The same, with what would be blocked redacted."""
    softer = {Treatment.BLOCK: Treatment.REDACT}
    return Protection(
        {kind: softer.get(treatment, treatment) for kind, treatment in protection.kinds.items()},
        {name: softer.get(treatment, treatment) for name, treatment in protection.fields.items()},
    )
