"""What the durable engine promises of workflows; a contract with DBOS as much as with ourselves."""

import asyncio
import gc
from pathlib import Path

import pytest
from dbos import DBOS, DBOSConfig

from stemma.core.errors import Conflict, InvalidInput, NotConfigured
from stemma.network.durable import Durable
from stemma.network.lease import AdvisoryLease, FileLease
from stemma.store import Store


class Work:
    """A workflow that fails as often as it is told to."""

    def __init__(self, store: Store, *, failures: int = 0) -> None:
        self.done: list[str] = []
        self._durable = Durable(store)
        self._failures = failures
        self._ended = asyncio.Event()

    async def __call__(self, id: str) -> str:
        if self._failures:
            self._failures -= 1
            raise OSError("the disk is full")
        self.done.append(id)
        self._ended.set()
        return "done"

    def serve(self, id: str, *, again: bool = False) -> None:
        """Begins the workflow, and waits until it has ended."""

        async def main() -> None:
            self._ended = asyncio.Event()
            await self._durable.start("work", id, again=again)
            await self._ended.wait()

        self._durable.serve({"work": self}, main)


def test_workflow_that_failed_is_begun_again(store: Store) -> None:
    """An error comes out of the engine and leaves the workflow unfinished; begun again under its id, it runs."""
    work = Work(store, failures=2)
    with pytest.raises(OSError, match="disk is full"):
        work.serve("w.1")
    with pytest.raises(OSError, match="disk is full"):
        work.serve("w.1", again=True)
    work.serve("w.1", again=True)
    assert work.done == ["w.1"]


def test_workflow_that_was_never_begun_can_be_begun_again(store: Store) -> None:
    """Whoever takes over from the dead need not know whether they had come to begin it."""
    work = Work(store)
    work.serve("w.1", again=True)
    assert work.done == ["w.1"]


def test_store_decides_what_has_ended(store: Store) -> None:
    """A workflow that the engine takes for ended is done once more when it is begun again: the engine's record may be older."""
    work = Work(store)
    work.serve("w.1")
    work.serve("w.1", again=True)
    work.serve("w.1", again=False)
    assert work.done == ["w.1", "w.1", "w.1"]


def test_workflow_begun_within_another_outlives_it(store: Store) -> None:
    """What a workflow begins is nobody's child: begun again, its parent finds nothing of it in its own record."""
    durable, done, failing = Durable(store), list[str](), [True]
    ended: list[asyncio.Event] = []

    async def parent(id: str) -> None:
        await durable.start("child", f"{id}.{len(done) + 1}", again=False)
        if failing.pop():
            raise OSError("killed")

    async def child(id: str) -> None:
        done.append(id)
        if len(done) == 2:
            ended[0].set()

    def serve(*, again: bool) -> None:
        async def main() -> None:
            ended[:] = [asyncio.Event()]
            await durable.start("parent", "p", again=again)
            await ended[0].wait()

        durable.serve({"parent": parent, "child": child}, main)

    with pytest.raises(OSError, match="killed"):
        serve(again=False)
    failing.append(False)
    done[:] = ["p.1"]
    serve(again=True)
    assert done == ["p.1", "p.2"]


def test_work_beside_that_never_began_is_put_away(store: Store) -> None:
    """What is cut off before its first step, as an interruption may do, leaves nothing behind, and no warning."""
    durable, begun = Durable(store), list[str]()

    async def work() -> None:
        begun.append("work")

    async def main() -> None:
        others = asyncio.all_tasks()
        durable.spawn(work())
        [spawned] = asyncio.all_tasks() - others
        spawned.cancel()
        await asyncio.wait({spawned})

    durable.serve({}, main)
    gc.collect()
    assert begun == []


def test_sqlite_takes_one_process_at_a_time(tmp_path: Path) -> None:
    """While one holds the lock of a file the next is told who does; afterwards it is free."""
    held = FileLease(tmp_path / "stemma.dbos.lock")
    with pytest.raises(Conflict, match=r"another process \(pid \d+\) runs agents"):
        FileLease(tmp_path / "stemma.dbos.lock")
    held.release()
    FileLease(tmp_path / "stemma.dbos.lock").release()


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_peers_adopt_from_the_dead_alone(store: Store) -> None:
    """On PostgreSQL a process is dead to its peers exactly when its session is, and one of them at a time adopts."""
    first, second, third = (AdvisoryLease(store.engine.connect()) for _ in range(3))
    with second.adopting(first.executor) as dead:
        assert not dead
    with second.adopting(second.executor) as dead:
        assert not dead
    first.release()
    with second.adopting(first.executor) as dead, third.adopting(first.executor) as also:
        assert dead
        assert not also
    with third.adopting(first.executor) as dead:
        assert dead
    second.release()
    third.release()


def test_store_in_memory_is_refused() -> None:
    """What has to survive the process can not be kept in its memory."""
    store = Store.open("sqlite://")
    with pytest.raises(InvalidInput, match="outlives the process"):
        Work(store).serve("w.1")
    store.close()


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_somebody_elses_dbos_is_left_alone(store: Store) -> None:
    """In a process whose application uses DBOS itself, agents are refused and that application goes on."""
    config: DBOSConfig = {"name": "another", "system_database_url": "sqlite://", "log_level": "ERROR"}
    other = DBOS(config=config)
    try:
        with pytest.raises(NotConfigured, match="another process"):
            Work(store).serve("w.1")
        assert DBOS(config=config) is other  # DBOS gives out the one instance there is
    finally:
        DBOS.destroy(destroy_registry=True)
