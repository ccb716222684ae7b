"""MCP servers as tools: a command that speaks over its standard streams, or a URL (streamable HTTP).

A server is a stranger: what it says of its tools instructs nobody before the manifest vouches for it, and whatever it sends, or
does not send, ends in a result of a known size or in ToolFailed. The protocol is FastMCP's; it comes with the extra `mcp`.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stemma.core.errors import NotConfigured
from stemma.core.trust import UNTRUSTED
from stemma.network.tools.invoking import shortened
from stemma.network.tools.offers import MOST_TOOLS, Offer, read_offers
from stemma.network.tools.options import options_of, wrong
from stemma.network.tools.tool import Call, Effect, Tool, ToolFailed, ToolSpec

_STOPPING = 5.0
_MOST_PAGES = 32  # of a listing
_CLOSED = -32000  # the protocol's code for a connection that is no more; every other is an answer


@dataclass(frozen=True, slots=True)
class McpOptions:
    """`command` starts a server in the network's folder; `url` is that of one that runs. Give one of them.

    `env` names the worker's variables that the command is given besides the harmless ones (PATH, HOME). `token` names
    the variable that holds the URL's bearer token. Neither is ever a secret itself. `starting` is how many seconds the server
    has to start and to say what it offers.

    `tools` are those of the server's that are there at all: their names, or their names with the digests by which they are
    pinned, as `stemma network tools` prints them.
    """

    command: tuple[str, ...] = ()
    url: str = ""
    env: tuple[str, ...] = ()
    token: str = ""
    starting: float = 30.0
    tools: tuple[str, ...] | Mapping[str, str] = ()


class McpTools:
    """The server's tools, each as ``<name>_<tool>``.

    The server starts when its tools are first asked for. One that dies fails the calls it had, and starts again with the next,
    as long as it then offers what it offered at first.

    A tool that is pinned comes with its own description and schema, and what it hints at is believed: ``readOnlyHint`` makes
    it a read, ``idempotentHint`` lets it be repeated. Any other comes in no words of the server's, and writes. The manifest
    overrules both. Results are UNTRUSTED.
    """

    def __init__(self, spec: ToolSpec, folder: Path) -> None:
        self._spec, self._folder = spec, folder
        self._options = options_of(spec, McpOptions)
        if bool(self._options.command) == bool(self._options.url):
            raise wrong(spec, "an MCP server needs either 'command' or 'url'")
        self._lock = asyncio.Lock()
        self._server: _Server | None = None
        self._offers: Mapping[str, Offer] | None = None
        self._tools: Mapping[str, Tool] | None = None

    async def tools(self) -> Mapping[str, Tool]:
        """Raises NotConfigured when the extra is not installed or a variable is not set. Raises ToolFailed when there is no
        server, and for one that offers what is not taken, or something else than was pinned.
        """
        if self._tools is None:
            offers = (await self.offers()).values()
            self._tools = {tool.name: tool for tool in map(self._tool, offers)}
        return self._tools

    async def offers(self) -> Mapping[str, Offer]:
        """What the server says of those of its tools that the manifest lets in, by their names. Raises as `tools` does."""
        await self._running()
        assert self._offers is not None
        return self._offers

    def vouched(self, offer: Offer) -> bool:
        """Whether the manifest pins the tool."""
        return isinstance(self._options.tools, Mapping) and offer.name in self._options.tools

    async def close(self) -> None:
        async with self._lock:
            if self._server is not None:
                await self._server.stop()
            self._server = None

    def _tool(self, offer: Offer) -> Tool:
        async def invoke(arguments: Mapping[str, Any], call: Call) -> Any:
            server = await self._running()
            answer = await self._asked(server, lambda: server.client.call_tool_mcp(offer.name, dict(arguments)))
            return self._passed_on(answer)

        shown = offer if self.vouched(offer) else offer.unvouched
        return self._spec.over(
            Tool(
                f"{self._spec.name}_{offer.known_as}",
                shown.description,
                shown.parameters,
                invoke,
                effect=Effect.READ if shown.reads else Effect.WRITE,
                label=UNTRUSTED,
                idempotent=shown.repeats,
            )
        )

    def _passed_on(self, answer: Any) -> Any:
        """The structured result, or the texts, of an answer. Raises ToolFailed for one that failed, or has anything else."""
        other = [part.type for part in answer.content if part.type != "text"]
        if other:
            raise ToolFailed(
                f"MCP server {self._spec.name!r} answered with {other[0]}; only text and JSON are passed on"
            )
        texts = [part.text for part in answer.content]
        if answer.is_error:
            raise ToolFailed(shortened(" ".join(texts)) or "the server failed without a reason")
        found = answer.structured_content
        if found is None:
            return texts[0] if len(texts) == 1 else texts
        # The protocol has objects alone: what is none is wrapped by servers under this key.
        return found["result"] if isinstance(found, dict) and found.keys() == {"result"} else found

    async def _asked(self, server: "_Server", request: Callable[[], Awaitable[Any]]) -> Any:
        """What the server answers. When the connection breaks, the server is given up, and the next call starts another."""
        from fastmcp.exceptions import McpError

        try:
            return await request()
        except Exception as error:
            if isinstance(error, McpError) and error.error.code != _CLOSED:
                raise ToolFailed(f"MCP server {self._spec.name!r} refused: {shortened(str(error))}") from error
            async with self._lock:
                if self._server is server:
                    self._server = None
            await server.stop()
            why = server.transport.problem or _short(error)
            raise ToolFailed(
                f"MCP server {self._spec.name!r} broke off: {why}; the next call starts it again"
            ) from error

    async def _running(self) -> "_Server":
        async with self._lock:
            if self._server is None:
                server = _Server(*self._client())
                try:
                    await asyncio.wait_for(server.start(), self._options.starting)
                    offered = await asyncio.wait_for(self._listed(server), self._options.starting)
                except ToolFailed:
                    await server.stop()
                    raise
                except Exception as error:
                    await server.stop()
                    said = server.transport.last_words.decode(errors="replace")
                    why = server.transport.problem or shortened(f"{_short(error)} {said}")
                    raise ToolFailed(
                        f"MCP server {self._spec.name!r} did not start: {why}; "
                        f"check {' '.join(self._options.command) or self._options.url}"
                    ) from error
                self._offers = offered
                self._server = server
            return self._server

    async def _listed(self, server: "_Server") -> Mapping[str, Offer]:
        """What the server offers. Raises ToolFailed when it is not taken, or not what it was."""
        listed, cursor = list[Any](), None
        for _ in range(_MOST_PAGES):
            page = await server.client.list_tools_mcp(cursor=cursor)
            listed += page.tools
            cursor = page.next_cursor
            if cursor is None or len(listed) > MOST_TOOLS:
                break
        wanted, name = self._options.tools, self._spec.name
        if cursor is not None or (len(listed) > MOST_TOOLS and not wanted):
            raise ToolFailed(
                f"MCP server {name!r} offers more than {MOST_TOOLS} tools; name under 'tools' of {name!r} those that you want"
            )
        offers = read_offers(listed, server=name, wanted=frozenset(wanted) or None)
        pins = wanted if isinstance(wanted, Mapping) else {}
        for offer in offers.values():
            if offer.name in pins and pins[offer.name] != offer.digest:
                raise ToolFailed(
                    f"MCP server {name!r} says something else of its tool {offer.name!r} than when that was pinned; it is not "
                    "used. See what it says now with: stemma network tools, and pin it again if you vouch for it"
                )
        before = self._offers
        if before is not None and {one.digest for one in before.values()} != {one.digest for one in offers.values()}:
            raise ToolFailed(
                f"MCP server {name!r} was started again and says something else of its tools than before; it is not used. "
                "See what it says now with: stemma network tools, and start this process again"
            )
        return offers

    def _client(self) -> Any:
        """The client that speaks to the server, and what it speaks through."""
        try:
            # Three seconds to import, with what they bring.
            from fastmcp import Client

            from stemma.network.tools.mcp_transport import CommandTransport, UrlTransport
        except ImportError as error:
            raise NotConfigured(
                f"tool {self._spec.name!r} is an MCP server, which needs the extra 'mcp': pip install 'stemma-ai[mcp]'"
            ) from error
        options = self._options
        if options.url:
            transport: Any = UrlTransport(options.url, token=self._variable(options.token) if options.token else None)
        else:
            env = {name: self._variable(name) for name in options.env}
            transport = CommandTransport(options.command, env=env, folder=self._folder)
        return Client(transport, init_timeout=options.starting, log_handler=_unheard), transport

    def _variable(self, name: str) -> str:
        if name not in os.environ:
            raise NotConfigured(
                f"tool {self._spec.name!r} needs the environment variable {name!r}, which is not set; set it"
            )
        return os.environ[name]


def _short(error: Exception) -> str:
    """An error in a line; of a message that was not one of the protocol's, not what stood in it."""
    if isinstance(error, ValidationError):
        return "it sent what is no message of the protocol"
    return shortened(str(error)) or type(error).__name__


async def _unheard(_: Any) -> None:
    """What a server wants logged: it would stand in the log, or on the terminal, as if it were ours."""


class _Server:
    """A connection, held by a task of its own: it has to be closed by whoever opened it, and the calls come and go."""

    def __init__(self, client: Any, transport: Any) -> None:
        self.client, self.transport = client, transport
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
                await life.enter_async_context(self.client)
                ready.set_result(None)
                await self._stop.wait()
        except Exception as error:  # noqa: BLE001  # told to whoever starts it; later on, the server is being left
            if not ready.done():
                ready.set_exception(error)
