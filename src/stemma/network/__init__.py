"""Networks of agents: described in a manifest, run as durable workflows, kept as messages with their trust labels."""

from stemma.network.agent import Agent, Condition, Knowledge, Limits, Recall
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
from stemma.network.manifest import Manifest, define_agent, define_network, load_manifest
from stemma.network.networks import Networks
from stemma.network.people import Interceptor, OnTimeout
from stemma.network.run import BatchResult, Outcome, Run, RunProgress, RunReport, RunStatus
from stemma.network.tools.tool import Effect, ToolSpec

__all__ = [
    "Agent",
    "Assignment",
    "BatchResult",
    "Bounds",
    "By",
    "Condition",
    "Effect",
    "Hierarchy",
    "Interceptor",
    "Knowledge",
    "Limits",
    "Loop",
    "Manifest",
    "Networks",
    "OnTimeout",
    "OpenTopic",
    "Outcome",
    "Panel",
    "Phase",
    "Phases",
    "Pipeline",
    "Recall",
    "Route",
    "Rule",
    "Run",
    "RunProgress",
    "RunReport",
    "RunStatus",
    "Step",
    "Tie",
    "ToolSpec",
    "define_agent",
    "define_network",
    "load_manifest",
    "mermaid",
    "outline",
]
