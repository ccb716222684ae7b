"""`stemma eval`: how good a prompt is on data."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import stemma
from stemma.cli.options import BudgetOptions, CaseOptions, Json, TrialOptions, version_of
from stemma.cli.output import counting, cut, percent, print_json, print_table, say, spent_in_words, warn
from stemma.cli.records import spread
from stemma.core.errors import BudgetExhausted, ModelError

if TYPE_CHECKING:  # the rooms take a quarter of a second to import, and help waits for none of them
    from stemma.evaluate.budget import Spending
    from stemma.evaluate.runner import Evaluation


@spread
def evaluate(
    reference: Annotated[str, typer.Argument(help="NAME, NAME/3, NAME@label, NAME#digest, or a prompt file.")],
    data: Annotated[Path, typer.Option("--data", help=".csv, .tsv, .jsonl or .parquet file.")],
    columns: CaseOptions,
    trial: TrialOptions,
    limits: BudgetOptions,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Use the first N rows.")] = None,
    failures: Annotated[int, typer.Option("--failures", min=0, help="Show N wrong answers.")] = 5,
    as_json: Json = False,
) -> None:
    """Score a prompt on data, with a 95 % interval.

    Example: `stemma eval support/triage@production --data tickets.csv --input ticket --expected category`
    """
    cases = columns.read(data, limit=limit)
    budget = limits.budget()
    with stemma.open() as here:
        found = version_of(here, reference)
        with counting("evaluating", len(cases)) as bar:
            evaluation, spent = here.evaluate(found.prompt, cases, trial.settings(), budget=budget, progress=bar)
    measured = evaluation.estimate
    _check_complete(evaluation, limits)
    if as_json:
        print_json(
            {
                "reference": found.reference,
                "digest": found.digest,
                "n": measured.n,
                "score": measured.mean,
                "ci95": list(measured.ci95),
                "missing": measured.missing,
                "bad_rows": len(cases.problems),
                "calls": spent.to_json(),
            }
        )
    else:
        _print(evaluation, spent, failures)


def _check_complete(evaluation: "Evaluation", limits: BudgetOptions) -> None:
    """Says what the limits left out of the score. Raises BudgetExhausted and ModelError when that is all of it."""
    measured, cases = evaluation.estimate, len(evaluation.outcomes)
    if measured.n == 0 and evaluation.unpaid:
        raise BudgetExhausted(f"none of {cases} cases was scored: {limits} was too little for the first; give more")
    if measured.n == 0:
        raise ModelError(f"none of {cases} cases was scored; the first: {evaluation.outages[0]}")
    if evaluation.unpaid:
        warn(f"{evaluation.unpaid} of {cases} cases were not asked: {limits} was spent; the score is of {measured.n}")


def _print(evaluation: "Evaluation", spent: "Spending", failures: int) -> None:
    measured = evaluation.estimate
    low, high = measured.ci95
    say(f"score    {percent(measured.mean)}   95 % interval {percent(low)} to {percent(high)}")
    say(f"n        {measured.n}   missing {measured.missing}   calls {spent.total}   {spent_in_words(spent)}")
    wrong = [outcome for outcome in evaluation.outcomes if outcome.score is not None and outcome.score < 1]
    if wrong[:failures]:
        say()
        print_table(
            ("line", "expected", "answered", "input"),
            [
                (
                    str(outcome.case.line),
                    cut(outcome.case.expected or "", 28),
                    cut(outcome.output or "declined", 28),
                    " ".join(outcome.case.inputs.values()),
                )
                for outcome in wrong[:failures]
            ],
        )
    if evaluation.outages:
        say(f"\n{len(evaluation.outages)} without an answer; the first: {evaluation.outages[0]}", style="yellow")
