"""The log in one file: whole or not at all, verified without a database, damage told by its line."""

import json
from pathlib import Path

import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stemma.core.errors import InvalidData, LedgerTampered
from stemma.ledger import Event, Ledger, PublicKey, Signer, export, verify_export
from stemma.store import Store
from stemma.testing.clock import VirtualClock

HEADER = b'{"checkpoints":%s,"format":"stemma-ledger","head":%s,"public_key":%s,"version":1}\n'
HEADER_LINES = 3  # a header and two checkpoints


def fill(ledger: Ledger) -> None:
    """Ten entries, the first four and all of them signed."""
    for count in (4, 6):
        with ledger.store.write() as connection:
            ledger.append_many(connection, [Event("prompt.saved", "é\n", "ada", {"n": n}) for n in range(count)])
        ledger.checkpoint()


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The lines of an exported log."""
    folder = tmp_path_factory.mktemp("export")
    signer = Signer("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    ledger = Ledger(Store.open(f"sqlite:///{folder}/stemma.db"), VirtualClock(), signer)
    fill(ledger)
    export(ledger.store, folder / "log.jsonl")
    return (folder / "log.jsonl").read_bytes().splitlines(keepends=True)


def write(tmp_path: Path, lines: list[bytes]) -> Path:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(lines))
    return path


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.zst"])
def test_an_export_verifies_like_the_log_itself(ledger: Ledger, signer: Signer, tmp_path: Path, name: str) -> None:
    """From either database, plain or compressed, the file gives the same finding as the store, with or without the key."""
    fill(ledger)
    written = export(ledger.store, tmp_path / name, public_key=signer.public_key)
    assert (written.entries, written.checkpoints) == (10, 2)
    found = verify_export(tmp_path / name)
    assert found == verify_export(tmp_path / name, signer.public_key) == ledger.verify()
    assert (found.verified, found.signed_size, found.entries) == (True, 10, 10)


def test_an_empty_log_can_be_exported(ledger: Ledger, tmp_path: Path) -> None:
    """A log without entries, checkpoints and key makes a file that verifies."""
    assert export(ledger.store, tmp_path / "log.jsonl").entries == 0
    found = verify_export(tmp_path / "log.jsonl")
    assert (found.verified, found.entries, found.public_key) == (True, 0, None)


def test_every_line_is_json_and_holds_the_body_as_it_was_hashed(lines: list[bytes]) -> None:
    """Any JSON reader can read the file: a header, checkpoints, then entries in order."""
    parsed = [json.loads(line) for line in lines]
    assert parsed[0]["format"] == "stemma-ledger"
    assert [list(line) for line in parsed[1:HEADER_LINES]] == [["checkpoint"], ["checkpoint"]]
    assert [line["entry"]["seq"] for line in parsed[HEADER_LINES:]] == list(range(10))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_changed_byte_is_found(tmp_path: Path, lines: list[bytes], data: st.DataObject) -> None:
    """Whatever byte of an export is changed, it does not verify under the right key; in an entry, its line is named."""
    number = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[number]) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != lines[number][at]))
    changed = lines[number][:at] + bytes([byte]) + lines[number][at + 1 :]
    path = write(tmp_path, [*lines[:number], changed, *lines[number + 1 :]])
    key = Signer("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32)))).public_key
    found_at = where_it_fails(path, key)
    assert found_at is not None
    if number >= HEADER_LINES:
        assert found_at == number + 1


def test_another_spelling_of_the_same_value_is_found(tmp_path: Path, lines: list[bytes]) -> None:
    """Capitals in a hash, in the head or behind an entry, are not what was written."""
    for number, start in ((0, b'"frontier":"'), (HEADER_LINES, b'"leaf":"')):
        before, opening, digits = lines[number].partition(start)
        changed = before + opening + digits[:40].upper() + digits[40:]
        assert changed != lines[number]
        with pytest.raises(InvalidData, match=rf"log.jsonl:{number + 1}: "):
            verify_export(write(tmp_path, [*lines[:number], changed, *lines[number + 1 :]]))


def where_it_fails(path: Path, key: PublicKey) -> int | None:
    """The line that verification names, 0 when it names none, None when it finds nothing wrong."""
    try:
        problem = verify_export(path, key).problem
    except InvalidData as error:
        problem = str(error)
    if problem is None:
        return None
    line = problem.removeprefix(f"{path}:").partition(":")[0]
    return int(line) if line.isdigit() else 0


def test_a_missing_moved_or_doubled_line_is_named(tmp_path: Path, lines: list[bytes]) -> None:
    """A line taken out, put in twice or swapped is told by its place in the file."""
    for changed, number in (
        (lines[:7] + lines[8:], 8),
        (lines[:-1], len(lines)),
        ([*lines[:7], lines[8], lines[7], *lines[9:]], 8),
        ([*lines[:8], lines[7], *lines[8:]], 8),
    ):
        found = verify_export(write(tmp_path, changed))
        assert found.first_bad == number - 1 - HEADER_LINES
        assert f"log.jsonl:{number}: " in str(found.problem)


def test_checkpoints_out_of_order_are_found(tmp_path: Path, lines: list[bytes]) -> None:
    """The lines of checkpoints are told apart from those that were written, too."""
    with pytest.raises(InvalidData, match=r"log.jsonl:3: a checkpoint out of its order"):
        verify_export(write(tmp_path, [lines[0], lines[2], lines[1], *lines[3:]]))


def test_a_file_cut_off_names_the_line(tmp_path: Path, lines: list[bytes]) -> None:
    """A file that ends inside a line says so; one cut at a line's end misses its next entry."""
    whole = b"".join(lines)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    for size in range(0, len(whole), 7):
        path = write(tmp_path, [whole[:size]])
        number = sum(start <= size for start in starts)
        if size in starts[HEADER_LINES:]:
            assert verify_export(path).first_bad == number - 1 - HEADER_LINES
        else:
            with pytest.raises(InvalidData) as raised:
                verify_export(path)
            assert raised.value.line == number


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "log.jsonl:1: not JSON"),
        (b"\xff\xfe garbage", "log.jsonl:1: not JSON"),
        (b"[" * 200_000, "log.jsonl:1: not JSON"),
        (b'{"size":1e999}\n', "log.jsonl:1: not JSON"),
        (b'{"name": "something else"}\n', "log.jsonl:1: not a line of an exported audit log"),
        (b'{"name":"something else"}\n', "log.jsonl:1: not an exported audit log"),
        (b'{"format":"stemma-ledger","version":2}\n', "version 2 .*upgrade with"),
        (b'{"format":"stemma-ledger","version":1}\n', "log.jsonl:1: the first line is damaged: 'public_key'"),
        (HEADER % (b"0", b"null", b'"x"'), "not a public key"),
        (HEADER % (b"0", b"null", b"7"), "first line is damaged"),
        (HEADER % (b"[]", b"null", b"null"), "first line is damaged"),
        (HEADER % (b"0", b'{"size":1}', b"null"), "first line is damaged"),
        (HEADER % (b"0", b'{"frontier":"x","size":0,"tip":""}', b"null"), "first line is damaged"),
        (HEADER % (b"9", b"null", b"null") + b'{"size":1}\n', "log.jsonl:2: not a checkpoint"),
        (HEADER % (b"0", b"null", b"null") + b'{"size":1}\n', "log.jsonl:2: not an entry"),
    ],
)
def test_what_is_no_export_is_a_clear_error(tmp_path: Path, content: bytes, problem: str) -> None:
    """Other files, damaged headers and newer formats are named with their line."""
    with pytest.raises(InvalidData, match=problem):
        verify_export(write(tmp_path, [content]))


