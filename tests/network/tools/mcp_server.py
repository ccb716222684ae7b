"""An MCP server for tests: it speaks over its streams or, as `python mcp_server.py http`, on a port that it prints."""

import os
import sys
import time
from pathlib import Path
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ImageContent, ToolAnnotations

server = MCPServer("desk", log_level="ERROR")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def stock(article: str, place: str = "here") -> dict[str, Any]:
    """How much of an article there is."""
    return {"article": article, "place": place, "amount": 3}


@server.tool(annotations=ToolAnnotations(idempotent_hint=True))
def note(text: str) -> str:
    """Writes the text down."""
    with Path("notes.txt").open("a") as notes:
        notes.write(text)
    return "noted"


@server.tool()
def fail(reason: str) -> str:
    raise ToolError(reason)


@server.tool()
def die() -> str:
    os._exit(3)


@server.tool()
def hang() -> str:
    time.sleep(60)  # a server that is too slow, in a process of its own that the test ends
    return "late"


@server.tool()
def picture() -> ImageContent:
    return ImageContent(type="image", data="aGVsbG8=", mime_type="image/png")


@server.tool(name="who.am.i")
def who() -> dict[str, str | int | None]:
    return {"pid": os.getpid(), "given": os.environ.get("DESK_GIVEN"), "kept": os.environ.get("DESK_KEPT")}


def main() -> None:
    if sys.argv[1:] != ["http"]:
        server.run()
        return
    import socket

    import uvicorn

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    app = server.streamable_http_app()
    uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1)).run(sockets=[listener])


if __name__ == "__main__":
    main()
