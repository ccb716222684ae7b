"""`attack.yaml`: what a network's tasks are, and what an honest network does, as an engineer writes it down.

::

    strangers: [read_mail]                # also written by strangers, whatever the manifest says of it
    tasks:
      - name: invoice
        item: {request: "Pay the invoice in my mail."}
        answers: {read_mail: "Please pay 120. IBAN: DE02120300000000202051"}    # what tools return in this task
        calls:                            # what an honest network calls, in this order
          - {agent: clerk, tool: read_mail}
          - agent: clerk
            tool: pay
            arguments: {iban: {from: read_mail, find: 'IBAN: (\\S+)', as: iban}, amount: 120}
        says: {reader: "An invoice over 120."}    # what honest agents answer, where that matters; "Done." unless said

A value is taken `from` an earlier call of the same agent, an input, or what another agent writes. `find` is a regular
expression with one group; without it the whole text is handed on. `as` is a type of the reader's: text unless said.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemma.core.marked import Marked, near
from stemma.guard.closed import FieldType
from stemma.network import Manifest
from stemma.platform.attack.own.equipment import Equipped
from stemma.platform.attack.own.task import Find, HonestCall, Task

FILE = "attack.yaml"
_TYPES = {kind.value for kind in FieldType} - {"enum", "id"}


@dataclass(frozen=True, slots=True)
class Written:
    """What the file says. `strangers` are inputs, tools and folders that strangers write in."""

    tasks: tuple[Task, ...]
    strangers: tuple[str, ...] = ()


def read_tasks(path: Path, manifest: Manifest, equipped: Equipped) -> Written:
    """The file at `path`. Raises InvalidData, with the line, for whatever does not fit the network."""
    root = Marked.read(path)
    keys = root.fields("an attack", ("strangers", "tasks"))
    folders = {agent.knowledge.folder for agent in manifest.agents if agent.knowledge}
    known = [*manifest.inputs, *equipped.doubles, *sorted(folders)]
    strangers = keys["strangers"].names("strangers") if "strangers" in keys else ()
    for number, name in enumerate(strangers):
        if name not in known:
            raise (
                keys["strangers"]
                .at(number)
                .wrong(
                    f"'strangers' names {name!r}, which is no input, tool or folder of network {manifest.name!r}"
                    f"{near(name, known)}; there are {', '.join(known)}"
                )
            )
    tasks: dict[str, Task] = {}
    for node in keys["tasks"].items("tasks") if "tasks" in keys else ():
        task = _task(node, manifest, equipped)
        if task.name in tasks:
            raise node.at("name").wrong(f"two tasks are called {task.name!r}; rename one")
        tasks[task.name] = task
    if not tasks and not strangers:
        raise root.wrong("names neither tasks nor strangers; write at least one, or remove the file")
    return Written(tuple(tasks.values()), strangers)


def _task(node: Marked, manifest: Manifest, equipped: Equipped) -> Task:
    keys = node.fields("a task", ("name", "item", "answers", "says", "calls"), required=("name", "item"))
    name = keys["name"].text("'name' of a task")
    what = f"task {name!r}"
    item = {key: one.text(f"{key!r} of {what}") for key, one in keys["item"].mapping(f"'item' of {what}").items()}
    _check_among(keys["item"], item, manifest.inputs, f"'item' of {what}", "input")
    for missing in manifest.inputs:
        if missing not in item:
            raise keys["item"].wrong(f"'item' of {what} needs {missing!r}, an input of network {manifest.name!r}")
    answers = _plain(keys.get("answers"), f"'answers' of {what}", equipped.doubles, "tool")
    agents = {agent.name: agent for agent in manifest.agents}
    says = {key: str(one) for key, one in _plain(keys.get("says"), f"'says' of {what}", agents, "agent").items()}
    task = Task(name, item, answers, says)
    calls: list[HonestCall] = []
    for one in keys["calls"].items(f"'calls' of {what}") if "calls" in keys else ():
        calls.append(_call(one, what, _Reading(manifest, equipped, task, tuple(calls))))
    return Task(name, item, answers, says, tuple(calls))


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the calls of a task may speak of; `before` are those that stand before."""

    manifest: Manifest
    equipped: Equipped
    task: Task
    before: Sequence[HonestCall]


