"""Agents as a manifest writes them: reading one, and what has to be true of each by itself."""

import os.path
from collections.abc import Iterable, Mapping
from dataclasses import replace

from stemma.core.errors import InvalidInput
from stemma.core.labels import read_label
from stemma.core.marked import Marked, near
from stemma.core.trust import INTERNAL
from stemma.network.agent import Agent, Condition, Knowledge, Limits, Recall
from stemma.network.manifest.manifest import Manifest
from stemma.network.manifest.names import ADDED, RESERVED, Place, check_actor, check_value
from stemma.registry.references import SCHEME, Reference

_KNOWLEDGE_TOP, _MEMORY_TOP = 4, 3
_OF_ANY = ("reads", "writes", "when", "otherwise", "limits", "capabilities", "replicas")
_OF_MODELS = ("prompt", "model", "schema", "knowledge", "tools", "memory", "history", "settings", "asks", "publishes")
_DURATIONS = ("timeout", "deadline")
_LEAST = {"attempts": 1, "max_input_chars": 1, "iterations": 1, "corrections": 0, "max_result_chars": 1}


def read_agent(name: str, node: Marked, *, model: str) -> Agent:
    """The agent. Raises InvalidData for a key that it cannot have and a value that has another shape."""
    what = f"agent {name!r}"
    keys = node.fields(what, (*_OF_MODELS, "calls", *_OF_ANY), required=("reads", "writes"))
    reads, optional = as_read(keys["reads"].names(f"'reads' of {what}"))
    agent = Agent(
        name,
        None,
        "",
        reads,
        keys["writes"].text(f"'writes' of {what}"),
        when=_condition(node, keys, what),
        limits=_limits(keys["limits"], what) if "limits" in keys else Limits(),
        capabilities=keys["capabilities"].names(f"'capabilities' of {what}") if "capabilities" in keys else (),
        replicas=keys["replicas"].whole(f"'replicas' of {what}") if "replicas" in keys else None,
        optional=optional,
    )
    if "calls" not in keys:
        return _with_model(agent, node, keys, what, model=model)
    for key in _OF_MODELS:
        if key in keys:
            raise keys[key].wrong(f"{what} calls a tool and asks no model; it has no use for {key!r}")
    return replace(agent, calls=keys["calls"].text(f"'calls' of {what}"))


