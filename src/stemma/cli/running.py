"""`stemma run` and `stemma runs`: networks of agents at work."""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import stemma
from stemma.cli.messages import print_message
from stemma.cli.networks import read_manifest
from stemma.cli.options import Concurrency, Json, columns
from stemma.cli.output import counting, labelled, note, one_line, print_json, print_table, say, warn
from stemma.core.errors import InvalidData
from stemma.evaluate.data import read_dataset

if TYPE_CHECKING:  # the durable engine takes half a second to import
    from stemma.network import BatchResult, Run

app = typer.Typer(no_args_is_help=True, help="What became of runs.")

RunId = Annotated[str, typer.Argument(help="A run's id.")]

_COUNTED = {
    "completed": "completed",
    "handed_over": "handed over",
    "failed": "failed",
    "stopped": "stopped",
    "cancelled": "cancelled",
    "waiting": "waiting for a person",
}
_STYLES = {"asks": "yellow", "handed_over": "yellow", "failed": "red", "stopped": "red", "cancelled": "dim"}


def run(
    manifest: Annotated[Path, typer.Argument(help="Manifest of the network.")] = Path("stemma.yaml"),
    items: Annotated[Path | None, typer.Option("--items", help="One run for each row of this file.")] = None,
    value: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=TEXT: one run with these inputs; repeatable.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Use the first N rows.")] = None,
    batch: Annotated[
        str | None, typer.Option("--batch", help="Name for this batch; its content's digest unless given.")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Start over, even if the same batch was interrupted.")] = False,
    output: Annotated[Path | None, typer.Option("--output", help="Write one JSON line a run to this file.")] = None,
    concurrency: Concurrency = 4,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Stay while all that is left waits for people.")
    ] = False,
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
                    note("nothing is lost; the same command goes on where this one stopped")
                    raise
            asking = here.networks.questions.runs()
    if detach:
        _tell_submitted(submitted, len(requests), as_json=as_json)
        return
    if output is not None:
        _write(output, result)
    if as_json:
        print_json(batch_json(result))
    else:
        _tell(result, asking)
    if any(one.status in ("failed", "stopped") for one in result.runs):
        raise typer.Exit(1)


def _tell(result: "BatchResult", asking: set[str]) -> None:
    if result.resumed:
        note(f"resumed batch {result.batch}: {result.resumed} of {len(result.runs)} runs had been begun before")
    print_runs(result.runs, asking)
    counted = batch_json(result)
    told = ", ".join(
        f"{counted[name]} {words}"
        for name, words in _COUNTED.items()
        if counted[name] or name in ("completed", "handed_over", "failed")
    )
    say(f"\n{told}; {result.calls} model calls, {result.seconds:.1f} s")
    say(f"batch {result.batch}; see one with: stemma runs show {result.runs[0].id}", style="dim")
    if counted["waiting"]:
        note("what waits for a person is listed by: stemma people ls; once it is answered, the same command goes on")


def _tell_submitted(batch: str, number: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"batch": batch, "runs": number})
        return
    say(f"batch {batch}: {number} {'run' if number == 1 else 'runs'} for workers to do")
    note("start one, unless it runs: stemma worker; the same command without --detach shows what became of it")


@app.command("ls")
def ls(limit: Annotated[int, typer.Option("--limit", min=1, help="How many.")] = 20, as_json: Json = False) -> None:
    """List the newest runs.

    Example: `stemma runs ls --limit 50`
    """
    with stemma.open() as here:
        found, asking = here.networks.ls(limit=limit), here.networks.questions.runs()
    if as_json:
        print_json([run_json(one) | {"asks_a_person": one.id in asking} for one in found])
    elif found:
        print_runs(found, asking)
    else:
        note("there are no runs yet; start one with: stemma run stemma.yaml --items FILE")


