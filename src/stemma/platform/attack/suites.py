"""The suites there are, by name."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from stemma.core.errors import NotFound
from stemma.core.marked import near
from stemma.platform.attack.suite import Suite

SUITES: Mapping[str, str] = {
    "agentdojo": "stemma.platform.attack.agentdojo.suite:AgentDojo",
    "injecagent": "stemma.platform.attack.scenes.injecagent:InjecAgent",
    "substitution": "stemma.platform.attack.scenes.substitution:suite",
    "second-order": "stemma.platform.attack.scenes.second_order:suite",
    "memory": "stemma.platform.attack.scenes.memory:suite",
    "peers": "stemma.platform.attack.scenes.peers:suite",
    "fatigue": "stemma.platform.attack.scenes.fatigue:attentive",
    "fatigue-tired": "stemma.platform.attack.scenes.fatigue:tired",
}
"""Each is made by calling what is named here, which takes the folder of the user's network, or None for its own."""


def suite_called(name: str, network: Path | None = None) -> Suite:
    """The suite of that name, to be run against the network in a folder.

    Raises NotFound for a name that there is not, InvalidInput for a suite that runs on networks of its own alone.
    """
    if name not in SUITES:
        raise NotFound(f"there is no suite {name!r}{near(name, SUITES)}; there are: {', '.join(SUITES)}")
    module, _, made = SUITES[name].partition(":")
    suite: Suite = getattr(import_module(module), made)(network)
    return suite