def test_a_damaged_compressed_file_is_a_clear_error(tmp_path: Path, lines: list[bytes]) -> None:
    """A compressed file with a changed byte, cut off, or not compressed at all does not verify."""
    path = tmp_path / "log.jsonl.zst"
    whole = zstandard.ZstdCompressor(write_checksum=True).compress(b"".join(lines))
    for content in (b"not compressed", whole[:-40] + b"\0\0\0\0" + whole[-36:]):
        path.write_bytes(content)
        with pytest.raises(InvalidData, match=r"not a whole Zstandard file|not JSON|cut off"):
            verify_export(path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidData):
        verify_export(path)


def test_a_file_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    """A missing file is named, and so is a folder that a new one cannot be written to."""
    with pytest.raises(InvalidData, match=r"nowhere.jsonl: the export cannot be read: No such file"):
        verify_export(tmp_path / "nowhere.jsonl")


def test_a_failed_export_leaves_what_was_there(ledger: Ledger, tmp_path: Path) -> None:
    """An export that cannot be finished leaves no file, and an older one as it was."""
    fill(ledger)
    path = tmp_path / "log.jsonl"
    path.write_text("older")
    with ledger.store.write() as connection:
        connection.exec_driver_sql("update ledger_entries set body = 'two' || '\n' || 'lines' where seq = 9")
    with pytest.raises(LedgerTampered, match="entry 9: it cannot be exported"):
        export(ledger.store, path)
    assert path.read_text() == "older"
    assert [each.name for each in tmp_path.iterdir() if "log" in each.name] == ["log.jsonl"]
    with pytest.raises(InvalidData, match="the export cannot be written: No such file"):
        export(ledger.store, tmp_path / "nowhere" / "log.jsonl")


def test_a_tampered_log_exports_and_is_found_out(ledger: Ledger, tmp_path: Path) -> None:
    """Exporting does not repair: what was changed in the database is found in the file."""
    fill(ledger)
    with ledger.store.write() as connection:
        connection.exec_driver_sql("delete from ledger_entries where seq = 5")
    export(ledger.store, tmp_path / "log.jsonl")
    found = verify_export(tmp_path / "log.jsonl")
    assert (found.verified, found.first_bad) == (False, 5)
