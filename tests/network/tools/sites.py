"""A web server on this machine for tests of tools that ask one."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What it was asked: (method, path, headers, body)."""

    url: str
    asked: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)


@contextmanager
def serving(*, elsewhere: str = "http://127.0.0.1:9/") -> Iterator[Site]:
    """A site on a free port of 127.0.0.1 with a page for each way of answering."""
    hang = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length).decode()
            site.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            match self.path.partition("?")[0]:
                case "/v1/hello":
                    self.give(200, "héllo", kind="text/plain; charset=utf-8", **{"Set-Cookie": "id=7; Path=/"})
                case "/v1/latin":
                    self.give(200, "café".encode("latin-1"), kind="text/plain; charset=latin-1")
                case "/v1/here":
                    self.give(302, "", Location="hello?from=here")
                case "/v1/out":
                    self.give(302, "", Location="/admin")
                case "/v1/elsewhere":
                    self.give(307, "", Location=elsewhere)
                case "/v1/loop":
                    self.give(301, "", Location="/v1/loop")
                case "/v1/large":
                    self.give(200, "x" * 5000)
                case "/v1/packed":
                    self.give(200, gzip.compress(b"x" * 1000), **{"Content-Encoding": "gzip"})
                case "/v1/image":
                    self.give(200, b"\x89PNG\xff", kind="image/png")
                case "/v1/short":
                    self.send_response(200)
                    self.send_header("Content-Length", "100")
                    self.end_headers()
                    self.wfile.write(b"only this")
                case "/v1/hang":
                    hang.wait()
                case "/v1/orders":
                    self.give(201, '{"order": 1}', kind="application/json")
                case _:
                    self.give(404, "no such page")

        do_POST = do_GET  # noqa: N815  # the name is the standard library's

        def give(self, status: int, body: str | bytes, *, kind: str = "text/plain", **headers: str) -> None:
            data = body.encode() if isinstance(body, str) else body
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: what was asked is kept."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        hang.set()
        server.shutdown()
        thread.join()
        server.server_close()
