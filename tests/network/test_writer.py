"""Group commit: writes share transactions, and each succeeds or fails by itself."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import insert, select, update
from tests.network.posting import Post

from stemma.ledger.scope import Scope, Transaction
from stemma.network.writer import Writer
from stemma.store.schema import runs, steps

on_postgresql = pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
Work = Callable[[Transaction], object]


@contextmanager
def writing(scope: Scope) -> Iterator[Writer]:
    writer = Writer(scope)
    try:
        yield writer
    finally:
        writer.close()


def row(step: str) -> Work:
    def work(tx: Transaction) -> str:
        tx.connection.execute(insert(steps).values(subject="s", step=step, body="{}", at=tx.at))
        return step

    return work


def fails(tx: Transaction) -> None:
    tx.connection.execute(insert(steps).values(subject="s", step="lost", body="{}", at=tx.at))
    raise ValueError("no")


def kept(scope: Scope) -> list[str]:
    with scope.read() as connection:
        return list(connection.scalars(select(steps.c.step).where(steps.c.subject == "s").order_by(steps.c.step)))


def held_up(writer: Writer) -> tuple["asyncio.Task[None]", threading.Event]:
    """A first write that keeps the thread busy, so that all that comes next shares one transaction."""
    begun, goes_on = threading.Event(), threading.Event()

    def work(_: Transaction) -> None:
        begun.set()
        assert goes_on.wait(10)

    task = asyncio.ensure_future(writer.write(work))
    return task, goes_on


def test_write_that_fails_leaves_its_neighbours_alone(scope: Scope) -> None:
    """Of several in one transaction one raises: it alone hears of it, it alone is undone, and the others are answered."""

    async def main() -> list[object]:
        with writing(scope) as writer:
            first, goes_on = held_up(writer)
            await asyncio.sleep(0)
            together = asyncio.gather(
                *(writer.write(one) for one in (row("a"), fails, row("b"))), return_exceptions=True
            )
            await asyncio.sleep(0)
            goes_on.set()
            await first
            return await together

    a, error, b = asyncio.run(main())
    assert (a, b) == ("a", "b")
    assert isinstance(error, ValueError)
    assert kept(scope) == ["a", "b"]


def test_writes_about_one_run_keep_their_order(scope: Scope) -> None:
    """Those about other runs may come between, those about the same one are done as they were asked for."""
    done: list[str] = []

    def note(name: str) -> Work:
        return lambda _: done.append(name)

    async def main() -> None:
        with writing(scope) as writer:
            first, goes_on = held_up(writer)
            await asyncio.sleep(0)
            asked = [writer.write(note(f"{run}{number}"), about=run) for number in range(3) for run in "ba"]
            together = asyncio.gather(*asked)
            await asyncio.sleep(0)
            goes_on.set()
            await asyncio.gather(first, together)

    asyncio.run(main())
    assert done == ["a0", "a1", "a2", "b0", "b1", "b2"]


def test_who_is_gone_does_not_undo_what_is_written(scope: Scope) -> None:
    """A write whose asker was cancelled is carried out nevertheless, and nobody trips over it."""

    async def main() -> None:
        with writing(scope) as writer:
            first, goes_on = held_up(writer)
            await asyncio.sleep(0)
            asked = asyncio.ensure_future(writer.write(row("a")))
            await asyncio.sleep(0)
            asked.cancel()
            goes_on.set()
            await first
            await writer.write(row("b"))

    asyncio.run(main())
    assert kept(scope) == ["a", "b"]


@on_postgresql
def test_two_processes_that_lock_each_other_out_both_write(scope: Scope) -> None:
    """Of two writes that wait for each other's rows the database turns one away, which is then made again."""
    post = Post(scope, runs=2)
    both = threading.Barrier(2)

    def crossing(first: int, second: int) -> Work:
        met: list[bool] = []

        def work(tx: Transaction) -> None:
            for run in (first, second):
                counted = update(runs).where(runs.c.id == post.runs[run].id).values(calls=runs.c.calls + 1)
                tx.connection.execute(counted)
                if not met:
                    met.append(True)
                    both.wait(10)

        return work

    async def main() -> None:
        with writing(scope) as one, writing(scope) as other:
            await asyncio.gather(one.write(crossing(0, 1)), other.write(crossing(1, 0)))

    asyncio.run(main())
    with scope.read() as connection:
        assert list(connection.scalars(select(runs.c.calls))) == [2, 2]
