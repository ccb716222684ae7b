"""Attacks: suites that are run against networks with the gullible model in every node, and what got through."""

from stemma.platform.attack.report import AttackReport, Failure, Pass
from stemma.platform.attack.runner import attack
from stemma.platform.attack.suite import Arena, Case, Judged, Mode, Suite
from stemma.platform.attack.suites import FIRST, SUITES, suite_called

__all__ = [
    "FIRST",
    "SUITES",
    "Arena",
    "AttackReport",
    "Case",
    "Failure",
    "Judged",
    "Mode",
    "Pass",
    "Suite",
    "attack",
    "suite_called",
]
