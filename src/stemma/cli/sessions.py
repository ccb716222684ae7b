"""`stemma sessions`: searches for better prompts, finished and interrupted."""

from typing import TYPE_CHECKING, Annotated

import typer

import stemma
from stemma.cli.options import Json
from stemma.cli.output import note, percent, print_json, say

if TYPE_CHECKING:  # the search takes a tenth of a second to import, and help does without
    from stemma.optimize.history import PastSearch

app = typer.Typer(no_args_is_help=True, help="Searches there were, finished and interrupted.")


@app.command("ls")
def ls(
    name: Annotated[str | None, typer.Argument(help="Only searches for this prompt.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """List searches, the newest first. One that is open was interrupted, or is running: go on with --resume and its id.

    Example: `stemma sessions ls support/triage`
    """
    with stemma.open(create=False) as here:
        found = here.optimizer.history(prompt_name=name, limit=limit)
    if as_json:
        print_json([one.to_json() for one in found])
    elif not found:
        note(
            "there are no searches yet; begin one with: stemma optimize NAME --train FILE --input TEXT --expected LABEL"
        )
    else:
        for one in found:
            _print(one)


def _print(one: "PastSearch") -> None:
    session = one.session
    say(f"{session.id}  {session.status}  {session.prompt_name or 'a prompt of a file'}", style="bold")
    held_out = "" if one.held_out is None else f"  held out {percent(one.held_out)}"
    say(f"   {session.started_at[:16].replace('T', ' ')}  {one.calls} calls  best {percent(one.best)}{held_out}")
