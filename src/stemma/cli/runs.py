"""`stemma runs`: what became of runs, and going on with those that stopped on the way."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

import stemma
from stemma.cli.messages import print_answer, print_message
from stemma.cli.options import Concurrency, Json
from stemma.cli.output import counting, labelled, note, one_line, print_json, print_table, say
from stemma.cli.running import ASKING, Output, Wait, print_runs, run_json, tell_result
from stemma.core.errors import InvalidInput, NotFound, Unauthorized
from stemma.core.marked import near

if TYPE_CHECKING:  # the durable engine takes half a second to import
    from stemma.network import Run
    from stemma.platform import Stemma

app = typer.Typer(no_args_is_help=True, help="What became of runs.")

RunId = Annotated[str, typer.Argument(help="A run's id, or as much of its beginning or end as names it.")]
OfBatch = Annotated[str, typer.Argument(help="A run's id, or as much of it as names it; or the name of a batch.")]


@app.command("ls")
def ls(
    status: Annotated[
        str | None, typer.Option("--status", help="Only those that stand so, such as failed, or asking (a person).")
    ] = None,
    network: Annotated[str | None, typer.Option("--network", help="Only those of this network.")] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="Only those of this batch.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """List the newest runs.

    Example: `stemma runs ls --status failed --limit 50`
    """
    standing = _standing(status)
    with stemma.open(create=False) as here:
        found = here.networks.ls(network=network, batch=batch, limit=limit, **standing)
        asking = here.networks.questions.runs(network=network or "")
    if as_json:
        print_json([run_json(one) | {"asks_a_person": one.id in asking} for one in found])
    elif found:
        print_runs(found, asking)
    elif status or network or batch:
        note("there are no such runs")
    else:
        note("there are no runs yet; start one with: stemma run stemma.yaml --items FILE")


def _standing(status: str | None) -> dict[str, Any]:
    """What `Networks.ls` is asked for. Raises InvalidInput."""
    from stemma.network import RunStatus

    if status is None or status == ASKING:
        return {} if status is None else {"asking": True}
    known = [ASKING, *map(str, RunStatus)]
    if status not in known:
        raise InvalidInput(f"no run stands {status!r}{near(status, known)}; --status takes {', '.join(known)}")
    wanted = RunStatus(status)
    return {"status": wanted} | ({} if wanted.is_final else {"asking": False})  # each run stands in one way


@app.command("resume")
def resume(
    batch: Annotated[str, typer.Argument(help="Name of a batch, with its number, as commands print it.")],
    output: Output = None,
    concurrency: Concurrency = 4,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Go on with a batch that was interrupted, or whose questions were answered, whatever command began it.

    Example: `stemma runs resume b_5f0c2d91a7e34b60.1`
    """
    with stemma.open(create=False) as here:
        with counting("running", 1) as bar:
            try:
                result = here.networks.resume(
                    batch,
                    concurrency=concurrency,
                    wait=wait,
                    progress=lambda standing: bar(standing.done, standing.total),
                )
            except KeyboardInterrupt:
                note("nothing is lost; the same command goes on where this one stopped")
                raise
        noticed = here.alarms.after(result.batch)
    tell_result(result, noticed, output, as_json=as_json)


@app.command("show")
def show(run_id: OfBatch, as_json: Json = False) -> None:
    """Show a run message by message, every part with its trust label; or the runs of a batch.

    Example: `stemma runs show b_01.1.2`
    """
    with stemma.open(create=False) as here:
        if batch := _of_batch(here, run_id):
            _show_batch(batch, here.networks.questions.runs(network=batch[0].name), as_json=as_json)
            return
        run_id = here.networks.find(run_id)
        asking = here.networks.questions.runs(network=(report := here.networks.show(run_id)).run.name)
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
            print_answer(sent.answer)
        elif sent.reason:
            say(
                f"  {sent.status}: {labelled(sent.reason, 'untrusted')}",
                style="red" if sent.status == "dead" else "dim",
            )
    if report.run.id in asking:
        note(f"it asks a person; see: stemma people ls --run {report.run.id}")


def _show_batch(runs: "Sequence[Run]", asking: Collection[str], *, as_json: bool) -> None:
    if as_json:
        told = [run_json(one) | {"asks_a_person": one.id in asking} for one in runs]
        print_json({"batch": runs[0].batch, "runs": told})
        return
    print_runs(runs, asking)
    if any(not one.status.is_final for one in runs):
        note(f"go on with it, unless a worker does: stemma runs resume {runs[0].batch}")


def _of_batch(here: "Stemma", name: str) -> "list[Run]":
    """The runs of the batch of that name; none where it is no batch's, but may be a run's, which may be open to the caller."""
    try:
        return here.networks.batch(name)
    except (NotFound, Unauthorized):  # told again by whoever then looks for the run
        return []


@app.command("cancel")
def cancel(run_id: OfBatch, as_json: Json = False) -> None:
    """End a run, or every run of a batch, and everything under it. What was known by then is kept.

    Example: `stemma runs cancel b_01.1.2`
    """
    with stemma.open(create=False) as here:
        batch = _of_batch(here, run_id)
        ids = [one.id for one in batch if not one.status.is_final] if batch else [here.networks.find(run_id)]
        runs = [here.networks.cancel(id) for id in ids]
    if as_json:
        print_json([run_json(one) for one in runs] if batch else run_json(runs[0]))
        return
    for run in runs:
        if run.status == "cancelled":
            say(f"cancelled {run.id}")
        else:
            note(f"run {run.id} had ended before: {run.status}")
    if not runs:
        note(f"every run of batch {run_id} had ended before")


@app.command("workspace")
def workspace(run_id: RunId, as_json: Json = False) -> None:
    """Show the keys that the agents of a run share, with who wrote them and their trust.

    Example: `stemma runs workspace b_01.1`
    """
    with stemma.open(create=False) as here:
        run_id = here.networks.find(run_id)  # a run that there is not has no empty workspace
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
            (one_line(one.key), str(one.revision), trust, one.writer, labelled(one.value, trust))
            for one in found
            for trust in [one.label.integrity.name.lower()]
        ]
        print_table(("key", "revision", "trust", "writer", "value"), rows)
    else:
        note(f"the agents of run {run_id} have shared nothing")
