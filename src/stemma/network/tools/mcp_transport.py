"""Connections to MCP servers that hold however much, and whatever, a server sends.

The SDK's own read a line of any length before they look at it, and check results by a schema that the server chose. Here no
message is longer than `LONGEST`; nor does a server send more than `MOST_UNASKED` while nobody asks it anything.
"""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Unpack

import anyio
import httpx2
import mcp_types
from fastmcp.client.transports import ClientTransport, StreamableHttpTransport
from fastmcp.client.transports.base import SessionKwargs, TransportOptions, VersionAwareClientSession
from mcp import ClientSession
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage

LONGEST = 4_000_000
"""Bytes of one message: of a listing, say, or of a result."""

MOST_UNASKED = 16_000_000
"""Bytes that a server sends between two requests."""

_A_MESSAGE = 8_000  # bytes that each one counts for besides: short ones take time, too
_LAST_WORDS = 2_000  # bytes of what a server wrote to its standard error
_CHUNK = 65_536
_GRACE = 1.0  # seconds that a server gets to end by itself, and then again


class UncheckedSession(VersionAwareClientSession):
    """A session that does not hold results against a schema of the server's: both are the server's words, and matching the
    patterns of the one in the other may take for ever."""

    async def validate_tool_result(self, name: str, result: mcp_types.CallToolResult) -> None:
        return None


_OPTIONS = TransportOptions(session_class=UncheckedSession)


class CommandTransport(ClientTransport):
    """A server that a command starts, over its standard streams. It has a process group of its own, which ends with it."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], folder: Path) -> None:
        self._command = command
        self._env = env
        self._folder = folder
        self.problem = ""
        """Why the connection was given up, where this side did so."""
        self.last_words = b""
        """The end of what the server wrote to its standard error."""

    @asynccontextmanager
    async def connect_session(
        self, *, transport_options: TransportOptions | None = None, **session_kwargs: Unpack[SessionKwargs]
    ) -> AsyncGenerator[ClientSession, None]:
        self.problem = ""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**get_default_environment(), **self._env},
            cwd=self._folder,
            start_new_session=True,
        )
        incoming, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        write, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
        received = _Received()
        writing = asyncio.create_task(self._writing(process, outgoing, received))
        readers = [
            asyncio.create_task(self._reading(process, incoming, received)),
            asyncio.create_task(self._listening(process)),
        ]
        try:
            async with UncheckedSession(read, write, **session_kwargs) as session:
                yield session
        finally:
            for stream in (incoming, read, write, outgoing):
                stream.close()
            await _ended(process, readers)
            for task in (writing, *readers):
                task.cancel()
            await asyncio.gather(writing, *readers, return_exceptions=True)

    async def _reading(self, process: asyncio.subprocess.Process, incoming: Any, received: "_Received") -> None:
        assert process.stdout is not None
        try:
            async for line in _lines(process.stdout, received):
                if line.lstrip().startswith(b"{"):  # what else is printed by mistake is nobody's
                    message = mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False)
                    await incoming.send(SessionMessage(message))
        except ValueError as error:
            self.problem = str(error) if isinstance(error, _Bounded) else "it sent what is no message of the protocol"
            _signalled(process, signal.SIGKILL)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            pass  # this side has hung up
        finally:
            incoming.close()  # whoever waits for an answer hears that there will be none
        while await process.stdout.read(_CHUNK):  # it cannot end while what it sent is not taken
            pass

    async def _writing(self, process: asyncio.subprocess.Process, outgoing: Any, received: "_Received") -> None:
        assert process.stdin is not None
        with suppress(ConnectionError):  # the reading side finds that it has ended
            async for message in outgoing:
                received.unasked = 0
                process.stdin.write(message.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
                await process.stdin.drain()

    async def _listening(self, process: asyncio.subprocess.Process) -> None:
        """Keeps the end of what it writes to its standard error from the terminal, which would do what is written there."""
        assert process.stderr is not None
        while chunk := await process.stderr.read(_CHUNK):
            self.last_words = (self.last_words + chunk)[-_LAST_WORDS:]


class UrlTransport(StreamableHttpTransport):
    """A server that runs at a URL. No redirect is followed, and no answer unpacked that is small here and large there."""

    def __init__(self, url: str, *, token: str | None) -> None:
        factory: Any = _bounded_client
        super().__init__(url, auth=token, httpx_client_factory=factory, max_sse_event_size=LONGEST)
        self.problem = ""
        self.last_words = b""

    @asynccontextmanager
    async def connect_session(
        self, *, transport_options: TransportOptions | None = None, **session_kwargs: Unpack[SessionKwargs]
    ) -> AsyncGenerator[ClientSession, None]:
        async with super().connect_session(transport_options=_OPTIONS, **session_kwargs) as session:
            yield session


class _Bounded(ValueError):
    """A server sent more than is taken."""


class _Received:
    """How much came since something was asked."""

    def __init__(self) -> None:
        self.unasked = 0


async def _lines(stream: asyncio.StreamReader, received: _Received) -> AsyncIterator[bytes]:
    """The lines of a stream. Raises _Bounded for one that is too long, without waiting for its end."""
    line = bytearray()
    while chunk := await stream.read(_CHUNK):
        received.unasked += len(chunk)
        if received.unasked > MOST_UNASKED:
            raise _Bounded(f"it sent more than {MOST_UNASKED:,} bytes since it was last asked something")
        *whole, rest = chunk.split(b"\n")
        for one in whole:
            line += one
            _check_length(line)
            received.unasked += _A_MESSAGE
            yield bytes(line)
            line.clear()
        line += rest
        _check_length(line)


def _check_length(line: bytearray) -> None:
    if len(line) > LONGEST:
        raise _Bounded(f"it sent a message of more than {LONGEST:,} bytes")


async def _ended(process: asyncio.subprocess.Process, readers: Sequence["asyncio.Task[None]"]) -> None:
    """Ends the server and whatever it started: by closing its input, then by asking it to, then by force. Its streams come to
    their ends with the last who holds them.
    """
    assert process.stdin is not None
    process.stdin.close()
    for ending in (signal.SIGTERM, signal.SIGKILL):
        await asyncio.wait(readers, timeout=_GRACE)
        _signalled(process, ending)
    await asyncio.wait(readers, timeout=_GRACE)
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _GRACE)
    # One that left the group may hold them still; nothing public lets go of them.
    transport: asyncio.SubprocessTransport = process._transport  # type: ignore[attr-defined]
    transport.close()


def _signalled(process: asyncio.subprocess.Process, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # to whoever is left of its group, the server itself included
        os.killpg(process.pid, what)


def _bounded_client(**options: Any) -> httpx2.AsyncClient:
    headers = {**(options.pop("headers", None) or {}), "accept-encoding": "identity"}
    options |= {"follow_redirects": False}
    return httpx2.AsyncClient(headers=headers, transport=_BoundedHttp(httpx2.AsyncHTTPTransport()), **options)


class _BoundedHttp(httpx2.AsyncBaseTransport):
    """Answers of a known size, as they are sent."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise httpx2.RemoteProtocolError("it sent a packed answer, which was not asked for", request=request)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _BoundedStream(response.stream)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._inner:
            size += len(chunk)
            if size > MOST_UNASKED:
                raise httpx2.ReadError(f"it sent more than {MOST_UNASKED:,} bytes in one answer")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
