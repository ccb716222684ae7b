"""Runs tests against one mutant after another, in a copy of the package: `python -m benchmarks.mutations.killer COPY`.

Asked in lines of JSON on standard input, it answers each with one on standard output. Every mutant has a forked process of
its own, so what takes long to import and is never mutated is imported once; whatever a mutant does ends with its process.
"""

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

_REWRITE = "ignore::pytest.PytestAssertRewriteWarning"  # of plugins that are imported already
QUICK = (
    "-x",
    "-W",
    _REWRITE,
    "-q",
    "-p",
    "no:cacheprovider",
    "--hypothesis-profile=ci",  # the same examples for every mutant, and no deadline that a busy machine could miss
    "-m",
    "not crash",
    "-k",
    "not postgresql",
)
_PRELOADED = (
    "pytest",
    "hypothesis",
    "cedarpy",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "jinja2.sandbox",
    "jsonschema",
    "numpy",
    "pydantic_ai.models.wrapper",
    "sqlalchemy.dialects.sqlite",
    "yaml",
)

NO_END = "did not end in time"
_PATIENCE = 6
"""How much longer the tests may take than they may compute: other programs want the machine, too."""


class Answer(TypedDict):
    """`killed` when the tests failed or did not end in time; `by` is what pytest said last, `seconds` what they computed."""

    killed: bool
    by: str
    seconds: float


class Killer:
    """A process with a copy of the package, that tests one mutant at a time."""

    def __init__(self, package: Path, folder: Path) -> None:
        command = [sys.executable, "-m", "benchmarks.mutations.killer", str(package), str(folder)]
        # What hypothesis finds in a mutant is no example for the code as it should be.
        environment = os.environ | {"HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "examples"), "PYTHONHASHSEED": "0"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def test(self, path: str, text: str | None, tests: Sequence[str], *, seconds: float) -> Answer:
        """What becomes of the package with `text` as its file `path`, when tests that compute longer than `seconds` are ended;
        with no text, of the package as it is.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([path, text, list(tests), seconds]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the process that tests mutants died; see what it wrote above")
        found: Answer = json.loads(answer)
        return found

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


def main() -> None:
    package, folder = Path(sys.argv[1]), Path(sys.argv[2])
    subprocess.run(["cp", "-r", str(package), str(folder / "stemma")], check=True)
    for stale in (folder / "stemma").rglob("__pycache__"):
        subprocess.run(["rm", "-r", str(stale)], check=True)
    sys.path.insert(0, str(folder))
    for name in _PRELOADED:
        importlib.import_module(name)
    if "stemma" in sys.modules:
        raise SystemExit("what is to be mutated is imported already; take what imports it out of what is preloaded")
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    for count, line in enumerate(sys.stdin, 1):
        path, text, tests, seconds = json.loads(line)
        answers.write(json.dumps(_tested(folder / "stemma" / path, text, tests, seconds, count)) + "\n")
        answers.flush()


def _tested(path: Path, text: str | None, tests: Sequence[str], seconds: float, count: int) -> Answer:
    if text is None:
        return _ended(tests, seconds)
    was = path.read_bytes()
    try:
        _write(path, text.encode(), 2 * count)
        return _ended(tests, seconds)
    finally:
        _write(path, was, 2 * count + 1)


def _write(path: Path, text: bytes, count: int) -> None:
    path.write_bytes(text)
    os.utime(path, (count, count))  # compiled code is known by the second of its source, and mutants come quicker


def _ended(tests: Sequence[str], seconds: float) -> Answer:
    """Runs the tests in a process of their own, and waits for it as long as it may take."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        # The default action of both ends the process: of one that computes without end, and of one that waits.
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.setitimer(signal.ITIMER_REAL, _PATIENCE * seconds)
        _run(tests)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        output = told.read().decode(errors="replace").strip()
    _, status, used = os.wait4(child, 0)
    last: Any = output.splitlines()[-1:] or [f"ended with {status}"]
    if os.WIFSIGNALED(status):
        late = os.WTERMSIG(status) in (signal.SIGALRM, signal.SIGPROF)
        last = [NO_END if late else f"signal {os.WTERMSIG(status)}"]
    return Answer(killed=status != 0, by=last[0], seconds=used.ru_utime + used.ru_stime)


def _run(tests: Sequence[str]) -> None:
    """Ends this process with what pytest says. Anything that goes wrong on the way there is not a pass."""
    code = 99
    try:
        import pytest

        code = int(pytest.main([*QUICK, *tests]))
    except BaseException:  # noqa: BLE001 - told, and no pass
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
