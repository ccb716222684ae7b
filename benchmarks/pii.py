"""Personal data found in labelled texts: precision and recall for each kind, and characters a second on one core.

    python -m benchmarks.pii [--json]

Data: `synth_dataset_v2.json` of microsoft/presidio-research, 1,500 texts, in ../shared/data. The patterns were tuned on the
first 500; the figures to go by are those of the rest. A find counts when kind, beginning and end are those of the label.
`texts` is the speed over the texts one by one, `one text` over all of them as one, each the best of three.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stemma.guard.text import personal

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
KINDS_OF_LABELS = {
    "EMAIL_ADDRESS": "email",
    "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip",
    "US_SSN": "ssn",
    "CREDIT_CARD": "card",
    "DOMAIN_NAME": "url",
    "PHONE_NUMBER": "phone",
}
_TUNED_ON = 500


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text with what is to be found in it: kind, start, end."""

    text: str
    expected: frozenset[tuple[str, int, int]]


@dataclass(frozen=True, slots=True)
class Score:
    """How many were found rightly, found wrongly, and missed."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"needs the public data sets in {DATA}")
    told: dict[str, Any] = {}
    for name, half in zip(("tuning", "report"), halves(DATA), strict=True):
        scores = {
            kind: {**asdict(score), "precision": round(score.precision, 4), "recall": round(score.recall, 4)}
            for kind, score in measured(half).items()
        }
        told[name] = {"texts": len(half), "kinds": scores, "characters_per_second": speed(half)}
    if arguments.json:
        print(json.dumps(told, indent=2))
        return
    for name, one_half in told.items():
        print(f"{name}: {one_half['texts']} texts")
        for kind, one in one_half["kinds"].items():
            print(
                f"  {kind:6} precision {one['precision']:.3f}  recall {one['recall']:.3f}  of {one['right'] + one['missed']}"
            )
        print(
            "  " + ", ".join(f"{way}: {rate:,} characters/s" for way, rate in one_half["characters_per_second"].items())
        )


def halves(data: Path) -> tuple[Sequence[Labelled], Sequence[Labelled]]:
    """The texts that were tuned on, and the rest."""
    rows = json.loads((data / "presidio-research/synth_dataset_v2.json").read_text(encoding="utf-8"))
    texts = [
        Labelled(
            row["full_text"],
            frozenset(
                (KINDS_OF_LABELS[span["entity_type"]], span["start_position"], span["end_position"])
                for span in row["spans"]
                if span["entity_type"] in KINDS_OF_LABELS
            ),
        )
        for row in rows
    ]
    return texts[:_TUNED_ON], texts[_TUNED_ON:]


def measured(texts: Sequence[Labelled]) -> dict[str, Score]:
    """The score of each kind."""
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    for one in texts:
        found = {(find.kind, find.start, find.end) for find in personal(one.text)}
        right.update(kind for kind, *_ in found & one.expected)
        wrong.update(kind for kind, *_ in found - one.expected)
        missed.update(kind for kind, *_ in one.expected - found)
    return {kind: Score(right[kind], wrong[kind], missed[kind]) for kind in KINDS_OF_LABELS.values()}


def speed(texts: Sequence[Labelled]) -> dict[str, int]:
    """Characters a second, text by text and all in one."""
    apart, joined = [one.text for one in texts], ["\n".join(one.text for one in texts)]
    return {"texts": _rate(apart), "one text": _rate(joined)}


def _rate(texts: Sequence[str]) -> int:
    best = float("inf")
    for _ in range(3):
        begun = time.perf_counter()
        for text in texts:
            personal(text)
        best = min(best, time.perf_counter() - begun)
    return round(sum(map(len, texts)) / best)


if __name__ == "__main__":
    main()
