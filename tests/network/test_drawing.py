"""The pictures of a network, as people see them."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.network.teams import write_everything

from stemma import Prompt
from stemma.network import (
    Condition,
    Interceptor,
    Manifest,
    Pipeline,
    Route,
    Step,
    define_agent,
    define_network,
    load_manifest,
    mermaid,
    outline,
)

OUTLINE = """\
everything          phases · ticket
├─ sort             phase
│  └─ triage        ticket → category · scripted · remembers desk · tools docs, web_get · 2 at a time
├─ work             phase, parallel, after sort
│  ├─ line          pipeline
│  │  ├─ crew       hierarchy, at most 8 briefs at once, by plan: refund, other
│  │  │  ├─ lead    splits: ticket, workers? → plan · scripted
│  │  │  ├─ look    ticket, brief? → found · scripted · searches help-centre
│  │  │  ├─ pay     ticket → receipt · calls refund
│  │  │  └─ writer  merges: found?, receipt?, missing? → draft · scripted
│  │  └─ jury       panel, 2 rounds, weighted vote (ann 2), quorum 2 of 3, tie: person → verdict
│  │     ├─ ann     draft, statements? → opinion · scripted
│  │     ├─ bob     draft → opinion · scripted
│  │     └─ cat     draft → opinion · scripted
│  └─ build         loop until passed is yes, at most 4 rounds
│     ├─ coder      ticket, passed? → program · scripted · tools out
│     └─ tester     program → passed · calls lab_run
└─ answer           phase, after work
   ├─ who           route by capability and load, at least 0.2
   │  ├─ card       verdict → reply · scripted
   │  ├─ loan       verdict → reply · scripted
   │  └─ a person   otherwise
   └─ any           open topic, claimed by whoever is fit, at least 0.1
      ├─ checker    reply → checked · scripted
      ├─ proof      reply → checked · scripted · if passed is yes, else a person: failed
      └─ checker    otherwise

agents that only topics ask
  archive: ticket → entry · scripted

people are asked
  before tool pay/refund: Pay this refund? (after 3d: reject)
  before message loan
  before phase answer if verdict is yes

tools
  refund: python, effect spend
  out: files
  web: http
  docs: mcp
  lab: code

topics
  new-ticket → triage, archive

bounds
  depth 8, fan-out 16, messages 500, calls 200, approvals 10, time 1h
"""

MERMAID = """\
flowchart TD
    inputs[/"ticket"/]
    subgraph phase_sort["sort"]
        agent_triage["triage"]
    end
    subgraph phase_work["work: in parallel"]
        subgraph team_line["line: pipeline"]
            subgraph team_crew["crew: hierarchy, at most 8 briefs at once, by plan: refund, other"]
                agent_lead["lead"]
                agent_look["look"]
                agent_pay["pay"]
                agent_writer["writer"]
            end
            subgraph team_jury["jury: panel, 2 rounds, weighted vote (ann 2), quorum 2 of 3, tie: person"]
                agent_ann["ann"]
                agent_bob["bob"]
                agent_cat["cat"]
                vote{"verdict"}
            end
        end
        subgraph team_build["build: loop until passed is yes, at most 4 rounds"]
            agent_coder["coder"]
            agent_tester["tester"]
        end
    end
    subgraph phase_answer["answer"]
        subgraph team_who["who: route by capability and load, at least 0.2"]
            choice{"ticket"}
            agent_card["card"]
            agent_loan["loan"]
        end
        subgraph team_any["any: open topic, claimed by whoever is fit, at least 0.1"]
            choice_2{"reply"}
            agent_checker["checker"]
            agent_proof["proof"]
        end
    end
    topic_new_ticket>"new-ticket"]
    agent_archive["archive"]
    ask(["before tool pay/refund: Pay this refund? (after 3d: reject)"])
    ask_2(["before message loan"])
    ask_3(["before phase answer if verdict is yes"])
    person(["a person"])
    tool_docs{{"docs"}}
    tool_web{{"web"}}
    memory_desk[("memory desk")]
    folder_help_centre[("help-centre")]
    tool_refund{{"refund"}}
    tool_out{{"out"}}
    tool_lab{{"lab"}}
    agent_lead -->|"briefs"| agent_look
    agent_look --> agent_writer
    agent_lead -->|"briefs"| agent_pay
    agent_pay --> agent_writer
    agent_ann -->|"votes"| vote
    agent_bob -->|"votes"| vote
    agent_cat -->|"votes"| vote
    vote -.->|"tie, or no quorum"| person
    team_crew --> team_jury
    agent_coder --> agent_tester
    agent_tester -->|"again"| agent_coder
    team_build -.->|"after 4: no program passed"| person
    choice --> agent_card
    choice --> agent_loan
    choice -.->|"otherwise"| person
    agent_proof -.->|"unless passed is yes: failed"| person
    choice_2 --> agent_checker
    choice_2 --> agent_proof
    choice_2 -.->|"otherwise"| agent_checker
    team_who --> team_any
    inputs --> phase_sort
    phase_sort --> phase_work
    phase_work --> phase_answer
    topic_new_ticket -.-> agent_triage
    topic_new_ticket -.-> agent_archive
    agent_triage -.-> tool_docs
    agent_triage -.->|"web_get"| tool_web
    agent_triage -.-> memory_desk
    agent_look -.-> folder_help_centre
    agent_pay -.-> tool_refund
    agent_coder -.-> tool_out
    agent_tester -.->|"lab_run"| tool_lab
    ask -.-> tool_refund
    ask_2 -.-> agent_loan
    ask_3 -.-> phase_answer
