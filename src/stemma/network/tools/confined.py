"""A folder that nothing given as a path leads out of.

Paths are walked one name at a time from an open folder, and no symbolic link is followed on the way (`openat` with
`O_NOFOLLOW`). So there is no moment between a check and a use in which somebody could put a link in the place of a
folder.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from stemma.network.tools.tool import ToolFailed

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 16
_LONGEST_NAME = 200  # bytes; file systems allow 255, and a file that is being written has a longer name
_UNFINISHED = ".unfinished-"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or a folder in a listing. `size` is in bytes."""

    name: str
    is_folder: bool
    size: int


class ConfinedFolder:
    """The files under `root`, each at most `max_bytes` of UTF-8, at most `max_entries` in a folder. All together have at most
    `max_total_bytes`, and with the folders are at most `max_files`.

    Every method raises ToolFailed, whose message names the path as it was given and never where the folder lies.
    """

    def __init__(
        self,
        root: Path,
        *,
        max_bytes: int,
        max_entries: int,
        max_total_bytes: int = 100_000_000,
        max_files: int = 10_000,
    ) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._max_total_bytes = max_total_bytes
        self._max_files = max_files

    def read(self, path: str) -> str:
        """The text of the file."""
        *folders, name = self._names(path)
        with self._said(path), self._opened(path, folders) as folder:
            # Without O_NONBLOCK, opening a named pipe waits for a writer.
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            with os.fdopen(file, "rb") as opened:
                self._check_file(path, os.fstat(opened.fileno()))
                data = opened.read(self._max_bytes + 1)
        if len(data) > self._max_bytes:
            raise self._too_large(path, len(data))
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise ToolFailed(f"{path!r} is not text: it is not UTF-8 at byte {error.start}") from error

    def write(self, path: str, text: str) -> int:
        """Writes the file, and the folders that it needs; returns its size in bytes.

        Whoever reads it meanwhile, or after a crash, finds the old text or the new one, whole. It is on the disk on
        return.
        """
        *folders, name = self._names(path)
        try:
            data = text.encode()
        except UnicodeEncodeError as error:
            raise ToolFailed(
                f"the text for {path!r} is not UTF-8 at character {error.start}; leave that out"
            ) from error
        if len(data) > self._max_bytes:
            raise self._too_large(path, len(data))
        self._check_quota(path, len(data), self._size_of(path, folders, name))
        with self._said(path), self._opened(path, folders, create=True) as folder:
            try:
                self._check_file(path, os.stat(name, dir_fd=folder, follow_symlinks=False), replaced=True)
            except FileNotFoundError:
                self._check_room(path, folder)
            _replace(folder, name, data)
        return len(data)

    def entries(self, path: str = ".") -> list[Entry]:
        """What is in the folder, by name; links and devices are left out."""
        names = [] if path in (".", "./") else self._names(path)
        with self._said(path), self._opened(path, names) as folder:
            found: list[Entry] = []
            with os.scandir(folder) as entries:
                for entry in entries:
                    if len(found) >= self._max_entries:
                        raise ToolFailed(
                            f"folder {path!r} has more than {self._max_entries:,} entries; list a folder in it"
                        )
                    is_folder, is_file = entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False)
                    if (is_folder or is_file) and not entry.name.startswith(_UNFINISHED):
                        size = 0 if is_folder else entry.stat(follow_symlinks=False).st_size
                        found.append(Entry(os.fsencode(entry.name).decode(errors="replace"), is_folder, size))
        return sorted(found, key=lambda entry: entry.name)

    def _names(self, path: str) -> list[str]:
        """The names on the way to `path`. Refuses whatever could mean a place outside, or two places on two systems."""
        if path.startswith(("/", "~")) or "\\" in path or ":" in path[:2]:
            raise ToolFailed(f"path {path!r} is not used: give one inside the folder, such as 'notes/plan.md'")
        if any(ord(character) < 32 or ord(character) == 127 for character in path):
            raise ToolFailed(f"path {path!r} is not used: it has a control character; leave it out")
        names = [name for name in path.split("/") if name not in ("", ".")]
        if ".." in names:
            raise ToolFailed(
                f"path {path!r} is not used: '..' leads out; give one inside the folder, such as 'notes/plan.md'"
            )
        if not names:
            raise ToolFailed(f"path {path!r} names no file; give one such as 'notes/plan.md'")
        if len(names) > _DEEPEST:
            raise ToolFailed(f"path {path!r} is not used: it goes through more than {_DEEPEST} folders")
        for name in names:
            if name.startswith(_UNFINISHED):
                raise ToolFailed(f"path {path!r} is not used: names that begin with {_UNFINISHED!r} are taken")
            if len(name.encode(errors="replace")) > _LONGEST_NAME:
                raise ToolFailed(f"path {path[:80]!r}… is not used: a name in it is longer than {_LONGEST_NAME} bytes")
        return names

    @contextmanager
    def _opened(self, path: str, names: list[str], *, create: bool = False) -> Iterator[int]:
        """The folder at the end of `names`, open."""
        if create:
            self._root.mkdir(parents=True, exist_ok=True)
        # The root itself is its owner's choice, and may be a link.
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in names:
                try:
                    inner = os.open(name, _FOLDER, dir_fd=folder)
                except FileNotFoundError:
                    if not create:
                        raise
                    self._check_room(path, folder)
                    with suppress(FileExistsError):  # another agent was faster
                        os.mkdir(name, dir_fd=folder)
                        os.fsync(folder)
                    inner = os.open(name, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)

    def _check_file(self, path: str, found: os.stat_result, *, replaced: bool = False) -> None:
        if stat.S_ISDIR(found.st_mode):
            raise ToolFailed(f"{path!r} is a folder, not a file")
        if not stat.S_ISREG(found.st_mode):
            raise ToolFailed(f"{path!r} is not an ordinary file, and is not used")
        if not replaced and found.st_size > self._max_bytes:
            raise self._too_large(path, found.st_size)

    def _check_room(self, path: str, folder: int) -> None:
        with os.scandir(folder) as entries:
            if sum(1 for _ in entries) >= self._max_entries:
                raise ToolFailed(
                    f"{path!r} is not written: its folder has {self._max_entries:,} entries, and no more are allowed"
                )

    def _size_of(self, path: str, folders: list[str], name: str) -> int | None:
        """The bytes of the file that is there; None where there is none, or nothing that could be replaced."""
        try:
            with self._opened(path, folders) as folder:
                return os.stat(name, dir_fd=folder, follow_symlinks=False).st_size
        except OSError:  # whatever is in the way is told where the file is written
            return None

    def _check_quota(self, path: str, size: int, replaced: int | None) -> None:
        total, count = size - (replaced or 0), 0
        # The root itself is its owner's choice, and may be a link.
        walk = os.fwalk(self._root.resolve(), follow_symlinks=False) if self._root.is_dir() else ()
        for _, inner, files, folder in walk:
            count += len(inner) + len(files)
            if replaced is None and count >= self._max_files:
                raise ToolFailed(
                    f"{path!r} is not written: there are {self._max_files:,} files and folders, and no more are allowed"
                )
            for name in files:
                with suppress(FileNotFoundError):  # another agent was faster
                    total += os.stat(name, dir_fd=folder, follow_symlinks=False).st_size
            if total > self._max_total_bytes:
                raise ToolFailed(
                    f"{path!r} is not written: with it, all files would have more than {self._max_total_bytes:,} bytes, and no "
                    "more are allowed; shorten it, or another"
                )

    def _too_large(self, path: str, size: int) -> ToolFailed:
        return ToolFailed(f"{path!r} has {size:,} bytes, and at most {self._max_bytes:,} are allowed")

    @contextmanager
    def _said(self, path: str) -> Iterator[None]:
        """What the system refuses, in words for a model."""
        try:
            yield
        except FileNotFoundError as error:
            raise ToolFailed(f"there is no {path!r}; list the folder to see what there is") from error
        except (OSError, ValueError) as error:
            # A link met on the way is refused as one of these two, depending on where it stands and on the system.
            if isinstance(error, NotADirectoryError) or getattr(error, "errno", None) == errno.ELOOP:
                raise ToolFailed(f"{path!r} leads through a link or a file, which is not followed") from error
            reason = getattr(error, "strerror", None) or str(error)
            raise ToolFailed(f"{path!r} cannot be used: {reason}") from error


def _replace(folder: int, name: str, data: bytes) -> None:
    unfinished = f"{_UNFINISHED}{secrets.token_hex(8)}"
    file = os.open(
        unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=folder
    )
    try:
        with os.fdopen(file, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(unfinished, dir_fd=folder)
        raise
    os.fsync(folder)
