"""`stemma audit`: the log that says what happened, and the proof that it was not changed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import stemma
from stemma.cli.options import Json, read_text
from stemma.cli.output import columns_wide, note, print_json, print_table, say, tell
from stemma.cli.witness import app as witness
from stemma.core.errors import InvalidInput, NotConfigured
from stemma.core.marked import near

if TYPE_CHECKING:  # the database takes a fifth of a second to import, and help does without
    from stemma.ledger import Entry, PublicKey, Verification
    from stemma.platform.effects import Effects

app = typer.Typer(no_args_is_help=True, help="The audit log: read it, sign it, prove it.")
app.add_typer(witness, name="witness")

Key = Annotated[
    Path | None,
    typer.Option("--public-key", help="File with the public key to believe; else this store's, or an export's own."),
]


_LOOKED_AT = 10_000  # entries among which a kind's right name is looked for


@app.command()
def verify(
    file: Annotated[Path | None, typer.Option("--export", help="Verify this exported log, without a database.")] = None,
    public_key: Key = None,
    kept: Annotated[
        list[Path] | None, typer.Option("--kept", help="File with a checkpoint kept elsewhere; repeatable.")
    ] = None,
    witnesses: Annotated[
        list[Path] | None,
        typer.Option("--witness", help="File with the public key of a witness that must have signed; repeatable."),
    ] = None,
    effects: Annotated[
        bool, typer.Option("--effects", help="Also that each tool call that acts has one event, before its outcome.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check every entry, every signature and that nothing was cut off. Names the first bad entry; exit code 1 if any.

    Who holds the log's key can write it anew: only a witness's signature shows that. Give its key with --witness, and its
    newest copy with --kept.

    Example: `stemma audit verify --witness w1.pub --kept seen.txt`
    """
    from stemma.ledger import verify_export
    from stemma.platform.effects import verify_effects

    if file is not None and effects:
        raise InvalidInput("an export holds no steps, so --effects has nothing to check; use it on the store")
    key, notes = None if public_key is None else _key(public_key), [read_text(path) for path in kept or []]
    seers, acted = _witnesses(witnesses or []), None
    if file is not None:
        found = verify_export(file, key, kept=notes, witnesses=seers)
    else:
        with stemma.open(create=False) as here:
            found = here.ledger.verify(key, kept=notes, witnesses=seers)
            acted = verify_effects(here.ledger) if effects and found.verified else None
    if as_json:
        print_json(found.to_json() | ({} if acted is None else {"effects": acted.to_json()}))
    else:
        _print(found, acted, witnessed=bool(seers))
        _print_belief(found, exported=file is not None, given=key is not None)
    if not found.verified or (acted is not None and not acted.verified):
        raise typer.Exit(1)


def _print(found: "Verification", acted: "Effects | None", *, witnessed: bool) -> None:
    if not found.verified:
        where = "" if found.first_bad is None else f"entry {found.first_bad}: "
        say(f"NOT verified: {where}{found.problem}", style="bold red")
        return
    counted = f"{found.checkpoints} checkpoint{'' if found.checkpoints == 1 else 's'}"
    signed = f"{found.signed_size} of them are signed for, by {counted}"
    if found.public_key is None and found.checkpoints:
        signed = (
            f"{counted} fit{'s' if found.checkpoints == 1 else ''} them, and whose signature that is was not checked"
        )
    say(
        f"verified: {found.entries} entries; {signed}"
        + (f"; {found.witnessed_size} are witnessed" if witnessed else ""),
        style="green",
    )
    if acted is None:
        return
    if acted.verified:
        say(f"verified: {acted.effects} of {acted.calls} tool calls act, each recorded before it ended", style="green")
    else:
        say(f"NOT verified: {acted.problem}", style="bold red")


def _print_belief(found: "Verification", *, exported: bool, given: bool) -> None:
    """Says whose word the outcome rests on, where that is less than the reader may take for granted."""
    if not found.verified or given:
        return
    if exported and found.public_key is not None:
        note(
            f"the key believed is the one in the file itself, {found.public_key}: whoever writes a file anew puts in a key of "
            "his own, so this shows damage alone; it is proof with the log's key, from --public-key"
        )
    elif found.public_key is None and found.checkpoints:
        note(
            "the key that signed this log is not here: put ledger.key back into the folder of STEMMA_KEYS, or give the public "
            "key with --public-key"
        )


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
    with stemma.open(create=False) as here:
        found = here.ledger.tail(n, kind=kind, subject=subject)
        known = [] if found or kind is None else sorted({entry.kind for entry in here.ledger.tail(_LOOKED_AT)})
    if as_json:
        print_json([entry.to_json() for entry in found])
        return
    told = [
        (str(entry.seq), entry.time[:19].replace("T", " "), entry.kind, entry.subject, entry.actor, _data(entry))
        for entry in found
    ]
    if not told:
        meant = ""
        if kind is not None and kind not in known:
            meant = f" of kind {kind!r}{near(kind, known)}, but of {', '.join(known)}"
        note(f"there are no such entries{meant}; see all with: stemma audit tail")
        return
    if columns_wide() < 120:  # subjects are what people copy; the rest is in --json, or in a wider window
        print_table(("entry", "time", "kind", "subject", "actor"), [row[:5] for row in told], fold=True)
    else:
        print_table(("entry", "time", "kind", "subject", "actor", "data"), told)