"""


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return load_manifest(write_everything(tmp_path_factory.mktemp("all") / "network"))


def test_outline_of_everything(everything: Manifest) -> None:
    """A tree of teams and agents with what they read and write; below it people, tools, topics and bounds."""
    assert "\n".join(outline(everything)) + "\n" == OUTLINE


def test_flowchart_of_everything(everything: Manifest) -> None:
    """Each team is a frame, each person a stadium, each tool a hexagon; lines show the way of a task."""
    assert mermaid(everything) == MERMAID


def test_pipeline_is_a_line(desk: Path) -> None:
    """The smallest picture: inputs, agents one after another, the person who takes over, the folder that is searched."""
    manifest = load_manifest(desk / "stemma.yaml")
    assert (
        mermaid(manifest)
        == """\
flowchart TD
    inputs[/"ticket"/]
    agent_triage["triage"]
    agent_search["search"]
    agent_check["check"]
    agent_reply["reply"]
    person(["a person"])
    folder_help_centre[("help-centre")]
    agent_reply -.->|"unless answered is yes: no passage answers the ticket"| person
    inputs --> agent_triage
    agent_triage --> agent_search
    agent_search --> agent_check
    agent_check --> agent_reply
    agent_search -.-> folder_help_centre
"""
    )
    assert outline(manifest)[0] == "support-desk  pipeline · ticket"


def test_an_agent_in_two_places_is_two_boxes() -> None:
    """Nothing is drawn over something else, even where one agent is called what the other's second box would be."""
    agents = [define_agent(name, Prompt("Act."), reads=["x"], writes=name) for name in ("a", "a_2")]
    flow = [Pipeline("p", (Step("a"), Step("a_2"))), Pipeline("q", (Step("a"),))]
    drawn = mermaid(define_network("n", inputs=["x"], agents=agents, flow=flow))
    assert re.findall(r'(\w+)\["(\w+)"\]', drawn) == [("agent_a", "a"), ("agent_a_2", "a_2"), ("agent_a_3", "a")]


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_breaks_out_of_its_quotation_marks(words: str, more: str) -> None:
    """Whatever a manifest says, each line of the chart is a node, a frame or an edge with one quoted text in it."""
    flow = Route("end", (Step("graph"), Step("x")), reads=("subgraph",))
    agents = [
        define_agent(
            name,
            Prompt("Act."),
            reads=["subgraph"],
            writes=f"{name}_said",
            capabilities=("all",),
            when=Condition({"subgraph": words}, more),
        )
        for name in ("graph", "x")
    ]
    manifest = define_network(
        "n", inputs=["subgraph"], agents=agents, flow=flow, interceptors=(Interceptor("message", "x", words),)
    )
    quoted = r'"[^"`<>\\]*"'
    line = rf"    *(\w+\W{{1,2}}{quoted}\W{{1,2}}|subgraph \w+\[{quoted}\]|end|\w+ -\.?->(\|{quoted}\|)? \w+)"
    first, *rest = mermaid(manifest).rstrip("\n").split("\n")
    assert first == "flowchart TD"
    assert [one for one in rest if not re.fullmatch(line, one)] == []
    assert [one for one in outline(manifest) if len(one.splitlines()) > 1] == []
