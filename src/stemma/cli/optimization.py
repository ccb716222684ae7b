"""`stemma optimize`: a better prompt, from data."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import stemma
from stemma.cli.drawing import print_difference
from stemma.cli.options import BudgetOptions, CaseOptions, Json, TrialOptions, version_of
from stemma.cli.output import note, percent, points, print_json, say, searching, spent_in_words
from stemma.cli.records import spread
from stemma.core.errors import InvalidInput

if TYPE_CHECKING:  # the rooms take a quarter of a second to import, and help waits for none of them
    from stemma.evaluate.data import Dataset
    from stemma.optimize.optimizer import OptimizationResult
    from stemma.optimize.settings import SearchSettings

_EMBEDDED_CALLS, _PAID_CALLS = 6000, 1000


@dataclass(frozen=True, slots=True)
class DataOptions:
    """Cases to learn from, to choose by and to measure on."""

    train: Annotated[Path, typer.Option("--train", help="Cases to learn from.")]
    val: Annotated[Path | None, typer.Option("--val", help="Cases to choose by; split off --train unless given.")] = (
        None
    )
    holdout: Annotated[
        str, typer.Option("--holdout", help="Cases to measure on: a file, or a fraction of --train.")
    ] = "0.25"

    def read(self, columns: CaseOptions, seed: int) -> "tuple[Dataset, Dataset, Dataset | None]":
        """The three sets, in this order: train, holdout, val."""
        train, holdout = self._split(columns.read(self.train), columns, seed)
        return train, holdout, None if self.val is None else columns.read(self.val)

    def _split(self, cases: "Dataset", columns: CaseOptions, seed: int) -> "tuple[Dataset, Dataset]":
        try:
            fraction = float(self.holdout)
        except ValueError:
            return cases, columns.read(Path(self.holdout))
        if not 0 < fraction < 1:
            raise InvalidInput(f"--holdout {self.holdout} is neither a file nor a fraction between 0 and 1")
        return cases.split(fraction, seed=seed)


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How to search."""

    writer: Annotated[
        str | None, typer.Option("--writer", help="Model that also writes prompts; none unless given.")
    ] = None
    strategy: Annotated[str, typer.Option("--strategy", help="How to search.")] = "genetic"
    seed: Annotated[int, typer.Option("--seed", help="Same seed and data, same result.")] = 0
    population: Annotated[int, typer.Option("--population", min=2, help="Prompts in a generation.")] = 50
    generations: Annotated[int, typer.Option("--generations", min=1, help="Generations at most.")] = 20
    elite: Annotated[float, typer.Option("--elite", min=0, max=1, help="Share that goes on unchanged.")] = 0.2
    mutation_rate: Annotated[
        float, typer.Option("--mutation-rate", min=0, max=1, help="Chance that a child is changed further.")
    ] = 0.1
    target: Annotated[float, typer.Option("--target", min=0, max=1, help="Stop at this validation score.")] = 1.0
    token_cap: Annotated[int, typer.Option("--token-cap", min=1, help="Longest prompt, in estimated tokens.")] = 1500
    token_price: Annotated[float, typer.Option("--token-price", min=0, help="Score that a token costs.")] = 0.00001

    def settings(self, limits: BudgetOptions, model: str) -> "SearchSettings":
        return stemma.SearchSettings(
            population=self.population,
            generations=self.generations,
            elite=self.elite,
            mutation_rate=self.mutation_rate,
            target=self.target,
            token_cap=self.token_cap,
            token_price=self.token_price,
            max_calls=limits.max_calls or (_EMBEDDED_CALLS if model.startswith("embedded") else _PAID_CALLS),
            max_tokens=limits.max_tokens,
            max_cost=limits.max_cost,
            seed=self.seed,
        )


@spread
def optimize(
    name: Annotated[str, typer.Argument(help="NAME (newest version), NAME/3, NAME@label, or a prompt file.")],
    data: DataOptions,
    columns: CaseOptions,
    trial: TrialOptions,
    limits: BudgetOptions,
    search: SearchOptions,
    resume: Annotated[str | None, typer.Option("--resume", help="Go on with this interrupted session.")] = None,
    as_json: Json = False,
) -> None:
    """Evolve a prompt against data, and measure the best one on cases the search never saw.

    Without --max-calls at most 6000 questions are put to embedded models, and 1000 to others.

    Example: `stemma optimize support/triage --train tickets.csv --input ticket --expected category --seed 7`
    """
    sets = data.read(columns, search.seed)
    with stemma.open() as here:
        found = version_of(here, name)
        assignment = stemma.Assignment(found.prompt, *sets, found.name if found.version else None)
        model = trial.model or here.settings.model
        settings = search.settings(limits, model)
        with searching(f"from {found.reference} ({found.digest[:12]}), with model {model}") as bar:
            try:
                result = here.optimize(
                    assignment,
                    settings,
                    trial.settings(),
                    strategy=search.strategy,
                    writer=search.writer,
                    resume=resume,
                    progress=bar,
                )
            except KeyboardInterrupt:
                if bar.session is not None:
                    note(f"nothing is lost; go on with the same command and --resume {bar.session}")
                raise
    if as_json:
        print_json(result.to_json())
    else:
        _print(result, found.name, columns)


def _print(result: "OptimizationResult", name: str, columns: CaseOptions) -> None:
    from stemma.registry.difference import difference

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
    kinds = f"task {spent.task}, meta {spent.meta}, judge {spent.judge}"
    say(f"calls       {spent.total} of {spent.budget} ({kinds})   {spent_in_words(spent)}")
    say(f"candidates  {result.candidates} in {result.steps} steps, {result.seconds:.1f} s")
    say(f"tokens      {tokens['seed']} → {tokens['best']} a call, estimated")
    say(f"session     {result.session.id}")
    say(f"best        candidate {result.candidate}, {result.best.digest[:12]}")
    say("\nNext: let it through the gate", style="bold")
    known = "" if result.session.prompt_name else "--name NAME "
    say(f"  stemma gate {result.session.id} {known}--data FILE --input {columns.inputs} --expected {columns.expected}")
