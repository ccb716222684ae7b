"""Commands that take records: what Typer sees of them, and what they are called with."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer

from stemma.cli.records import spread


@dataclass(frozen=True, slots=True)
class Oven:
    heat: Annotated[int, typer.Option("--heat", min=50, help="Degrees.")]
    steam: Annotated[bool, typer.Option("--steam", help="With steam.")] = False


@dataclass(frozen=True, slots=True)
class Hot:
    heat: Annotated[int, typer.Option("--hot")] = 1


def command_of(baked: list[object]) -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    @spread
    def bake(
        loaf: Annotated[str, typer.Argument(help="What to bake.")],
        oven: Oven,
        minutes: Annotated[int, typer.Option("--minutes", help="How long.")] = 30,
    ) -> None:
        """Bake a loaf."""
        baked.append((loaf, oven, minutes))

    return app


def test_fields_are_options_where_the_record_stands(capsys: pytest.CaptureFixture[str]) -> None:
    """Help has the fields' options, in their place, with their bounds and defaults."""
    command_of([])(["--help"], standalone_mode=False, prog_name="bake")
    told = capsys.readouterr().out
    assert "Bake a loaf." in told
    places = [
        told.index(word) for word in ("--heat <int range>", "[required]", "--steam", "--minutes", "[default: 30]")
    ]
    assert "x>=50" in told
    assert places[0] < places[2] < places[3] < places[4]


def test_command_gets_the_record_built() -> None:
    """The command itself is called with its records, and never sees the single options."""
    baked: list[object] = []
    command_of(baked)(["rye", "--heat", "220", "--steam"], standalone_mode=False)
    command_of(baked)(["oat", "--heat", "180", "--minutes", "45"], standalone_mode=False)
    assert baked == [("rye", Oven(220, True), 30), ("oat", Oven(180), 45)]


def test_two_fields_of_one_name_are_a_mistake() -> None:
    """Options that would hide one another are refused when the command is defined."""

    def bake(oven: Oven, hot: Hot) -> None: ...

    with pytest.raises(ValueError, match="duplicate parameter name: 'heat'"):
        spread(bake)
