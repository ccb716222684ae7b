"""How often the embedded model is right, and how many answers a second it gives.

    python benchmarks/embedded.py [--speed] [--encoder hashed|minilm] [--seeds 3] [--data ../shared/data]

The first table is accuracy in per cent on whole test sets that the model has never seen; only the prompt differs from
column to column. The prompt is an instruction, ``Labels:`` and a line ``- label: description`` each, then ``Examples:`` with
``Input:`` / ``Output:`` pairs. Demonstrations are drawn from the training data by ``random.Random(seed)``, the same number
a label, and a cell is the mean over seeds 0, 1, …; *masked* replaces each label by a name without meaning, and
*shuffled* gives each description to the next label: near chance both, since answers come from the prompt alone. A refusal
counts as wrong. With ``--speed`` only the second table is printed, on sentences made up here, so it needs no data.

MiniLM takes part when its weights are installed (``stemma models install minilm``).
"""

import argparse
import asyncio
import csv
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import fmean

from stemma.models import complete, weights_root
from stemma.models.embedded import EmbeddedModel
from stemma.models.encoders import Encoder, HashedEncoder
from stemma.models.encoders.minilm import MiniLMEncoder
from stemma.models.weights import MINILM

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SPELLED = {
    "ABBR": "abbreviation",
    "DESC": "description",
    "ENTY": "entity",
    "HUM": "human",
    "LOC": "location",
    "NUM": "numeric",
}
CUE_WORDS = {
    "abbreviation": "stand for, abbreviation, acronym, short for, full form",
    "description": "why, how do, how does, how did, what is, what are, define, definition, meaning, origin, difference",
    "entity": "what kind of, what type of, what color, what animal, what book, what movie, what film, what game, name the",
    "human": "who, whose, whom, which president, what president, what actor, what team, what company, what group",
    "location": "where, what city, what country, what state, which country, which state, capital, what river, located",
    "numeric": "how many, how much, when, what year, how long, how far, how old, how tall, what date, how often, population",
}
# What the design asks for, in the order of COLUMNS; masked and shuffled are for looking at.
FLOORS = {
    ("banking15", "hashed"): (7.8, 65.0, 77.7, None, 88.4, 89.8, 5.5),
    ("banking15", "minilm"): (6.7, 79.3, 89.3, None, 95.3, 95.9, 5.3),
    ("banking77", "hashed"): (1.2, 48.7, 55.3, None, 71.9, 75.8, 9.7),
    ("banking77", "minilm"): (0.1, 61.6, 72.5, None, 83.1, 85.2, 8.2),
    ("trec", "hashed"): (5.4, 14.6, 14.4, 68.4, 40.8, 53.6, 12.4),
    ("trec", "minilm"): (21.2, 48.6, 55.0, 67.4, 66.5, 75.9, 41.6),
}
COLUMNS = ("masked", "names", "+ descr.", "+ cues", "+ 5 demos", "+ 10", "shuffled")


