"""MCP servers as tools: a command that speaks over its standard streams, or a URL (streamable HTTP).

The protocol is pydantic-ai's and FastMCP's; it comes with the extra `mcp`.
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemma.core.errors import NotConfigured
from stemma.core.trust import UNTRUSTED
from stemma.network.tools.invoking import shortened
from stemma.network.tools.options import options_of, wrong
from stemma.network.tools.tool import Call, Effect, Tool, ToolFailed, ToolSpec

_STARTING = 30.0
"""Seconds for a server to start and to say what it offers."""

_STOPPING = 5.0
_CLOSED = -32000  # the protocol's code for a connection that is no more; every other is an answer


@dataclass(frozen=True, slots=True)
class McpOptions:
    """`command` starts a server in the network's folder; `url` is that of one that runs. Give one of them.

    `env` names the worker's variables that the command is given besides the harmless ones (PATH, HOME). `token` names
    the variable that holds the URL's bearer token. Neither is ever a secret itself.
    """

    command: tuple[str, ...] = ()
    url: str = ""
    env: tuple[str, ...] = ()
    token: str = ""


class McpTools:
    """The server's tools, each as ``<name>_<tool>``, with its own schema and description.

    The server starts when its tools are first asked for. One that dies fails the calls it had, and starts again with
    the next. What a tool is said to do is the server's word: ``readOnlyHint`` makes it a read, ``idempotentHint`` lets
    it be repeated, anything else is a write; the manifest overrules it. Results are UNTRUSTED.
    """

    def __init__(self, spec: ToolSpec, folder: Path) -> None:
        self._spec, self._folder = spec, folder
        self._options = options_of(spec, McpOptions)
        if bool(self._options.command) == bool(self._options.url):
            raise wrong(spec, "an MCP server needs either 'command' or 'url'")
        self._lock = asyncio.Lock()
        self._server: _Server | None = None
        self._tools: Mapping[str, Tool] | None = None

    async def tools(self) -> Mapping[str, Tool]:
        """Raises NotConfigured when the extra is not installed or a variable is not set, ToolFailed when there is no server."""
        if self._tools is None:
            server = await self._running()
            offered = await self._asked(server, lambda: asyncio.wait_for(server.toolset.list_tools(), _STARTING))
            made = [self._tool(found) for found in offered]
            names = [tool.name for tool in made]
            for name in names:
                if names.count(name) > 1:
                    raise wrong(self._spec, f"the server has two tools that come out as {name!r}")
            self._tools = {tool.name: tool for tool in made}
        return self._tools

    async def close(self) -> None:
        async with self._lock:
            if self._server is not None:
                await self._server.stop()
            self._server = None

    def _tool(self, found: Any) -> Tool:
        hints = found.annotations.model_dump(by_alias=True) if found.annotations else {}

        async def invoke(arguments: Mapping[str, Any], call: Call) -> Any:
            server = await self._running()
            return await self._asked(server, lambda: server.toolset.direct_call_tool(found.name, dict(arguments)))

        return self._spec.over(
            Tool(
                f"{self._spec.name}_{re.sub('[^A-Za-z0-9_-]', '_', found.name)}",
                found.description or "",
                found.input_schema,
                invoke,
                effect=Effect.READ if hints.get("readOnlyHint") else Effect.WRITE,
                label=UNTRUSTED,
                idempotent=bool(hints.get("idempotentHint")),
            )
        )

    async def _asked(self, server: "_Server", request: Callable[[], Awaitable[Any]]) -> Any:
        """What the server answers. When the connection breaks, the server is given up, and the next call starts another."""
        from fastmcp.exceptions import McpError, ToolError
        from pydantic_ai.messages import BinaryContent

        try:
            answer = await request()
        except ToolError as error:
            raise ToolFailed(shortened(str(error)) or "the server failed without a reason") from error
        except Exception as error:
            if isinstance(error, McpError) and error.error.code != _CLOSED:
                raise ToolFailed(f"MCP server {self._spec.name!r} refused: {shortened(str(error))}") from error
            async with self._lock:
                if self._server is server:
                    self._server = None
            await server.stop()
            raise ToolFailed(
                f"MCP server {self._spec.name!r} broke off: {shortened(str(error)) or type(error).__name__}; "
                "the next call starts it again"
            ) from error
        parts = answer if isinstance(answer, list) else [answer]
        for part in parts:
            if isinstance(part, BinaryContent):
                raise ToolFailed(
                    f"MCP server {self._spec.name!r} answered with {part.media_type}; only text and JSON are passed on"
                )
        return answer

    async def _running(self) -> "_Server":
        async with self._lock:
            if self._server is None:
                server = _Server(self._client())
                try:
                    await server.start()
                except Exception as error:
                    raise ToolFailed(
                        f"MCP server {self._spec.name!r} did not start: {shortened(str(error)) or type(error).__name__}; "
                        f"check {' '.join(self._options.command) or self._options.url}"
                    ) from error
                self._server = server
            return self._server

    def _client(self) -> Any:
        """The toolset that speaks to the server."""
        try:
            from fastmcp.client.transports import StdioTransport  # three seconds to import, with what it brings
            from pydantic_ai.mcp import MCPToolset
        except ImportError as error:
            raise NotConfigured(
                f"tool {self._spec.name!r} is an MCP server, which needs the extra 'mcp': pip install 'stemma-ai[mcp]'"
            ) from error
        options = self._options
        if options.url:
            token = self._variable(options.token) if options.token else None
            return MCPToolset(options.url, auth=token, tool_error_behavior="error", init_timeout=_STARTING)
        program, *arguments = options.command
        env = {name: self._variable(name) for name in options.env}
        transport = StdioTransport(program, arguments, env=env, cwd=str(self._folder), keep_alive=False)
        return MCPToolset(transport, tool_error_behavior="error", init_timeout=_STARTING)

    def _variable(self, name: str) -> str:
        if name not in os.environ:
            raise NotConfigured(
                f"tool {self._spec.name!r} needs the environment variable {name!r}, which is not set; set it"
            )
        return os.environ[name]


class _Server:
    """A connection, held by a task of its own: it has to be closed by whoever opened it, and the calls come and go."""

    def __init__(self, toolset: Any) -> None:
        self.toolset = toolset
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hold(ready))
        try:
            await ready
        except asyncio.CancelledError:
            self._task.cancel()
            raise

    async def stop(self) -> None:
        """Ends the connection, and the server that the command started. Never raises: what is being left may be broken."""
        self._stop.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_STOPPING)
            self._task.cancel()

    async def _hold(self, ready: "asyncio.Future[None]") -> None:
        try:
            async with AsyncExitStack() as life:
                await life.enter_async_context(self.toolset)
                ready.set_result(None)
                await self._stop.wait()
        except Exception as error:  # noqa: BLE001  # told to whoever starts it; later on, the server is being left
            if not ready.done():
                ready.set_exception(error)
