"""What the durable engine promises of workflows and steps; a contract with DBOS as much as with ourselves."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from dbos import DBOS, DBOSConfig

from stemma.core.errors import Conflict, InvalidInput, NotConfigured
from stemma.network.durable import Durable
from stemma.network.lease import AdvisoryLease, FileLease
from stemma.store import Store


def durable_on(store: Store, version: str = "test-1") -> Durable:
    return Durable(store, version=version, types={})


class Work:
    """A workflow of two steps, of which the second fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.done: list[str] = []
        self.durable: Durable | None = None
        self._failures = failures

    async def __call__(self, id: str) -> str:
        assert self.durable is not None
        first = await self.durable.step("first", self._first)
        return first + await self.durable.step("second", self._second)

    async def _first(self) -> str:
        self.done.append("first")
        return "a"

    async def _second(self) -> str:
        self.done.append("second")
        if self._failures:
            self._failures -= 1
            raise OSError("the disk is full")
        return "b"

    def serve(self, store: Store, id: str, *, version: str = "test-1") -> str:
        """Adopts what is left of `id`, and brings it to its end."""
        self.durable = durable = durable_on(store, version)

        async def main() -> str:
            await durable.adopt(id)
            result: str = await durable.result("work", id)
            return result

        return durable.serve({"work": self}, main)


def test_finished_steps_are_not_done_again(store: Store) -> None:
    """An error leaves a workflow unfinished; the next process goes on after its last finished step."""
    work = Work(failures=2)
    for _ in range(2):
        with pytest.raises(OSError, match="disk is full"):
            work.serve(store, "w.1")
    assert work.serve(store, "w.1") == "ab"
    assert work.done == ["first", "second", "second", "second"]


def test_one_id_runs_once(store: Store) -> None:
    """Asked for again, a finished workflow gives its result without running."""
    work = Work()
    assert work.serve(store, "w.1") == "ab"
    assert work.serve(store, "w.1") == "ab"
    assert work.done == ["first", "second"]


def test_child_workflows_are_replayed_too(store: Store) -> None:
    """A workflow that asks another and then fails finds the other's result when it is run again."""
    done: list[str] = []
    failing = [True]

    def workflows(durable: Durable) -> dict[str, Callable[[str], Awaitable[object]]]:
        async def parent(id: str) -> str:
            said: str = await durable.result("child", f"{id}.1")
            if failing.pop():
                raise OSError("killed")
            return said

        async def child(id: str) -> str:
            done.append(id)
            return f"result of {id}"

        return {"parent": parent, "child": child}

    def serve() -> object:
        durable = durable_on(store)

        async def main() -> object:
            await durable.adopt("p")
            return await durable.result("parent", "p")

        return durable.serve(workflows(durable), main)

    with pytest.raises(OSError, match="killed"):
        serve()
    failing.append(False)
    assert serve() == "result of p.1"
    assert done == ["p.1"]


def test_work_of_another_version_is_left_alone(store: Store) -> None:
    """What a release with other workflows began is named, and nothing of it is done."""
    work = Work(failures=1)
    with pytest.raises(OSError, match="disk"):
        work.serve(store, "w.1")
    with pytest.raises(Conflict, match="begun by another release"):
        work.serve(store, "w.1", version="test-2")
    assert work.serve(store, "w.1") == "ab"


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
        Work().serve(store, "w.1")
    store.close()


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_somebody_elses_dbos_is_left_alone(store: Store) -> None:
    """In a process whose application uses DBOS itself, agents are refused and that application goes on."""
    config: DBOSConfig = {"name": "another", "system_database_url": "sqlite://", "log_level": "ERROR"}
    other = DBOS(config=config)
    try:
        with pytest.raises(NotConfigured, match="another process"):
            Work().serve(store, "w.1")
        assert DBOS(config=config) is other  # DBOS gives out the one instance there is
    finally:
        DBOS.destroy(destroy_registry=True)
