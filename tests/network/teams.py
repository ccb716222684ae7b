"""A network with every kind of team, tool and person in it, for the tests of the manifest and its pictures."""

from pathlib import Path

from stemma.registry.prompt import Prompt

FULL = """\
network: everything
model: scripted
inputs: [ticket]
bounds: {calls: 200, seconds: 1h}
inbox: 50
tools:
  refund: {python: "tools.py:refund", effect: spend, idempotent: true, timeout: 10}
  out: {files: reports}
  web: {http: {allow: ["https://api.example.com/v1/"]}}
  docs: {mcp: {command: [python, server.py]}}
  lab: {code: {seconds: 2, memory_mb: 64}}
agents:
  triage:
    prompt: act.json
    reads: [ticket]
    writes: category
    capabilities: [sort tickets by topic]
    tools: [docs, web_get]
    replicas: 2
    memory: {scope: desk, top: 2, query: [ticket], keeps: [category]}
    history: 2
    settings: {scripted: {temperature: 0.5}}
    limits: {timeout: 2m, iterations: 6, corrections: 0}
  lead: {prompt: act.json, reads: [ticket, workers], writes: plan}
  look: {prompt: act.json, reads: [ticket, brief], writes: found, knowledge: {folder: help-centre}}
  pay: {calls: refund, reads: [ticket], writes: receipt}
  writer: {prompt: act.json, reads: [found, receipt, missing], writes: draft}
  ann: {prompt: act.json, reads: [draft, statements], writes: opinion}
  bob: {prompt: act.json, reads: [draft], writes: opinion}
  cat: {prompt: act.json, reads: [draft], writes: opinion}
  coder: {prompt: act.json, reads: [ticket, "passed?"], writes: program, tools: [out]}
  tester: {calls: lab_run, reads: [program], writes: passed}
  card: {prompt: act.json, reads: [verdict], writes: reply, capabilities: [cards]}
  loan: {prompt: act.json, reads: [verdict], writes: reply, capabilities: [loans]}
  checker: {prompt: act.json, reads: [reply], writes: checked, capabilities: [check]}
  proof:
    {prompt: act.json, reads: [reply], writes: checked, capabilities: [proofread], when: {passed: yes}, otherwise: failed}
  archive: {prompt: act.json, reads: [ticket], writes: entry}
teams:
  crew:
    hierarchy:
      orchestrator: lead
      workers: [look, pay]
      merge: writer
      plans:
        refund: [{agent: look, brief: "Look for {{ticket}}."}, {agent: pay, brief: Pay it.}]
        other: [{agent: look, brief: "{{ category }}"}]
  jury: {panel: {members: [ann, bob, cat], writes: verdict, rounds: 2, rule: weighted, weights: {ann: 2}, quorum: 2}}
  build: {loop: {steps: [coder, tester], until: {passed: yes}, at_most: 4, otherwise: no program passed}}
  who: {route: {agents: [card, loan], by: both, reads: [ticket], abstain: 0.2, otherwise: person}}
  any: {open_topic: {agents: [checker, proof], reads: [reply], fitness: 0.1, otherwise: checker}}
  line: {pipeline: [crew, jury]}
people:
  - {before: tool, name: pay/refund, ask: "Pay this refund?", timeout: 3d, on_timeout: reject}
  - {before: message, name: loan}
  - {before: phase, name: answer, when: {verdict: yes}}
topics: {new-ticket: [triage, archive]}
phases:
  - {phase: sort, agents: [triage]}
  - {phase: work, agents: [line, build], parallel: true, depends_on: [sort]}
  - {phase: answer, agents: [who, any], depends_on: [work]}
"""


def write_everything(folder: Path) -> Path:
    """The manifest with the files that it names."""
    (folder / "help-centre").mkdir(parents=True)
    (folder / "act.json").write_bytes(Prompt("Act.").canonical)
    path = folder / "stemma.yaml"
    path.write_text(FULL)
    return path
