"""Drift on public data: how often it is seen where a task's goal was replaced, and how often where it was not."""

import csv
import json
import random
from pathlib import Path

import numpy as np

from stemma.guard.alarms import strayed
from stemma.guard.alarms.drift import nearness
from stemma.models.encoders import HashedEncoder

ENCODER = HashedEncoder()


def test_injected_goals_on_tickets(shared_data: Path) -> None:
    """Agents that answer a ticket by another of its intent are the past; false alarms keep their rate, and of those that say
    what an injection wanted some are seen: with hashed words few, which is why this is a notice.
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
    near = [found for ticket, said in pairs for found in nearness([said], [ticket], ENCODER) if found is not None]
    past, new = near[:300], near[300:]
    stray = [found for ticket, _ in pairs[:40] for found in nearness(injected, [ticket], ENCODER) if found is not None]
    wrong = np.mean([strayed(one, past) is not None for one in new])
    seen = np.mean([strayed(one, past) is not None for one in stray])
    assert wrong <= 0.03
    assert seen >= 3 * wrong
    assert seen >= 0.05
