"""`stemma guard`: what is in a text before anybody reads it, and the vault of personal data."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import stemma
from stemma.cli.options import Json, read_text
from stemma.cli.output import note, print_json, print_table, say
from stemma.core.errors import InvalidData, InvalidInput

if TYPE_CHECKING:  # what looks for personal data takes seconds to import, and help does without
    from stemma.guard.text import Finding

app = typer.Typer(no_args_is_help=True, help="Texts before anybody reads them, and the vault of personal data.")

File = Annotated[Path, typer.Argument(help="File with a text, or JSON where its name says so; - for standard input.")]
Tenant = Annotated[str, typer.Option("--tenant", help="Whose key the tokens are made with.")]


@app.command()
def scan(
    file: File,
    clean: Annotated[bool, typer.Option("--clean", help="Print the text without what deceives.")] = False,
    protect: Annotated[
        Literal["redact", "tokenise"] | None,
        typer.Option("--protect", help="Print the text without personal data and secrets: redact, or tokenise."),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", help="Field of a JSON file to protect as a whole, such as customer.name; repeatable."),
    ] = None,
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """List what is in a text: characters that deceive, secrets, personal data, signs of an attempt to steer a model.

    With --clean or --protect the text that comes of it is printed in the place of the list.

    Example: `stemma guard scan ticket.txt` or `stemma guard scan order.json --protect tokenise --field name`
    """
    from stemma.guard import text as texts

    value = _read(file)
    texts.inspect(value)
    _check_fields(field or [], value, protect)
    if clean or protect is not None:
        written = _cleaned(value) if clean else value
        found: tuple[Finding, ...] = ()
        if protect is not None:
            policy = texts.Protection.all(texts.Treatment(protect), *(field or []))
            if protect == "tokenise":
                with stemma.open() as here:
                    done = texts.protect(written, policy, here.vault.tokens(tenant))
            else:
                done = texts.protect(written, policy)
            written, found = done.value, done.findings
        if as_json:
            print_json({"value": written, "protected": [one.to_json() for one in found]})
        else:
            _print(written)
        return
    findings = list(_findings(value))
    if as_json:
        print_json([{"group": group, **one.to_json()} for group, one in findings])
    elif not findings:
        note("nothing was found")
    else:
        rows = [(group, one.kind, str(one.count), str(one.start), one.path or "-") for group, one in findings]
        print_table(("group", "kind", "count", "at", "field"), rows)


@app.command()
def reveal(file: File, tenant: Tenant = "default", as_json: Json = False) -> None:
    """Print a text with its tokens turned back, and record in the audit log that somebody did.

    Example: `stemma guard reveal answer.txt --tenant acme`
    """
    value = _read(file)
    with stemma.open(create=False) as here:
        done = here.vault.reveal(value, tenant)
    if as_json:
        print_json({"value": done.value, "revealed": done.revealed, "erased": done.erased, "strange": done.strange})
        return
    _print(done.value)
    if done.erased:
        note(f"{done.erased} tokens were left: their key is erased")
    if done.strange:
        note(f"{done.strange} tokens were left: they are not of tenant {tenant!r}, or were altered")


@app.command()
def erase(
    tenant: Annotated[str, typer.Argument(help="Whose tokens can never be turned back from now on.")],
    subject: Annotated[str | None, typer.Option("--subject", help="Only those of this subject of the tenant.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Drop the keys of a tenant for good. What carries its tokens, the audit log too, stays as it is and verifies.

    Example: `stemma guard erase acme --subject customer-17 --yes`
    """
    whose = f"{tenant}, subject {subject}" if subject else tenant
    question = f"Nothing behind the tokens of {whose} can be read again. Erase?"
    if not yes and not typer.confirm(question, err=True):
        note("nothing was erased")
        raise typer.Exit(1)
    with stemma.open(create=False) as here:
        keys = here.vault.erase(tenant, subject=subject)
    if as_json:
        print_json({"erased_keys": keys})
    else:
        say(f"erased {keys} {'key' if keys == 1 else 'keys'} of {whose}")
        note("backups of the store that are older still have them, wrapped: delete those too")


def _check_fields(wanted: list[str], value: Any, protect: str | None) -> None:
    """Raises InvalidInput for a field that would be left as it is: a slip of the pen must not let the data out."""
    from stemma.core.marked import near
    from stemma.guard.text import Protection, Treatment
    from stemma.guard.text.finding import nodes

    if wanted and protect is None:
        raise InvalidInput(
            "--field says what is protected as a whole, and nothing is without --protect redact or tokenise"
        )
    if not wanted:
        return
    paths = [node.path for node in nodes(value) if node.path and not node.path.endswith("#")]
    for name in wanted:
        alone = Protection(fields={name: Treatment.REDACT})
        if not any(alone.of_field(path) for path in paths):
            inside = "no field in it: only a file named .json has fields" if not paths else f"no field {name!r}"
            known = {".".join(step for step in path.split("/") if not step.isdigit()).strip(".") for path in paths}
            known |= {dotted.rpartition(".")[2] for dotted in known}
            raise InvalidInput(f"there is {inside}{near(name, sorted(known))}, so nothing was printed")


def _print(value: Any) -> None:
    """A text as it is, with no line added, so that it can go on in a pipe."""
    sys.stdout.write(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def _findings(value: Any) -> "Iterable[tuple[str, Finding]]":
    from stemma.core.errors import NotConfigured
    from stemma.guard import text as texts
    from stemma.guard.text.finding import nodes

    for one in texts.inspect(value).findings:
        yield "text", one
    for group, find in (("secret", texts.secrets), ("personal", texts.personal), ("alarm", texts.alarming)):
        try:
            for node in nodes(value):
                if isinstance(node.value, str):
                    yield from ((group, one.at(node.path)) for one in find(node.value))
        except NotConfigured as missing:  # the rest of the list is worth having, with what is missing from it said
            note(str(missing))


def _cleaned(value: Any) -> Any:
    from stemma.guard.text import clean
    from stemma.guard.text.finding import rewritten

    return rewritten(value, lambda text, _: clean(text).text)


def _read(file: Path) -> Any:
    text = _piped() if str(file) == "-" else read_text(file)
    if file.suffix != ".json":
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidData(file, f"is not JSON ({error.msg})", line=error.lineno) from error
    except RecursionError as error:
        raise InvalidData(file, "is nested too deep to be read; flatten it") from error


def _piped() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise InvalidData("-", "is not UTF-8 text; send it as UTF-8") from error
