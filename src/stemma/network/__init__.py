"""Networks of agents: described in a manifest, run as durable workflows, kept as messages with their trust labels."""

from stemma.network.manifest import Manifest, load_manifest
from stemma.network.networks import Networks
from stemma.network.run import BatchResult, Outcome, Run, RunProgress, RunReport, RunStatus

__all__ = [
    "BatchResult",
    "Manifest",
    "Networks",
    "Outcome",
    "Run",
    "RunProgress",
    "RunReport",
    "RunStatus",
    "load_manifest",
]
