"""The page on the manifest: it names every key that is read, and no other, with the default that holds."""

import asyncio
from dataclasses import MISSING, fields
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.examples.page import Page, spelt

from stemma.core.errors import InvalidData
from stemma.network import load_manifest
from stemma.network.agent import Limits
from stemma.network.bounds import Bounds
from stemma.network.flow import Hierarchy, Loop, OpenTopic, Panel, Phase, Route
from stemma.network.manifest import RESERVED
from stemma.network.manifest.manifest import INBOX
from stemma.network.manifest.names import POSTED, QUESTION
from stemma.network.people import Interceptor
from stemma.network.protection import KINDS
from stemma.network.tools.code import CodeOptions, CodeTools
from stemma.network.tools.files import FileOptions, FileTools
from stemma.network.tools.function import FunctionOptions, function_tool
from stemma.network.tools.http import HttpOptions, HttpTools
from stemma.network.tools.mcp import McpOptions
from stemma.network.tools.tool import ToolSpec

PAGE = Page.read("manifest.md")
TABLES = {title: rows for title, section in PAGE.sections.items() if (rows := section.rows("key", "type"))}

WHOLE = """
network: desk
inputs: [ticket]
agents:
  one: {prompt: one.prompt.yml, reads: [ticket], writes: said, tools: [till]}
  two: {prompt: one.prompt.yml, reads: [ticket], writes: heard}
tools: {till: {python: "till.py:pay"}}
pipeline: [one, two]
"""

UNKNOWN: dict[str, dict[str, Any]] = {
    "Network": {"surely_unknown": 1},
    "Labels": {"inputs": {"ticket": {"surely_unknown": 1}}},
    "Agents": {"agents": {"one": {"surely_unknown": 1}}},
    "Limits": {"agents": {"one": {"limits": {"surely_unknown": 1}}}},
    "Knowledge": {"agents": {"one": {"knowledge": {"surely_unknown": 1}}}},
    "Memory": {"agents": {"one": {"memory": {"surely_unknown": 1}}}},
    "Tools": {"tools": {"till": {"surely_unknown": 1}}},
    "Clearance": {"tools": {"till": {"clearance": {"surely_unknown": 1}}}},
    "Python": {"tools": {"till": {"python": {"surely_unknown": 1}}}},
    "Files": {"tools": {"till": {"python": None, "files": {"surely_unknown": 1}}}},
    "HTTP": {"tools": {"till": {"python": None, "http": {"surely_unknown": 1}}}},
    "MCP": {"tools": {"till": {"python": None, "mcp": {"surely_unknown": 1}}}},
    "Code": {"tools": {"till": {"python": None, "code": {"surely_unknown": 1}}}},
    "Teams": {"teams": {"team": {"surely_unknown": 1}}, "flow": "team", "pipeline": None},
    "Phases": {"phases": [{"surely_unknown": 1}], "pipeline": None},
    "Loop": {"teams": {"team": {"loop": {"surely_unknown": 1}}}},
    "Hierarchy": {"teams": {"team": {"hierarchy": {"surely_unknown": 1}}}},
    "Plans": {
        "teams": {
            "team": {"hierarchy": {"orchestrator": "one", "workers": ["two"], "plans": {"a": [{"surely_unknown": 1}]}}}
        }
    },
    "Panel": {"teams": {"team": {"panel": {"surely_unknown": 1}}}},
    "Route": {"teams": {"team": {"route": {"surely_unknown": 1}}}},
    "Open topic": {"teams": {"team": {"open_topic": {"surely_unknown": 1}}}},
    "People": {"people": [{"surely_unknown": 1}]},
    "Bounds": {"bounds": {"surely_unknown": 1}},
    "Protect": {"protect": {"surely_unknown": 1}},
}
"""By section of the page, what makes the smallest network wrong there: the refusal names every key that is right."""

RECORDS: dict[str, type[Any]] = {
    "Limits": Limits,
    "Bounds": Bounds,
    "Python": FunctionOptions,
    "Files": FileOptions,
    "HTTP": HttpOptions,
    "MCP": McpOptions,
    "Code": CodeOptions,
    "Phases": Phase,
    "Loop": Loop,
    "Hierarchy": Hierarchy,
    "Panel": Panel,
    "Route": Route,
    "Open topic": OpenTopic,
    "People": Interceptor,
}
"""By section, the record that has its defaults."""

IN_WORDS = {
    "MCP": ("command", "url", "tools"),
    "Hierarchy": ("workers",),
    "Loop": ("otherwise",),
    "Route": ("reads", "otherwise"),
    "Open topic": ("otherwise",),
    "People": ("ask",),
}
"""Defaults for which the page has a better word than nothing."""


