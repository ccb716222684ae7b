"""Networks of agents: described in a manifest, run as durable workflows, kept as messages with their trust labels."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stemma.network.agent import Agent, Condition, Knowledge, Limits, Recall
    from stemma.network.backlog import Backlog
    from stemma.network.bounds import Bounds
    from stemma.network.drawing import mermaid, outline
    from stemma.network.flow import (
        Assignment,
        By,
        Hierarchy,
        Loop,
        OpenTopic,
        Panel,
        Phase,
        Phases,
        Pipeline,
        Route,
        Rule,
        Step,
        Tie,
    )
    from stemma.network.letters import Letter
    from stemma.network.live import LiveNetwork, NoAnswer
    from stemma.network.manifest import Manifest, define_agent, define_network, load_manifest
    from stemma.network.message import Message, MessageStatus, Part, PartKind
    from stemma.network.networks import Networks
    from stemma.network.people import Decision, Interceptor, OnTimeout, Question, Verdict
    from stemma.network.questions import Asked
    from stemma.network.rooms import WorkerSettings
    from stemma.network.run import BatchResult, Outcome, Run, RunProgress, RunReport, RunStatus
    from stemma.network.scaling import Scaling
    from stemma.network.tools.declared import tool
    from stemma.network.tools.tool import Call, Effect, Labelled, Tool, ToolFailed, ToolSpec
    from stemma.network.worker import Worker

__all__ = [
    "Agent",
    "Asked",
    "Assignment",
    "Backlog",
    "BatchResult",
    "Bounds",
    "By",
    "Call",
    "Condition",
    "Decision",
    "Effect",
    "Hierarchy",
    "Interceptor",
    "Knowledge",
    "Labelled",
    "Letter",
    "Limits",
    "LiveNetwork",
    "Loop",
    "Manifest",
    "Message",
    "MessageStatus",
    "Networks",
    "NoAnswer",
    "OnTimeout",
    "OpenTopic",
    "Outcome",
    "Panel",
    "Part",
    "PartKind",
    "Phase",
    "Phases",
    "Pipeline",
    "Question",
    "Recall",
    "Route",
    "Rule",
    "Run",
    "RunProgress",
    "RunReport",
    "RunStatus",
    "Scaling",
    "Step",
    "Tie",
    "Tool",
    "ToolFailed",
    "ToolSpec",
    "Verdict",
    "Worker",
    "WorkerSettings",
    "define_agent",
    "define_network",
    "load_manifest",
    "mermaid",
    "outline",
    "tool",
]

# Loaded when first used: all of it takes more than a second, of which a file of tools, or a look at a message, needs none.
_NAMES = {
    "agent": "Agent Condition Knowledge Limits Recall",
    "backlog": "Backlog",
    "bounds": "Bounds",
    "drawing": "mermaid outline",
    "flow": "Assignment By Hierarchy Loop OpenTopic Panel Phase Phases Pipeline Route Rule Step Tie",
    "letters": "Letter",
    "live": "LiveNetwork NoAnswer",
    "manifest": "Manifest define_agent define_network load_manifest",
    "message": "Message MessageStatus Part PartKind",
    "networks": "Networks",
    "people": "Decision Interceptor OnTimeout Question Verdict",
    "questions": "Asked",
    "rooms": "WorkerSettings",
    "run": "BatchResult Outcome Run RunProgress RunReport RunStatus",
    "scaling": "Scaling",
    "tools.declared": "tool",
    "tools.tool": "Call Effect Labelled Tool ToolFailed ToolSpec",
    "worker": "Worker",
}
_HOMES = {name: f"{__name__}.{home}" for home, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found
