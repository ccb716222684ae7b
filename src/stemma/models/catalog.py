"""Models by name: the embedded one, those of every provider that pydantic-ai knows, and those handed in."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from stemma.core.errors import NotConfigured, NotFound, UnknownModel
from stemma.models.names import canonical, members_of
from stemma.models.weights import MINILM, Progress, install, weights_root

if TYPE_CHECKING:  # pydantic_ai takes 0.6 s to import; a name is looked up long before a model is needed
    from pydantic_ai.models import Model

    from stemma.models.encoders import Encoder

Kind: TypeAlias = Literal["embedded", "given", "provider"]

EMBEDDED = "embedded"
HASHED = "embedded:hashed"
MINILM_MODEL = "embedded:minilm"
GULLIBLE = "gullible"


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider of models: the package its client needs, the extra that brings it, the variable its key is read from."""

    name: str
    package: str
    extra: str
    variable: str


_PROVIDERS = (
    Provider("anthropic", "anthropic", "stemma-ai[anthropic]", "ANTHROPIC_API_KEY"),
    Provider("google", "google.genai", "stemma-ai[google]", "GOOGLE_API_KEY"),
    Provider("groq", "groq", "pydantic-ai-slim[groq]", "GROQ_API_KEY"),
    Provider("mistral", "mistralai", "pydantic-ai-slim[mistral]", "MISTRAL_API_KEY"),
    Provider("ollama", "openai", "stemma-ai[openai]", "OLLAMA_BASE_URL"),
    Provider("openai", "openai", "stemma-ai[openai]", "OPENAI_API_KEY"),
    Provider("openrouter", "openai", "stemma-ai[openai]", "OPENROUTER_API_KEY"),
)
_FAMILIES = {"openai-chat": "openai", "openai-responses": "openai", "google-gla": "google"}
_VARIABLE = re.compile(r"`([A-Z][A-Z0-9_]{3,})`")
_INSTALL = re.compile(r"pip install \"?([\w.\[\]-]+)\"?")
_SAMPLE = {"OLLAMA_BASE_URL": "http://localhost:11434/v1"}


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A line of `Models.ls`: whether the model can be used as things stand, and why, or how to make it so."""

    name: str
    kind: Kind
    available: bool
    note: str


class Models:
    """The models of one installation. Each is built once, when it is first asked for, and kept.

    ``embedded`` is always the hashed encoder, so that the same prompt scores the same on every machine;
    ``embedded:minilm`` names the better encoder, which must have been installed. ``gullible`` obeys whatever it reads, to
    try what a network lets through. `extra` models are found by their names before any other.
    """

    def __init__(self, extra: Mapping[str, "Model"] = MappingProxyType({}), *, weights_dir: Path | None = None) -> None:
        self._extra = dict(extra)
        self._weights = weights_dir or weights_root()
        self._built: dict[str, Model] = {}
        self._minilm: Encoder | None = None

    def get(self, name: str) -> "Model":
        """The model called `name`: ``embedded``, ``embedded:minilm``, ``gullible``, ``provider:model``, or one handed in.

        Of several names with commas between, each stands in for the one before it when that one's provider fails (see
        `stemma.models.chain`). The chain is a model of its own: what it answered is never taken for a member's answer.

        Raises NotConfigured, in one line with the way out, for a provider whose package or API key is missing, and weights
        that were not installed; UnknownModel, which is one, for a name nobody knows.
        """
        if name in self._extra:
            return self._extra[name]
        name = canonical(name)
        if name not in self._built and "," in name:
            from stemma.models.chain import Chain  # with pydantic_ai behind it

            self._built[name] = Chain(name, {member: self.get(member) for member in members_of(name)})
        if name not in self._built:
            self._built[name] = self._in_process(name) or _of_provider(name, self._near(name))
        return self._built[name]

    def ls(self) -> list[ModelInfo]:
        """The models that can be named, with what stands in the way of each."""
        installed = MINILM.installed(self._weights)
        found = [
            ModelInfo(EMBEDDED, "embedded", True, "in this process; hashed encoder, the same on every machine"),
            ModelInfo(
                MINILM_MODEL,
                "embedded",
                installed,
                f"weights in {MINILM.folder(self._weights)}" if installed else _how_to_install(),
            ),
        ]
        found.append(
            ModelInfo(GULLIBLE, "embedded", True, "in this process; obeys whatever it reads, to attack a network")
        )
        found += [ModelInfo(name, "given", True, "handed in by the program") for name in self._extra]
        return found + [_line(provider) for provider in _PROVIDERS]

    def install(self, name: str, *, progress: Progress = lambda _: None) -> Path:
        """Fetch what `name` needs (``minilm``, the weights of ``embedded:minilm``); gives back its folder.

        Raises NotFound for a name that has nothing to install, NotConfigured and InvalidData as `weights.install` does.
        """
        if name not in (MINILM.name, MINILM_MODEL):
            raise NotFound(f"{name!r} is nothing that can be installed; there is only {MINILM.name!r}")
        folder = install(MINILM, self._weights, progress=progress)
        self._built = {built: model for built, model in self._built.items() if MINILM_MODEL not in members_of(built)}
        return folder

    def encoder(self, *, dimensions: int = 8192) -> "Encoder":
        """The best measure of likeness there is here: MiniLM where its weights are installed, else hashed words.

        `dimensions`, a power of two, is the length of the hashed encoder's vectors; MiniLM's have 384 numbers.
        """
        from stemma.models.encoders import HashedEncoder  # NumPy takes a tenth of a second to import

        return self._minilm_encoder() if MINILM.installed(self._weights) else HashedEncoder(dimensions)

    def _in_process(self, name: str) -> "Model | None":
        """One of our own models; None when the name is another's."""
        if name == GULLIBLE:
            from stemma.models.gullible import GullibleModel  # with pydantic_ai behind it

            return GullibleModel(curious=True)
        return self._embedded(name) if _is_embedded(name) else None

    def _embedded(self, name: str) -> "Model":
        from stemma.models.embedded import EmbeddedModel  # with pydantic_ai behind it

        if name in (EMBEDDED, HASHED):
            return EmbeddedModel()
        if not MINILM.installed(self._weights):
            raise NotConfigured(f"model {name!r} needs weights that are not installed; {_how_to_install()}")
        return EmbeddedModel(self._minilm_encoder())

    def _minilm_encoder(self) -> "Encoder":
        from stemma.models.encoders.minilm import MiniLMEncoder

        if self._minilm is None:  # 90 MB, for the model and for whoever searches
            self._minilm = MiniLMEncoder(MINILM.folder(self._weights))
        return self._minilm

    def _near(self, name: str) -> str:
        """What `name` may have been meant to be, as the end of a sentence."""
        near = get_close_matches(name, [EMBEDDED, HASHED, MINILM_MODEL, GULLIBLE, *self._extra], n=1, cutoff=0.6)
        given, colon, model = name.partition(":")
        if not near and colon:
            providers = get_close_matches(given, [provider.name for provider in _PROVIDERS], n=1, cutoff=0.6)
            near = [f"{provider}:{model or '…'}" for provider in providers]
        if near:
            return f"did you mean {near[0]!r}?"
        return "name a provider too, as in 'openai:gpt-…', or use 'embedded'; stemma models ls lists what there is"


