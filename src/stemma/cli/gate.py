"""`stemma gate`: between a candidate and a version number."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import stemma
from stemma.cli.options import CaseOptions, Json, TrialOptions, version_of
from stemma.cli.output import percent, points, print_json, say, tell, warn
from stemma.cli.records import spread
from stemma.core.errors import InvalidInput

if TYPE_CHECKING:  # the rooms take a quarter of a second to import, and help waits for none of them
    from stemma.platform import Stemma
    from stemma.release import GatePolicy, GateVerdict

REFUSED = 100


@dataclass(frozen=True, slots=True)
class PolicyOptions:
    """What a candidate has to show."""

    min_gain: Annotated[float, typer.Option("--min-gain", help="Must be better by more than this.")] = 0.0
    max_loss: Annotated[
        float | None, typer.Option("--max-loss", help="Instead: must not be worse by this or more.")
    ] = None
    min_n: Annotated[int, typer.Option("--min-n", min=1, help="Fewest complete pairs.")] = 30
    token_cap: Annotated[int, typer.Option("--token-cap", min=1, help="Longest prompt, in estimated tokens.")] = 1500
    frozen: Annotated[list[str] | None, typer.Option("--frozen", help="Text that must stay as it is; repeatable.")] = (
        None
    )
    forbidden: Annotated[
        list[str] | None, typer.Option("--forbidden", help="Pattern that must not occur; repeatable.")
    ] = None

    def policy(self, labels: tuple[str, ...]) -> "GatePolicy":
        from stemma.evaluate.checks import CheckPolicy

        checks = CheckPolicy(self.token_cap, tuple(self.frozen or ()), tuple(self.forbidden or ()), labels)
        return stemma.GatePolicy(checks, min_gain=self.min_gain, max_loss=self.max_loss, min_n=self.min_n)


@spread
def gate(
    candidate: Annotated[str, typer.Argument(help="A session's id (its winner), a candidate's number, or its digest.")],
    data: Annotated[Path, typer.Option("--data", help="Cases to compare on; those the search saw are left out.")],
    columns: CaseOptions,
    policy: PolicyOptions,
    trial: TrialOptions,
    name: Annotated[
        str | None, typer.Option("--name", help="Prompt to release under; the session's own unless given.")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="The incumbent; the labelled version unless given.")
    ] = None,
    label: Annotated[str | None, typer.Option("--label", help="Label to move to the new version.")] = None,
    training: Annotated[
        Path | None, typer.Option("--training", help="More cases it knows: left out of --data, and not to be quoted.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge, but release nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Judge a candidate against the version in use and, if it passes, make it a version. Exit code 100: it did not.

    Example: `stemma gate s_01… --data holdout.csv --input ticket --expected category --label production`
    """
    cases = columns.read(data)
    quoted = None if training is None else columns.read(training)
    asked = policy.policy(cases.labels())
    with stemma.open(create=False) as here:
        found = here.candidate_named(candidate)
        released_as = name or here.sessions.get(found.session).prompt_name
        if released_as is None:
            raise InvalidInput(f"session {found.session!r} belongs to no prompt; say under which --name to release it")
        incumbent = version_of(here, against or in_use(here, released_as, label))
        if label is not None:
            here.gate.check_incumbent(released_as, incumbent.digest, label=label)
        text = here.candidates.prompt(found.id)
        verdict = here.judge(text, incumbent.prompt, cases, asked, trial.settings(), training=quoted)
        version = None
        if verdict.passed and not dry_run:
            version = here.gate.release(released_as, found.id, verdict, label=label, message=f"from {found.session}")
    if as_json:
        told = {"candidate_id": found.id, "against": incumbent.reference, "dry_run": dry_run, "label": label}
        print_json(verdict.to_json() | told | {"version": None if version is None else version.reference})
    else:
        say(f"candidate {found.id} ({found.digest[:12]}) of session {found.session}")
        say(f"against   {incumbent.reference} ({incumbent.digest[:12]})")
        print_verdict(verdict)
        if version is not None:
            say(f"released as {version.reference}" + (f", labelled {label}" if label else ""))
        elif dry_run:
            say("nothing is released: this was a dry run")
    if not verdict.passed:
        raise typer.Exit(REFUSED)


def in_use(here: "Stemma", name: str, label: str | None) -> str:
    """What a candidate has to beat: the version that the label points to, or the newest one when it points to none."""
    labels = next((one.labels for one in here.prompts.ls(name) if one.name == name), {})
    return f"{name}@{label}" if label is not None and label in labels else name


def print_verdict(verdict: "GateVerdict") -> None:
    style = {"PASS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow"}[verdict.outcome]
    say(verdict.outcome + (" (remembered)" if verdict.remembered else ""), style=style)
    for reason in verdict.reasons:
        tell(reason)
    if verdict.seen and verdict.comparison is not None:
        tell(f"{verdict.seen} cases are left out: the candidate or the incumbent learned from them, or shows them")
    for one in verdict.warnings:
        warn(one)
    compared = verdict.comparison
    if compared is not None and compared.gain is not None:
        low, high = compared.ci95
        say(
            f"  {percent(compared.baseline)} → {percent(compared.candidate)} on {compared.n} cases: {points(compared.gain)} "
            f"points ({points(low)} to {points(high)})\n  {compared.wins} better, {compared.losses} worse"
        )
