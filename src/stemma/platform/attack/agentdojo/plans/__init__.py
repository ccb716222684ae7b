"""What an honest model does for each of AgentDojo's tasks."""

from collections.abc import Mapping
from dataclasses import dataclass

from stemma.models.gullible import Plan
from stemma.models.hearsay import Reading
from stemma.platform.attack.agentdojo.plans.banking import BANKING
from stemma.platform.attack.agentdojo.plans.language import Plans, as_given, resigned
from stemma.platform.attack.agentdojo.plans.slack import SLACK
from stemma.platform.attack.agentdojo.plans.travel import TRAVEL
from stemma.platform.attack.agentdojo.plans.workspace import WORKSPACE
from stemma.platform.attack.agentdojo.tasks import calls, environment, suite_named

_SUITES: Mapping[str, Plans] = {"banking": BANKING, "slack": SLACK, "travel": TRAVEL, "workspace": WORKSPACE}


@dataclass(frozen=True, slots=True)
class Planned:
    """The plans of a suite by its tasks' ids, and what an honest reader finds for them."""

    plans: Mapping[str, Plan]
    reads: Mapping[str, Reading]


def planned(suite: str) -> Planned:
    """A plan for every task of the suite."""
    known = _SUITES[suite]
    given = {f"user_task_{number}": _as_given(suite, f"user_task_{number}") for number in known.given}
    return Planned({id: resigned(plan) for id, plan in (given | known.written).items()}, known.reads)


def _as_given(suite: str, id: str) -> Plan:
    """The calls and the answer that AgentDojo gives."""
    task = suite_named(suite).user_tasks[id]
    return as_given(calls(task, environment(suite, task)), task.GROUND_TRUTH_OUTPUT)
