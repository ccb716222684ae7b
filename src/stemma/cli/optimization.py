"""`stemma optimize`: a better prompt, from data."""

from pathlib import Path
from typing import Annotated

import typer

import stemma
from stemma.cli.options import (
    Concurrency,
    Expected,
    Input,
    Json,
    Judge,
    Model,
    ScorerName,
    Strict,
    dataset,
    version_of,
)
from stemma.cli.output import note, percent, points, print_json, say, searching
from stemma.cli.prompts import print_difference
from stemma.core.errors import InvalidInput
from stemma.evaluate.data import Dataset
from stemma.optimize.optimizer import Assignment, OptimizationResult
from stemma.optimize.settings import SearchSettings
from stemma.registry.difference import difference

_EMBEDDED_CALLS, _PAID_CALLS = 6000, 1000


def optimize(
    name: Annotated[str, typer.Argument(help="NAME (newest version), NAME/3, NAME@label, or a prompt file.")],
    train: Annotated[Path, typer.Option("--train", help="Cases to learn from.")],
    inputs: Input,
    expected: Expected,
    val: Annotated[
        Path | None, typer.Option("--val", help="Cases to choose by; split off --train unless given.")
    ] = None,
    holdout: Annotated[
        str, typer.Option("--holdout", help="Cases to measure on: a file, or a fraction of --train.")
    ] = "0.25",
    model: Model = None,
    writer: Annotated[
        str | None, typer.Option("--writer", help="Model that also writes prompts; none unless given.")
    ] = None,
    strategy: Annotated[str, typer.Option("--strategy", help="How to search.")] = "genetic",
    scorer: ScorerName = "normalised",
    judge: Judge = None,
    max_calls: Annotated[
        int | None, typer.Option("--max-calls", min=1, help="Questions at most: 6000 for embedded models, else 1000.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Same seed and data, same result.")] = 0,
    population: Annotated[int, typer.Option("--population", min=2, help="Prompts in a generation.")] = 50,
    generations: Annotated[int, typer.Option("--generations", min=1, help="Generations at most.")] = 20,
    elite: Annotated[float, typer.Option("--elite", min=0, max=1, help="Share that goes on unchanged.")] = 0.2,
    mutation_rate: Annotated[
        float, typer.Option("--mutation-rate", min=0, max=1, help="Chance that a child is changed further.")
    ] = 0.1,
    target: Annotated[float, typer.Option("--target", min=0, max=1, help="Stop at this validation score.")] = 1.0,
    token_cap: Annotated[int, typer.Option("--token-cap", min=1, help="Longest prompt, in estimated tokens.")] = 1500,
    token_price: Annotated[float, typer.Option("--token-price", min=0, help="Score that a token costs.")] = 0.00001,
    concurrency: Concurrency = 4,
    resume: Annotated[str | None, typer.Option("--resume", help="Go on with this interrupted session.")] = None,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Evolve a prompt against data, and measure the best one on cases the search never saw.

    Example: `stemma optimize support/triage --train tickets.csv --input ticket --expected category --seed 7`
    """
    cases = dataset(train, inputs, expected, strict=strict)
    learned, measured = _split(cases, holdout, inputs, expected, seed, strict)
    chosen = None if val is None else dataset(val, inputs, expected, strict=strict)
    with stemma.open() as here:
        found = version_of(here, name)
        wanted = model or here.settings.model
        settings = SearchSettings(
            population=population,
            generations=generations,
            elite=elite,
            mutation_rate=mutation_rate,
            target=target,
            token_cap=token_cap,
            token_price=token_price,
            max_calls=max_calls or (_EMBEDDED_CALLS if wanted.startswith("embedded") else _PAID_CALLS),
            seed=seed,
        )
        assignment = Assignment(found.prompt, learned, measured, chosen, found.name if found.version else None)
        with searching(f"from {found.reference} ({found.digest[:12]}), with model {wanted}") as bar:
            try:
                result = here.optimize(
                    assignment,
                    strategy=strategy,
                    model=model,
                    writer=writer,
                    scorer=scorer,
                    judge=judge,
                    settings=settings,
                    resume=resume,
                    concurrency=concurrency,
                    progress=bar,
                )
            except KeyboardInterrupt:
                if bar.session is not None:
                    note(f"nothing is lost; go on with the same command and --resume {bar.session}")
                raise
    if as_json:
        print_json(result.to_json())
    else:
        _print(result, found.name, f"--input {inputs} --expected {expected}")


def _split(
    cases: Dataset, holdout: str, inputs: str, expected: str, seed: int, strict: bool
) -> tuple[Dataset, Dataset]:
    try:
        fraction = float(holdout)
    except ValueError:
        return cases, dataset(Path(holdout), inputs, expected, strict=strict)
    if not 0 < fraction < 1:
        raise InvalidInput(f"--holdout {holdout} is neither a file nor a fraction between 0 and 1")
    return cases.split(fraction, seed=seed)


def _print(result: OptimizationResult, name: str, columns: str) -> None:
    held = result.holdout
    tokens = result.to_json()["tokens"]
    if not result.improved:
        say("Nothing beat the seed prompt; it is returned as it is.", style="yellow")
    print_difference(difference(result.seed, result.best), most=40)
    say()
    low, high = held.ci95
    say(f"held out    {percent(held.baseline)} → {percent(held.candidate)}   n = {held.n}")
    if held.gain is not None:
        say(f"gain        {points(held.gain)} points, 95 % interval {points(low)} to {points(high)}")
    spent = result.spending
    say(f"calls       {spent.total} of {spent.budget} (task {spent.task}, meta {spent.meta}, judge {spent.judge})")
    say(f"candidates  {result.candidates} in {result.steps} steps, {result.seconds:.1f} s")
    say(f"tokens      {tokens['seed']} → {tokens['best']} a call, estimated")
    say(f"session     {result.session.id}")
    say(f"best        candidate {result.candidate}, {result.best.digest[:12]}")
    say("\nNext: let it through the gate", style="bold")
    known = "" if result.session.prompt_name else "--name NAME "
    say(f"  stemma gate {result.session.id} {known}--data FILE {columns}")
