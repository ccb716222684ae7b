"""The world outside: what the tools of a campaign's agents leave behind, counted where no store can make it look better."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from stemma.network import Call

FILE = "effects.db"
HOLDS = "CAMPAIGN_TOOL_SECONDS"
_TABLES = """
    pragma journal_mode = wal;
    create table effects (key text primary key);
    create table calls (
        number integer primary key, key text not null, agent text not null, process integer not null, at real not null
    );
"""


@dataclass(frozen=True, slots=True)
class Made:
    """A call that reached the tool. `at` is the machine's monotonic clock, the same in all its processes."""

    key: str
    agent: str
    process: int
    at: float


class Effects:
    """An outside system: it does a thing once for each key, as `insert or ignore`, and logs every call that reaches it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def prepare(self) -> None:
        """Makes the tables. Done before anybody calls."""
        with closing(sqlite3.connect(self._path)) as connection:
            connection.executescript(_TABLES)

    def add(self, key: str, agent: str) -> None:
        with self._connected() as connection:
            connection.execute("begin immediate")
            connection.execute(
                "insert into calls (key, agent, process, at) values (?, ?, ?, ?)",
                (key, agent, os.getpid(), time.monotonic()),
            )
            connection.execute("insert or ignore into effects values (?)", (key,))
            connection.execute("commit")

    def done(self, prefix: str = "") -> set[str]:
        """What was done."""
        with self._connected() as connection:
            return {key for (key,) in connection.execute("select key from effects") if key.startswith(prefix)}

    def calls(self, prefix: str = "") -> list[Made]:
        """Every call, in the order in which they came."""
        with self._connected() as connection:
            rows = connection.execute("select key, agent, process, at from calls order by number").fetchall()
        return [made for made in (Made(*row) for row in rows) if made.key.startswith(prefix)]

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=60, isolation_level=None)) as connection:
            connection.execute("pragma synchronous = off")
            yield connection


def note(text: str, call: Call) -> str:
    """Writes a text down."""
    Effects(call.folder).add(call.key, call.agent)
    return f"noted: {text}"


def stamp(ticket: str, call: Call) -> str:
    """Stamps a ticket."""
    Effects(call.folder).add(call.key, call.agent)
    return f"stamped: {ticket}"


def hold(ticket: str, call: Call) -> str:
    """Takes long in a process that is told to, and no time in any other."""
    Effects(call.folder).add(call.key, call.agent)
    time.sleep(float(os.environ.get(HOLDS, "0")))
    return f"held: {ticket}"
