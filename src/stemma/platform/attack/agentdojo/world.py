"""Worlds: AgentDojo's environments, one for every run of a network, and its tools as functions over them."""

import inspect
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemma.core.trust import UNTRUSTED
from stemma.network.tools.tool import Call, ToolFailed
from stemma.platform.attack.agentdojo.shapes import SHAPES
from stemma.platform.attack.agentdojo.tasks import suite_named, tool_name


@dataclass
class World:
    """An environment as it stands, and the calls that were made in it."""

    environment: Any
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Worlds:
    """Those of the runs of one network, each a file in `folder`: whatever process takes a turn finds it there.

    They are pickled because these environments start from their initial contents again whenever they are validated: read
    back from JSON they would forget what was done in them. Nobody else writes into the folder.
    """

    folder: Path

    def keep(self, run: str, world: World) -> None:
        self._path(run).write_bytes(pickle.dumps(world))

    def get(self, run: str) -> World:
        found = pickle.loads(self._path(run).read_bytes())
        assert isinstance(found, World)
        return found

    def _path(self, run: str) -> Path:
        return self.folder / f"{run}.world"


def functions(suite: str, folder: Path) -> Mapping[str, Callable[..., Any]]:
    """The tools of an AgentDojo suite by name, each over the world of the run that calls it."""
    worlds = Worlds(folder)
    return {tool_name(function.name): _over(worlds, function) for function in suite_named(suite).tools}


def _over(worlds: Worlds, function: Any) -> Callable[..., Any]:
    signature = inspect.signature(function.run)
    given = [one for name, one in signature.parameters.items() if name not in function.dependencies]

    def called(*, call: Call, **arguments: Any) -> Any:
        world = worlds.get(call.run)
        world.calls.append((function.name, dict(arguments)))
        try:
            found = {name: one.extract_dep_from_env(world.environment) for name, one in function.dependencies.items()}
            value = as_json(function.run(**arguments, **found))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # It may quote whatever it was handed.
            raise ToolFailed(f"{type(error).__name__}: {error}", label=UNTRUSTED) from error
        finally:
            worlds.keep(call.run, world)
        shape = SHAPES.get(function.name)
        return value if shape is None else shape(value)

    context = inspect.Parameter("call", inspect.Parameter.KEYWORD_ONLY, annotation=Call)
    # As it looks to whoever describes it to a model.
    called.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [*(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in given), context]
    )
    called.__annotations__ = {one.name: one.annotation for one in given} | {"call": Call}
    called.__name__, called.__doc__ = tool_name(function.name), function.full_docstring
    return called


def as_json(value: Any) -> Any:
    """What a function of AgentDojo returned, as JSON."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)
