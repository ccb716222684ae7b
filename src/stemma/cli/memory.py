"""`stemma memory`: what agents remember across tasks."""

from typing import TYPE_CHECKING, Annotated

import typer

import stemma
from stemma.cli.options import Json
from stemma.cli.output import labelled, note, print_json, print_table, say

if TYPE_CHECKING:  # NumPy and the network take half a second to import, and help does without
    from stemma.network.state.memory import Memory

app = typer.Typer(no_args_is_help=True, help="What agents remember across tasks.")

Scope = Annotated[str | None, typer.Option("--scope", help="Only the memories of this scope.")]


@app.command("ls")
def ls(
    scope: Scope = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """List the newest memories, with their trust.

    Example: `stemma memory ls --scope desk`
    """
    with stemma.open(create=False) as here:
        found, scopes = here.memories.ls(scope, limit=limit), here.memories.scopes()
    if as_json:
        print_json({"scopes": scopes, "memories": [one.to_json() for one in found]})
    elif not found:
        note("there are no memories yet; an agent with 'memory:' in its manifest keeps some")
    else:
        _print(found)
        say(", ".join(f"{name}: {count:,}" for name, count in scopes.items()), style="dim")


@app.command()
def search(
    scope: Annotated[str, typer.Argument(help="Scope to search; `stemma memory ls` names them.")],
    query: Annotated[str, typer.Argument(help="What to look for, in your own words.")],
    top: Annotated[int, typer.Option("--top", min=1, help="How many.")] = 5,
    as_json: Json = False,
) -> None:
    """Find memories by meaning, the nearest first.

    Example: `stemma memory search desk "a card that never came"`
    """
    with stemma.open(create=False) as here:
        found = here.memories.search(scope, query, top=top)
        encoder = here.memories.encoder
    if as_json:
        print_json({"encoder": encoder, "memories": [one.to_json() for one in found]})
    elif not found:
        note(f"nothing in scope {scope!r} is near that; see what there is with: stemma memory ls")
    else:
        _print(found)
        say(f"nearness by the encoder {encoder!r}", style="dim")


@app.command()
def forget(
    ids: Annotated[list[int] | None, typer.Argument(help="Ids of memories.")] = None,
    scope: Annotated[str | None, typer.Option("--scope", help="Forget all of this scope.")] = None,
    as_json: Json = False,
) -> None:
    """Delete memories for good. The audit log keeps that they were there, not what they said.

    Example: `stemma memory forget 1042 1077`
    """
    if bool(ids) == bool(scope):
        raise typer.BadParameter("name memories by their ids, or all of one scope with --scope")
    with stemma.open(create=False) as here:
        wanted: list[int | str] = [scope] if scope else list(ids or [])
        count = sum(here.memories.forget(one) for one in wanted)
    if as_json:
        print_json({"forgotten": count})
    else:
        say(f"forgot {count:,} {'memory' if count == 1 else 'memories'}")


def _print(found: "list[Memory]") -> None:
    titles = ["id", "scope", "trust", "text"]
    trusts = [one.label.integrity.name.lower() for one in found]
    rows = [
        [str(one.id), one.scope, trust, labelled(one.text, trust)] for one, trust in zip(found, trusts, strict=True)
    ]
    if found[0].score is not None:
        titles.insert(0, "near")
        rows = [[f"{one.score:.3f}", *row] for one, row in zip(found, rows, strict=True)]
    print_table(titles, rows)
