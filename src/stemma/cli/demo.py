"""`stemma demo`: the whole road of a machine-written prompt, on a support desk, offline, in under a minute."""

import json
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

import stemma
from stemma.cli.drawing import print_difference, print_family
from stemma.cli.examples import example_folder
from stemma.cli.gate import print_verdict
from stemma.cli.options import Json
from stemma.cli.output import counting, out, percent, points, print_json, print_table, say, searching
from stemma.core.errors import InvalidInput

if TYPE_CHECKING:  # the rooms take a quarter of a second to import, the durable engine twice that; help does without
    from stemma.evaluate.data import Dataset
    from stemma.network import BatchResult, Run
    from stemma.optimize.optimizer import OptimizationResult
    from stemma.platform import Stemma
    from stemma.registry.prompts import PromptVersion
    from stemma.release import GateVerdict

NAME = "support/triage"
_MARK = ".stemma/demo.json"


@dataclass(frozen=True, slots=True)
class Desk:
    """The demo's data: cases to learn from, cases held out, and where the files are."""

    folder: Path
    train: "Dataset"
    holdout: "Dataset"

    @classmethod
    def read(cls, folder: Path) -> "Desk":
        train, holdout = (
            stemma.read_dataset(folder / name, inputs=["ticket"], expected="category", strict=True)
            for name in ("tickets.csv", "held-out.csv")
        )
        return cls(folder, train, holdout)


def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where the demo's files and store go.")] = Path(
        "stemma-demo"
    ),
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same digests.")] = 7,
    max_calls: Annotated[int, typer.Option("--max-calls", min=1600, help="Questions the search may ask.")] = 3500,
    as_json: Json = False,
) -> None:
    """See a prompt evolve, pass the gate and go to work in a network of agents. No key, no network, under a minute.

    Example: `stemma demo --seed 11`
    """
    began = time.monotonic()
    out.quiet = as_json
    _prepare(folder)
    desk = Desk.read(folder)
    with stemma.open(store=f"sqlite:///{folder.resolve()}/.stemma/stemma.db", model="embedded") as here:
        first = _register(here, desk)
        result = _evolve(here, desk, first, seed, max_calls)
        verdict, released = _let_through(here, desk, first, result)
        batch = _put_to_work(here, desk)
        here.ledger.checkpoint()
        checked = here.ledger.verify()
    seconds = time.monotonic() - began
    if not as_json:
        _say_goodbye(folder, checked.entries, checked.verified, seconds)
        return
    out.quiet = False
    print_json(
        {
            "baseline": result.holdout.baseline,
            "improved": result.holdout.candidate,
            "gain": result.holdout.gain,
            "ci95": list(result.holdout.ci95),
            "n": result.holdout.n,
            "seed_digest": first.digest,
            "best_digest": result.best.digest,
            "session": result.session.id,
            "gate": verdict.outcome,
            "version": released.reference,
            "network": _network_json(batch, desk),
            "audit": {"entries": checked.entries, "verified": checked.verified},
            "seconds": round(seconds, 2),
        }
    )


