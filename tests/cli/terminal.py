"""The command line as tests use it: in this process where that says enough, as a process of its own where it does not."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stemma.cli.app import run

TICKETS = {
    "refund": ("I want my money back for order {}", "please refund the {} I paid twice", "refund {} to my card"),
    "delivery": ("where is parcel {}", "the courier lost package {}", "when is order {} delivered"),
    "account": ("I cannot log in since {}", "reset the password of user {}", "my account {} is locked"),
}
PROMPT = "Say which category the message belongs to.\n\nLabels:\n- refund\n- delivery\n- account\n"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What was on standard output, which must be one JSON value and nothing else."""
        return json.loads(self.out)

    def told(self, code: int) -> str:
        """The one line that an unsuccessful command says; checks that there is no more than that, and its exit code."""
        assert self.code == code, self
        assert self.out == ""
        assert self.err.startswith("error: ")
        assert self.err.count("\n") == 1, self.err
        return self.err.removeprefix("error: ").rstrip("\n")


@dataclass(frozen=True, slots=True)
class Terminal:
    """Runs commands in this process, in `folder`."""

    folder: Path
    captured: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path) -> Ran:
        self.captured.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = self.captured.readouterr()
        return Ran(code, out, err)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path


def rows(each: int = 20) -> str:
    """A data set that a prompt can get better on: so many of each of the nine ways to write."""
    lines = ["text,label"]
    lines += [f"{way.format(n)},{label}" for n in range(each) for label, ways in TICKETS.items() for way in ways]
    return "\n".join(lines) + "\n"


def process(*arguments: str | Path, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """A command as a process of its own; an environment variable given as None is taken away."""
    return subprocess.run(
        [sys.executable, "-m", "stemma", *map(str, arguments)],
        env=surroundings(**environment),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def surroundings(**environment: str | None) -> dict[str, str]:
    merged = {**os.environ, **environment}
    return {name: value for name, value in merged.items() if value is not None}
