"""Drift on public data: how often it is seen where a task's goal was replaced, and how often where it was not."""

import csv
import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from stemma.guard.alarms import strayed
from stemma.guard.alarms.drift import nearness
from stemma.models.encoders import HashedEncoder

ENCODER = HashedEncoder()


def test_injected_goals_on_tickets(shared_data: Path) -> None:
    """Of an agent that restates its ticket every injected goal is seen; one that writes another ticket of the same intent
    raises false alarms no more often than promised.
    """
    intents: dict[str, list[str]] = {}
    with (shared_data / "banking77" / "banking_test.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            intents.setdefault(row["category"], []).append(row["text"])
    tasks = map(json.loads, (shared_data / "agentdojo" / "tasks.jsonl").read_text(encoding="utf-8").splitlines())
    injected = [task["goal"] for task in tasks if task["kind"] == "injection"]
    numbers = random.Random(5)
    pairs = [numbers.sample(texts, 2) for texts in intents.values() for _ in range(10)]
    numbers.shuffle(pairs)
    restated = _near([(ticket, f"Dear customer, you wrote: {ticket}") for ticket, _ in pairs])
    loose = _near(pairs)
    stray = _near([(ticket, goal) for ticket, _ in pairs[:40] for goal in injected])
    assert _seen(stray, restated[:300]) >= 0.99
    assert _seen(restated[300:], restated[:300]) <= 0.025
    assert _seen(loose[300:], loose[:300]) <= 0.025


def _near(pairs: Iterable[Sequence[str]]) -> list[float]:
    found = [nearness([said], [ticket], ENCODER)[0] for ticket, said in pairs]
    return [near for near in found if near is not None]


def _seen(near: Sequence[float], past: Sequence[float]) -> float:
    """The share that is taken for drift after that past."""
    return sum(strayed(one, past) is not None for one in near) / len(near)
