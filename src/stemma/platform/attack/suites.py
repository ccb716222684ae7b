"""The suites there are, by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from stemma.core.errors import InvalidInput, NotFound
from stemma.core.marked import near
from stemma.platform.attack.suite import Suite


@dataclass(frozen=True, slots=True)
class Known:
    """A suite as it is listed: what it does, what makes it for networks of its own, and whether it takes a user's."""

    about: str
    made: str | None
    takes_network: bool = False


_SCENES = "stemma.platform.attack.scenes"

SUITES: Mapping[str, Known] = {
    "injection": Known("instructions in inputs, results of tools and documents", None, takes_network=True),
    "substitution": Known(
        "another account, address or link in the data, and no instruction",
        f"{_SCENES}.substitution:suite",
        takes_network=True,
    ),
    "second-order": Known(
        "documents that change what agents write for others to do", f"{_SCENES}.second_order:suite", takes_network=True
    ),
    "memory": Known(
        "poison that is remembered in one task and recalled in another", f"{_SCENES}.memory:suite", takes_network=True
    ),
    "peers": Known("agents that pass on what they were told", f"{_SCENES}.peers:suite", takes_network=True),
    "fatigue": Known(
        "so many questions that people may no longer look", f"{_SCENES}.fatigue:attentive", takes_network=True
    ),
    "fatigue-tired": Known(
        "the same, with people who no longer do; some of it gets through", f"{_SCENES}.fatigue:tired"
    ),
    "agentdojo": Known(
        "AgentDojo's 629 pairs; needs stemma-ai[attack]", "stemma.platform.attack.agentdojo.suite:AgentDojo"
    ),
    "injecagent": Known("InjecAgent's 1,054 base cases; needs their files", f"{_SCENES}.injecagent:InjecAgent"),
}
"""`made` is called with the folder of a user's network, or None for the suite's own."""

FIRST = "injection"
"""The suite to begin with, for a network of one's own."""


def suite_called(name: str, network: Path | None = None) -> Suite:
    """The suite of that name, to be run against the network in a folder.

    Raises NotFound for a name that there is not, InvalidInput for a suite that takes no network, or needs one, or finds
    nothing to attack in it.
    """
    if name not in SUITES:
        raise NotFound(f"there is no suite {name!r}{near(name, SUITES)}; there are: {', '.join(SUITES)}")
    known = SUITES[name]
    if network is not None and known.takes_network:
        from stemma.platform.attack.own.suite import OwnSuite  # reads a network, which few callers have

        return OwnSuite(name, network)
    if known.made is None:
        raise InvalidInput(f"suite {name!r} attacks a network of yours; name its folder: --network DIR")
    module, _, made = known.made.partition(":")
    suite: Suite = getattr(import_module(module), made)(network)
    return suite
