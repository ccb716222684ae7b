"""The network that is attacked, as its folder has it: read, looked at, and never run as it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from stemma.core.clock import SystemClock
from stemma.core.errors import InvalidInput, NotFound
from stemma.guard.access.authority import StoredAuthority
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.network import Manifest, load_manifest
from stemma.platform.attack.own.equipment import Equipped, equipped
from stemma.platform.attack.own.hinges import Hinge, hinges, shape_asked
from stemma.platform.attack.own.task import Task, made_up
from stemma.platform.attack.own.written import FILE, Written, read_tasks
from stemma.platform.settings import Settings
from stemma.registry.contents import Contents
from stemma.registry.formats import read_prompt
from stemma.registry.prompt import Prompt
from stemma.registry.prompts import Prompts, PromptVersion
from stemma.registry.references import SCHEME
from stemma.store import Store

MANIFEST = "stemma.yaml"


@dataclass(frozen=True)
class Lent:
    """Prompts of the user's registry, as they were when they were looked up. See `stemma.network.network.PromptSource`."""

    versions: Mapping[str, PromptVersion]

    def get(self, name: str) -> PromptVersion:
        """Raises NotFound."""
        try:
            return self.versions[name]
        except KeyError:
            raise NotFound(f"there is no prompt {name!r}") from None


@dataclass(frozen=True)
class Target:
    """A network with everything that an attack has to know of it."""

    manifest: Manifest
    equipped: Equipped
    written: Written | None
    lent: Lent
    notes: tuple[str, ...]

    @classmethod
    def read(cls, place: Path) -> "Target":
        """The network of a folder, or of a manifest's file, with the tasks of the `attack.yaml` beside it: for a manifest of
        another name, ``desk.yaml``, that is ``desk.attack.yaml``.

        Writes nothing there. Raises what reading the manifest raises, and InvalidData for the tasks.
        """
        path = place / MANIFEST if place.is_dir() else place
        if not path.is_file():
            raise InvalidInput(
                f"there is no network at {str(place)!r}: name the folder of a {MANIFEST}, or a manifest's file"
            )
        manifest = load_manifest(path)
        lent, notes = _lent(manifest)
        found = equipped(manifest)
        file = path.parent / (FILE if path.name == MANIFEST else f"{path.stem}.{FILE}")
        written = read_tasks(file, manifest, found) if file.is_file() else None
        return cls(manifest, _answering(found, manifest), written, lent, (*found.notes, *notes))

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that are written down, or the one that is made up."""
        return (self.written.tasks if self.written else ()) or (made_up(self.manifest),)

    @property
    def strangers(self) -> tuple[str, ...]:
        """What strangers write in, whatever the manifest says."""
        return self.written.strangers if self.written else ()

    @cached_property
    def hinges(self) -> Mapping[str, Hinge]:
        return hinges(self.manifest, self.equipped)

    @cached_property
    def callers(self) -> tuple[str, ...]:
        """The agents without a model."""
        return tuple(agent.name for agent in self.manifest.agents if agent.calls)

    @cached_property
    def schemas(self) -> Mapping[str, Mapping[str, Any] | None]:
        """The JSON schema of what each agent with a model answers."""
        return {
            agent.name: agent.output_schema or self._prompt(agent.prompt).output_schema
            for agent in self.manifest.agents
            if agent.prompt is not None
        }

    def _prompt(self, named: str) -> Prompt:
        if named.startswith(SCHEME):
            return self.lent.get(named).prompt
        return read_prompt(self.manifest.folder / named).prompt


def _answering(found: Equipped, manifest: Manifest) -> Equipped:
    """The tools, with those of agents without a model answering so that the flow goes on."""
    says = {agent.name: hinge.says for agent in manifest.agents if (hinge := hinges(manifest, found).get(agent.name))}
    doubles = dict(found.doubles)
    for agent in manifest.agents:
        if agent.calls and agent.calls in doubles:
            shape = shape_asked(manifest, found, agent.writes)
            doubles[agent.calls] = doubles[agent.calls].hinged(says.get(agent.name), shape)
    return Equipped(doubles, found.held, found.notes)


def _lent(manifest: Manifest) -> tuple[Lent, tuple[str, ...]]:
    """The prompts that the manifest names by reference, and what is to be said of those that the store does not have."""
    readers = {
        agent.prompt: agent.reads
        for agent in manifest.agents
        if agent.prompt is not None and agent.prompt.startswith(SCHEME)
    }
    found, notes = dict[str, PromptVersion](), list[str]()
    if not readers:
        return Lent(found), ()
    settings = Settings.read()
    prompts, store = _registry(settings)
    try:
        for reference, reads in readers.items():
            try:
                if prompts is None:
                    raise NotFound(f"there is no store at {settings.store}")
                found[reference] = prompts.get(reference)
            except NotFound:
                stand_in = Prompt("\n\n".join(f"{{{{{name}}}}}" for name in reads))
                found[reference] = PromptVersion(reference, 0, stand_in)
                notes.append(
                    f"prompt {reference!r} is not in the store: a stand-in that shows all that its agent reads took its place"
                )
    finally:
        if store is not None:
            store.close()
    return Lent(found), tuple(notes)


def _registry(settings: Settings) -> tuple[Prompts | None, Store | None]:
    """The user's registry, to be read; none where there is no store yet, which is not made."""
    path = settings.store.removeprefix("sqlite:///")
    if settings.store.startswith("sqlite:") and not (path != settings.store and Path(path).is_file()):
        return None, None
    store, clock = Store.open(settings.store), SystemClock()
    try:
        authority = StoredAuthority(clock, settings.token)
        actor = authority.principal(store) or settings.actor
        return Prompts(Scope(store, Ledger(store, clock), clock, actor, authority=authority), Contents()), store
    except BaseException:
        store.close()
        raise
