"""Threads for functions that may never come back."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from stemma.network.tools.tool import ToolFailed

_MOST_LEFT = 16


class Threads:
    """One thread a call, for one tool.

    Not a pool: a function that hangs would take a place in it for ever, and the interpreter waits for a pool's threads
    before it ends. These are daemons; when sixteen of them have been given up and still hang, the tool is not called
    any more.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._left: set[threading.Thread] = set()

    async def run(self, work: Callable[[], Any]) -> Any:
        """What `work` returns or raises. Cancelled, it leaves the thread to itself."""
        self._left = {thread for thread in self._left if thread.is_alive()}
        if len(self._left) >= _MOST_LEFT:
            raise ToolFailed(
                f"tool {self._name!r} is not called: {len(self._left)} earlier calls of it still hang; "
                "let it give up by itself"
            )
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()

        def tell(report: Callable[[Any], None], what: Any) -> None:
            if not outcome.done():
                report(what)

        def body() -> None:
            try:
                result = context.run(work)
            except BaseException as error:  # noqa: BLE001  # raised again where it is awaited, whatever it is
                # What is not for a coroutine to raise stays here: StopIteration would look as if it had returned, and
                # KeyboardInterrupt would end the worker.
                tame = isinstance(error, Exception | SystemExit) and not isinstance(error, StopIteration)
                known = error if tame else RuntimeError(type(error).__name__)
                report, what = outcome.set_exception, known
            else:
                report, what = outcome.set_result, result
            with suppress(RuntimeError):  # the loop has ended since, when nobody waits any more
                loop.call_soon_threadsafe(tell, report, what)

        thread = threading.Thread(target=body, name=f"tool {self._name}", daemon=True)
        thread.start()
        try:
            return await outcome
        except asyncio.CancelledError:
            self._left.add(thread)
            raise
