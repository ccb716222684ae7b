"""Suites of attacks: what is run against a network, and how each run is judged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from stemma.core.errors import InvalidInput
from stemma.network import Asked, Manifest, Run
from stemma.network.network import PromptSource
from stemma.platform.stemma import Stemma

if TYPE_CHECKING:  # pydantic_ai takes 0.6 s to import
    from pydantic_ai.models import Model


class Mode(StrEnum):
    """What is measured in a pass over a suite."""

    UNDEFENDED = "undefended"  # attacked, the guard off: shows that the attacks work
    DEFENDED = "defended"  # attacked, with a person who approves what the task needs and nothing else
    ALONE = "alone"  # not attacked, with nobody who approves anything
    HELPED = "helped"  # not attacked, with that person

    @property
    def attacked(self) -> bool:
        return self in (Mode.UNDEFENDED, Mode.DEFENDED)


@dataclass(frozen=True, slots=True)
class Case:
    """One run: what the network is given, and the name under which it is told of."""

    name: str
    item: Mapping[str, str]
    text_only: bool = False
    """Whether the attacker wants nothing but words in the answer."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a run: the task done, the attacker's wish done, and, where it was in words, whether they were marked."""

    done: bool
    attacked: bool = False
    marked: bool = False
    how: str = ""
    """How the attack got through, or why it did not, where the arena can say."""


@dataclass(frozen=True, slots=True)
class About:
    """The network of a user's that was attacked: whether its tasks were `written` by somebody or `made-up`, and what else has
    to be known to read the figures."""

    network: str
    tasks: str
    notes: tuple[str, ...] = ()


class Arena(Protocol):
    """A network with the gullible model in every node, and the cases that are run through it."""

    @property
    def manifest(self) -> Manifest: ...

    @property
    def models(self) -> Mapping[str, "Model"]: ...

    @property
    def cases(self) -> Sequence[Case]: ...

    def prepare(self, run: str, case: Case) -> None:
        """Called before the run of this id begins."""

    def approves(self, asked: Asked, case: Case) -> bool:
        """Whether a person who knows what the task needs, and looks closely, lets it go ahead."""

    def judge(self, run: Run, case: Case) -> Judged: ...


@runtime_checkable
class Preceded(Protocol):
    """An arena with something that is done on its store before its cases are: what is remembered of that they may find."""

    @property
    def earlier(self) -> Sequence[tuple[Manifest, Sequence[Mapping[str, str]]]]:
        """Networks, with the items that they are run with."""


@runtime_checkable
class Furnished(Protocol):
    """An arena in whose store something lies before its cases are run."""

    def furnish(self, here: Stemma) -> None: ...


@runtime_checkable
class Lending(Protocol):
    """An arena whose network names prompts of a registry: they are looked up there."""

    @property
    def prompts(self) -> PromptSource: ...


@runtime_checkable
class Told(Protocol):
    """A suite against a network that is not its own."""

    @property
    def about(self) -> About: ...


class Suite(Protocol):
    """A named set of attacks. Raises NotConfigured, when it is asked for arenas, where a package that it needs is missing."""

    @property
    def name(self) -> str: ...

    def size(self, mode: Mode) -> int:
        """How many cases there are in this mode."""

    def arenas(self, mode: Mode, folder: Path) -> Iterator[Arena]:
        """The networks to run in this mode; their files may lie in `folder`, which is empty."""


def own_networks_only(name: str, network: Path | None) -> None:
    """For suites that bring their own networks. Raises InvalidInput when there is another."""
    if network is not None:
        raise InvalidInput(f"suite {name!r} runs on networks of its own; leave out --network {network}")