@app.command()
def checkpoint(as_json: Json = False) -> None:
    """Sign the log as it stands. Keep the note elsewhere: with it, a cut or rewritten log is found out.

    Example: `stemma audit checkpoint > checkpoint.txt`
    """
    with stemma.open(create=False) as here:
        made = here.ledger.checkpoint()
    if as_json:
        print_json({"origin": made.origin, "size": made.size, "root": made.root.hex(), "note": made.note})
    else:
        typer.echo(made.note, nl=False)


@app.command()
def key(as_json: Json = False) -> None:
    """Print the log's public key, for whoever verifies or witnesses it.

    Example: `stemma audit key > log.pub`
    """
    with stemma.open(create=False) as here:
        if here.public_key is None:
            raise NotConfigured("the audit log's key is not here, so there is nothing to print; see STEMMA_KEYS")
        text = here.public_key.text
    if as_json:
        print_json({"public_key": text})
    else:
        typer.echo(text)


@app.command("export")
def export_(
    file: Annotated[Path, typer.Argument(help="File to write: .jsonl, or .jsonl.zst for a compressed one.")],
    as_json: Json = False,
) -> None:
    """Write the whole log to one file that anybody can verify.

    Example: `stemma audit export audit.jsonl && stemma audit verify --export audit.jsonl`
    """
    from stemma.ledger import export

    with stemma.open(create=False) as here:
        here.ledger.checkpoint()
        made = export(here.ledger.store, file, public_key=here.public_key)
    if as_json:
        print_json({"file": str(made.path), "entries": made.entries, "checkpoints": made.checkpoints})
    else:
        say(f"wrote {made.entries} entries and {made.checkpoints} checkpoints to {made.path}")


@app.command()
def attest(
    subject: Annotated[
        str | None,
        typer.Argument(help="A session's id, a judged candidate's number or digest, or a tool call: message.step."),
    ] = None,
    file: Annotated[Path | None, typer.Option("--verify", help="Check this statement instead; needs no store.")] = None,
    public_key: Key = None,
    as_json: Json = False,
) -> None:
    """Sign a statement about one session, verdict or tool call, for others' tools (in-toto, SLSA), or check one: exit code 1
    when it does not hold.

    It carries the entries of the log that it is drawn from, each with the proof that it is there.

    Example: `stemma audit attest s_01… > session.json && stemma audit attest --verify session.json --public-key log.pub`
    """
    from stemma.platform.attestation import attest as attested
    from stemma.platform.attestation import read_attestation

    if (subject is None) == (file is None):
        raise InvalidInput("name either what to attest, or with --verify a statement to check")
    if subject is not None:
        with stemma.open(create=False) as here:
            print_json(attested(here, subject))
        return
    assert file is not None
    text, key = read_text(file), _own_key() if public_key is None else _key(public_key)
    try:
        told = read_attestation(text, key).to_json()
    except InvalidInput as wrong:
        if as_json:
            print_json({"verified": False, "problem": str(wrong)})
        else:
            say(f"NOT verified: {wrong}", style="bold red")
        raise typer.Exit(1) from wrong
    if as_json:
        print_json(told)
        return
    say(f"verified: {told['predicate_type']}", style="green")
    tell(f"about sha256 {', '.join(told['subjects'])}")
    tell(f"drawn from {_spoken(told['entries'])} of the log {told['log']!r}, signed at {told['log_size']} entries")


def _spoken(entries: list[int]) -> str:
    return f"entr{'y' if len(entries) == 1 else 'ies'} {', '.join(map(str, entries))}"


def _key(path: Path) -> "PublicKey":
    from stemma.ledger import PublicKey

    return PublicKey.parse(read_text(path))


def _own_key() -> "PublicKey":
    with stemma.open(create=False) as here:
        if here.public_key is None:
            raise NotConfigured(
                "the audit log's key is not here; give the public key of whoever signed with --public-key"
            )
        return here.public_key


def _witnesses(paths: list[Path]) -> list["PublicKey"]:
    from stemma.ledger import PublicKey, Use

    return [PublicKey.parse(read_text(path), use=Use.WITNESS) for path in paths]


def _data(entry: "Entry") -> str:
    return json.dumps(entry.to_json()["data"], ensure_ascii=False)
