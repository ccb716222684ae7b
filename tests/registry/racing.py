"""A process that writes to a registry when it is told to: it says ``ready`` before its transaction and waits for a line.

    python racing.py URL label VERSION        moves 'production' of 'triage'
    python racing.py URL save INSTRUCTIONS    saves 'triage'

It has then read whatever it reads beforehand. Its last line is what came of it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from stemma.core.clock import SystemClock
from stemma.core.errors import Conflict
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.registry.contents import Contents
from stemma.registry.prompt import Prompt
from stemma.registry.prompts import Prompts
from stemma.store import Store


class HeldStore(Store):
    """A store whose write transactions begin when a line arrives."""

    @contextmanager
    def write(self) -> Iterator[Connection]:
        say("ready")
        sys.stdin.readline()
        with super().write() as connection:
            yield connection


def main(url: str, action: str, value: str) -> None:
    store, clock = HeldStore.open(url), SystemClock()
    prompts = Prompts(Scope(store, Ledger(store, clock), clock, f"racer:{value}"), Contents())
    try:
        if action == "label":
            say(f"moved to {prompts.label('triage', int(value), 'production').version}")
        else:
            say(f"saved as {prompts.save('triage', Prompt(value)).version}")
    except Conflict as lost:
        say(f"Conflict: {lost}")
    store.close()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
