"""A folder of files that agents work in: read, write and list, and nothing outside it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any

from stemma.core.digests import digest
from stemma.core.trust import UNTRUSTED
from stemma.network.tools.confined import ConfinedFolder
from stemma.network.tools.options import options_of, wrong
from stemma.network.tools.tool import Call, Effect, Tool, ToolSpec

_PATH = {"type": "string", "minLength": 1, "maxLength": 1000}


@dataclass(frozen=True, slots=True)
class FileOptions:
    """`folder` lies in the network's own and is made when it is first written to.

    With `per_run`, each run has a folder of its own in it, named after the run, and sees no other's. A file has at most
    `max_bytes`, a folder at most `max_entries` files and folders. All files that an agent sees have at most `max_total_bytes`,
    and with their folders are at most `max_files`; several processes that write at one moment may each come to that.
    """

    folder: str
    per_run: bool = False
    max_bytes: int = 1_000_000
    max_entries: int = 1000
    max_total_bytes: int = 100_000_000
    max_files: int = 10_000


class FileTools:
    """``<name>_read``, ``<name>_write`` and ``<name>_list``.

    What they give back is UNTRUSTED unless the manifest says otherwise: any agent may have written it, whatever that
    had read, and files carry no labels. A write is atomic, and repeating it changes nothing.
    """

    def __init__(self, spec: ToolSpec, folder: Path) -> None:
        self._options = options_of(spec, FileOptions)
        place = PurePosixPath(self._options.folder)
        if place.is_absolute() or ".." in place.parts:
            raise wrong(
                spec, f"folder {str(place)!r} is not in the network's own; give a path in it, such as 'reports'"
            )
        self._root = folder / place
        self._writing = Lock()
        self._tools = {tool.name: spec.over(tool) for tool in self._described(spec.name)}

    async def tools(self) -> Mapping[str, Tool]:
        return self._tools

    async def close(self) -> None:
        """Nothing is kept open."""

    def _described(self, name: str) -> list[Tool]:
        read = _tool(
            f"{name}_read",
            "The text of a file. Paths are relative, such as 'notes/plan.md'.",
            {"path": _PATH},
            self._on_disk(lambda files, path: files.read(path)),
            Effect.READ,
        )
        write = _tool(
            f"{name}_write",
            "Writes a text file in the place of what it held, and makes the folders that its path needs.",
            {"path": _PATH, "text": {"type": "string"}},
            self._on_disk(self._written),
            Effect.WRITE,
        )
        listing = _tool(
            f"{name}_list",
            "The files and folders in a folder; '.' is the outermost.",
            {"path": {**_PATH, "default": "."}},
            self._on_disk(_listed),
            Effect.READ,
            required=(),
        )
        return [read, write, listing]

    def _on_disk(self, work: Callable[..., Any]) -> Callable[[Mapping[str, Any], Call], Awaitable[Any]]:
        async def invoke(arguments: Mapping[str, Any], call: Call) -> Any:
            return await asyncio.to_thread(work, self._files(call), **arguments)

        return invoke

    def _written(self, files: ConfinedFolder, path: str, text: str) -> dict[str, Any]:
        with self._writing:  # or two agents at once would each find room for what both write
            return {"path": path, "bytes": files.write(path, text)}

    def _files(self, call: Call) -> ConfinedFolder:
        options = self._options
        return ConfinedFolder(
            self._root / _folder_of(call.run) if options.per_run else self._root,
            max_bytes=options.max_bytes,
            max_entries=options.max_entries,
            max_total_bytes=options.max_total_bytes,
            max_files=options.max_files,
        )


def _listed(files: ConfinedFolder, path: str = ".") -> list[dict[str, Any]]:
    return [
        {"name": entry.name, "kind": "folder"}
        if entry.is_folder
        else {"name": entry.name, "kind": "file", "bytes": entry.size}
        for entry in files.entries(path)
    ]


def _folder_of(run: str) -> str:
    """A folder's name for the run. Run ids are such names; where one is not, its digest is."""
    plain = run.replace("-", "").replace("_", "").replace(".", "")
    return run if plain.isascii() and plain.isalnum() and not run.startswith(".") else digest(run)[:32]


def _tool(
    name: str,
    description: str,
    properties: dict[str, Any],
    invoke: Callable[[Mapping[str, Any], Call], Awaitable[Any]],
    effect: Effect,
    required: tuple[str, ...] | None = None,
) -> Tool:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties if required is None else required),
        "additionalProperties": False,
    }
    # What is written stays in the folder, and comes back as untrusted: what decides is where it is put.
    sensitive = None if effect is Effect.READ else ("path",)
    return Tool(
        name, description, parameters, invoke, effect=effect, label=UNTRUSTED, idempotent=True, sensitive=sensitive
    )
