"""The confined folder: what agents do in it, and that nothing leads out of it."""

import asyncio
import os
import stat
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.network.tools.using import answer, call_in, used

from stemma.core.errors import InvalidInput
from stemma.core.trust import UNTRUSTED
from stemma.network.tools.confined import ConfinedFolder
from stemma.network.tools.invoking import invoke
from stemma.network.tools.tool import Effect, Tool, ToolFailed, ToolSpec

OUT = ToolSpec("out", "files", {"folder": "reports"})
SECRET = "the key is 1234"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A network's folder with a report in it, and a secret beside it."""
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "desk/reports/notes").mkdir(parents=True)
    (tmp_path / "desk/stemma.yaml").write_text(SECRET)
    (tmp_path / "desk/reports/a.txt").write_text("first")
    (tmp_path / "desk/reports/notes/b.txt").write_text("second")
    return tmp_path / "desk"


def snapshot(folder: Path) -> dict[str, str]:
    """Every file under `folder` with its text, the reports left out."""
    return {
        str(path): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "reports" not in path.parts and not path.is_symlink()
    }


def test_write_read_list(desk: Path) -> None:
    """What was written is read back and listed, and the folders on its path are made."""
    assert answer(OUT, desk, "out_write", path="2024/q1/sales.csv", text="é,1\n") == {
        "path": "2024/q1/sales.csv",
        "bytes": 5,
    }
    assert answer(OUT, desk, "out_read", path="./2024//q1/sales.csv") == "é,1\n"
    assert answer(OUT, desk, "out_list") == [
        {"name": "2024", "kind": "folder"},
        {"name": "a.txt", "kind": "file", "bytes": 5},
        {"name": "notes", "kind": "folder"},
    ]
    assert answer(OUT, desk, "out_list", path="notes") == [{"name": "b.txt", "kind": "file", "bytes": 6}]


def test_folder_is_made_when_written_to(tmp_path: Path) -> None:
    """A folder that is not there reads as missing, and the first write makes it."""
    with pytest.raises(ToolFailed, match=r"there is no 'a.txt'"):
        answer(OUT, tmp_path, "out_read", path="a.txt")
    assert not (tmp_path / "reports").exists()
    answer(OUT, tmp_path, "out_write", path="a.txt", text="x")
    assert (tmp_path / "reports/a.txt").read_text() == "x"


def test_writing_again_replaces(desk: Path) -> None:
    """A repeated write leaves the same file and nothing else."""
    for _ in range(2):
        answer(OUT, desk, "out_write", path="a.txt", text="new")
    assert sorted(os.listdir(desk / "reports")) == ["a.txt", "notes"]
    assert (desk / "reports/a.txt").read_text() == "new"


def test_effects_and_labels(desk: Path) -> None:
    """Reading and listing have no effect, writing may be repeated, and what comes out is untrusted."""

    async def effects(tools: Mapping[str, Tool]) -> dict[str, Any]:
        return {name: (tool.effect, tool.may_repeat, tool.label) for name, tool in tools.items()}

    assert used(OUT, desk, effects) == {
        "out_read": (Effect.READ, True, UNTRUSTED),
        "out_write": (Effect.WRITE, True, UNTRUSTED),
        "out_list": (Effect.READ, True, UNTRUSTED),
    }


def test_runs_apart(desk: Path) -> None:
    """With per_run, two runs that write one path do not meet, and neither sees what lies beside their folders."""
    spec = ToolSpec("out", "files", {"folder": "reports", "per_run": True})
    answer(spec, desk, "out_write", run="run_1", path="plan.md", text="one")
    answer(spec, desk, "out_write", run="run_2", path="plan.md", text="two")
    assert answer(spec, desk, "out_read", run="run_1", path="plan.md") == "one"
    assert answer(spec, desk, "out_read", run="run_2", path="plan.md") == "two"
    with pytest.raises(ToolFailed, match=r"there is no"):
        answer(spec, desk, "out_read", run="run_1", path="a.txt")


