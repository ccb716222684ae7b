"""Colleagues, topics and made-up roles in a manifest: what is read, what is refused with its line, and how it is drawn."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.core.errors import InvalidData
from stemma.network import Agent, Hierarchy, Interceptor, Manifest, Step, load_manifest, mermaid, outline
from stemma.network.flow import Flow
from stemma.network.wire import from_json, to_json
from stemma.registry.prompt import Prompt

ASKING = """\
network: board
model: scripted
inputs: [case]
tools:
  look: {python: "tools.py:look"}
agents:
  chair: {prompt: act.json, reads: [case], writes: split, asks: [legal], publishes: [news]}
  clerk: {prompt: act.json, reads: [case, brief], writes: note}
  expert: {prompt: act.json, reads: [case], writes: advice, tools: [look], asks: [legal]}
  writer: {prompt: act.json, reads: [note, advice, crew_roles], writes: letter}
  legal: {prompt: act.json, reads: [case, question], writes: ruling, asks: [court]}
  court: {prompt: act.json, reads: [question], writes: verdict}
  press: {prompt: act.json, reads: [case, posted], writes: article}
teams:
  crew: {hierarchy: {orchestrator: chair, workers: [clerk], merge: writer, spawn: expert}}
people:
  - {before: tool, name: chair/ask}
topics: {news: [press]}
flow: crew
"""

OUTLINE = """\
board      hierarchy, at most 8 briefs at once, makes up roles for expert · case
├─ chair   splits: case → split · scripted · asks legal · publishes news
├─ clerk   case, brief? → note · scripted
├─ expert  plays roles: case → advice · scripted · tools look · asks legal
└─ writer  merges: note?, advice?, crew_roles? → letter · scripted
"""


def written(folder: Path, text: str = ASKING) -> Path:
    (folder / "act.json").write_bytes(Prompt("Act.").canonical)
    (folder / "stemma.yaml").write_text(text)
    return folder / "stemma.yaml"


@pytest.fixture
def board(tmp_path: Path) -> Manifest:
    return load_manifest(written(tmp_path))


def named(manifest: Manifest, name: str) -> Agent:
    return next(agent for agent in manifest.agents if agent.name == name)


def test_colleagues_topics_and_made_up_roles_are_read(board: Manifest) -> None:
    """An agent that only another asks, and that one's own colleague, are used; what colleagues tell is optional."""
    assert (named(board, "chair").asks, named(board, "chair").publishes) == (("legal",), ("news",))
    assert [agent.name for agent in board.agents] == ["chair", "clerk", "expert", "writer", "legal", "court", "press"]
    assert named(board, "legal").optional == ("question",)
    assert named(board, "press").optional == ("posted",)
    assert named(board, "writer").optional == ("note", "advice", "crew_roles")
    assert board.flow == Hierarchy("crew", "chair", (Step("clerk"),), "writer", spawn="expert")
    assert from_json(Flow, to_json(board.flow, Flow)) == board.flow
    assert board.interceptors == (Interceptor("tool", "chair/ask"),)


def test_roles_may_be_all_that_there_is(tmp_path: Path) -> None:
    """With `spawn` an orchestrator needs no workers."""
    text = ASKING.replace("workers: [clerk], ", "").replace("note, advice", "advice")
    text = "\n".join(line for line in text.splitlines() if "clerk" not in line)
    assert load_manifest(written(tmp_path, text)).flow == Hierarchy("crew", "chair", (), "writer", spawn="expert")


def test_questions_may_be_inputs_where_nobody_asks(tmp_path: Path) -> None:
    """The names that colleagues use are taken only in networks in which agents have some."""
    path = written(tmp_path)
    path.write_text(
        """\
network: plain
inputs: [question, posted]
agents:
  a: {prompt: act.json, reads: [question, posted], writes: said}
pipeline: [a]
"""
    )
    assert load_manifest(path).agents[0].optional == ()


def change(old: str, new: str) -> Callable[[str], str]:
    assert ASKING.count(old) == 1, old
    return lambda text: text.replace(old, new)