@app.command("show")
def show(run_id: RunId, as_json: Json = False) -> None:
    """Show a run message by message, every part with its trust label.

    Example: `stemma runs show r_01…`
    """
    with stemma.open() as here:
        report, asking = here.networks.show(run_id), here.networks.questions.runs()
    if as_json:
        messages = [
            {
                "message": sent.message.to_json(),
                "sent_at": sent.sent_at,
                "status": sent.status.value,
                "answer": sent.answer,
                "reason": sent.reason,
            }
            for sent in report.messages
        ]
        print_json(run_json(report.run) | {"messages": messages})
        return
    print_runs([report.run], asking)
    for sent in report.messages:
        print_message(sent.message)
        if sent.answer is not None:
            say(f"  → {one_line(dict(sent.answer))[:300]}", style="green")
        elif sent.reason:
            say(f"  {sent.status}: {one_line(sent.reason)}", style="red" if sent.status == "dead" else "dim")
    if report.run.id in asking:
        note(f"it waits for a person; see: stemma people ls --run {report.run.id}")


@app.command("cancel")
def cancel(run_id: RunId, as_json: Json = False) -> None:
    """End a run and everything under it. What was known by then is kept.

    Example: `stemma runs cancel b_01.1`
    """
    with stemma.open() as here:
        run = here.networks.cancel(run_id)
    if as_json:
        print_json(run_json(run))
    elif run.status == "cancelled":
        say(f"cancelled {run.id}")
    else:
        note(f"run {run.id} had ended before: {run.status}")


@app.command("workspace")
def workspace(run_id: RunId, as_json: Json = False) -> None:
    """Show the keys that the agents of a run share, with who wrote them and their trust.

    Example: `stemma runs workspace b_01.1`
    """
    with stemma.open() as here:
        here.networks.show(run_id)  # a run that there is not has no empty workspace
        found = here.networks.workspace.ls(run_id)
    if as_json:
        print_json(
            [
                {
                    "key": one.key,
                    "value": one.value,
                    "label": one.label.to_json(),
                    "revision": one.revision,
                    "writer": one.writer,
                    "at": one.at,
                }
                for one in found
            ]
        )
    elif found:
        rows = [
            (one_line(one.key), str(one.revision), one.label.integrity.name.lower(), one.writer, one_line(one.value))
            for one in found
        ]
        print_table(("key", "revision", "trust", "writer", "value"), rows)
    else:
        note(f"the agents of run {run_id} have shared nothing")


def print_runs(runs: "Sequence[Run]", asking: Collection[str] = ()) -> None:
    """One line a run, its outcome as far as the terminal has room; `stemma runs show` has all of it. Values with a ~ before
    them are untrusted.

    `asking` are the runs in which something waits for a person.
    """
    shown = [("asks" if one.id in asking else one.status.value) for one in runs]
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
    """The batch and its runs. Those that have not ended wait for people."""
    counted = Counter("waiting" if not one.status.is_final else one.status.value for one in result.runs)
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
    return f"{'~' if integrity == 'untrusted' else ''}{labelled(value, integrity)[:60]}"


def _outcome(one: "Run") -> str:
    if one.outcome is None:
        return ""
    newest_first = reversed(list(one.outcome.values.items()))  # what a task came to, before what it was made of
    labels = {name: label.integrity.name.lower() for name, label in one.outcome.labels.items()}
    values = "; ".join(f"{name}: {_marked(value, labels.get(name, 'untrusted'))}" for name, value in newest_first)
    reason = one_line(one.outcome.reason or "")
    return f"{reason} ({values})" if reason and values else reason or values


def _requests(
    items: Path | None, values: list[str], inputs: tuple[str, ...], limit: int | None
) -> list[dict[str, str]]:
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
    lines = "".join(json.dumps(run_json(one), ensure_ascii=False) + "\n" for one in result.runs)
    try:
        output.write_text(lines, encoding="utf-8")
    except OSError as error:
        raise InvalidData(output, f"cannot be written: {error.strerror}") from error
