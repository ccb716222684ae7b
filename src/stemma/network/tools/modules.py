"""The Python files and packages that a network's tools live in."""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from stemma.core.errors import InvalidData, NotConfigured
from stemma.core.ids import new_id
from stemma.core.marked import near


class Modules:
    """Loads each file once, so that the functions in it share what they keep. No other network's file is mixed up with it.

    The files of one folder are a package: ``from .books import order`` finds ``books.py`` beside the file that says so.
    """

    def __init__(self) -> None:
        self._folders: dict[Path, str] = {}

    def function(self, reference: str, folder: Path) -> Callable[..., Any]:
        """The function at ``file.py:name``, a file in `folder`, or ``package.module:name``.

        Raises InvalidData, with the line, for a file that is not there or cannot be loaded, and for a module without
        such a function; NotConfigured for a module that cannot be found.
        """
        place, _, name = reference.partition(":")
        if place.endswith(".py"):
            path = folder / place
            module, source = self._file(path), str(path)
        else:
            module, source = _package(place), place
        found = getattr(module, name, None)
        if not callable(found):
            known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
            raise InvalidData(source, f"has no function {name!r}{near(name, known)}")
        function: Callable[..., Any] = found
        return function

    def close(self) -> None:
        """Forgets the files."""
        for package in self._folders.values():
            for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
                del sys.modules[name]
        self._folders.clear()

    def _file(self, path: Path) -> ModuleType:
        path = path.resolve()
        name = f"{self._package_of(path.parent)}.{path.stem}"
        return sys.modules[name] if name in sys.modules else _loaded(path, name)

    def _package_of(self, folder: Path) -> str:
        if folder not in self._folders:
            package = ModuleType(new_id("stemma_tools"))
            package.__path__ = [str(folder)]
            sys.modules[package.__name__] = package
            self._folders[folder] = package.__name__
        return self._folders[folder]


def _package(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise NotConfigured(
            f"there is no Python module {error.name!r}; install the package that has it, or correct the name"
        ) from error
    except (Exception, SystemExit) as error:
        raise InvalidData(name, f"cannot be imported: {type(error).__name__}: {error}") from error


def _loaded(path: Path, name: str) -> ModuleType:
    if not path.is_file():
        raise InvalidData(path, "is not there")
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InvalidData(path, "is not a Python file")
    module = module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses and pydantic look up the names in annotations
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        if isinstance(error, ModuleNotFoundError):
            raise NotConfigured(
                f"{path} imports {error.name!r}, which is not installed; install it, or drop the import"
            ) from error
        raise InvalidData(
            path, f"cannot be loaded: {type(error).__name__}: {error}", line=_line(error, path)
        ) from error
    return module


def _line(error: BaseException, path: Path) -> int | None:
    """The line of the file at which loading it went wrong."""
    if isinstance(error, SyntaxError):
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
