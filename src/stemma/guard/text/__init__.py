"""What a text is like, and what it may be let through as. Pure decisions: nothing here reads a store or a network."""

from stemma.guard.text.alarms import alarming
from stemma.guard.text.cleaning import Cleaned, clean
from stemma.guard.text.finding import Finding
from stemma.guard.text.inert import inert
from stemma.guard.text.inspection import Inspection, Limits, inspect
from stemma.guard.text.personal import personal
from stemma.guard.text.protection import TOKEN, Blocked, Protected, Protection, Tokens, Treatment, protect
from stemma.guard.text.secrets import secrets

__all__ = [
    "TOKEN",
    "Blocked",
    "Cleaned",
    "Finding",
    "Inspection",
    "Limits",
    "Protected",
    "Protection",
    "Tokens",
    "Treatment",
    "alarming",
    "clean",
    "inert",
    "inspect",
    "personal",
    "protect",
    "secrets",
]
