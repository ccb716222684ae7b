"""Commands that go on until they are stopped, as tests follow them."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.cli.terminal import surroundings

PATIENCE = 40.0


@contextmanager
def going(*arguments: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """A command as a process of its own, killed at the end if it is still there."""
    command = [sys.executable, "-m", "stemma", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=surroundings(**environment), text=True, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def await_that(reached: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    """Looks until it is so, while the process lives."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert process.poll() is None, f"it ended before: {process.communicate()}"
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)  # between two looks; the condition decides
