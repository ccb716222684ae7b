"""`stemma run` and `stemma runs`: networks of agents at work."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import stemma
from stemma.cli.options import Concurrency, Json, columns
from stemma.cli.output import counting, note, print_json, print_table, say, warn
from stemma.core.errors import InvalidData
from stemma.evaluate.data import read_dataset

if TYPE_CHECKING:  # the durable engine takes half a second to import
    from stemma.network import BatchResult, Run

app = typer.Typer(no_args_is_help=True, help="What became of runs.")


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
    as_json: Json = False,
) -> None:
    """Send items through a network of agents. Killed half-way, the same command goes on where it stopped.

    Example: `stemma run stemma.yaml --items unseen.csv`
    """
    from stemma.network import RunStatus, load_manifest

    if not manifest.is_file():
        raise InvalidData(manifest, "no such file; name a network's manifest, or begin with one: stemma init")
    network = load_manifest(manifest)
    with stemma.open() as here:
        requests = _requests(items, value or [], tuple(network.inputs), limit)
        with counting("running", len(requests)) as bar:
            try:
                result = here.networks.run(
                    network,
                    requests,
                    batch=batch,
                    concurrency=concurrency,
                    new=new,
                    progress=lambda standing: bar(standing.done),
                )
            except KeyboardInterrupt:
                note("nothing is lost; the same command goes on where this one stopped")
                raise
    if output is not None:
        _write(output, result)
    if as_json:
        print_json(batch_json(result))
    else:
        if result.resumed:
            note(f"resumed batch {result.batch}: {result.resumed} of {len(result.runs)} runs had been begun before")
        print_runs(result.runs)
        done, over = result.count(RunStatus.COMPLETED), result.count(RunStatus.HANDED_OVER)
        failed = result.count(RunStatus.FAILED)
        say(
            f"\n{done} completed, {over} handed over, {failed} failed; {result.calls} model calls, {result.seconds:.1f} s"
        )
        say(f"batch {result.batch}; see one with: stemma runs show {result.runs[0].id}", style="dim")
    if result.count(RunStatus.FAILED):
        raise typer.Exit(1)


@app.command("ls")
def ls(limit: Annotated[int, typer.Option("--limit", min=1, help="How many.")] = 20, as_json: Json = False) -> None:
    """List the newest runs.

    Example: `stemma runs ls --limit 50`
    """
    with stemma.open() as here:
        found = here.networks.ls(limit=limit)
    if as_json:
        print_json([run_json(one) for one in found])
    elif found:
        print_runs(found)
    else:
        note("there are no runs yet; start one with: stemma run stemma.yaml --items FILE")


@app.command("show")
def show(run_id: Annotated[str, typer.Argument(help="A run's id.")], as_json: Json = False) -> None:
    """Show a run message by message, every part with its trust label.

    Example: `stemma runs show r_01…`
    """
    with stemma.open() as here:
        report = here.networks.show(run_id)
    if as_json:
        messages = [
            {"message": sent.message.to_json(), "sent_at": sent.sent_at, "answer": sent.answer}
            for sent in report.messages
        ]
        print_json(run_json(report.run) | {"messages": messages})
        return
    print_runs([report.run])
    for sent in report.messages:
        say(f"\n{sent.message.sender} → {sent.message.recipient}  {sent.message.id}", style="bold")
        for part in sent.message.parts:
            text = part.value if isinstance(part.value, str) else json.dumps(part.value, ensure_ascii=False)
            trust = part.label.integrity.name.lower()
            say(f"  {part.kind} {part.name} ({trust}): {' '.join(text.split())[:300]}")
        if sent.answer is not None:
            say(f"  → {json.dumps(dict(sent.answer), ensure_ascii=False)[:300]}", style="green")


def print_runs(runs: "tuple[Run, ...] | list[Run]") -> None:
    """One line a run, its outcome as far as the terminal has room; `stemma runs show` has all of it."""
    print_table(("run", "status", "outcome"), [(one.id, one.status.value, _outcome(one)) for one in runs])


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
    counted: dict[str, int] = {}
    for one in result.runs:
        counted[one.status.value] = counted.get(one.status.value, 0) + 1
    return {
        "batch": result.batch,
        "runs": len(result.runs),
        "completed": counted.get("completed", 0),
        "handed_over": counted.get("handed_over", 0),
        "failed": counted.get("failed", 0),
        "resumed": result.resumed,
        "calls": result.calls,
        "seconds": round(result.seconds, 3),
        "results": [run_json(one) for one in result.runs],
    }


def _outcome(one: "Run") -> str:
    if one.outcome is None:
        return ""
    values = "; ".join(f"{name}: {' '.join(str(value).split())[:60]}" for name, value in one.outcome.values.items())
    return f"{one.outcome.reason} ({values})" if one.outcome.reason else values


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