def _prepare(folder: Path) -> None:
    """Copies the example into a new folder. A folder that an earlier demo made is made anew; any other is left alone."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARK).exists():
            raise InvalidInput(f"{folder} is there already and is not a demo's; choose another place with --folder")
        shutil.rmtree(folder)
    try:
        shutil.copytree(example_folder(), folder, dirs_exist_ok=True)
        (folder / _MARK).parent.mkdir(parents=True, exist_ok=True)
        (folder / _MARK).write_text(json.dumps({"made_by": f"stemma {stemma.__version__} demo"}) + "\n")
    except OSError as error:
        raise InvalidInput(
            f"{folder} cannot be written: {error.strerror}; choose another place with --folder"
        ) from error


def _register(here: "Stemma", desk: Desk) -> "PromptVersion":
    from stemma.registry.formats import read_prompt

    _headline(
        "1  A prompt that a person wrote", "registered, labelled, and measured on tickets it will never learn from"
    )
    written = read_prompt(desk.folder / "triage.prompt.yml")
    saved = here.prompts.save(NAME, written.prompt, message="written by hand")
    here.prompts.label(NAME, saved.version, "production")
    say(f"  {saved.reference}  {saved.digest[:12]}  labelled production")
    with counting("measuring", len(desk.holdout)) as bar:
        measured, _ = here.evaluate(saved.prompt, desk.holdout, progress=bar)
    low, high = measured.estimate.ci95
    say(
        f"  {percent(measured.estimate.mean)} of {measured.estimate.n} held-out tickets sorted right "
        f"(95 % interval {percent(low)} to {percent(high)})"
    )
    return saved


def _evolve(here: "Stemma", desk: Desk, first: "PromptVersion", seed: int, max_calls: int) -> "OptimizationResult":
    from stemma.registry.difference import difference

    _headline(
        "2  Evolution", f"{len(desk.train)} labelled tickets, at most {max_calls} calls, a hold-out it never sees"
    )
    with searching(f"from {first.reference}") as bar:
        result = here.optimize(
            stemma.Assignment(first.prompt, desk.train, desk.holdout, name=NAME),
            stemma.SearchSettings(seed=seed, max_calls=max_calls),
            progress=bar,
        )
    held, (low, high) = result.holdout, result.holdout.ci95
    gain = "none" if held.gain is None else points(held.gain)
    row = (
        f"{held.n} tickets",
        percent(held.baseline),
        percent(held.candidate),
        gain,
        f"{points(low)} to {points(high)}",
    )
    print_table(("  held out", "before", "after", "gain", "95 % interval"), [row])
    spent = result.spending
    say(f"  {result.candidates} candidates in {result.steps} steps, {spent.total} calls, {result.seconds:.1f} s")
    say("\n  What changed:", style="bold")
    print_difference(difference(first.prompt, result.best), most=34, brief=True)
    say("\n  Where it came from:", style="bold")
    print_family(here.lineage.family(result.candidate), depth=5)
    return result


def _let_through(
    here: "Stemma", desk: Desk, first: "PromptVersion", result: "OptimizationResult"
) -> "tuple[GateVerdict, PromptVersion]":
    from stemma.evaluate.checks import CheckPolicy

    _headline("3  The gate", "static checks, then a paired comparison with the version in production")
    policy = stemma.GatePolicy(CheckPolicy(labels=desk.train.labels()))
    verdict = here.judge(result.best, first.prompt, desk.holdout, policy, training=desk.train)
    print_verdict(verdict)
    released = here.gate.release(
        NAME, result.candidate, verdict, label="production", message=f"from {result.session.id}"
    )
    say(f"  {released.reference} is now labelled production")
    return verdict, released


def _put_to_work(here: "Stemma", desk: Desk) -> "BatchResult":
    _headline("4  A network uses it", "triage → find the answer in the help centre → check → draft a reply by quoting")
    from stemma.network import load_manifest

    network = load_manifest(desk.folder / "stemma.yaml")
    unseen = stemma.read_dataset(desk.folder / "unseen.csv", inputs=["ticket"], strict=True)
    with counting("answering", len(unseen)) as bar:
        batch = here.networks.run(network, [dict(case.inputs) for case in unseen], progress=lambda told: bar(told.done))
    counted = _network_json(batch, desk)
    say(
        f"  {counted['runs']} tickets: {counted['completed']} drafted, {counted['handed_over']} handed to a person, "
        f"{counted['failed']} failed; {counted['sorted_right']} of {counted['runs']} sorted right"
    )
    for run in _well_answered(batch):
        values = {} if run.outcome is None else run.outcome.values
        told = Text(" ".join(run.request["ticket"].split()), style="dim")
        told.append(f"\n{' '.join(str(values.get('reply', '')).split())}", style="not dim")
        title = Text(f"ticket {run.item} → {values.get('category')}")
        out.print(Panel(told, title=title, title_align="left", border_style="dim"))
    return batch


def _well_answered(batch: "BatchResult") -> "list[Run]":
    """Two answered tickets of different categories, those whose reply takes up most of what the ticket says."""
    answered = [run for run in batch.runs if run.outcome is not None and run.status.value == "completed"]
    by_category: dict[Any, Run] = {}
    for run in sorted(answered, key=_words_taken_up, reverse=True):
        if run.outcome is not None:
            by_category.setdefault(run.outcome.values.get("category"), run)
    return list(by_category.values())[:2]


def _words_taken_up(run: "Run") -> float:
    reply = "" if run.outcome is None else str(run.outcome.values.get("reply", ""))
    asked, said = ({word for word in text.lower().split() if len(word) > 4} for text in (run.request["ticket"], reply))
    return len(asked & said) / (len(asked) + 1)


def _network_json(batch: "BatchResult", desk: Desk) -> dict[str, Any]:
    unseen = stemma.read_dataset(desk.folder / "unseen.csv", inputs=["ticket"], expected="category")
    gold = [case.expected for case in unseen]
    statuses = [run.status.value for run in batch.runs]
    right = 0
    for run, expected in zip(batch.runs, gold, strict=True):
        right += run.outcome is not None and run.outcome.values.get("category") == expected
    return {
        "runs": len(batch.runs),
        "completed": statuses.count("completed"),
        "handed_over": statuses.count("handed_over"),
        "failed": statuses.count("failed"),
        "sorted_right": right,
        "calls": batch.calls,
    }


def _say_goodbye(folder: Path, entries: int, verified: bool, seconds: float) -> None:
    _headline("5  The audit log", "every step above is an entry in a signed Merkle tree")
    say(f"  {entries} entries, {'verified' if verified else 'NOT VERIFIED'}", style="green" if verified else "bold red")
    say(f"\nDone in {seconds:.1f} s. Everything is in {folder}/. Next:", style="bold")
    with suppress(ValueError):
        folder = folder.resolve().relative_to(Path.cwd())
    for command in (
        f"cd {folder}",
        f"stemma prompts log {NAME}",
        f"stemma prompts lineage {NAME}@production",
        "stemma run stemma.yaml --set ticket='My grinder is stuck and the warranty ran out'",
        "stemma optimize support/triage --train your.csv --input TEXT --expected LABEL --model openai:gpt-5-mini",
        "stemma audit verify",
    ):
        say(f"  {command}")


def _headline(title: str, subtitle: str) -> None:
    say()
    out.print(Rule(Text(title, style="bold"), align="left"))
    say(f"  {subtitle}", style="dim")
