"""Stemma: the system of record, and the runtime, for prompts that machines write.

>>> import stemma
>>> stemma.Prompt("Say hello in {{language}}.").variables
('language',)
"""

from typing import TYPE_CHECKING, Any

from stemma.core.version import __version__

if TYPE_CHECKING:
    from stemma.evaluate.budget import Budget
    from stemma.evaluate.data import Case, Dataset, read_dataset
    from stemma.evaluate.trial import TrialSettings
    from stemma.optimize.optimizer import Assignment
    from stemma.optimize.settings import SearchSettings
    from stemma.platform import Settings, Stemma
    from stemma.platform import open_stemma as open
    from stemma.registry.prompt import Demonstration, Prompt
    from stemma.release import GatePolicy

__all__ = [
    "Assignment",
    "Budget",
    "Case",
    "Dataset",
    "Demonstration",
    "GatePolicy",
    "Prompt",
    "SearchSettings",
    "Settings",
    "Stemma",
    "TrialSettings",
    "__version__",
    "open",
    "read_dataset",
]

# Loaded when first used: importing everything takes a second, and `stemma --version` should not.
_HOMES = {
    "Assignment": "stemma.optimize.optimizer",
    "Budget": "stemma.evaluate.budget",
    "Case": "stemma.evaluate.data",
    "Dataset": "stemma.evaluate.data",
    "Demonstration": "stemma.registry.prompt",
    "GatePolicy": "stemma.release",
    "Prompt": "stemma.registry.prompt",
    "SearchSettings": "stemma.optimize.settings",
    "Settings": "stemma.platform",
    "Stemma": "stemma.platform",
    "TrialSettings": "stemma.evaluate.trial",
    "open": "stemma.platform",
    "read_dataset": "stemma.evaluate.data",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'stemma' has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(_HOMES[name]), "open_stemma" if name == "open" else name)
    globals()[name] = found
    return found
