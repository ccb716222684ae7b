"""The process that the crash tests kill: runs tickets through a desk, with a line on its output for each call begun and ended.

Arguments: store URL, desk folder, number of tickets, concurrency, number of calls after which the model falls silent.
"""

import asyncio
import sys
from pathlib import Path

from stemma.core.clock import SystemClock
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.network import load_manifest
from stemma.store import Store
from stemma.testing.scripted import CountingModel, ScriptedModel

sys.path.insert(0, str(Path(__file__).parents[2]))  # a script's own folder is on the path, the tests' root is not
from tests.network.desks import networks_on, rule, tickets


class Answers:
    """Answers by rule, `number` times."""

    def __init__(self, number: int) -> None:
        self._left = number

    async def __call__(self, system: str, user: str) -> str:
        if self._left == 0:
            await asyncio.Event().wait()
        self._left -= 1
        await asyncio.sleep(0)  # lets the other runs in, as a call over the network would
        return rule(system, user)


def main(url: str, desk: str, number: str, concurrency: str, answers: str) -> None:
    store, clock = Store.open(url), SystemClock()
    model = CountingModel(ScriptedModel(Answers(int(answers))), log=Path("/dev/stdout"))
    networks = networks_on(Scope(store, Ledger(store, clock), clock, "ada"), model)
    networks.run(load_manifest(Path(desk) / "stemma.yaml"), tickets(int(number)), concurrency=int(concurrency))
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
