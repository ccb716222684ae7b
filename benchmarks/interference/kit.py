"""The tools of a drawn network: some that read, some that act, with labels and decisive arguments of every kind."""

import random
from dataclasses import dataclass

from stemma.core.trust import INTERNAL, UNTRUSTED, TrustLabel
from stemma.network import Effect, ToolSpec

_MODULE = "benchmarks.interference.tools"
CARRIER = "file_away"
"""The tool that agents call which have no model: its arguments have the names of inputs."""
SLOW = "await_reply"
"""The tool that comes back when a stranger likes it to."""
TIME_LIMIT = 0.6  # seconds


@dataclass(frozen=True, slots=True)
class Kit:
    """The tools. `waits` is whether one of them takes as long as a stranger likes."""

    specs: tuple[ToolSpec, ...]
    waits: bool

    @property
    def reading(self) -> list[str]:
        return [spec.name for spec in self.specs if spec.effect is Effect.READ]

    @property
    def acting(self) -> list[str]:
        return [spec.name for spec in self.specs if spec.effect is not Effect.READ and spec.name != CARRIER]

    def held(self, rng: random.Random) -> list[str]:
        """The tools of one agent: none, some that read, or some that act, too."""
        reads = self.reading
        held = rng.sample(reads, k=rng.randint(1, len(reads))) if rng.random() < 0.6 else []
        if rng.random() < 0.7:
            return held + rng.sample(self.acting, k=rng.randint(1, len(self.acting)))
        return [name for name in held if name != "fetch"]

    def limited(self, name: str) -> bool:
        """Whether the tool's own limit of time is the first that it meets."""
        return next(spec.timeout for spec in self.specs if spec.name == name) == TIME_LIMIT


def drawn_kit(rng: random.Random, *, waits: bool) -> Kit:
    """Tools for a network."""
    reads = [
        _reading("look_up", INTERNAL),
        _reading("search", UNTRUSTED),
        _reading("inbox", INTERNAL, fields={"[].sender": UNTRUSTED, "[].body": UNTRUSTED}),
        _reading("record", INTERNAL, fields={"remark": UNTRUSTED}),
        _reading("fetch", UNTRUSTED, sensitive=("url",)),
    ]
    acts = [
        _acting(rng, "pay", Effect.SPEND, ("account", "amount"), ("reason",)),
        _acting(rng, "send", Effect.EGRESS, ("to",), ("body", "copies")),
        _acting(rng, "order", Effect.SPEND, ("item",), ("count",)),
        _acting(rng, "delete", Effect.WRITE, ("number",), ()),
        _acting(rng, "stamp", Effect.WRITE, (), ()),
    ]
    specs = [*rng.sample(reads, k=rng.randint(1, 4)), *rng.sample(acts, k=rng.randint(1, 4))]
    if waits:
        specs.append(_reading(SLOW, UNTRUSTED, timeout=rng.choice((3 * TIME_LIMIT, TIME_LIMIT))))
    return Kit((*specs, _acting(rng, CARRIER, Effect.WRITE, ("task",), ("note", "flag"))), waits)


def _reading(
    name: str,
    label: TrustLabel,
    *,
    fields: dict[str, TrustLabel] | None = None,
    sensitive: tuple[str, ...] | None = None,
    timeout: float | None = None,
) -> ToolSpec:
    return ToolSpec(
        name,
        "python",
        {"function": f"{_MODULE}:{name}"},
        effect=Effect.READ,
        label=label,
        fields=fields,
        sensitive=sensitive,
        timeout=timeout,
    )


def _acting(
    rng: random.Random, name: str, effect: Effect, decisive: tuple[str, ...], others: tuple[str, ...]
) -> ToolSpec:
    """A tool with an effect, of whose arguments a random few besides those of note decide what it does; or all do."""
    some = (*decisive, *(one for one in others if rng.random() < 0.3))
    return ToolSpec(
        name,
        "python",
        {"function": f"{_MODULE}:{name}"},
        effect=effect,
        label=rng.choice((INTERNAL, INTERNAL, UNTRUSTED)),
        sensitive=None if rng.random() < 0.3 else some,
        idempotent=rng.random() < 0.3,
    )
