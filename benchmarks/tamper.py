"""Tampering with the audit log, at random, and whether verification finds it.

    python -m benchmarks.tamper [--number 10000] [--seed 7] [--json]

Each edit is made on a log of 2 to 96 entries, signed at its end and at up to four places before, and verified from a SQLite
database and, every second time, from an export of it. `alone` counts what verification finds with the log's public key and
nothing else. Whoever holds the log's own key, or removes the checkpoints behind a cut, leaves nothing behind that the key
contradicts: that only a witness shows, or a checkpoint that was kept elsewhere. `with a witness` counts those edits again
with the witness's key and its copy of the checkpoint that it signed last, before the edit. What comes behind the last
checkpoint that anybody else has seen can be rewritten by the owner, and nothing shows it.

Exit code 1 when an edit that has to be found was not.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from time import perf_counter

from benchmarks.tampering.edits import LINE_WAYS, WAYS
from benchmarks.tampering.logs import Carrier, Log, random_log


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=10_000, help="edits that have to be found")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    started = perf_counter()
    with tempfile.TemporaryDirectory(prefix="stemma-tamper-") as folder:
        campaign = Campaign(Carrier(Path(folder)), Random(arguments.seed))
        campaign.run(arguments.number)
    told = campaign.to_json() | {"seed": arguments.seed, "seconds": round(perf_counter() - started, 1)}
    if arguments.json:
        print(json.dumps(told, indent=2))
    else:
        print_table(told)
    return 0 if told["missed"] == told["false_alarms"] == 0 else 1


class Campaign:
    """Tampers and counts."""

    def __init__(self, carrier: Carrier, random: Random) -> None:
        self._carrier = carrier
        self._random = random
        self.made, self.alone, self.witnessed = Counter[str](), Counter[str](), Counter[str]()
        self.logs = 0
        self.false_alarms = 0

    def run(self, number: int) -> None:
        while self.made.total() < number:
            log = random_log(self._random)
            self.logs += 1
            self._untouched(log)
            for exported in (False, True):
                for way in WAYS:
                    if self.made.total() < number and (way.exported or not exported):
                        self._tamper(way.name, log, way.edit(self._random, log), way.needs_witness, exported)
            self._carrier.put(log)
            lines = self._carrier.lines()
            for name, change in LINE_WAYS:
                changed = change(self._random, lines)
                if changed != lines and self.made.total() < number:
                    self._carrier.put_lines(changed)
                    self.made[name] += 1
                    self.alone[name] += self._carrier.found_in_file()

    def _untouched(self, log: Log) -> None:
        self._carrier.put(log)
        for exported in (False, True):
            for kept in (None, log.cosigned):
                self.false_alarms += self._carrier.found(exported=exported, kept=kept)

    def _tamper(self, name: str, log: Log, changed: Log, needs_witness: bool, exported: bool) -> None:
        if changed == log:
            return
        self._carrier.put(changed)
        self.made[name] += 1
        self.alone[name] += self._carrier.found(exported=exported)
        if needs_witness:
            self.witnessed[name] += self._carrier.found(exported=exported, kept=log.cosigned)

    def to_json(self) -> dict[str, object]:
        owners = {way.name for way in WAYS if way.needs_witness}
        ways = [
            {
                "way": name,
                "edits": self.made[name],
                "alone": self.alone[name],
                "with_witness": self.witnessed[name] if name in owners else None,
            }
            for name in (*(way.name for way in WAYS), *(name for name, _ in LINE_WAYS))
        ]
        found = sum((self.witnessed if name in owners else self.alone)[name] for name in self.made)
        return {
            "edits": self.made.total(),
            "found": found,
            "missed": self.made.total() - found,
            "logs": self.logs,
            "false_alarms": self.false_alarms,
            "ways": ways,
        }


def print_table(told: dict[str, object]) -> None:
    ways = told["ways"]
    assert isinstance(ways, list)
    print(f"{'way to tamper':<40}{'edits':>8}{'alone':>10}{'with a witness':>18}")
    for row in ways:
        witnessed = "" if row["with_witness"] is None else row["with_witness"]
        print(f"{row['way']:<40}{row['edits']:>8}{row['alone']:>10}{witnessed:>18}")
    print(
        f"\n{told['found']} of {told['edits']} found, on {told['logs']} logs, seed {told['seed']}; "
        f"{told['false_alarms']} false alarms on the untouched; {told['seconds']} s\n"
        "What the owner's key signed anew, and a cut whose checkpoints were removed, is not found alone: of those, what is\n"
        'counted under "with a witness" was found with the checkpoint that a second party had signed before.'
    )


if __name__ == "__main__":
    sys.exit(main())
