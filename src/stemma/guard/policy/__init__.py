"""The policy room: Cedar policies in files under review decide which calls are made and which fields are endorsed."""

from stemma.guard.policy.cases import Case, Difference, cases_in, read_cases
from stemma.guard.policy.dry_run import DryRun, dry_run
from stemma.guard.policy.policy import DEFAULTS, Policy
from stemma.guard.policy.recorded import Decision, decision, decisions, facts_from_json, facts_to_json

__all__ = [
    "DEFAULTS",
    "Case",
    "Decision",
    "Difference",
    "DryRun",
    "Policy",
    "cases_in",
    "decision",
    "decisions",
    "dry_run",
    "facts_from_json",
    "facts_to_json",
    "read_cases",
]
