"""Props: the tools of a scene. They answer what the scene says, and write down what they were asked to do."""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemma.core.trust import INTERNAL, TrustLabel
from stemma.models.orders import Use
from stemma.network import Call, Effect, ToolSpec

FILE = "tools.py"
_TOOLS = """from pathlib import Path

from stemma.platform.attack.scenes.props import functions

globals().update(functions(Path(__file__).parent))
"""
_PROPS = "props.json"


@dataclass(frozen=True, slots=True)
class Prop:
    """A tool. Its parameters take any value; `sensitive` are those that decide what happens, None for all of an effect's."""

    name: str
    about: str
    parameters: tuple[str, ...] = ()
    effect: Effect = Effect.READ
    label: TrustLabel = INTERNAL
    sensitive: tuple[str, ...] | None = None

    @property
    def spec(self) -> ToolSpec:
        """The tool as a network's entry."""
        return ToolSpec(
            self.name,
            "python",
            {"function": f"{FILE}:{self.name}"},
            effect=self.effect,
            label=self.label,
            sensitive=self.sensitive,
            idempotent=True,
        )


@dataclass(frozen=True, slots=True)
class Doings:
    """What tools answer, and what they did, run by run: files in a folder, which whatever process takes a turn finds there."""

    folder: Path

    def set_up(self, props: Sequence[Prop]) -> None:
        """Lays the tools out for a network in the folder."""
        (self.folder / FILE).write_text(_TOOLS, encoding="utf-8")
        described = [[prop.name, prop.about, prop.parameters] for prop in props]
        (self.folder / _PROPS).write_text(json.dumps(described), encoding="utf-8")

    def prepare(self, run: str, answers: Mapping[str, Any]) -> None:
        """Says what each tool answers in a run; one that is not named says that it is done."""
        self._path(run, "answers").write_text(json.dumps(dict(answers)), encoding="utf-8")

    def answer(self, run: str, tool: str, arguments: Mapping[str, Any]) -> Any:
        """What the tool answers; that it was called is written down first."""
        with self._path(run, "done").open("a", encoding="utf-8") as file:
            file.write(json.dumps([tool, dict(arguments)]) + "\n")
        path = self._path(run, "answers")
        return (json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}).get(tool, "Done.")

    def of(self, run: str) -> list[Use]:
        """The calls that were made in a run, in their order."""
        path = self._path(run, "done")
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [Use(tool, arguments) for tool, arguments in map(json.loads, lines)]

    def _path(self, run: str, kind: str) -> Path:
        return self.folder / f"{run}.{kind}"


def functions(folder: Path) -> Mapping[str, Callable[..., Any]]:
    """The tools that were laid out in a folder, by name."""
    doings, described = Doings(folder), json.loads((folder / _PROPS).read_text(encoding="utf-8"))
    return {name: _function(doings, name, about, parameters) for name, about, parameters in described}


def _function(doings: Doings, name: str, about: str, parameters: Sequence[str]) -> Callable[..., Any]:
    def called(*, call: Call, **arguments: Any) -> Any:
        given = {key: value for key, value in arguments.items() if value is not None}
        return doings.answer(call.run, name, given)

    kind = inspect.Parameter.KEYWORD_ONLY
    taken = [inspect.Parameter(one, kind, default=None, annotation=Any) for one in parameters]
    context = inspect.Parameter("call", kind, annotation=Call)
    # As it looks to whoever describes it to a model.
    called.__signature__ = inspect.Signature([*taken, context])  # type: ignore[attr-defined]
    called.__annotations__ = {one.name: one.annotation for one in [*taken, context]}
    called.__name__, called.__doc__ = name, about
    return called
