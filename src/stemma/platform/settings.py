"""Settings: what `stemma.open` needs to know, read from the environment unless given."""

import getpass
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stemma.core.errors import InvalidInput

DEFAULT_STORE = "sqlite:///.stemma/stemma.db"
DEFAULT_MODEL = "embedded"


@dataclass(frozen=True, slots=True)
class Settings:
    """One record for everything that depends on where Stemma runs.

    =================  ===============  ==============================================================================
    variable           field            meaning
    =================  ===============  ==============================================================================
    STEMMA_STORE       store            database URL; SQLite in ``.stemma/`` unless told
    STEMMA_KEYS        keys             folder of the signing key; beside the SQLite file, else ``.stemma/keys``
    STEMMA_MODEL       model            the model used when none is named; ``embedded`` unless told
    STEMMA_WRITER      writer           the model that writes prompts for `optimize`; none unless told
    STEMMA_ACTOR       actor            in whose name changes are recorded; the operating system's user unless told
    STEMMA_TOKEN       token            what a governed store asks for; changes are then recorded in its principal's name
    =================  ===============  ==============================================================================
    """

    store: str = DEFAULT_STORE
    keys: Path | None = None
    model: str = DEFAULT_MODEL
    writer: str | None = None
    actor: str = "user:unknown"
    token: str | None = field(default=None, repr=False)

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None, **given: Any) -> "Settings":
        """From the environment, with what is `given` (and not None) on top. Raises InvalidInput for an unknown name."""
        found = os.environ if environment is None else environment
        settings = cls(
            store=found.get("STEMMA_STORE") or DEFAULT_STORE,
            keys=Path(found["STEMMA_KEYS"]) if found.get("STEMMA_KEYS") else None,
            model=found.get("STEMMA_MODEL") or DEFAULT_MODEL,
            writer=found.get("STEMMA_WRITER") or None,
            actor=found.get("STEMMA_ACTOR") or f"user:{_user()}",
            token=found.get("STEMMA_TOKEN") or None,
        )
        unknown = sorted(given.keys() - set(cls.__dataclass_fields__))
        if unknown:
            raise InvalidInput(f"there is no setting {unknown[0]!r}; there are {', '.join(cls.__dataclass_fields__)}")
        return replace(settings, **{name: value for name, value in given.items() if value is not None})

    @property
    def keys_folder(self) -> Path:
        if self.keys is not None:
            return self.keys
        path = self.store.removeprefix("sqlite:///")
        if path != self.store and path not in ("", ":memory:"):
            return Path(path).parent / "keys"
        return Path(".stemma/keys")


def _user() -> str:
    """The user's name with nothing in it that no principal has: a directory service's may read ``DOMAIN\\ada b``."""
    try:
        return re.sub(r"[^\w.@+-]", "-", getpass.getuser())[:100] or str(os.getuid())
    except (KeyError, OSError):  # a container may run as a number without a name
        return str(os.getuid())
