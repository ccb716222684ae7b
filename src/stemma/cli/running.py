"""`stemma run`: networks of agents at work, and how their runs are told."""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import stemma
from stemma.cli.networks import read_manifest
from stemma.cli.options import Concurrency, Json, columns
from stemma.cli.output import counting, json_text, labelled, note, print_json, print_table, say, warn
from stemma.core.errors import InvalidData
from stemma.evaluate.data import read_dataset

if TYPE_CHECKING:  # the durable engine takes half a second to import
    from stemma.network import BatchResult, Run
    from stemma.network.alarms import Noticed

Output = Annotated[Path | None, typer.Option("--output", help="Write one JSON line a run to this file.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Stay while all that is left waits for people.")]

ASKING = "asking"
_COUNTED = {
    "completed": "completed",
    "handed_over": "handed over",
    "failed": "failed",
    "stopped": "stopped",
    "cancelled": "cancelled",
    ASKING: "asking a person",
}
_STYLES = {ASKING: "yellow", "handed_over": "yellow", "failed": "red", "stopped": "red", "cancelled": "dim"}


def run(
    manifest: Annotated[Path, typer.Argument(help="Manifest of the network.")] = Path("stemma.yaml"),
    items: Annotated[Path | None, typer.Option("--items", help="One run for each row of this file.")] = None,
    value: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=TEXT: one run with these inputs; repeatable.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Use the first N rows.")] = None,
    batch: Annotated[
        str | None,
        typer.Option(
            "--batch", help="Name for this batch, or of the one to go on with; its content's digest unless given."
        ),
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Start over, even if the same batch was interrupted.")] = False,
    output: Output = None,
    concurrency: Concurrency = 4,
    wait: Wait = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Leave the work to `stemma worker`; see `stemma up`.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Send items through a network of agents. Killed half-way, or ended to wait for people, the same command goes on.

    Example: `stemma run stemma.yaml --items unseen.csv`
    """
    network = read_manifest(manifest)
    with stemma.open() as here:
        requests = _requests(items, value or [], tuple(network.inputs), limit)
        if detach:
            submitted = here.networks.submit(network, requests, batch=batch, new=new)
        else:
            with counting("running", len(requests)) as bar:
                try:
                    result = here.networks.run(
                        network,
                        requests,
                        batch=batch,
                        concurrency=concurrency,
                        new=new,
                        wait=wait,
                        progress=lambda standing: bar(standing.done),
                    )
                except KeyboardInterrupt:
                    note(f"nothing is lost; the same command{', without --new,' * new} goes on where this one stopped")
                    raise
            noticed = here.alarms.after(result.batch)
    if detach:
        _tell_submitted(submitted, len(requests), as_json=as_json)
        return
    tell_result(result, noticed, output, as_json=as_json)


def tell_result(result: "BatchResult", noticed: "Noticed", output: Path | None, *, as_json: bool) -> None:
    if output is not None:
        _write(output, result)
    if as_json:
        print_json(batch_json(result) | {"alarms": noticed.alarms})
    else:
        _tell(result, noticed)
    if any(one.status in ("failed", "stopped") for one in result.runs):
        raise typer.Exit(1)


def _tell(result: "BatchResult", noticed: "Noticed") -> None:
    if result.resumed:
        note(f"resumed batch {result.batch}: {result.resumed} of {len(result.runs)} runs had been begun before")
    print_runs(result.runs, {one.id for one in result.runs if not one.status.is_final})
    counted = batch_json(result)
    told = ", ".join(
        f"{counted[name]} {words}"
        for name, words in _COUNTED.items()
        if counted[name] or name in ("completed", "handed_over", "failed")
    )
    say(f"\n{told}; {result.calls} model calls, {result.seconds:.1f} s")
    say(f"batch {result.batch}; see one with: stemma runs show {result.runs[0].id}", style="dim")
    if counted[ASKING]:
        note(f"what they ask is listed by: stemma people ls; once it is answered: stemma runs resume {result.batch}")
    behind = f"; {noticed.behind:,} entries of the log not looked at: stemma alarms scan" if noticed.behind else ""
    if noticed.alarms or behind:
        note(f"{noticed.alarms} alarm{'s' * (noticed.alarms != 1)}; see them with: stemma alarms ls{behind}")


def _tell_submitted(batch: str, number: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"batch": batch, "runs": number})
        return
    say(f"batch {batch}: {number} {'run' if number == 1 else 'runs'} for workers to do")
    note(f"start one, unless it runs: stemma worker; what became of it shows: stemma runs show {batch}")


def print_runs(runs: "Sequence[Run]", asking: Collection[str] = ()) -> None:
    """One line a run, its outcome as far as the terminal has room; `stemma runs show` has all of it. Values with a ~ before
    them are untrusted.

    `asking` are the runs in which something waits for a person.
    """
    shown = [(ASKING if one.id in asking else one.status.value) for one in runs]
    rows = [(one.id, status, _outcome(one)) for one, status in zip(runs, shown, strict=True)]
    print_table(("run", "status", "outcome"), rows, styles=[_STYLES.get(status) for status in shown])


def run_json(one: "Run") -> dict[str, Any]:
    return {
        "id": one.id,
        "batch": one.batch,
        "item": one.item,
        "network": one.name,
        "status": one.status.value,
        "request": dict(one.request),
        "outcome": None if one.outcome is None else one.outcome.to_json(),
        "created_at": one.created_at,
        "finished_at": one.finished_at,
    }


def batch_json(result: "BatchResult") -> dict[str, Any]:
    """The batch and its runs. Those that have not ended ask people."""
    counted = Counter(ASKING if not one.status.is_final else one.status.value for one in result.runs)
    return {
        "batch": result.batch,
        "runs": len(result.runs),
        **{name: counted[name] for name in _COUNTED},
        "resumed": result.resumed,
        "calls": result.calls,
        "seconds": round(result.seconds, 3),
        "results": [run_json(one) for one in result.runs],
    }


def _marked(value: Any, integrity: str) -> str:
    """The beginning of a value, with a sign where strangers may have written it."""
    return f"{'~' if integrity == 'untrusted' else ''}{labelled(value, integrity, 60)}"


def _outcome(one: "Run") -> str:
    if one.outcome is None:
        return ""
    newest_first = reversed(list(one.outcome.values.items()))  # what a task came to, before what it was made of
    labels = {name: label.integrity.name.lower() for name, label in one.outcome.labels.items()}
    values = "; ".join(f"{name}: {_marked(value, labels.get(name, 'untrusted'))}" for name, value in newest_first)
    reason = labelled(one.outcome.reason or "", "untrusted")  # it may quote anybody
    return f"{reason} ({values})" if reason and values else reason or values


def _requests(
    items: Path | None, values: list[str], inputs: tuple[str, ...], limit: int | None
) -> list[dict[str, str]]:
    if values and items is not None:
        raise typer.BadParameter(
            f"--items {items} has a run for each row and --set makes one run of its own; name one of the two",
            param_hint="--set",
        )
    if values:
        pairs = [value.partition("=") for value in values]
        for name, found, _ in pairs:
            if not found:
                raise typer.BadParameter(f"{name!r} is not NAME=TEXT", param_hint="--set")
        return [{name: text for name, _, text in pairs}]
    if items is None:
        raise typer.BadParameter("say what to work on: --items FILE, or --set NAME=TEXT", param_hint="--items")
    data = read_dataset(items, inputs=columns(",".join(inputs)), limit=limit)
    for bad in data.problems:
        warn(f"{items}:{bad.line}: left out: {bad.problem}")
    return [dict(case.inputs) for case in data]


def _write(output: Path, result: "BatchResult") -> None:
    lines = "".join(f"{json_text(run_json(one))}\n" for one in result.runs)
    try:
        output.write_text(lines, encoding="utf-8")
    except OSError as error:
        raise InvalidData(output, f"cannot be written: {error.strerror}") from error
