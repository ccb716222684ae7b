"""Declarations: what each tool of AgentDojo does, and who wrote what in its results, as one readable file a suite."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from stemma.core.trust import INTERNAL, UNTRUSTED, Confidentiality, TrustLabel
from stemma.network import Effect, ToolSpec

_LABELS: Mapping[str, TrustLabel] = {
    "internal": INTERNAL,
    "untrusted": UNTRUSTED,
    "personal": TrustLabel(INTERNAL.integrity, Confidentiality.SECRET, frozenset({"pii"})),
}


@dataclass(frozen=True, slots=True)
class Declaration:
    """One tool: its effect, the label of its results and of parts of them, the arguments that decide what it does, and why."""

    tool: str
    effect: Effect
    label: TrustLabel
    fields: Mapping[str, TrustLabel]
    sensitive: tuple[str, ...]
    because: str

    @property
    def spec(self) -> ToolSpec:
        """The entry of a manifest for it; its function lies in the network's ``tools.py``."""
        return ToolSpec(
            self.tool,
            "python",
            {"function": f"tools.py:{self.tool}"},
            effect=self.effect,
            label=self.label,
            fields=self.fields,
            sensitive=self.sensitive,
        )


def declarations(suite: str) -> Mapping[str, Declaration]:
    """Those of a suite, by tool."""
    content = yaml.safe_load((files(__package__) / f"{suite}.yaml").read_text(encoding="utf-8"))
    shared: Mapping[str, Mapping[str, str]] = content.get("records", {})
    return {tool: _declaration(tool, said, shared) for tool, said in content["tools"].items()}


def _declaration(tool: str, said: Mapping[str, Any], shared: Mapping[str, Mapping[str, str]]) -> Declaration:
    fields: dict[str, TrustLabel] = {}
    for path, label in said.get("fields", {}).items():
        # A record's fields are written down once, and stand wherever the record does.
        for below, one in shared.get(label, {"": label}).items():
            fields[f"{path}.{below}".strip(".")] = _LABELS[one]
    sensitive: Sequence[str] = said.get("sensitive", ())
    return Declaration(
        tool,
        Effect(said["effect"]),
        _LABELS[said.get("label", "internal")],
        fields,
        tuple(sensitive),
        said.get("because", ""),
    )