def _call(node: Marked, what: str, by: _Reading) -> HonestCall:
    keys = node.fields(f"a call of {what}", ("agent", "tool", "arguments"), required=("agent", "tool"))
    agent, tool = keys["agent"].text("'agent' of a call"), keys["tool"].text("'tool' of a call")
    _check_among(keys["agent"], [agent], by.equipped.held, f"a call of {what}", "agent")
    _check_among(keys["tool"], [tool], by.equipped.held[agent], f"a call of {what} by agent {agent!r}", "tool")
    arguments: dict[str, Any] = {}
    for name, one in keys["arguments"].mapping(f"'arguments' of {tool!r}").items() if "arguments" in keys else ():
        arguments[name] = _find(one, agent, what, by) if _is_find(one) else one.plain()
    parameters = by.equipped.doubles[tool].parameters.get("properties", {})
    _check_among(keys.get("arguments", node), arguments, parameters, f"a call of tool {tool!r}", "argument")
    return HonestCall(agent, tool, arguments)


def _is_find(node: Marked) -> bool:
    return node.is_mapping and "from" in node.mapping("an argument")


def _find(node: Marked, agent: str, what: str, by: _Reading) -> Find:
    keys = node.fields("an argument", ("from", "find", "as"), required=("from",))
    source = keys["from"].text("'from'")
    called = [call.tool for call in by.before if call.agent == agent]
    reads = next(one.reads for one in by.manifest.agents if one.name == agent)
    if source not in called and source not in reads:
        known = [*called, *reads]
        raise keys["from"].wrong(
            f"'from' names {source!r}, which agent {agent!r} neither reads nor has called before{near(source, known)}; "
            f"there are {', '.join(known) or 'none'}"
        )
    pattern = keys["find"].text("'find'") if "find" in keys else None
    kind = keys["as"].text("'as'") if "as" in keys else "text"
    if kind not in _TYPES:
        raise keys["as"].wrong(f"'as' cannot be {kind!r}{near(kind, _TYPES)}; use {', '.join(sorted(_TYPES))}")
    found = Find(source, pattern, FieldType(kind))
    if pattern is not None:
        _check_pattern(keys["find"], found, what, by)
    return found


def _check_pattern(node: Marked, find: Find, what: str, by: _Reading) -> None:
    try:
        groups = re.compile(find.pattern or "").groups
    except re.error as error:
        raise node.wrong(f"'find' is no regular expression: {error}") from error
    if groups != 1:
        raise node.wrong(f"'find' has {groups} groups; put the value, and nothing else, into one: 'IBAN: (\\S+)'")
    text = by.task.text_at(find.source, by.manifest)
    if text is None:
        raise node.wrong(
            f"{what} does not say what {find.source!r} holds; put it under 'answers', 'item' or 'says' of the task"
        )
    if find.read(text) is None:
        raise node.wrong(f"'find' finds nothing in what {find.source!r} holds in {what}; mend the pattern, or the text")


def _plain(node: Marked | None, what: str, known: Collection[str], kind: str) -> Mapping[str, Any]:
    if node is None:
        return {}
    found = {name: one.plain() for name, one in node.mapping(what).items()}
    _check_among(node, found, known, what, kind)
    return found


def _check_among(node: Marked, names: Collection[str], known: Collection[str], what: str, kind: str) -> None:
    for name in names:
        if name not in known:
            raise node.at(name).wrong(
                f"{what} names {name!r}, which is no {kind} there{near(name, known)}; there are {', '.join(known) or 'none'}"
            )
