"""A small support desk for the tests of this room, and the model that answers there by rule."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pydantic_ai.models import Model

from stemma.ledger.scope import Scope
from stemma.network import Networks
from stemma.registry.contents import Contents
from stemma.registry.prompt import Prompt
from stemma.registry.prompts import Prompts

MANIFEST = """\
network: support-desk
model: scripted
inputs: [ticket]
agents:
  triage: {prompt: "prompts:/support/triage@production", reads: [ticket], writes: category}
  search:
    prompt: find.json
    reads: [ticket, category]
    knowledge: {folder: help-centre, top: 2, query: [ticket]}
    writes: passage
  check: {prompt: check.json, reads: [ticket, passage], writes: answered}
  reply:
    prompt: reply.json
    reads: [ticket, passage]
    writes: reply
    when: {answered: yes}
    otherwise: no passage answers the ticket
pipeline: [triage, search, check, reply]
"""
TRIAGE = Prompt("triage: name the category.")
PROMPTS = {
    "find": Prompt("find: quote the passage.", user="Context:\n{{ context }}\n\nQuestion: {{ ticket }}"),
    "check": Prompt("check: does the passage answer?", user="{{ passage }}\n\n{{ ticket }}"),
    "reply": Prompt("reply: write to the customer.", user="{{ passage }}\n\n{{ ticket }}"),
}
CARDS = (
    "# Lost cards\n\nFreeze the card in the app. A new one comes in five days.\n\n# Fees\n\nCash abroad costs 2 %.\n"
)


def write_desk(folder: Path) -> None:
    """Manifest, prompt files and help centre."""
    (folder / "help-centre").mkdir(parents=True)
    (folder / "stemma.yaml").write_text(MANIFEST)
    (folder / "help-centre" / "cards.md").write_text(CARDS)
    for name, prompt in PROMPTS.items():
        (folder / f"{name}.json").write_bytes(prompt.canonical)


def tickets(number: int) -> list[dict[str, str]]:
    return [{"ticket": f"ticket {count}: I lost my card"} for count in range(number)]


def rule(system: str, user: str) -> str:
    """What the scripted model says: each agent's answer depends on all that the agent was sent."""
    agent = system.partition(":")[0]
    if agent == "check":
        return "no" if "unanswerable" in user else "yes"
    return f"{agent} of {len(user)} characters: {user.splitlines()[-1]}"


@dataclass
class OneModel:
    """Every model name means this model."""

    model: Model

    def get(self, name: str) -> Model:
        return self.model


def networks_on(scope: Scope, model: Model) -> Networks:
    """Networks on a store whose registry serves the desk's triage prompt."""
    prompts = Prompts(scope, Contents())
    version = prompts.save("support/triage", TRIAGE)
    prompts.label("support/triage", version.version, "production")
    return Networks(scope, prompts, OneModel(model))


def effects(scope: Scope) -> Counter[str]:
    """The audit log's events about runs, counted by kind."""
    kinds = Counter(entry.kind for entry in scope.ledger.tail(100_000))
    return Counter(
        {kind: count for kind, count in kinds.items() if kind.partition(".")[0] in ("run", "message", "model")}
    )
