"""Settings: what is given, what the environment says, what stands unless told."""

import getpass
from pathlib import Path

import pytest

from stemma.core.errors import InvalidInput
from stemma.platform import Settings


def test_given_goes_before_environment_before_default() -> None:
    """A value that is given wins over the environment, and the environment over what stands unless told."""
    environment = {"STEMMA_STORE": "sqlite:///there.db", "STEMMA_MODEL": "openai:x", "STEMMA_ACTOR": "ci:build"}
    read = Settings.read(environment, model="embedded", writer=None)
    assert (read.store, read.model, read.actor, read.writer) == ("sqlite:///there.db", "embedded", "ci:build", None)
    bare = Settings.read({})
    assert (bare.store, bare.model) == ("sqlite:///.stemma/stemma.db", "embedded")


def test_empty_variable_counts_as_none() -> None:
    """`STEMMA_MODEL= stemma …` is how a shell takes a setting away."""
    read = Settings.read({"STEMMA_STORE": "", "STEMMA_MODEL": "", "STEMMA_KEYS": "", "STEMMA_ACTOR": ""})
    assert (read.store, read.model, read.keys) == ("sqlite:///.stemma/stemma.db", "embedded", None)


def test_actor_is_the_user_unless_told() -> None:
    """Changes are recorded in the name of whoever is logged in."""
    assert Settings.read({}).actor == f"user:{getpass.getuser()}"


def test_unknown_setting_is_refused_with_those_there_are() -> None:
    """A misspelt setting is an error, not a setting that does nothing."""
    with pytest.raises(InvalidInput, match="there is no setting 'modell'; there are store, keys, model, writer, actor"):
        Settings.read({}, modell="embedded")


@pytest.mark.parametrize(
    ("settings", "folder"),
    [
        (Settings(), ".stemma/keys"),
        (Settings(store="sqlite:///x.db"), "keys"),
        (Settings(store="sqlite:////var/lib/stemma/x.db"), "/var/lib/stemma/keys"),
        (Settings(store="sqlite://"), ".stemma/keys"),
        (Settings(store="postgresql://db/stemma"), ".stemma/keys"),
        (Settings(keys=Path("/etc/keys"), store="sqlite:///x.db"), "/etc/keys"),
    ],
)
def test_keys_lie_beside_the_file_they_sign_for(settings: Settings, folder: str) -> None:
    """The key is found again with the database, wherever both were moved, unless it has a place of its own."""
    assert settings.keys_folder == Path(folder)