@pytest.mark.parametrize("run", ["..", ".", "../../x", "a/b", "", ".hidden", "é"])
def test_run_that_is_no_name(desk: Path, run: str) -> None:
    """Whatever a run is called, its folder is one below the reports."""
    before = snapshot(desk.parent)
    spec = ToolSpec("out", "files", {"folder": "reports", "per_run": True})
    answer(spec, desk, "out_write", run=run, path="mine.md", text="x")
    assert len(list((desk / "reports").glob("*/mine.md"))) == 1
    assert snapshot(desk.parent) == before


PROBES = [
    "../secret.txt",
    "../stemma.yaml",
    "../../secret.txt",
    "notes/../../stemma.yaml",
    "notes/../a.txt",
    "./../stemma.yaml",
    "notes/./../../stemma.yaml",
    "notes//..//..//stemma.yaml",
    "..",
    "../",
    "/etc/passwd",
    "//etc/passwd",
    "~/.ssh/id_rsa",
    "~root/x",
    "..\\stemma.yaml",
    "notes\\..\\..\\stemma.yaml",
    "C:/secret.txt",
    "C:secret.txt",
    "a.txt\0.png",
    "\0",
    "a\n.txt",
    "../reports/a.txt",
    "/proc/self/environ",
    "/dev/stdin",
    "link/secret.txt",
    "link/desk/stemma.yaml",
    "file-link",
    "hop/secret.txt",
    "loop/x",
    "dangling",
    "a.txt/x",
    "a.txt/../../stemma.yaml",
    "/".join(["d"] * 17),
    "x" * 201,
    ".unfinished-0123456789abcdef",
    "",
    ".",
    "./",
    "notes",
    "pipe",
]


@pytest.mark.parametrize("probe", PROBES, ids=range(len(PROBES)))
def test_no_way_out(desk: Path, probe: str) -> None:
    """No path reads or changes anything outside the folder, through links included; each is refused in words."""
    reports = desk / "reports"
    (reports / "link").symlink_to(desk.parent)
    (reports / "file-link").symlink_to(desk.parent / "secret.txt")
    (reports / "hop").symlink_to("link")
    (reports / "loop").symlink_to("loop")
    (reports / "dangling").symlink_to(desk.parent / "made.txt")
    os.mkfifo(reports / "pipe")
    before = snapshot(desk.parent)
    with pytest.raises(ToolFailed) as read:
        answer(OUT, desk, "out_read", path=probe)
    with pytest.raises(ToolFailed) as written:
        answer(OUT, desk, "out_write", path=probe, text="owned")
    for told in (str(read.value), str(written.value)):
        assert SECRET not in told
        assert str(desk) not in told
    assert snapshot(desk.parent) == before


@pytest.mark.parametrize("probe", ["..", "/", "link", "loop", "a.txt", "pipe", "notes/.."])
def test_nothing_else_is_listed(desk: Path, probe: str) -> None:
    """Only folders within are listed, and links and pipes in them are left out."""
    (desk / "reports/link").symlink_to(desk.parent)
    (desk / "reports/loop").symlink_to("loop")
    os.mkfifo(desk / "reports/pipe")
    with pytest.raises(ToolFailed):
        answer(OUT, desk, "out_list", path=probe)
    assert [entry["name"] for entry in answer(OUT, desk, "out_list")] == ["a.txt", "notes"]


def test_hard_link_is_replaced_not_written_through(desk: Path) -> None:
    """Writing to a file that shares its content with one outside leaves the other as it was."""
    os.link(desk.parent / "secret.txt", desk / "reports/shared.txt")
    answer(OUT, desk, "out_write", path="shared.txt", text="owned")
    assert (desk.parent / "secret.txt").read_text() == SECRET


