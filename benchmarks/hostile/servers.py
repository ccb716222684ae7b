"""A server on this machine that answers every request with the same bytes, whatever they are."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def answering() -> Iterator[tuple[str, Callable[[bytes], None]]]:
    """Its URL, and what sets the bytes that the next requests are answered with."""
    said = [b""]
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        connection.settimeout(2)
                        connection.recv(65_536)
                        connection.sendall(said[0])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/", lambda data: said.__setitem__(0, data)
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)