@pytest.mark.parametrize(
    ("changed", "line", "message"),
    [
        (
            change("asks: [court]", "asks: [cuort]"),
            11,
            "'asks' of agent 'legal' names 'cuort', which is not described under 'agents' (did you mean 'court'?)",
        ),
        (
            change("publishes: [news]", "publishes: [nwes]"),
            7,
            "'publishes' of agent 'chair' names 'nwes', which is not described under 'topics' (did you mean 'news'?)",
        ),
        (change(", asks: [court]", ""), 12, "agent 'court' reads 'question', and nobody asks it"),
        (
            change("reads: [question], writes: verdict", "reads: [case, note], writes: verdict"),
            11,
            "agent 'legal' asks 'court', which needs 'note', and 'legal' does not read that; let it, "
            "or let 'court' read 'note?'",
        ),
        (
            change("[case, posted]", "[note, posted]"),
            7,
            "agent 'chair' may post to 'press', which needs 'note'",
        ),
        (
            change("writes: verdict}", "writes: verdict, when: {case: x}, otherwise: no}"),
            11,
            "agent 'legal' asks 'court', which works under a condition ('when')",
        ),
        (
            change("writes: verdict}", "writes: verdict, asks: [legal], replicas: 1}"),
            12,
            "agent 'court' asks 'legal', which needs 'case'",
        ),
        (
            change("writes: ruling, asks: [court]", "writes: ruling, asks: [court, legal], replicas: 2"),
            11,
            "may be asked by itself (legal → legal) and works on at most 2 at once",
        ),
        (change("inputs: [case]", "inputs: [case, question]"), 3, "no input can be called 'question' in this network"),
        (change("writes: article", "writes: posted"), 13, "agent 'press' cannot write 'posted'"),
        (change("[case, brief]", "[case, brief, question]"), 8, "agent 'clerk' reads 'question', and nobody asks it"),
        (change("[case, brief]", "[case, brief, posted]"), 8, "agent 'clerk' reads 'posted', and nobody tells it any"),
        (
            lambda text: text.replace("  look:", "  ask:").replace("[look]", "[ask]"),
            9,
            "agent 'expert' has a tool 'ask', which is also what 'asks' gives it",
        ),
        (
            change("writes: verdict}", "writes: verdict}\n  odd: {prompt: act.json, reads: [case], writes: odd}"),
            13,
            "nothing asks agent 'odd'; name it in the flow, under a topic or in another's 'asks', or remove it",
        ),
        (change("chair/ask", "clerk/ask"), 17, "names tool 'ask'"),
        # made-up roles
        (change("spawn: expert", "spawn: clerk"), 15, "has 'clerk' for made-up roles and in a part of its own"),
        (change("spawn: expert", "spawn: expret"), 15, "names 'expret', which is not described"),
        (
            change("spawn: expert", "spawn: expert, plans: {all: [{agent: clerk, brief: x}]}"),
            15,
            "splits by plan, and a plan makes up no role",
        ),
        (
            change("tools: [look]", "tools: [look], history: 2"),
            15,
            "whose 'history' would show one role what another said",
        ),
        (
            change(
                "expert: {prompt: act.json, reads: [case], writes: advice, tools: [look], asks: [legal]}",
                "expert: {calls: look, reads: [case], writes: advice}",
            ),
            15,
            "which calls a tool and has no prompt to hold them",
        ),
        (
            change("workers: [clerk], merge: writer, spawn: expert", "merge: writer"),
            15,
            "needs a key 'workers', or 'spawn' with the agent that plays made-up roles",
        ),
        (change("reads: [note, advice, crew_roles]", "reads: [crew_rols]"), 10, "did you mean 'crew_roles'?"),
    ],
)
def test_colleagues_that_cannot_work(tmp_path: Path, changed: Callable[[str], str], line: int, message: str) -> None:
    """Each mistake is named with its line, and the way out of it."""
    path = written(tmp_path, changed(ASKING))
    with pytest.raises(InvalidData) as caught:
        load_manifest(path)
    assert message in str(caught.value)
    assert caught.value.line == line


def test_outline_says_who_asks_whom(board: Manifest) -> None:
    """Colleagues, topics and made-up roles stand beside the agent that has them."""
    lines = outline(board)
    assert "\n".join(lines[:5]) + "\n" == OUTLINE
    at = lines.index("agents that only colleagues ask")
    assert lines[at - 1 : at + 3] == (
        "",
        "agents that only colleagues ask",
        "  legal: case, question? → ruling · scripted · asks court",
        "  court: question? → verdict · scripted",
    )


def test_mermaid_draws_colleagues_as_dotted_lines(board: Manifest) -> None:
    """Who may be asked has a box, though no flow names it; a topic has a line from who posts to who hears."""
    drawn = mermaid(board).splitlines()
    for line in (
        '    agent_chair -->|"makes up roles"| agent_expert',
        '    agent_chair -.->|"asks"| agent_legal',
        '    agent_expert -.->|"asks"| agent_legal',
        '    agent_legal -.->|"asks"| agent_court',
        '    agent_chair -.->|"publishes"| topic_news',
        "    topic_news -.-> agent_press",
        "    ask -.-> agent_chair",
    ):
        assert line in drawn