def as_read(written: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names that an agent reads, and those of them that may be unknown: they are written with a question mark.

    >>> as_read(["draft", "feedback?"])
    (('draft', 'feedback'), ('feedback',))
    """
    names = tuple(written)
    return tuple(name.removesuffix("?") for name in names), tuple(name[:-1] for name in names if name.endswith("?"))


def _with_model(agent: Agent, node: Marked, keys: Mapping[str, Marked], what: str, *, model: str) -> Agent:
    if "prompt" not in keys:
        raise node.wrong(f"{what} needs a key 'prompt', or 'calls' with the tool that it calls")
    schema = keys["schema"].plain() if "schema" in keys else None
    if schema is not None and not isinstance(schema, dict):
        raise keys["schema"].wrong(f"'schema' of {what} must be a JSON schema (a mapping)")
    settings = keys["settings"].mapping(f"'settings' of {what}") if "settings" in keys else {}
    for name, node in settings.items():
        node.mapping(f"'settings' of {what} for model {name!r}")
    return replace(
        agent,
        prompt=keys["prompt"].text(f"'prompt' of {what}"),
        model=keys["model"].text(f"'model' of {what}") if "model" in keys else model,
        output_schema=schema,
        knowledge=_knowledge(keys["knowledge"], what, agent.reads) if "knowledge" in keys else None,
        tools=keys["tools"].names(f"'tools' of {what}") if "tools" in keys else (),
        memory=_recall(keys["memory"], what, agent.reads) if "memory" in keys else None,
        history=keys["history"].whole(f"'history' of {what}", least=0) if "history" in keys else 0,
        settings={name: node.plain() for name, node in settings.items()},
        asks=keys["asks"].names(f"'asks' of {what}") if "asks" in keys else (),
        publishes=keys["publishes"].names(f"'publishes' of {what}") if "publishes" in keys else (),
    )


def _knowledge(node: Marked, what: str, reads: tuple[str, ...]) -> Knowledge:
    what = f"'knowledge' of {what}"
    keys = node.fields(what, ("folder", "top", "query", "label"), required=("folder",))
    return Knowledge(
        keys["folder"].text(f"'folder' in {what}"),
        keys["top"].whole(f"'top' in {what}") if "top" in keys else _KNOWLEDGE_TOP,
        keys["query"].names(f"'query' in {what}") if "query" in keys else _own(reads),
        read_label(keys["label"], INTERNAL) if "label" in keys else INTERNAL,
    )


def _recall(node: Marked, what: str, reads: tuple[str, ...]) -> Recall:
    what = f"'memory' of {what}"
    keys = node.fields(what, ("scope", "top", "query", "keeps"), required=("scope",))
    return Recall(
        keys["scope"].text(f"'scope' in {what}"),
        keys["top"].whole(f"'top' in {what}") if "top" in keys else _MEMORY_TOP,
        keys["query"].names(f"'query' in {what}") if "query" in keys else _own(reads),
        keys["keeps"].names(f"'keeps' in {what}") if "keeps" in keys else (),
    )


def _own(reads: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in reads if name not in ADDED)


def _condition(node: Marked, keys: Mapping[str, Marked], what: str) -> Condition | None:
    if ("when" in keys) != ("otherwise" in keys):
        raise node.wrong(
            f"{what} needs both 'when' and 'otherwise' or neither: 'otherwise' says why a person takes over"
        )
    if "when" not in keys:
        return None
    return Condition(read_expected(keys["when"], f"'when' of {what}"), keys["otherwise"].text(f"'otherwise' of {what}"))


def read_expected(node: Marked, what: str) -> dict[str, str]:
    """Values by name, each with the text that it is held against."""
    return {name: value.text(what) for name, value in node.mapping(what).items()}


def _limits(node: Marked, what: str) -> Limits:
    keys = node.fields(f"'limits' of {what}", (*_DURATIONS, *_LEAST))
    whole = {key: keys[key].whole(key, least=least) for key, least in _LEAST.items() if key in keys}
    given = Limits()
    return Limits(
        timeout=keys["timeout"].seconds("timeout") if "timeout" in keys else given.timeout,
        deadline=keys["deadline"].seconds("deadline") if "deadline" in keys else given.deadline,
        **whole,
    )


def check_agent(agent: Agent, manifest: Manifest, place: Place) -> None:
    """Raises InvalidData when the agent, by itself, cannot work."""
    what = f"agent {agent.name!r}"
    check_actor(place, "agent", agent.name)
    if not agent.reads and not agent.calls:
        raise place.at("reads").wrong(f"{what} reads nothing; name at least one input or another agent's 'writes'")
    for name in agent.reads:
        if agent.reads.count(name) > 1:
            raise place.at("reads").wrong(f"'reads' of {what} names {name!r} twice")
        if name in RESERVED and name not in ADDED:
            raise place.at("reads").wrong(f"{what} cannot read {name!r}: {RESERVED[name]}, and it is given by itself")
    check_value(place.at("writes"), "value", agent.writes)
    if agent.calls is None:
        _check_prompt(agent, manifest, place.at("prompt"), what)
        _check_models(agent, place, what)
    elif agent.prompt is not None:
        raise place.wrong(f"{what} calls a tool and asks no model; it has no use for a prompt")
    _check_knowledge(agent, manifest, place.at("knowledge"), what)
    _check_memory(agent, place.at("memory"), what)


def _check_prompt(agent: Agent, manifest: Manifest, place: Place, what: str) -> None:
    prompt = agent.prompt
    if agent.name in manifest.prompts:
        return
    if prompt is None:
        raise place.wrong(f"{what} needs a prompt, or a tool that it calls")
    if prompt.startswith(SCHEME):
        try:
            Reference.parse(prompt)
        except InvalidInput as error:
            raise place.wrong(f"'prompt' of {what}: {error}") from error
    elif not os.path.isfile(manifest.folder / prompt):
        raise place.wrong(
            f"'prompt' of {what}: there is no file {prompt!r} beside the manifest; "
            f"a prompt of the registry is written {SCHEME}NAME@LABEL"
        )


def _check_models(agent: Agent, place: Place, what: str) -> None:
    for model in agent.models:
        if not model:
            raise place.at("model").wrong(f"'model' of {what} is {agent.model!r}; write names with a comma between two")
    for model in agent.settings:
        if model not in agent.models:
            raise place.at("settings", model).wrong(
                f"'settings' of {what} are for model {model!r}, which it does not use{near(model, agent.models)}; "
                f"it uses {', '.join(agent.models)}"
            )


def _check_knowledge(agent: Agent, manifest: Manifest, place: Place, what: str) -> None:
    if agent.knowledge is None:
        return
    what, knowledge = f"'knowledge' of {what}", agent.knowledge
    if not os.path.isdir(manifest.folder / knowledge.folder):
        raise place.at("folder").wrong(f"{what}: there is no folder {knowledge.folder!r} beside the manifest")
    for name in knowledge.query:
        if name not in agent.reads:
            raise place.at("query").wrong(
                f"{what} searches for {name!r}, which the agent does not read{near(name, agent.reads)}"
            )


def _check_memory(agent: Agent, place: Place, what: str) -> None:
    if agent.memory is None:
        return
    what, memory = f"'memory' of {what}", agent.memory
    for key, names, known in (
        ("query", memory.query, agent.reads),
        ("keeps", memory.keeps, (*agent.reads, agent.writes)),
    ):
        for name in names:
            if name not in known:
                raise place.at(key).wrong(
                    f"{what} {'searches for' if key == 'query' else 'keeps'} {name!r}, which the agent does not "
                    f"{'read' if key == 'query' else 'read or write'}{near(name, known)}"
                )