@given(
    st.lists(
        st.sampled_from(["..", ".", "a", "notes", "link", "", "/", "\\", "~", "\0", "b.txt", " ", "é"]), max_size=7
    )
)
def test_no_path_leads_out(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    """Whatever a path is put together from, what lies beside the folder is never read and never changed."""
    top = tmp_path_factory.mktemp("desk")
    (top / "b.txt").write_text(SECRET)
    (top / "in/notes").mkdir(parents=True)
    (top / "in/link").symlink_to(top)
    folder = ConfinedFolder(top / "in", max_bytes=1000, max_entries=10)
    path = "/".join(names)
    try:
        folder.write(path, "owned")
        assert folder.read(path) == "owned"
    except ToolFailed:
        pass
    assert (top / "b.txt").read_text() == SECRET
    assert sorted(os.listdir(top)) == ["b.txt", "in"]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_text_comes_back(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Any text is read as it was written, line ends included."""
    folder = ConfinedFolder(tmp_path_factory.mktemp("in"), max_bytes=1000, max_entries=10)
    folder.write("a.txt", text)
    assert folder.read("a.txt") == text


def test_limits(desk: Path) -> None:
    """A file over its limit is neither written nor read, and a folder takes no more entries than allowed."""
    spec = ToolSpec("out", "files", {"folder": "reports", "max_bytes": 10, "max_entries": 2})
    with pytest.raises(ToolFailed, match=r"'a.txt' has 11 bytes, and at most 10 are allowed"):
        answer(spec, desk, "out_write", path="a.txt", text="x" * 11)
    (desk / "reports/a.txt").write_text("x" * 12)
    with pytest.raises(ToolFailed, match=r"'a.txt' has 12 bytes, and at most 10 are allowed"):
        answer(spec, desk, "out_read", path="a.txt")
    with pytest.raises(ToolFailed, match=r"'c.txt' is not written: its folder has 2 entries, and no more are allowed"):
        answer(spec, desk, "out_write", path="c.txt", text="x")
    answer(spec, desk, "out_write", path="a.txt", text="y")
    (desk / "reports/d.txt").write_text("x")
    with pytest.raises(ToolFailed, match=r"folder '.' has more than 2 entries"):
        answer(spec, desk, "out_list")


def test_folders_count_too(desk: Path) -> None:
    """Making folders on the way to a file stays within the limit as well."""
    spec = ToolSpec("out", "files", {"folder": "reports", "max_entries": 2})
    with pytest.raises(ToolFailed, match=r"'new/x.txt' is not written: its folder has 2 entries"):
        answer(spec, desk, "out_write", path="new/x.txt", text="x")
    assert not (desk / "reports/new").exists()


def test_all_files_together_are_bounded(desk: Path) -> None:
    """Neither many small files nor a few large ones fill the disk; what is replaced makes room, and another run has its own."""
    spec = ToolSpec("out", "files", {"folder": "all", "max_bytes": 10, "max_total_bytes": 25, "per_run": True})
    for name in ("a.txt", "b/c.txt"):
        answer(spec, desk, "out_write", path=name, text="x" * 10)
    with pytest.raises(ToolFailed, match=r"'d.txt' is not written: with it, all files would have more than 25 bytes"):
        answer(spec, desk, "out_write", path="d.txt", text="x" * 6)
    answer(spec, desk, "out_write", path="a.txt", text="x")
    answer(spec, desk, "out_write", path="d.txt", text="x" * 10)
    answer(spec, desk, "out_write", run="run_2", path="d.txt", text="x" * 10)
    assert answer(spec, desk, "out_read", path="b/c.txt") == "x" * 10


def test_the_number_of_files_is_bounded_however_deep_they_lie(desk: Path) -> None:
    """Folders count, so that none hides more; a file that is there is still replaced."""
    spec = ToolSpec("out", "files", {"folder": "many", "max_files": 4})
    answer(spec, desk, "out_write", path="a/b/c.txt", text="x")
    answer(spec, desk, "out_write", path="a/d.txt", text="x")
    for path in ("e.txt", "a/b/f.txt", "g/h/i.txt"):
        with pytest.raises(ToolFailed, match=r"is not written: there are 4 files and folders, and no more are allowed"):
            answer(spec, desk, "out_write", path=path, text="x")
    answer(spec, desk, "out_write", path="a/d.txt", text="y")
    assert not (desk / "many/g").exists()


def test_what_many_agents_write_at_once_keeps_to_the_bound(desk: Path) -> None:
    """Each finds what the others have written."""
    spec = ToolSpec("out", "files", {"folder": "race", "max_total_bytes": 50})

    async def race(tools: Mapping[str, Tool]) -> list[Any]:
        writes = [
            invoke(tools["out_write"], {"path": f"{number}.txt", "text": "x" * 10}, call_in(desk), max_chars=1000)
            for number in range(20)
        ]
        return await asyncio.gather(*writes, return_exceptions=True)

    told = used(spec, desk, race)
    assert sum(isinstance(one, ToolFailed) for one in told) == 15
    assert sum(one.stat().st_size for one in (desk / "race").iterdir()) == 50


def test_file_that_is_not_text(desk: Path) -> None:
    """A binary file is refused with the place where it stops being text."""
    (desk / "reports/logo.png").write_bytes(b"PNG\xff")
    with pytest.raises(ToolFailed, match=r"'logo.png' is not text: it is not UTF-8 at byte 3"):
        answer(OUT, desk, "out_read", path="logo.png")


def test_text_that_is_not_utf8(desk: Path) -> None:
    """A text that has no bytes is refused, and the old file stays."""
    with pytest.raises(ToolFailed, match=r"is not UTF-8 at character 1"):
        answer(OUT, desk, "out_write", path="a.txt", text="a\ud800")
    assert (desk / "reports/a.txt").read_text() == "first"


@pytest.mark.parametrize("folder", ["/tmp", "../reports", "a/../../b"])
def test_folder_outside_the_network(tmp_path: Path, folder: str) -> None:
    """The manifest itself cannot put the folder outside the network's own."""
    with pytest.raises(InvalidInput, match=r"tool 'out': folder .* is not in the network's own"):
        answer(ToolSpec("out", "files", {"folder": folder}), tmp_path, "out_list")


def test_file_larger_than_its_disk(desk: Path) -> None:
    """A file of a terabyte that takes no room is refused by its size, unread."""
    with open(desk / "reports" / "sparse.txt", "wb") as file:
        file.truncate(10**12)
    with pytest.raises(ToolFailed, match=r"'sparse.txt' has 1,000,000,000,000 bytes, and at most"):
        answer(OUT, desk, "out_read", path="sparse.txt")


def test_device_is_not_read(desk: Path) -> None:
    """A device without end, where the folder has one, is no file."""
    try:
        os.mknod(desk / "reports" / "zero", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("making a device takes root")
    with pytest.raises(ToolFailed, match=r"'zero' is not an ordinary file|not permitted"):
        answer(OUT, desk, "out_read", path="zero")
    with pytest.raises(ToolFailed, match=r"'zero' is not an ordinary file|not permitted"):
        answer(OUT, desk, "out_write", path="zero", text="x")


def test_folder_that_turns_into_a_link(desk: Path) -> None:
    """While a folder on the way is exchanged for a link to one outside, over and over, nothing outside is read or listed."""
    outside, notes = desk.parent / "outside", desk / "reports" / "inner"
    outside.mkdir()
    (outside / "plan.md").write_text(SECRET)
    (outside / "other.md").write_text(SECRET)
    link, real = desk / "link-made-ready", desk / "folder-put-aside"
    notes.mkdir()
    (notes / "plan.md").write_text("ours")
    ended = threading.Event()

    def exchange() -> None:
        while not ended.is_set():
            link.symlink_to(outside)
            notes.rename(real)
            link.rename(notes)
            notes.unlink()
            real.rename(notes)

    files = ConfinedFolder(desk / "reports", max_bytes=1000, max_entries=100)
    thread = threading.Thread(target=exchange)
    thread.start()
    told = set()
    try:
        for _ in range(300):
            with suppress(ToolFailed):
                told.add(files.read("inner/plan.md"))
            with suppress(ToolFailed):
                told.update(entry.name for entry in files.entries("inner"))
    finally:
        ended.set()
        thread.join()
    assert told <= {"ours", "plan.md"}
