"""What a prompt asks for, as a record: the one thing that reading produces and answering consumes."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What the embedded model can do with a prompt."""

    CLASSIFY = "classify"  # one of the prompt's labels
    ANSWER = "answer"  # the sentence of a given text that answers a question
    SUMMARIZE = "summarize"  # the most central sentences of a given text
    REFUSE = "refuse"  # anything else


@dataclass(frozen=True, slots=True)
class Label:
    """An answer the prompt allows, and what the prompt says about it.

    `cues` are phrases that speak for the label when they occur in the input, `bans` phrases that speak
    against it.
    """

    name: str
    description: str = ""
    cues: tuple[str, ...] = ()
    bans: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """A demonstration: an input and the label (or the text) that the prompt gives as its answer."""

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the model does not answer: a stable `code` and a `reason` that ends the sentence 'I cannot do this: …'."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Task:
    """A prompt as the embedded model understands it.

    `fallback` is the label for inputs that resemble nothing, `json_key` the key under which the prompt
    wants its answer as a JSON object, `sentences` how many sentences a summary may have, `unanswerable`
    what the prompt wants said when the text does not hold the answer.
    """

    kind: Kind
    labels: tuple[Label, ...] = ()
    demonstrations: tuple[Shown, ...] = ()
    fallback: str | None = None
    json_key: str | None = None
    context: str = ""
    sentences: int = 1
    unanswerable: str | None = None
    refusal: Refusal | None = None