def _is_embedded(name: str) -> bool:
    return name in (EMBEDDED, HASHED, MINILM_MODEL)


def _how_to_install() -> str:
    return f"install it with: stemma models install {MINILM.name} ({MINILM.megabytes} MB)"


def _of_provider(name: str, near: str) -> "Model":
    from pydantic_ai.exceptions import UserError
    from pydantic_ai.models import infer_model

    if name.startswith(f"{EMBEDDED}:") or ":" not in name or not name.split(":", 1)[1]:
        raise UnknownModel(f"there is no model called {name!r}; {near}")
    given = name.split(":", 1)[0]
    provider = next((one for one in _PROVIDERS if one.name == _FAMILIES.get(given, given)), None)
    try:
        return _asking_once(infer_model(name))
    except ImportError as error:
        wanted = _INSTALL.search(str(error))
        extra = provider.extra if provider else wanted[1] if wanted else "the provider's package"
        raise NotConfigured(
            f"model {name!r} needs a package that is not installed; add it with: pip install '{extra}'"
        ) from error
    except (UserError, ValueError) as error:
        told = " ".join(str(error).split())
        if told.startswith("Unknown model"):
            raise UnknownModel(f"there is no model called {name!r}; {near}") from error
        variable = _VARIABLE.search(told)
        if variable is None:
            raise NotConfigured(f"model {name!r} cannot be used: {told}") from error
        sample = _SAMPLE.get(variable[1], "…")
        raise NotConfigured(
            f"model {name!r} needs {variable[1]}, which is not set; set it with: export {variable[1]}={sample}"
        ) from error


def _asking_once(model: "Model") -> "Model":
    """`model`, its client told not to try again by itself: every request is budgeted and on record, each try of ours too."""
    client: Any = getattr(model, "client", None)
    if hasattr(client, "max_retries"):  # OpenAI's, Anthropic's and Groq's clients
        client.max_retries = 0
    return model


def _line(provider: Provider) -> ModelInfo:
    name = f"{provider.name}:…"
    try:
        present = find_spec(provider.package) is not None
    except ModuleNotFoundError:  # the parent of a nested package is missing
        present = False
    if not present:
        return ModelInfo(name, "provider", False, f"add its package with: pip install '{provider.extra}'")
    if not os.environ.get(provider.variable):
        return ModelInfo(name, "provider", False, f"set {provider.variable} to use it")
    return ModelInfo(name, "provider", True, f"{provider.variable} is set")
