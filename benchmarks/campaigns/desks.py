"""The networks of the campaigns, one for each topology, and the model that answers there by rule.

Whatever an agent says depends on all that it was sent, so that a message that is lost, repeated or changed shows in the
end. Every network has agents that call a tool with an effect.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.campaigns.effects import Effects
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from stemma.core.digests import digest
from stemma.models.conversation import read_conversation
from stemma.network import Manifest, load_manifest

_HOME = "benchmarks.campaigns.effects"
_ROUNDS = 3  # of the loop


def agent(name: str, *reads: str, tools: Sequence[str] = ("note",), **more: Any) -> dict[str, Any]:
    """An agent with a model that reads the ticket and `reads`, and writes ``<name>_says``."""
    return {"reads": ["ticket", *reads], "writes": f"{name}_says", "tools": list(tools), **more}


def caller(name: str, tool: str = "stamp", **more: Any) -> dict[str, Any]:
    """An agent that only calls a tool."""
    return {"calls": tool, "reads": ["ticket"], "writes": f"{name}_says", **more}


TOPOLOGIES: Mapping[str, Mapping[str, Any]] = {
    "pipeline": {
        "agents": {
            "look": agent("look", replicas=1),
            "seal": caller("seal"),
            "tell": agent("tell", "look_says", "seal_says", tools=[]),
        },
        "pipeline": ["look", "seal", "tell"],
    },
    "loop": {
        "agents": {"coder": agent("coder", "coder_says?"), "tester": agent("tester", "coder_says", tools=[])},
        "teams": {
            "build": {"loop": {"steps": ["coder", "tester"], "until": {"tester_says": "yes"}, "at_most": _ROUNDS + 1}}
        },
        "flow": "build",
    },
    "phases": {
        "agents": {
            "left": agent("left", replicas=1),
            "right": caller("right"),
            "join": agent("join", "left_says", "right_says"),
        },
        "phases": [
            {"phase": "gather", "agents": ["left", "right"], "parallel": True},
            {"phase": "write", "agents": ["join"], "depends_on": ["gather"]},
        ],
    },
    "hierarchy": {
        "agents": {
            "lead": agent("lead", tools=[]),
            "dig": agent("dig"),
            "haul": caller("haul", replicas=1),
            "merge": agent("merge", "dig_says", "haul_says", tools=[]),
        },
        "teams": {
            "crew": {
                "hierarchy": {
                    "orchestrator": "lead",
                    "workers": ["dig", "haul"],
                    "merge": "merge",
                    "plans": {
                        "both": [
                            {"agent": "dig", "brief": "Dig for {{ticket}}."},
                            {"agent": "haul", "brief": "Haul it."},
                        ]
                    },
                }
            }
        },
        "flow": "crew",
    },
    "panel": {
        "agents": {name: agent(name, "statements?") for name in ("ann", "bob", "cat")},
        "teams": {"jury": {"panel": {"members": ["ann", "bob", "cat"], "writes": "verdict", "rounds": 2}}},
        "flow": "jury",
    },
    "route": {
        "agents": {
            "cards": agent("cards", capabilities=["lost and stolen cards"]),
            "fees": agent("fees", capabilities=["fees and charges"]),
        },
        "teams": {"who": {"route": {"agents": ["cards", "fees"], "by": "capability", "reads": ["ticket"]}}},
        "flow": "who",
    },
    "open_topic": {
        "agents": {
            "north": agent("north", capabilities=["lost and stolen cards"]),
            "south": agent("south", capabilities=["fees and charges on cards"]),
        },
        "teams": {"any": {"open_topic": {"agents": ["north", "south"], "reads": ["ticket"], "otherwise": "north"}}},
        "flow": "any",
    },
}


def tickets(number: int) -> list[dict[str, str]]:
    """So many tickets, no two alike."""
    about = ("I lost my card", "why was I charged fees on my card", "my card was stolen")
    return [{"ticket": f"{about[count % 3]}, ticket {count}"} for count in range(number)]


def write_network(
    folder: Path,
    name: str,
    shape: Mapping[str, Any],
    *,
    effect: str = "write",
    idempotent: bool = True,
) -> Manifest:
    """The manifest ``<name>.yaml`` in `folder`, with the prompts that it names. JSON is YAML too."""
    agents: dict[str, Any] = {}
    for agent_name, described in shape["agents"].items():
        agents[agent_name] = dict(described)
        if "calls" not in described:
            file = f"{name}-{agent_name}.json"
            user = "\n".join(f"{read}: {{{{ {read} }}}}" for read in map(_bare, described["reads"]))
            (folder / file).write_text(json.dumps({"instructions": f"{agent_name}: say what you see.", "user": user}))
            agents[agent_name]["prompt"] = file
    used = {tool for described in agents.values() for tool in [*described.get("tools", ()), described.get("calls")]}
    tools = {
        tool: {"python": f"{_HOME}:{tool}", "effect": effect, "idempotent": idempotent, "timeout": 120}
        for tool in ("note", "stamp", "hold")
        if tool in used
    }
    manifest = {
        "network": name,
        "model": "scripted",
        "inputs": {"ticket": {"integrity": "internal"}},  # ours: nobody has to approve what is done with them
        "tools": tools,
        **shape,
        "agents": agents,
    }
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(manifest, indent=1))
    return load_manifest(path)


def ruled(seconds: float = 0.0, *, heard: Effects | None = None) -> FunctionModel:
    """The model: it calls each agent's tool once, and then says a digest of all it was sent; each call takes `seconds`.

    `heard` logs which process asked it for what.
    """

    async def says(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        await asyncio.sleep(seconds)
        asked = read_conversation(messages)
        if heard is not None:
            heard.add(asked.user, "model")
        returned = [part.content for part in messages[-1].parts if isinstance(part, ToolReturnPart)]
        if info.function_tools and not returned:
            return ModelResponse(parts=[ToolCallPart("note", {"text": digest([asked.user])[:12]})])
        return ModelResponse(parts=[TextPart(_said(asked.system.partition(":")[0], asked.user, returned))])

    return FunctionModel(says)


def _said(name: str, user: str, returned: Sequence[Any]) -> str:
    seen = digest([name, user, *map(str, returned)])
    match name:
        case "lead":
            return "both"
        case "coder":
            return f"{user.rpartition(': ')[2].strip()}+{seen[:4]}"
        case "tester":
            return "yes" if user.count("+") >= _ROUNDS else "no"
        case "ann" | "bob" | "cat":
            return "yes" if int(seen[0], 16) < 8 else "no"
    return f"{name} {seen[:12]}"


def _bare(read: str) -> str:
    return read.removesuffix("?")