@dataclass(frozen=True)
class TaskData:
    """A data set: training and test pairs of text and label, and a description a label, in a fixed order."""

    train: Sequence[tuple[str, str]]
    test: Sequence[tuple[str, str]]
    descriptions: Mapping[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", action="store_true", help="print speed only")
    parser.add_argument("--encoder", choices=["hashed", "minilm"], help="only this encoder")
    parser.add_argument("--seeds", type=int, default=3, help="draws of demonstrations to average over")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of public data sets")
    chosen = parser.parse_args()
    encoders = [encoder for encoder in _encoders() if chosen.encoder in (None, encoder.name)]
    if not chosen.speed:
        if chosen.data.is_dir():
            print_accuracy(encoders, chosen.data, seeds=chosen.seeds)
        else:
            print(f"accuracy needs the public data sets; there are none in {chosen.data}\n")
    for encoder in encoders:
        print_speed(encoder)


def print_accuracy(encoders: Sequence[Encoder], folder: Path, *, seeds: int) -> None:
    print(f"{'accuracy, % (and the aim)':<26}" + "".join(f"{column:>15}" for column in COLUMNS))
    for name in ("banking15", "banking77", "trec"):
        data = load(name, folder)
        for encoder in encoders:
            found = row(EmbeddedModel(encoder), data, seeds=seeds, cues=CUE_WORDS if name == "trec" else None)
            cells = (_cell(value, aim) for value, aim in zip(found, FLOORS[name, encoder.name], strict=True))
            print(f"{name + ', ' + encoder.name:<26}" + "".join(f"{cell:>15}" for cell in cells), flush=True)
    print()


def row(
    model: EmbeddedModel, data: TaskData, *, seeds: int, cues: Mapping[str, str] | None = None
) -> list[float | None]:
    """One line of the table: the accuracy in per cent for each of COLUMNS."""
    labels = list(data.descriptions)
    masks = {label: f"class {number:02}" for number, label in enumerate(labels, 1)}
    following = dict(zip(labels, [*labels[1:], labels[0]], strict=True))
    shuffled = {label: data.descriptions[following[label]] for label in labels}
    cued = cues and {label: f"{data.descriptions[label]}. Keywords: {cues[label]}" for label in labels}

    def shown(count: int) -> float:
        drawn = [demonstrations(data, count, seed=seed) for seed in range(seeds)]
        return fmean(accuracy(model, prompt(data.descriptions, demos), data.test) for demos in drawn)

    return [
        accuracy(model, prompt(dict.fromkeys(masks.values(), "")), [(text, masks[label]) for text, label in data.test]),
        accuracy(model, prompt(dict.fromkeys(labels, "")), data.test),
        accuracy(model, prompt(data.descriptions), data.test),
        accuracy(model, prompt(cued), data.test) if cued else None,
        shown(5),
        shown(10),
        accuracy(model, prompt(shuffled), data.test),
    ]


def prompt(descriptions: Mapping[str, str], demos: Sequence[tuple[str, str]] = ()) -> str:
    """The prompt that the table is measured with."""
    lines = [f"- {label}: {about}" if about else f"- {label}" for label, about in descriptions.items()]
    parts = ["Classify the message. Answer with the label alone.", "\n".join(["Labels:", *lines])]
    if demos:
        parts += ["Examples:", *(f"Input: {text}\nOutput: {label}" for text, label in demos)]
    return "\n\n".join(parts)


def accuracy(model: EmbeddedModel, system: str, test: Sequence[tuple[str, str]]) -> float:
    return 100.0 * fmean(model.answer(system, text).label == label for text, label in test)


def demonstrations(data: TaskData, count: int, *, seed: int) -> list[tuple[str, str]]:
    """`count` training pairs a label, drawn with `seed`."""
    draw = Random(seed)
    by_label = {label: [text for text, its in data.train if its == label] for label in data.descriptions}
    return [(text, label) for label, texts in by_label.items() for text in draw.sample(texts, count)]


def load(name: str, folder: Path) -> TaskData:
    if name == "trec":
        about = _descriptions(folder / "trec" / "descriptions.tsv")
        return TaskData(
            [(text, SPELLED[label]) for text, label in _pairs(folder / "trec" / "train.csv", "label")],
            [(text, SPELLED[label]) for text, label in _pairs(folder / "trec" / "test.csv", "label")],
            {SPELLED[label]: text for label, text in about.items()},
        )
    banking = folder / "banking77"
    about = _descriptions(banking / "descriptions.tsv")
    kept = (banking / "fifteen.txt").read_text().split() if name == "banking15" else list(about)
    return TaskData(
        [pair for pair in _pairs(banking / "banking_train.csv", "category") if pair[1] in kept],
        [pair for pair in _pairs(banking / "banking_test.csv", "category") if pair[1] in kept],
        {label: about[label] for label in kept},
    )


def print_speed(encoder: Encoder) -> None:
    """Compiling, answering and encoding, on made-up sentences."""
    count = 2_000 if encoder.name == "hashed" else 200
    texts, labels = _made_up(count), [f"topic_{number}" for number in range(15)]
    demos = [(text, labels[place % 15]) for place, text in enumerate(_made_up(75, seed=1))]
    system = prompt({label: f"about {text}" for label, text in zip(labels, _made_up(15, seed=2), strict=True)}, demos)
    model = EmbeddedModel(encoder)
    encoding = _rate(lambda: encoder.encode(texts), count)
    model.answer(system, texts[0])
    fresh = _rate(lambda: asyncio.run(_requests(model, system, texts)), count)
    known = _rate(lambda: [model.answer(system, text) for text in texts], count)
    print(
        f"{encoder.name}: 15 labels, 5 demonstrations a label, {count} inputs of {fmean(map(len, texts)):.0f} characters"
    )
    print(f"  sentences encoded a second            {encoding:>12,.0f}")
    print(f"  answers/s, new inputs, Model.request  {fresh:>12,.0f}")
    print(f"  answers/s, known inputs, direct       {known:>12,.0f}   ({known / fresh:.1f} x)")
    for classes, shown in ((15, 5), (77, 10)):
        print(
            f"  reading and fitting {classes:>2} x {shown:>2} (ms)      {_compile_time(encoder, classes, shown):>12,.1f}"
        )


def _compile_time(encoder: Encoder, classes: int, shown: int) -> float:
    """Milliseconds to read and fit a prompt whose texts are known, the best of five prompts."""
    model, times = EmbeddedModel(encoder), []
    demos = [(text, f"topic_{place % classes}") for place, text in enumerate(_made_up(classes * shown, seed=3))]
    labels = {f"topic_{number}": "" for number in range(classes)}
    model.answer(prompt(labels, demos), "warm up")
    for attempt in range(5):
        started = time.perf_counter()
        model.answer(f"Attempt {attempt}. {prompt(labels, demos)}", "warm up")
        times.append(time.perf_counter() - started)
    return min(times) * 1000


async def _requests(model: EmbeddedModel, system: str, texts: Sequence[str]) -> None:
    for text in texts:
        await complete(model, system=system, user=text)


def _made_up(count: int, *, seed: int = 0) -> list[str]:
    """Sentences of ten words of five letters: as long as a short question, with nothing in common but chance."""
    draw = Random(seed)
    syllables = [one + other for one in "bcdfglmnprst" for other in "aeiou"]
    words = ["".join(draw.choices(syllables, k=3)) for _ in range(500)]
    return [" ".join(draw.choices(words, k=10)) for _ in range(count)]


def _rate(work: Callable[[], object], count: int) -> float:
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def _encoders() -> list[Encoder]:
    found: list[Encoder] = [HashedEncoder()]
    if MINILM.installed(weights_root()):
        found.append(MiniLMEncoder(MINILM.folder(weights_root())))
    return found


def _cell(value: float | None, aim: float | None) -> str:
    return "" if value is None else f"{value:.1f} ({aim})"


def _pairs(path: Path, column: str) -> list[tuple[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [(line["text"], line[column]) for line in csv.DictReader(file)]


def _descriptions(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines)


if __name__ == "__main__":
    main()
