"""The manifest: a network of agents described in one YAML file, `stemma.yaml`, or in a dozen lines of Python.

::

    network: desk
    model: embedded                       # for agents that name none; "a, b": b stands in when a's provider fails
    inputs: [ticket]                      # untrusted, unless a label says otherwise
    bounds: {depth: 4, fan_out: 8, messages: 100, calls: 200, tokens: 200000, dollars: 1.5, seconds: 1h}
    inbox: 1000                           # most messages that wait for one agent
    tools:
      refund: {python: "tools.py:refund", effect: spend, idempotent: true, timeout: 10}
      out: {files: reports}               # a folder beside the manifest; gives out_read, out_write, out_list
      web: {http: {allow: ["https://api.example.com/v1/"]}}
      docs: {mcp: {command: [python, server.py]}}
      lab: {code: {seconds: 2, memory_mb: 64}}
    agents:
      triage:
        prompt: prompts:/support/triage@production
        reads: [ticket]
        writes: category
      search:
        prompt: find.prompt.yml           # a file beside the manifest
        reads: [ticket, "category?"]      # with a question mark: empty while it is not known
        knowledge: {folder: help-centre, top: 4, query: [ticket]}
        memory: {scope: desk, top: 3, query: [ticket], keeps: [passage]}
        tools: [docs]
        capabilities: [find what the help centre says]
        writes: passage
      pay: {calls: refund, reads: [ticket, amount], writes: receipt}    # no model: one call of a tool with what it reads
      reply:
        prompt: reply.prompt.yml
        model: openai:gpt-5-mini
        reads: [ticket, passage]
        writes: reply
        when: {answered: yes}
        otherwise: no passage answers the question
        limits: {timeout: 30, attempts: 5, max_input_chars: 20000, iterations: 6}
        asks: [policy]                    # whom it may ask in the middle of its turn, and wait for
        publishes: [new-ticket]           # topics that it may post to; nobody waits
      policy: {prompt: policy.prompt.yml, reads: [ticket, question], writes: ruling}
      archive: {prompt: keep.prompt.yml, reads: [ticket, posted], writes: entry}
    teams:                                # each stands wherever an agent can
      jury: {panel: {members: [a, b, c], writes: verdict, rounds: 2, rule: majority, quorum: 2, tie: person}}
      crew:
        hierarchy:
          {orchestrator: lead, workers: [a, b], merge: writer, plans: {refund: [{agent: a, brief: "Look up {{ticket}}"}]}}
      board: {hierarchy: {orchestrator: chair, workers: [a], spawn: expert}}  # the chair may make up roles for the expert
      build: {loop: {steps: [coder, tester], until: {passed: yes}, at_most: 4, otherwise: no program passed}}
      who: {route: {agents: [x, y], by: both, reads: [ticket], abstain: 0.2, otherwise: person}}
      any: {open_topic: {agents: [x, y], reads: [ticket], fitness: 0.1, otherwise: x}}
      line: {pipeline: [a, b]}
    people:
      - {before: tool, name: pay/refund, ask: "Pay this refund?", timeout: 3d, on_timeout: reject}
    topics: {new-ticket: [archive]}       # agents that subscribe
    pipeline: [triage, crew, jury, reply] # or `phases`, or `flow` with the name of one team:
    # phases:
    #   - {phase: gather, agents: [analyst, researcher], parallel: true}
    #   - {phase: write, agents: [writer], depends_on: [gather]}

An agent also may have `schema`, the JSON schema of its answer, where its prompt brings none; `replicas`, `history` and
`settings`. Inputs, folders and tools may carry a label:
``inputs: {ticket: {integrity: untrusted, confidentiality: secret, categories: [pii]}}``.

An agent that `asks` others has a tool `ask` (agent, question), one that `publishes` a tool `publish` (topic, text). The other
is sent what it reads of what the agent itself reads, with the question as `question`, or the text as `posted`; both carry the
label of all that the agent has read. Its answer comes back with the answer's own label. Agents may ask each other in circles,
and themselves: the bound `depth` ends that. What was posted is worked on though the task is complete, within the task's bounds.

With `spawn`, an orchestrator's list of assignments may hold ``{"role": "tax-expert", "brief": "…", "tools": ["web_get"]}``: the
agent of that name plays the role, with the brief behind its prompt and no tool but those, which have to be its own. The prompt
is stored as a candidate before it runs. The answers are a list under what that agent writes, and by role ``<team>_roles``.
"""

from stemma.network.manifest.definition import define_agent, define_network
from stemma.network.manifest.manifest import Manifest
from stemma.network.manifest.names import (
    BRIEF,
    CHOICES,
    CONTEXT,
    HISTORY,
    MEMORY,
    MISSING,
    RESERVED,
    STATEMENTS,
    WORKERS,
)
from stemma.network.manifest.reading import load_manifest

__all__ = [
    "BRIEF",
    "CHOICES",
    "CONTEXT",
    "HISTORY",
    "MEMORY",
    "MISSING",
    "RESERVED",
    "STATEMENTS",
    "WORKERS",
    "Manifest",
    "define_agent",
    "define_network",
    "load_manifest",
]
