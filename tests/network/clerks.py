"""A clerk whose tools say what they were handed, and calls of tools without a network."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic_ai.messages import ToolCallPart
from tests.network.desks import OneModel
from tests.network.speaking import Heard, Speaking

from stemma import Prompt
from stemma.core.clock import SystemClock
from stemma.core.trust import INTERNAL, UNTRUSTED, TrustLabel
from stemma.guard.ruling import Clearance
from stemma.guard.text import Treatment
from stemma.guard.vault import Vault
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.network import Networks, Run, ToolSpec, define_agent, define_network
from stemma.network.protection import Protects
from stemma.network.tools.tool import Effect, Tool
from stemma.network.wanted import Wanted
from stemma.registry.contents import Contents
from stemma.registry.prompts import Prompts
from stemma.store import Store

NAMES = Protects(fields={"name": Treatment.TOKENISE}, tenant="acme")
PII = Clearance(categories=frozenset({"pii"}))
KEY = "ghp_" + "a1B2" * 9
TOOLS = """
import json, os, pathlib

def _put(**got):
    with open(pathlib.Path(__file__).parent / "got.jsonl", "a") as file:
        file.write(json.dumps(got) + "\\n")
    dies = pathlib.Path(__file__).parent / "dies"
    if dies.exists():
        dies.unlink()
        os._exit(9)

def mail(to: str, body: str) -> str:
    'Sends a letter.'
    _put(to=to, body=body)
    return f"sent to {to.upper()}"

def post(text: str) -> str:
    'Posts to a board.'
    _put(text=text)
    return "posted"

def find(name: str) -> dict:
    'Finds a customer.'
    _put(find=name)
    if name == "Nobody":
        raise LookupError("there is no customer Nobody")
    return {"name": name, "note": f"{name} likes tea", "number": 7}
"""
OURS = {"name": INTERNAL, "ticket": UNTRUSTED}
STRANGE = dict.fromkeys(OURS, UNTRUSTED)
VALUES = {"name": "Erika", "ticket": "hello"}
CLEARED = {"mail": PII, "find": PII}
EFFECTS = {"mail": Effect.EGRESS, "post": Effect.EGRESS, "find": Effect.READ}


class Desk:
    """One clerk with tools that say what they were handed."""

    def __init__(self, scope: Scope, folder: Path) -> None:
        (folder / "tools.py").write_text(TOOLS)
        self.scope, self.folder = scope, folder
        self.vault = Vault(scope, folder / "keys")

    def run(
        self,
        *calls: ToolCallPart,
        protects: Protects | None = NAMES,
        inputs: Mapping[str, TrustLabel] = OURS,
        values: Mapping[str, str] = VALUES,
        cleared: Mapping[str, Clearance] = CLEARED,
        answer: str = "",
        vault: Vault | None = None,
    ) -> Run:
        """The run of a clerk that makes these calls, and then says what it was told, or `answer`.

        ``NAME`` in an argument is the name as the clerk sees it, which is in its prompt.
        """
        tools = [
            ToolSpec(
                name,
                "python",
                {"function": f"tools.py:{name}"},
                effect=effect,
                clearance=cleared.get(name),
                sensitive={"mail": ("to",)}.get(name),
            )
            for name, effect in EFFECTS.items()
        ]

        def clerk(heard: Heard) -> Any:
            if len(heard.told) < len(calls):
                call = calls[len(heard.told)]
                token = heard.system.split("<name>")[-1].split("<")[0]
                given = json.loads(json.dumps(call.args).replace("NAME", token))
                return ToolCallPart(call.tool_name, given)
            return answer or json.dumps(heard.told)

        self.model = Speaking({"clerk": clerk})
        names = tuple(one.name for one in tools)
        agent = define_agent(
            "clerk", Prompt("clerk: help <name>{{name}}<."), reads=list(inputs), writes="said", tools=names
        )
        manifest = define_network(
            "desk",
            inputs=inputs,
            agents=[agent],
            flow=["clerk"],
            model="speaking",
            tools=tuple(tools),
            folder=self.folder,
        )
        manifest = replace(manifest, protects=protects)
        prompts = Prompts(self.scope, Contents())
        self.networks = Networks(self.scope, prompts, OneModel(self.model), vault=vault or self.vault)
        [run] = self.networks.run(manifest, [values], wait=False).runs
        return run

    @property
    def got(self) -> list[dict[str, Any]]:
        """What the tools were handed."""
        file = self.folder / "got.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [dict(entry.data) for entry in self.scope.ledger.tail(1000, kind=kind)]


def mail(to: str, body: str) -> ToolCallPart:
    return ToolCallPart("mail", {"to": to, "body": body})


def opened(folder: Path) -> Scope:
    clock, store = SystemClock(), Store.open(f"sqlite:///{folder}/stemma.db")
    return Scope(store, Ledger(store, clock), clock, "user:ada")


def tool(effect: Effect, clearance: Clearance | None, **schema: Any) -> Tool:
    async def nothing(*_: Any) -> None: ...

    properties = {"x": schema, "y": {"type": "string"}}
    return Tool("t", "", {"properties": properties}, nothing, effect, INTERNAL, clearance=clearance, sensitive=("x",))


def call(of: Tool, arguments: Mapping[str, Any], label: TrustLabel = INTERNAL) -> Wanted:
    return Wanted(of, arguments, dict.fromkeys(arguments, label))
