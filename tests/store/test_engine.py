"""The store opens, migrates, writes all or nothing, and says clearly why it cannot."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, insert, select, update

import stemma.store
from stemma.core.errors import InvalidInput, NotFound, StoreDamaged, StoreNewer, StoreReadOnly
from stemma.store import Store
from stemma.store.schema import REVISION, metadata, prompts

ROW = {"name": "a", "latest": 1, "created_at": "2026-01-01T00:00:00.000000Z"}


def test_what_is_not_there_is_made_only_when_asked(store_url: str) -> None:
    """Without leave to create, an empty database is no store, and stays empty; once it is one, it opens."""
    with pytest.raises(NotFound, match=r"there is no store at .*; set STEMMA_STORE to yours"):
        Store.open(store_url, create=False)
    if store_url.startswith("sqlite"):
        assert not Path(store_url.removeprefix("sqlite:///")).exists()
    with pytest.raises(NotFound):
        Store.open(store_url, create=False)
    Store.open(store_url).close()
    Store.open(store_url, create=False).close()


def test_migrations_arrive_at_the_schema(store: Store) -> None:
    """The tables that migrations make are the tables that the code declares."""
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []


def test_declared_revision_is_the_newest_migration() -> None:
    """The revision compared at every opening is the last one in the migrations folder."""
    config = Config()
    config.set_main_option("script_location", str(Path(stemma.store.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_a_failed_write_leaves_nothing(store: Store) -> None:
    """An exception inside a write undoes all of it."""

    def write_and_fail() -> None:
        with store.write() as connection:
            connection.execute(insert(prompts), ROW)
            raise LookupError

    with pytest.raises(LookupError):
        write_and_fail()
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(prompts)).scalar_one() == 0


def test_opening_again_keeps_what_was_written(store_url: str) -> None:
    """A second opening finds the schema in place and the rows in it."""
    first = Store.open(store_url)
    with first.write() as connection:
        connection.execute(insert(prompts), ROW)
    first.close()
    second = Store.open(store_url)
    with second.read() as connection:
        assert connection.execute(select(prompts.c.name)).scalar_one() == "a"
    second.close()


def test_a_reader_sees_one_state_while_another_writes(tmp_path: Path) -> None:
    """On SQLite a read that has begun goes on beside a writer and does not see its rows."""
    store = Store.open(f"sqlite:///{tmp_path}/stemma.db")
    with store.read() as reader:
        assert reader.execute(select(func.count()).select_from(prompts)).scalar_one() == 0
        with store.write() as writer:
            writer.execute(insert(prompts), ROW)
        assert reader.execute(select(func.count()).select_from(prompts)).scalar_one() == 0
    store.close()


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/db", "http://host", ""])
def test_other_urls_are_refused(url: str) -> None:
    """A URL that is neither SQLite nor PostgreSQL names the two forms there are."""
    with pytest.raises(InvalidInput, match=r"sqlite:///path/to/file\.db or postgresql://"):
        Store.open(url)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """A text file in the database's place is called damaged and left as it was."""
    path = tmp_path / "stemma.db"
    path.write_bytes(b"this is not a database, whatever its name says\n" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreDamaged, match="is not a Stemma database, or is damaged"):
        Store.open(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_database_with_a_torn_page(tmp_path: Path) -> None:
    """A database whose pages were overwritten is called damaged, not a stack trace."""
    path = tmp_path / "stemma.db"
    store = Store.open(f"sqlite:///{path}")
    with store.write() as connection:
        connection.execute(insert(prompts), [ROW | {"name": f"p{i}"} for i in range(2000)])
    store.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreDamaged, match="is damaged"), Store.open(f"sqlite:///{path}").read() as connection:
        connection.execute(select(func.count()).select_from(prompts))


def test_another_programs_database(tmp_path: Path) -> None:
    """An SQLite file with someone else's tables is not migrated over."""
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table accounts (id integer)")
    with pytest.raises(StoreDamaged, match=r"another program's database .*'accounts'"):
        Store.open(f"sqlite:///{path}")


def test_a_database_from_a_newer_version(store: Store, store_url: str) -> None:
    """A schema revision that this version does not know is refused with the upgrade command."""
    with store.write() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    with pytest.raises(StoreNewer, match=r"schema 9999.*pip install --upgrade"):
        Store.open(store_url)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up root's rights to see what others see")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    """A read-only place is named, with the setting that chooses another."""
    tmp_path.chmod(0o755)
    script = (
        "import os, sys\n"
        "from stemma.store import Store\n"
        "import alembic.command, pysqlite3\n"
        "os.setuid(65534)\n"
        "try:\n    Store.open(sys.argv[1])\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    for url in (f"sqlite:///{tmp_path}/new/stemma.db", f"sqlite:///{tmp_path}/stemma.db"):
        said = subprocess.run([sys.executable, "-c", script, url], capture_output=True, text=True, check=True).stdout
        assert said.startswith(StoreReadOnly.__name__)
        assert "STEMMA_STORE" in said or "may write there" in said
    assert list(tmp_path.iterdir()) == []


def test_two_writers_take_turns(store: Store) -> None:
    """Increments from two processes are all kept."""
    with store.write() as connection:
        connection.execute(insert(prompts), ROW | {"latest": 0})
    script = (
        "import sys\nfrom sqlalchemy import select, update\n"
        "from stemma.store import Store\nfrom stemma.store.schema import prompts\n"
        "store = Store.open(sys.argv[1])\n"
        "for _ in range(50):\n"
        "    with store.write() as c:\n"
        "        c.execute(update(prompts).values(latest=prompts.c.latest + 1))\n"
        "store.close()\n"
    )
    url = store.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    running = [subprocess.Popen([sys.executable, "-c", script, url]) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    with store.read() as connection:
        assert connection.execute(select(prompts.c.latest)).scalar_one() == 100
    with store.write() as connection:
        connection.execute(update(prompts).values(latest=0))
