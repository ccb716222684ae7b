"""The command tree, and what becomes of errors."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from stemma import __version__
from stemma.core.errors import InvalidInput, Refused, StemmaError

WRONG_USE, FAILED, REFUSED, INTERRUPTED = 2, 1, 100, 130


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of `stemma --help`. What it names is imported only when it is called, so that help comes at once."""

    name: str
    home: str
    summary: str

    def load(self) -> Any:
        """The command itself, or the group of commands."""
        module, _, attribute = self.home.partition(":")
        found = getattr(import_module(f"stemma.cli.{module}"), attribute)
        holder = typer.Typer(rich_markup_mode=None)
        holder.callback()(root)
        if isinstance(found, typer.Typer):
            holder.add_typer(found, name=self.name)
        else:
            holder.command(self.name)(found)
        return cast(TyperGroup, typer.main.get_command(holder)).commands[self.name]


COMMANDS = (
    Entry("demo", "demo:demo", "See a prompt evolve and go to work, in a minute."),
    Entry("init", "project:init", "Start a project of your own."),
    Entry("doctor", "doctor:doctor", "Say what is missing here, and how to get it."),
    Entry("prompts", "prompts:app", "Prompts, versions, labels, lineage."),
    Entry("eval", "evaluation:evaluate", "Score a prompt on data."),
    Entry("portability", "portability:portability", "Score a prompt on several models, side by side."),
    Entry("optimize", "optimization:optimize", "Evolve a prompt against data."),
    Entry("sessions", "sessions:app", "Searches there were, finished and interrupted."),
    Entry("gate", "gate:gate", "Judge a candidate, and release it if it passes."),
    Entry("network", "networks:app", "Draw a network of agents, or check it."),
    Entry("run", "running:run", "Send items through a network of agents."),
    Entry("runs", "runs:app", "What became of runs."),
    Entry("people", "people:app", "What waits for a person, and the answers."),
    Entry("messages", "messages:app", "Messages between agents, dead letters, inboxes."),
    Entry("worker", "worker:worker", "Serve runs and messages of every network."),
    Entry("up", "fleet:up", "Keep as many workers as the work needs."),
    Entry("memory", "memory:app", "What agents remember across tasks."),
    Entry("guard", "guard:app", "Scan texts; tokens of personal data."),
    Entry("models", "models:app", "Models there are, and weights to install."),
    Entry("policy", "policy:app", "What agents may do: test, explain, try out."),
    Entry("access", "access:app", "Who may do what: roles, grants."),
    Entry("tokens", "access:tokens", "API tokens: issue, list, revoke."),
    Entry("alarms", "alarms:app", "What was noticed: refusals, drift, loops."),
    Entry("attack", "attack:attack", "Attack a network with the gullible model in it."),
    Entry("audit", "audit:app", "The audit log: read, sign, prove."),
    Entry("backup", "backup:backup", "Write the whole store to one file."),
    Entry("restore", "backup:restore", "Put a backup into an empty store, and verify it."),
)


class CommandTree(TyperGroup):
    """Lists every command, and loads the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {entry.name: TyperCommand(entry.name, help=entry.summary) for entry in COMMANDS}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        return name, next((entry.load() for entry in COMMANDS if entry.name == name), None), rest


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stemma {__version__}")
        raise typer.Exit


def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The system of record, and the runtime, for prompts that machines write.

    Start with: stemma demo

    Settings come from the environment: STEMMA_STORE (database URL, by default sqlite:///.stemma/stemma.db), STEMMA_MODEL
    (by default embedded), STEMMA_WRITER, STEMMA_ACTOR, STEMMA_TOKEN, STEMMA_KEYS.

    Exit codes: 0 done, 1 error, 2 wrong use, 100 a gate said no, 130 interrupted with Ctrl-C.
    """


app = typer.Typer(
    name="stemma",
    cls=CommandTree,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help is half as long, fits 80 columns and takes half the time
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.callback()(root)

# Newer Typers bring their own copy of Click; the root of whichever tree of errors is in use is found through theirs.
_ClickException: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def run(arguments: Sequence[str]) -> int:
    """Runs one command and returns its exit code. What Stemma refuses is one line on standard error, never a traceback."""
    try:
        code = app(list(arguments), prog_name="stemma", standalone_mode=False)
        sys.stdout.flush()  # a reader that went away is met here, not in the interpreter's last breath
    except _ClickException as wrong:
        return _wrong_use(wrong)
    except (typer.Abort, KeyboardInterrupt):
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except Refused as refusal:
        return _told(refusal, REFUSED)
    except InvalidInput as wrong_input:
        return _told(wrong_input, WRONG_USE)
    except StemmaError as error:
        return _told(error, FAILED)
    except BrokenPipeError:
        # Python flushes standard output once more as it ends, and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    if code == INTERRUPTED:  # newer Typers make an exit code of Ctrl-C, older ones raise Abort
        sys.stderr.write("interrupted\n")
    return code if isinstance(code, int) else 0


def _wrong_use(wrong: Any) -> int:
    if type(wrong).__name__ == "NoArgsIsHelpError":
        sys.stdout.write(f"{wrong.format_message()}\n")
        return WRONG_USE
    if problem := _in_plain_words(wrong.__cause__):
        wrong.message = problem
    context = getattr(wrong, "ctx", None)
    see = f"; see: {context.command_path} --help" if context is not None else ""
    sys.stderr.write(f"error: {' '.join(wrong.format_message().split()).rstrip('.')}{see}\n")
    return WRONG_USE


def _in_plain_words(cause: Any) -> str | None:
    """What is wrong with a value, where Typer has it checked by pydantic, which speaks of inputs and parsing to programs."""
    found = next(iter(cause.errors()), None) if hasattr(cause, "errors") else None
    if found is None:
        return None
    limits = found.get("ctx", {})
    wanted = {
        "int_parsing": "is not a whole number, such as 3",
        "int_from_float": "is not a whole number, such as 3",
        "float_parsing": "is not a number, such as 0.5",
        "greater_than_equal": f"is too small; give {limits.get('ge')} or more",
        "greater_than": f"is too small; give more than {limits.get('gt')}",
        "less_than_equal": f"is too large; give {limits.get('le')} or less",
        "less_than": f"is too large; give less than {limits.get('lt')}",
        "enum": f"is none of {limits.get('expected')}",
    }.get(found["type"])
    return f"{found['input']!r} {wanted}" if wanted else None


def _told(error: StemmaError, code: int) -> int:
    sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
    return code
