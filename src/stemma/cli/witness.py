"""`stemma audit witness`: a second party that signs what it saw of a log, so that not even its owner can change that."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import stemma
from stemma.cli.options import Json, read_text
from stemma.cli.output import note, print_json, say
from stemma.core.clock import SystemClock, timestamp
from stemma.core.errors import InvalidData

if TYPE_CHECKING:  # the database takes a fifth of a second to import, and help does without
    from stemma.ledger import PublicKey
    from stemma.ledger.cosignature import Cosignature

app = typer.Typer(no_args_is_help=True, help="Have the log witnessed, or witness another's.")

State = Annotated[Path, typer.Option("--state", help="The witness's own folder; init makes it.")]
WitnessKey = Annotated[Path, typer.Option("--witness", help="File with the witness's public key.")]


@app.command()
def init(
    state: State,
    log: Annotated[Path, typer.Option("--log", help="File with the public key of the log to watch.")],
    name: Annotated[str, typer.Option("--name", help="Name of a new witness.")] = "witness",
    as_json: Json = False,
) -> None:
    """Become a witness of a log, or of one more. Prints the witness's public key. Needs no store.

    Example: `stemma audit witness init --state w1 --log log.pub --name example.org/w1 > w1.pub`
    """
    from stemma.ledger import PublicKey
    from stemma.ledger.witness import Witness

    watched = PublicKey.parse(read_text(log))
    witness = Witness.init(state, watched, SystemClock(), name=name)
    key = witness.signer.public_key.text
    if as_json:
        print_json({"folder": str(state), "log": watched.text, "public_key": key})
    else:
        typer.echo(key)


@app.command("request")
def request_(
    file: Annotated[Path, typer.Argument(help="File to write, for the witness.")],
    witness: Annotated[
        Path | None, typer.Option("--witness", help="File with the witness's public key: goes on from what it signed.")
    ] = None,
    since: Annotated[int | None, typer.Option("--since", min=0, help="Go on from so many entries instead.")] = None,
    as_json: Json = False,
) -> None:
    """Write what to ask a witness: a checkpoint of this log, and the proof that it goes on from the last it saw.

    Example: `stemma audit witness request ask.txt --witness w1.pub`
    """
    from stemma.ledger.witnessed import last_cosigned, request

    with stemma.open(create=False) as here:
        last = None if witness is None or since is not None else last_cosigned(here.ledger.store, _key(witness))
        made = request(here.ledger, since=since or 0 if last is None else last.checkpoint.size)
    try:
        file.write_text(made.to_text(), encoding="utf-8")
    except OSError as error:
        raise InvalidData(file, f"the request cannot be written: {error.strerror}") from error
    if as_json:
        print_json({"file": str(file), "since": made.old, "size": made.checkpoint.size})
    else:
        say(f"wrote {file}: {made.checkpoint.size} entries, proved from {made.old} on")


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(help="What `stemma audit witness request` wrote.")],
    state: State,
    as_json: Json = False,
) -> None:
    """Sign a checkpoint that goes on from the last that this witness saw; refuse a log that was cut or rewritten.

    Prints the checkpoint with the signature, and keeps it: the newest is what a log is later held against. Needs no store.

    Example: `stemma audit witness sign ask.txt --state w1 > seen.txt`
    """
    from stemma.ledger.request import Request
    from stemma.ledger.witness import Witness

    witness = Witness.load(state, SystemClock())
    signed = witness.sign(Request.parse(read_text(file)))
    if as_json:
        print_json(_signed_json(signed) | {"kept": str(witness.file_of(signed.checkpoint))})
    else:
        typer.echo(signed.checkpoint.note, nl=False)
        note(f"kept as {witness.file_of(signed.checkpoint)}")


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="What `stemma audit witness sign` printed.")],
    witness: WitnessKey,
    as_json: Json = False,
) -> None:
    """Keep a witness's signature with this log's checkpoint: exports then carry it, and the next request goes on from it.

    Example: `stemma audit witness add seen.txt --witness w1.pub`
    """
    from stemma.ledger.witnessed import add as added

    with stemma.open(create=False) as here:
        signed = added(here.ledger.store, read_text(file), _key(witness))
    if as_json:
        print_json(_signed_json(signed))
    else:
        say(f"the first {signed.checkpoint.size} entries are witnessed by {signed.witness.name}")


def _key(path: Path) -> "PublicKey":
    from stemma.ledger import PublicKey, Use

    return PublicKey.parse(read_text(path), use=Use.WITNESS)


def _signed_json(signed: "Cosignature") -> dict[str, object]:
    return {
        "witness": signed.witness.text,
        "log": signed.checkpoint.origin,
        "size": signed.checkpoint.size,
        "root": signed.checkpoint.root.hex(),
        "time": timestamp(datetime.fromtimestamp(signed.time, UTC)),
        "note": signed.checkpoint.note,
    }
