"""`stemma backup` and `stemma restore`: the store in one file, and back."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stemma.cli.options import Json, read_text
from stemma.cli.output import counting, print_json, say, tell, warn


def backup(
    file: Annotated[Path, typer.Argument(help="File to write; one that is there is replaced.")],
    as_json: Json = False,
) -> None:
    """Write the whole store to one file, while others go on working on it. The signing key is not in it.

    Example: `stemma backup stemma-backup.zip`
    """
    from stemma.platform import Settings
    from stemma.platform.backup import backup as take  # the database takes a while to import; help does without

    with counting("backing up", 0) as bar:
        made = take(Settings.read(), file, progress=bar)
    manifest = made.manifest
    told: dict[str, Any] = {
        "file": str(file),
        "store": made.store,
        "bytes": file.stat().st_size,
        "taken_at": manifest.taken_at,
        "tables": len(manifest.members),
        "rows": manifest.rows,
        "unfinished": made.unfinished,
        "ledger": {"size": manifest.ledger_size, "root": manifest.ledger_root},
        "public_key": manifest.public_key,
    }
    if as_json:
        print_json(told)
        return
    say(f"backed up {made.store} to {file}: {manifest.rows} rows, {told['bytes']} bytes")
    say(f"verified: {manifest.ledger_size} entries of the audit log, root {manifest.ledger_root}", style="green")
    tell("Keep the signing key apart from it, and both on another machine.", indent="", style="dim")


def restore(
    file: Annotated[Path, typer.Argument(help="File that `stemma backup` wrote.")],
    public_key: Annotated[
        Path | None,
        typer.Option("--public-key", help="File with the public key to believe; the store's, else the file's own."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Put a backup into an empty store, and verify the audit log there. Nothing is written unless the whole file holds.

    Example: `stemma restore stemma-backup.zip`
    """
    from stemma.ledger import PublicKey
    from stemma.platform import Settings
    from stemma.platform.restore import restore as put_back

    key = None if public_key is None else PublicKey.parse(read_text(public_key).strip())
    with counting("restoring", 0) as bar:
        made = put_back(Settings.read(), file, public_key=key, progress=bar)
    manifest, audit = made.manifest, made.audit
    if as_json:
        print_json(
            {
                "file": str(file),
                "store": made.store,
                "taken_at": manifest.taken_at,
                "rows": manifest.rows,
                "unfinished": made.unfinished,
                "audit": audit.to_json(),
                "missing_key": None if made.missing_key is None else str(made.missing_key),
            }
        )
        return
    say(f"restored {manifest.rows} rows of {manifest.taken_at} into {made.store}")
    say(
        f"verified: {audit.entries} entries; {audit.signed_size} of them are signed for, by {audit.checkpoints} "
        f"checkpoint{'' if audit.checkpoints == 1 else 's'}; the root is the backup's, {manifest.ledger_root}",
        style="green",
    )
    if made.unfinished:
        say(
            f"{made.unfinished} runs had not ended; go on with them by: stemma worker, or batch by batch: stemma runs resume"
        )
    if made.missing_key is not None:
        warn(
            f"put the signing key back at {made.missing_key} before anything else: a new key cannot go on with this log"
        )
