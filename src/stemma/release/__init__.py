"""Letting prompts through: what a candidate has to show before it gets a version number, and a label."""

from stemma.release.gate import Gate, GateVerdict
from stemma.release.policy import GatePolicy

__all__ = ["Gate", "GatePolicy", "GateVerdict"]
