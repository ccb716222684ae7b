"""Protection: what comes into a network is made clean, and personal data and secrets in it become what the manifest says.

It happens once, on the way in: to the inputs of a task, and to what tools return, before either is written down. What is
not clean there (invisible characters, turned directions, terminal escapes, letters that stand for others) is only what
deceives people; nothing is refused for what it says, unless the manifest wants a kind blocked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from stemma.core.errors import NotConfigured
from stemma.core.trust import Integrity, TrustLabel
from stemma.guard.text import Limits, Protection, Treatment, clean, inspect, protect
from stemma.guard.text.finding import rewritten
from stemma.guard.text.protection import Tokens

LONGEST = Limits()
"""The largest input of a task."""


class Vault(Protocol):
    """Where tokens come from: `stemma.guard.vault.Vault`."""

    def tokens(self, tenant: str) -> Tokens: ...


@dataclass(frozen=True, slots=True)
class Protects:
    """What a network does with personal data and secrets, by kind and by field; see `guard.text.Protection`.

    Tokens are those of `tenant`; without one, of a tenant named like the network.
    """

    kinds: Mapping[str, Treatment] = field(default_factory=dict)
    fields: Mapping[str, Treatment] = field(default_factory=dict)
    tenant: str = ""


@dataclass(frozen=True)
class Shield:
    """What stands at the entry of one network."""

    network: str
    protects: Protects | None
    vault: Vault | None

    def item(self, values: Mapping[str, str], labels: Mapping[str, TrustLabel]) -> dict[str, str]:
        """The inputs of a task as they go in. Raises InvalidInput for one that is too large, Refused for a kind that is to be
        blocked, NotConfigured where tokens are wanted and there is no vault.
        """
        inspect(dict(values), LONGEST)
        cleaned = {name: self.incoming(text, labels[name]) for name, text in values.items()}
        if self.protects is None:
            return cleaned
        # As one value, so that the names of inputs are fields, too.
        protected: dict[str, str] = protect(cleaned, self._protection, self._tokens).value
        return protected

    def incoming(self, value: Any, label: TrustLabel) -> Any:
        """`value`, a text or a value of JSON, with what strangers may have put into its texts to deceive taken out."""
        if label.integrity is not Integrity.UNTRUSTED:
            return value
        return rewritten(value, lambda text, _: clean(text).text)

    def result(self, value: Any, label: TrustLabel) -> Any:
        """What a tool returned, as it is written down and told. Raises as `item` does."""
        value = self.incoming(value, label)
        return value if self.protects is None else protect(value, self._protection, self._tokens).value

    @cached_property
    def _protection(self) -> Protection:
        assert self.protects is not None
        return Protection(self.protects.kinds, self.protects.fields)

    @cached_property
    def _tokens(self) -> Tokens | None:
        protects = self.protects
        if protects is None or Treatment.TOKENISE not in {*protects.kinds.values(), *protects.fields.values()}:
            return None
        if self.vault is None:
            raise NotConfigured(
                f"network {self.network!r} wants tokens, and this store was opened without a vault for them"
            )
        return self.vault.tokens(protects.tenant or self.network)
