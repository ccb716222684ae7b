"""A prompt as a file holds it, and a file as it was written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from stemma.registry.prompt import Prompt

FormatName: TypeAlias = Literal[
    "github",  # .prompt.yml of GitHub Models
    "prompty",  # .prompty of Microsoft
    "dotprompt",  # .prompt of Google
    "json",  # our own canonical JSON
]


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt with what its file says around it.

    `metadata` holds the fields of `format` that a `Prompt` has no place for (test data, evaluators, authors, tools), under
    the names they have there, so that a file that is read and written again loses nothing.
    """

    prompt: Prompt
    name: str | None = None
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    format: FormatName = "json"


@dataclass(frozen=True, slots=True)
class Written:
    """The text of a file. `losses` says in one sentence each what it does not carry; without any, it reads back equal."""

    text: str
    losses: tuple[str, ...] = ()
