"""Networks defined in Python: the same records, the same checks."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Unpack

import pytest
from tests.network.desks import PROMPTS, TRIAGE

from stemma import Prompt
from stemma.core.errors import InvalidData
from stemma.core.trust import INTERNAL
from stemma.network import (
    Bounds,
    By,
    Condition,
    Hierarchy,
    Knowledge,
    Loop,
    Manifest,
    OpenTopic,
    Panel,
    Phases,
    Pipeline,
    Route,
    Step,
    ToolSpec,
    define_agent,
    define_network,
    load_manifest,
)
from stemma.network.flow import Flow
from stemma.network.manifest.definition import DefinedAgent, NetworkOptions

ACT = Prompt("Act.")


def agent(name: str, *reads: str, prompt: Prompt | str | None = ACT) -> DefinedAgent:
    return define_agent(name, prompt, reads=reads or ("x",), writes=f"{name}_said")


def network(
    *agents: DefinedAgent, flow: Flow | Sequence[Flow | str] = ("a",), **options: Unpack[NetworkOptions]
) -> Manifest:
    return define_network("n", inputs=["x"], agents=agents, flow=flow, **options)


def test_a_network_in_python_is_the_one_of_its_manifest(desk: Path) -> None:
    """The same words give the same record, whichever way they are written, but for lines and the place."""
    written = load_manifest(desk / "stemma.yaml")
    defined = define_network(
        "support-desk",
        inputs=["ticket"],
        agents=[
            define_agent("triage", "prompts:/support/triage@production", reads=["ticket"], writes="category"),
            define_agent(
                "search",
                "find.json",
                reads=["ticket", "category"],
                writes="passage",
                knowledge=Knowledge("help-centre", 2, ("ticket",), INTERNAL),
            ),
            define_agent("check", "check.json", reads=["ticket", "passage"], writes="answered"),
            define_agent(
                "reply",
                "reply.json",
                reads=["ticket", "passage"],
                writes="reply",
                when=Condition({"answered": "yes"}, "no passage answers the ticket"),
            ),
        ],
        flow=["triage", "search", "check", "reply"],
        model="scripted",
        folder=desk,
    )
    assert defined.folder == written.folder
    assert (defined.agents, defined.flow, defined.inputs) == (written.agents, written.flow, written.inputs)
    assert (defined.bounds, defined.inbox) == (written.bounds, written.inbox)


def test_prompts_may_be_given_as_they_are() -> None:
    """An agent's own prompt is kept under its name, and is named by its digest."""
    manifest = define_network(
        "n",
        inputs={"x": INTERNAL},
        agents=[
            define_agent("sort", TRIAGE, reads=["x"], writes="topic", model="other"),
            define_agent("say", PROMPTS["reply"], reads=["topic"], writes="said"),
        ],
        flow=["sort", "say"],
        bounds=Bounds(calls=3),
    )
    assert manifest.prompts == {"sort": TRIAGE, "say": PROMPTS["reply"]}
    assert [agent.prompt for agent in manifest.agents] == [
        f"sha256:{TRIAGE.digest}",
        f"sha256:{PROMPTS['reply'].digest}",
    ]
    assert [agent.model for agent in manifest.agents] == ["other", "embedded"]
    assert (manifest.inputs, manifest.bounds) == ({"x": INTERNAL}, Bounds(calls=3))


@pytest.mark.parametrize(
    ("define", "message"),
    [
        (lambda: network(agent("a"), agent("a")), "two agents have one name; there are a, a"),
        (lambda: network(agent("a"), flow=["b"]), "the flow names agent 'b', which is not described"),
        (lambda: network(agent("a"), agent("b")), "pipeline never reaches agent 'b'"),
        (lambda: network(agent("a", "y")), "agent 'a' needs 'y', which is no input and no agent writes"),
        (lambda: network(agent("A"), flow=["A"]), "agent name 'A' is not lower-case"),
        (lambda: network(agent("a", prompt=None)), "agent 'a' needs a prompt, or a tool that it calls"),
        (lambda: network(agent("a", prompt="none.json")), "there is no file 'none.json' beside the manifest"),
        (lambda: network(agent("a", prompt="prompts:/a")), "'prompt' of agent 'a'"),
        (lambda: network(define_agent("a", ACT, reads=["x"], writes="y", calls="t")), "no use for a prompt"),
        (lambda: network(define_agent("a", reads=["x"], writes="y", calls="t")), "'calls' of agent 'a' names tool 't'"),
        (
            lambda: network(agent("a"), tools=(ToolSpec("t", "python", {"function": "t.py:t"}),)),
            "nothing uses tool 't'",
        ),
        (lambda: network(agent("a"), bounds=Bounds(calls=0)), "the bound of 0 calls leaves room for nothing"),
        (lambda: network(agent("a"), inbox=0), "an inbox of 0 takes no message"),
        (lambda: network(agent("a"), flow=[]), "pipeline names nobody"),
        (lambda: network(agent("a"), agent("b"), flow=[Panel("a", ("a", "b"), "v")]), "two things are called 'a'"),
        (
            lambda: network(
                agent("a"),
                agent("b"),
                flow=[Pipeline("t", (Step("a"),)), Pipeline("u", (Pipeline("t", (Step("b"),)),))],
            ),
            "two things are called 't'",
        ),
        (lambda: network(agent("a"), agent("b"), flow=Panel("p", ("a", "b"), "v", rounds=0)), "'rounds' of panel 'p'"),
        (lambda: network(agent("a"), agent("b"), flow=Panel("p", ("a", "b"), "v", quorum=0)), "'quorum' of panel 'p'"),
        (
            lambda: network(agent("a"), flow=Loop("l", (Step("a"),), Condition({}), 1)),
            "loop 'l' needs a condition in 'until'",
        ),
        (lambda: network(agent("a"), flow=Phases("p", ())), "phases 'p' has no phase"),
        (lambda: network(agent("a"), flow=Route("r", (Step("a"),), By.LOAD, abstain=-1)), "'abstain' of route 'r'"),
        (lambda: network(agent("a"), flow=OpenTopic("o", ("a",), ())), "open topic 'o' reads nothing"),
        (lambda: network(agent("a"), agent("b"), flow=Hierarchy("h", "a", (Step("b"),), fan_out=0)), "'fan_out' of"),
    ],
)
def test_definition_that_cannot_work(define: Callable[[], Manifest], message: str) -> None:
    """Whatever a manifest is refused for, a definition is refused for, in one line that names things instead of a place."""
    with pytest.raises(InvalidData) as caught:
        define()
    assert message in str(caught.value), str(caught.value)
    assert str(caught.value).startswith("<n>: ")
    assert "\n" not in str(caught.value)
