"""What durability costs an agent's turn: a pipeline of four, beside the same calls kept nowhere.

    python benchmarks/network.py [--runs 50] [--store URL]

Both sides run in this process, on the same messages with the same labels: *durable* is `Networks.run`, every message and
answer in the store, each effect in the audit log, each model call a recorded step of a workflow of its own; *bare* is the
pipeline asking the model directly. Starting and stopping the engine, once a batch, is counted in *durable* and printed
beside. The scripted model answers at once, so its rows show the cost alone; with --latency each of its answers takes that
many seconds, as a provider's would.
"""

import argparse
import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from pydantic_ai.models import Model

from stemma.core.clock import SystemClock
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.models.embedded import EmbeddedModel
from stemma.network import Manifest, Networks, load_manifest
from stemma.network.caller import ModelCaller
from stemma.network.network import Network, pin
from stemma.network.pipeline import pipeline
from stemma.registry.contents import Contents
from stemma.registry.prompts import Prompts
from stemma.store import Store
from stemma.testing.scripted import ScriptedModel

AGENTS = ("triage", "search", "check", "reply")
ROUNDS = 3
CONCURRENCIES = (1, 8)
MANIFEST = """\
network: desk
inputs: [ticket]
agents:
  triage: {prompt: triage.json, reads: [ticket], writes: category}
  search: {prompt: search.json, reads: [ticket, category], knowledge: {folder: help, top: 3}, writes: passage}
  check: {prompt: check.json, reads: [ticket, passage], writes: answered}
  reply: {prompt: reply.json, reads: [ticket, passage], writes: reply}
pipeline: [triage, search, check, reply]
"""
QUOTE = "Answer the question by quoting one sentence of the context. If it is not there, answer: not in the text."
PROMPTS: Mapping[str, tuple[str, str]] = {
    "triage": ("Sort the ticket.\n\nLabels:\n- card: lost or stolen cards\n- fee: costs and charges", "{{ ticket }}"),
    "search": (QUOTE, "Context:\n{{ context }}\n\nQuestion: {{ ticket }} ({{ category }})"),
    "check": ("Does the passage answer?\n\nLabels:\n- yes: a sentence\n- no: nothing", "{{ passage }}\n{{ ticket }}"),
    "reply": (QUOTE, "Context:\n{{ passage }}\n\nQuestion: {{ ticket }}"),
}
HELP = "# Cards\n\nFreeze a lost card in the app. A new card comes in five days.\n\n# Fees\n\nCash abroad costs 2 per cent.\n"


@dataclass(frozen=True)
class OneModel:
    """Every model name means this model."""

    model: Model

    def get(self, name: str) -> Model:
        return self.model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50, help="tickets a batch")
    parser.add_argument("--store", help="a fresh database, such as postgresql://…; a SQLite file unless given")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that the scripted model takes to answer")
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="stemma-bench-") as folder:
        desk = write_desk(Path(folder))
        store = Store.open(arguments.store or f"sqlite:///{folder}/stemma.db")
        clock = SystemClock()
        scope = Scope(store, Ledger(store, clock), clock, "benchmark")
        kind = "SQLite" if store.is_sqlite else "PostgreSQL"
        turns = arguments.runs * len(AGENTS)
        print(f"{kind}, {arguments.runs} runs of {len(AGENTS)} agents a batch, median of {ROUNDS}; milliseconds a turn")
        print(f"{'model, runs at once':<28}{'durable':>10}{'bare':>10}{'difference':>12}{'durable / bare':>16}")
        models: dict[str, Callable[[], Model]] = {
            "scripted": partial(scripted, arguments.latency),
            "embedded": EmbeddedModel,
        }
        for name, model in models.items():
            for concurrency in CONCURRENCIES:
                durable, bare = measure(scope, desk, model, runs=arguments.runs, concurrency=concurrency)
                row = f"{name}, {concurrency}"
                durable, bare = durable * 1000 / turns, bare * 1000 / turns
                print(f"{row:<28}{durable:>10.2f}{bare:>10.2f}{durable - bare:>12.2f}{durable / bare:>16.2f}")
        print(f"starting and stopping the engine: {engine_seconds(scope, desk) * 1000:.0f} ms a batch")
        store.close()


def measure(
    scope: Scope, desk: Manifest, model: Callable[[], Model], *, runs: int, concurrency: int
) -> tuple[float, float]:
    """Seconds for one batch, durable and bare; rounds of both alternate, each with tickets and a model of its own."""
    durable, bare = list[float](), list[float]()
    for _ in range(ROUNDS):
        networks = networks_on(scope, model())
        items = tickets(runs)
        started = perf_counter()
        networks.run(desk, items, concurrency=concurrency, new=True)
        durable.append(perf_counter() - started)
        network = pin(desk, Prompts(scope, Contents()))
        caller = ModelCaller(OneModel(model()), scope.clock, concurrency=concurrency)
        started = perf_counter()
        asyncio.run(run_bare(network, caller, items, concurrency))
        bare.append(perf_counter() - started)
    return median(durable), median(bare)


async def run_bare(network: Network, caller: ModelCaller, items: Sequence[Mapping[str, str]], concurrency: int) -> None:
    """The same pipeline, its messages composed and labelled, its answers kept nowhere."""

    async def work(waiting: Iterator[Mapping[str, str]]) -> None:
        for number, item in enumerate(waiting):
            await pipeline(network, f"bare.{number}", item, caller.ask)

    waiting = iter(items)
    await asyncio.gather(*(work(waiting) for _ in range(concurrency)))


def engine_seconds(scope: Scope, desk: Manifest) -> float:
    """Seconds that a batch of one run takes beyond its four turns, as good as all of it for the engine."""
    networks = networks_on(scope, scripted(0.0))
    started = perf_counter()
    networks.run(desk, tickets(1), new=True)
    return perf_counter() - started


def scripted(latency: float) -> ScriptedModel:
    async def answer(system: str, user: str) -> str:
        if latency:
            await asyncio.sleep(latency)
        return user.splitlines()[-1]

    return ScriptedModel(answer)


def networks_on(scope: Scope, model: Model) -> Networks:
    return Networks(scope, Prompts(scope, Contents()), OneModel(model))


def tickets(runs: int) -> list[dict[str, str]]:
    return [{"ticket": f"Ticket {number}: I lost my card, when does a new card come?"} for number in range(runs)]


def write_desk(folder: Path) -> Manifest:
    (folder / "help").mkdir()
    (folder / "help" / "desk.md").write_text(HELP)
    (folder / "stemma.yaml").write_text(MANIFEST)
    for name, (instructions, user) in PROMPTS.items():
        (folder / f"{name}.json").write_text(json.dumps({"instructions": instructions, "user": user}))
    return load_manifest(folder / "stemma.yaml")


if __name__ == "__main__":
    main()
