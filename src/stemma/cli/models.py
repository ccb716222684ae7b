"""`stemma models`: what can be asked, and what is missing for it."""

from typing import TYPE_CHECKING, Annotated

import typer

import stemma
from stemma.cli.options import Json
from stemma.cli.output import counting, print_json, print_table, say

if TYPE_CHECKING:  # the rooms take a quarter of a second to import; help does without
    from stemma.platform import Stemma

app = typer.Typer(no_args_is_help=True, help="Models: which there are, and weights to install.")


@app.command("ls")
def ls(as_json: Json = False) -> None:
    """List models and providers, and what each needs.

    Example: `stemma models ls`
    """
    with _anywhere() as here:
        found = here.models.ls()
    if as_json:
        print_json(
            [{"name": one.name, "kind": one.kind, "available": one.available, "note": one.note} for one in found]
        )
        return
    rows = [(one.name, one.kind, "yes" if one.available else "no", one.note) for one in found]
    print_table(("model", "kind", "ready", "note"), rows, fold=True)


@app.command("install")
def install(
    name: Annotated[str, typer.Argument(help="Weights to install: minilm.")],
    as_json: Json = False,
) -> None:
    """Fetch a model's weights into your cache, and check them. Nothing is fetched unless you ask.

    Example: `stemma models install minilm`
    """
    with _anywhere() as here, counting(f"installing {name}", 100) as bar:
        place = here.models.install(name, progress=lambda share: bar(round(100 * share)))
    if as_json:
        print_json({"name": name, "path": str(place)})
    else:
        say(f"installed {name} in {place}; use it as model embedded:{name}")


def _anywhere() -> "Stemma":
    """Which models there are does not hang on a store; none is made, and none is asked for a token."""
    return stemma.Stemma(stemma.Settings(store="sqlite://"))