def merged(one: Any, other: Any) -> Any:
    """`one` with what `other` says in its place; what `other` says is nothing is left out."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other
    both = one | {key: merged(one.get(key), value) for key, value in other.items()}
    return {key: value for key, value in both.items() if value is not None}


def refusal(folder: Path, change: dict[str, Any]) -> str:
    """What is said about the smallest network with this change."""
    (folder / "one.prompt.yml").write_text("messages:\n  - {role: user, content: '{{ticket}}'}\n")
    path = folder / "stemma.yaml"
    path.write_text(yaml.safe_dump(merged(yaml.safe_load(WHOLE), change), sort_keys=False))
    with pytest.raises(InvalidData) as refused:
        load_manifest(path)
    return str(refused.value)


def plain(value: Any) -> Any:
    """A default as YAML has it; whatever is empty is nothing."""
    if isinstance(value, Enum):
        return value.value
    if value in (None, "", (), {}):
        return None
    return list(value) if isinstance(value, tuple) else value


def test_every_table_of_keys_is_tried() -> None:
    """No section is left out of what follows."""
    assert TABLES.keys() == UNKNOWN.keys()
    assert RECORDS.keys() <= UNKNOWN.keys()


@pytest.mark.parametrize("section", UNKNOWN)
def test_section_names_every_key_that_is_read(section: str, tmp_path: Path) -> None:
    """Neither more nor less: the reader, told an unknown key, lists those that it knows."""
    said = refusal(tmp_path, UNKNOWN[section])
    assert "surely_unknown" in said
    keys = [spelt(row[0])[0] for row in TABLES[section]]
    assert sorted(said.partition("; it has ")[2].split(", ")) == sorted(keys)


@pytest.mark.parametrize("section", RECORDS)
def test_defaults_are_those_of_the_code(section: str) -> None:
    """Each default that the table shows is the record's, and what it calls required has none there."""
    options = {one.name: one for one in fields(RECORDS[section])}
    for key, _, default, *_ in TABLES[section]:
        name = spelt(key)[0]
        if name in IN_WORDS.get(section, ()):
            continue
        option = options[name]
        if option.default is MISSING and option.default_factory is MISSING:
            assert default == "required", name
        else:
            value = option.default if option.default_factory is MISSING else option.default_factory()
            assert (None if default == "–" else yaml.safe_load(spelt(default)[0])) == plain(value), name


@pytest.mark.parametrize("block", PAGE.blocks("yaml"))
def test_examples_are_read(block: str, tmp_path: Path) -> None:
    """With its files beside it, each example is a network."""
    written = yaml.safe_load(block)
    for agent in written["agents"].values():
        if "prompt" in agent:
            (tmp_path / agent["prompt"]).touch()
        if "knowledge" in agent:
            (tmp_path / agent["knowledge"]["folder"]).mkdir(exist_ok=True)
    (tmp_path / "stemma.yaml").write_text(block)
    manifest = load_manifest(tmp_path / "stemma.yaml")
    assert {agent.name for agent in manifest.agents} == written["agents"].keys()


def test_other_defaults_hold(tmp_path: Path) -> None:
    """Those that no record has: of the network, of an agent's knowledge and memory, of labels."""
    (tmp_path / "one.prompt.yml").touch()
    (tmp_path / "papers").mkdir()
    asked = {"knowledge": {"folder": "papers"}, "memory": {"scope": "desk"}, "history": None}
    (tmp_path / "stemma.yaml").write_text(
        yaml.safe_dump(merged(yaml.safe_load(WHOLE), {"agents": {"one": asked}}), sort_keys=False)
    )
    manifest = load_manifest(tmp_path / "stemma.yaml")
    one = manifest.agents[0]
    assert one.knowledge is not None
    assert one.memory is not None
    label = manifest.inputs["ticket"]
    holds = {
        ("Network", "model"): one.model,
        ("Network", "inbox"): INBOX,
        ("Agents", "history"): one.history,
        ("Knowledge", "top"): one.knowledge.top,
        ("Knowledge", "label"): {"integrity": one.knowledge.label.integrity.name.lower()},
        ("Memory", "top"): one.memory.top,
        ("Labels", "integrity"): label.integrity.name.lower(),
        ("Labels", "confidentiality"): label.confidentiality.name.lower(),
    }
    told = {(section, spelt(row[0])[0]): row[2] for section, rows in TABLES.items() for row in rows}
    assert {place: yaml.safe_load(spelt(told[place])[0]) for place in holds} == holds


def test_given_values_and_kinds_are_those_of_the_code() -> None:
    """The page lists the names that are taken, and every kind that a network can protect."""
    given = {spelt(row[0])[0] for row in PAGE.sections["Values that are given"].rows("name")}
    assert given == {*RESERVED, QUESTION, POSTED}
    assert [one for row in PAGE.sections["Protect"].rows("kinds") for one in spelt(row[1])] == list(KINDS)


def test_tools_say_of_themselves_what_the_page_says(tmp_path: Path) -> None:
    """Of each kind whose tools are our own: effect, label, what decides, whether a call may be repeated, and the time."""
    kinds: list[FileTools | HttpTools | CodeTools] = [
        FileTools(ToolSpec("NAME", "files", {"folder": "reports"}), tmp_path),
        HttpTools(ToolSpec("NAME", "http", {"allow": ["https://example.org/"], "methods": ["get", "post"]}), tmp_path),
        CodeTools(ToolSpec("NAME", "code"), tmp_path),
    ]
    tools = {name: tool for kind in kinds for name, tool in asyncio.run(kind.tools()).items()}
    tools["python"] = function_tool("python", lambda order, amount: None)
    told = {name: row[1:] for row in PAGE.sections["Tools"].rows("tool", "effect") for name in spelt(row[0])}
    del told["mcp"]  # what a server's tools do, the server says
    assert told.keys() == tools.keys()
    for name, (effect, label, sensitive, repeated, timeout) in told.items():
        tool = tools[name]
        decisive = {"all": tuple(tool.parameters["properties"]), "none": ()}.get(sensitive, tuple(spelt(sensitive)))
        assert (tool.effect.value, tool.label.integrity.name.lower()) == (spelt(effect)[0], spelt(label)[0]), name
        assert (tool.decisive, tool.may_repeat) == (decisive, repeated == "yes"), name
        assert timeout in (f"{tool.timeout:g}", "by its `seconds`"), name
