"""The command tree, and what becomes of errors."""

import sys
from collections.abc import Sequence
from typing import Annotated

import click
import typer

from stemma import __version__
from stemma.cli import audit, demo, evaluation, gate, models, optimization, project, prompts, running
from stemma.core.errors import InvalidInput, Refused, StemmaError

WRONG_USE, FAILED, REFUSED, INTERRUPTED = 2, 1, 100, 130

app = typer.Typer(
    name="stemma",
    help="The system of record, and the runtime, for prompts that machines write.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("init")(project.init)
app.command("doctor")(project.doctor)
app.add_typer(prompts.app, name="prompts")
app.command("eval")(evaluation.evaluate)
app.command("optimize")(optimization.optimize)
app.command("gate")(gate.gate)
app.command("run")(running.run)
app.add_typer(running.app, name="runs")
app.add_typer(models.app, name="models")
app.add_typer(audit.app, name="audit")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stemma {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The system of record, and the runtime, for prompts that machines write.

    Start with: `stemma demo`
    """


def run(arguments: Sequence[str]) -> int:
    """Runs one command and returns its exit code. What Stemma refuses is one line on standard error, never a traceback."""
    try:
        code = app(list(arguments), standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as shown:
        shown.show()
        return WRONG_USE
    except click.ClickException as wrong:
        wrong.show()
        return WRONG_USE
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except Refused as refusal:
        return _told(refusal, REFUSED)
    except InvalidInput as wrong_input:
        return _told(wrong_input, WRONG_USE)
    except StemmaError as error:
        return _told(error, FAILED)
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    return code if isinstance(code, int) else 0


def _told(error: StemmaError, code: int) -> int:
    sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
    return code
