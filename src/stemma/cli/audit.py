"""`stemma audit`: the log that says what happened, and the proof that it was not changed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import stemma
from stemma.cli.options import Json, read_text
from stemma.cli.output import columns_wide, note, print_json, print_table, say

if TYPE_CHECKING:  # the database takes a fifth of a second to import, and help does without
    from stemma.ledger import Entry

app = typer.Typer(no_args_is_help=True, help="The audit log: read it, sign it, prove it.")

Key = Annotated[
    Path | None, typer.Option("--public-key", help="File with the public key to believe; this store's unless given.")
]


@app.command()
def verify(
    file: Annotated[Path | None, typer.Option("--export", help="Verify this exported log, without a database.")] = None,
    public_key: Key = None,
    kept: Annotated[
        list[Path] | None, typer.Option("--kept", help="File with a checkpoint kept elsewhere; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check every entry, every signature and that nothing was cut off. Names the first bad entry; exit code 1 if any.

    Example: `stemma audit verify --export audit.jsonl`
    """
    from stemma.ledger import PublicKey, verify_export

    key = None if public_key is None else PublicKey.parse(read_text(public_key).strip())
    notes = [read_text(path) for path in kept or []]
    if file is not None:
        found = verify_export(file, key, kept=notes)
    else:
        with stemma.open() as here:
            found = here.ledger.verify(key, kept=notes)
    if as_json:
        print_json(found.to_json())
    elif found.verified:
        say(
            f"verified: {found.entries} entries; {found.signed_size} of them are signed for, "
            f"by {found.checkpoints} checkpoint{'' if found.checkpoints == 1 else 's'}",
            style="green",
        )
    else:
        where = "" if found.first_bad is None else f"entry {found.first_bad}: "
        say(f"NOT verified: {where}{found.problem}", style="bold red")
    if not found.verified:
        raise typer.Exit(1)


@app.command()
def tail(
    n: Annotated[int, typer.Option("-n", min=1, help="How many entries.")] = 20,
    kind: Annotated[str | None, typer.Option("--kind", help="Only this kind, such as label.moved.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="Only what happened to this.")] = None,
    as_json: Json = False,
) -> None:
    """Show the newest entries.

    Example: `stemma audit tail -n 5 --kind label.moved`
    """
    with stemma.open() as here:
        found = here.ledger.tail(n, kind=kind, subject=subject)
    if as_json:
        print_json([entry.to_json() for entry in found])
        return
    told = [
        (str(entry.seq), entry.time[:19].replace("T", " "), entry.kind, entry.subject, entry.actor, _data(entry))
        for entry in found
    ]
    if not told:
        note("there are no such entries; see all with: stemma audit tail")
        return
    if columns_wide() < 120:  # subjects are what people copy; the rest is in --json, or in a wider window
        print_table(("entry", "time", "kind", "subject"), [row[:4] for row in told], fold=True)
    else:
        print_table(("entry", "time", "kind", "subject", "actor", "data"), told)


@app.command()
def checkpoint(as_json: Json = False) -> None:
    """Sign the log as it stands. Keep the note elsewhere: with it, a cut or rewritten log is found out.

    Example: `stemma audit checkpoint > checkpoint.txt`
    """
    with stemma.open() as here:
        made = here.ledger.checkpoint()
    if as_json:
        print_json({"origin": made.origin, "size": made.size, "root": made.root.hex(), "note": made.note})
    else:
        typer.echo(made.note, nl=False)


@app.command("export")
def export_(
    file: Annotated[Path, typer.Argument(help="File to write: .jsonl, or .jsonl.zst for a compressed one.")],
    as_json: Json = False,
) -> None:
    """Write the whole log to one file that anybody can verify.

    Example: `stemma audit export audit.jsonl && stemma audit verify --export audit.jsonl`
    """
    from stemma.ledger import export

    with stemma.open() as here:
        here.ledger.checkpoint()
        made = export(here.store, file, public_key=here.public_key)
    if as_json:
        print_json({"file": str(made.path), "entries": made.entries, "checkpoints": made.checkpoints})
    else:
        say(f"wrote {made.entries} entries and {made.checkpoints} checkpoints to {made.path}")


def _data(entry: "Entry") -> str:
    return json.dumps(entry.to_json()["data"], ensure_ascii=False)
