"""The embedded model's core: a prompt and an input in, an answer or a typed refusal out, without I/O.

Nothing but the texts given decides an answer. Prompts are compiled once and remembered by their text, and
vectors by theirs, since an optimizer asks the same prompt about hundreds of inputs and the same inputs
under hundreds of prompts.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from stemma.models.embedded.classifier import Classifier
from stemma.models.embedded.demonstrations import part_demonstrations, unmarked
from stemma.models.embedded.likeness import Codebook, Recent
from stemma.models.embedded.passages import read_passages
from stemma.models.embedded.quoting import central_sentences, nearest_sentence, sentences_of
from stemma.models.embedded.reading import read_task
from stemma.models.embedded.task import Kind, Refusal, Task
from stemma.models.encoders import Encoder, HashedEncoder

_COMPILED_BYTES = 256 * 2**20
_NEAR_ENOUGH = 0.12  # below it the sentence nearest to a question does not answer it

_NO_EVIDENCE = Refusal("no_evidence", "the input resembles nothing that the prompt says about its labels")
_NO_TEXT = Refusal("no_text", "the request gives no text to quote from; put it under 'Context:'")
_NO_QUESTION = Refusal("no_input", "the request holds no input to answer")
_NOT_IN_TEXT = Refusal("not_in_text", "the text given does not seem to answer the question")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the embedded model says: `text` always, and a `label` or a `refusal` where it is one.

    `confidence` is a calibrated probability for a label, and the nearness (0 to 1) of a quotation;
    `encoder` names what likeness was measured with.
    """

    text: str
    encoder: str
    label: str | None = None
    confidence: float | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A prompt that has been read, and the classifier fitted to it where it sets a classification."""

    task: Task
    classifier: Classifier | None

    @property
    def size(self) -> int:
        return self.classifier.size if self.classifier is not None else 1024


class Answerer:
    """Answers from prompts. Holds the two caches; otherwise without state."""

    def __init__(self, encoder: Encoder | None = None) -> None:
        self.codebook = Codebook(encoder or HashedEncoder())
        self._compiled: Recent[tuple[str, ...], Compiled] = Recent(
            _COMPILED_BYTES, weigh=lambda compiled: compiled.size
        )

    @property
    def encoder(self) -> str:
        return self.codebook.encoder.name

    def answer(self, system: str, user: str, *, turns: Sequence[tuple[str, str]] = ()) -> Answer:
        """The answer to `user` under `system`.

        Without a system text, or with one that sets no task, the prompt stands in the user's text; its
        input is then the last marked input without an output, or the last paragraph.
        """
        if system:
            compiled = self.compiled(system, turns)
            if compiled.task.kind is not Kind.REFUSE:
                return self._carried_out(compiled, user)
        prompt, given = split_prompt(user)
        compiled = self.compiled(f"{system}\n\n{prompt}".strip(), turns)
        if compiled.task.kind is Kind.REFUSE:  # a text to quote from and its question may be all there is
            compiled = self.compiled(f"{system}\n\n{user}".strip(), turns)
        return self._carried_out(compiled, given if compiled.task.kind is Kind.CLASSIFY else user)

    def compiled(self, prompt: str, turns: Sequence[tuple[str, str]] = ()) -> Compiled:
        """`prompt` read and fitted, from memory when it was met before."""
        key = ("prompt", prompt, *(text for turn in turns for text in turn))
        found = self._compiled.get(key)
        return found if found is not None else self.compiled_as(key, read_task(prompt, turns=turns))

    def compiled_as(self, key: tuple[str, ...], task: Task) -> Compiled:
        """`task` with its classifier fitted, where it needs one; remembered under `key`."""
        found = self._compiled.get(key)
        if found is not None:
            return found
        classifier = Classifier(task, self.codebook) if task.kind is Kind.CLASSIFY else None
        return self._compiled.keep(key, Compiled(task, classifier))

    def _carried_out(self, compiled: Compiled, user: str) -> Answer:
        task = compiled.task
        if compiled.classifier is not None:
            return self._chosen(task, compiled.classifier, user)
        if task.kind is Kind.ANSWER:
            return self._quoted(task, user)
        if task.kind is Kind.SUMMARIZE:
            return self._summarized(task, user)
        return self.refused(task.refusal or _NO_EVIDENCE)

    def _chosen(self, task: Task, classifier: Classifier, user: str) -> Answer:
        given = unmarked(user)
        if not given:
            return self.refused(_NO_QUESTION)
        choice = classifier.choose(given)
        label = choice.label if choice.label is not None else task.fallback
        if label is None:
            return self.refused(_NO_EVIDENCE)
        return Answer(self._dressed(task, label), self.encoder, label=label, confidence=choice.confidence)

    def _quoted(self, task: Task, user: str) -> Answer:
        given = read_passages(user)
        context = "\n\n".join(part for part in (task.context, given.context) if part)
        question = given.question
        if question is None:
            context, question = (context, given.rest) if context else _question_apart(given.rest)
        if not context:
            # A context that is there and empty (a search found nothing) holds no answer; one that is missing is a mistake.
            if given.question is not None and task.unanswerable is not None:
                return Answer(self._dressed(task, task.unanswerable), self.encoder, confidence=1.0)
            return self.refused(_NO_TEXT)
        if not question:
            return self.refused(_NO_QUESTION)
        quote = nearest_sentence(context, question, self.codebook)
        if quote is None:
            return self.refused(_NO_TEXT)
        if quote.nearness >= _NEAR_ENOUGH:
            return Answer(self._dressed(task, quote.text), self.encoder, confidence=quote.nearness)
        if task.unanswerable is not None:
            return Answer(self._dressed(task, task.unanswerable), self.encoder, confidence=1.0 - quote.nearness)
        return self.refused(_NOT_IN_TEXT)

    def _summarized(self, task: Task, user: str) -> Answer:
        given = read_passages(user)
        text = given.context or task.context or given.question or given.rest
        if not sentences_of(text):
            return self.refused(_NO_TEXT)
        quoted = " ".join(central_sentences(text, task.sentences, self.codebook))
        return Answer(self._dressed(task, quoted), self.encoder)

    def refused(self, refusal: Refusal) -> Answer:
        """The answer that declines, in one sentence that says why."""
        return Answer(f"I cannot do this: {refusal.reason}.", self.encoder, refusal=refusal)

    def _dressed(self, task: Task, text: str) -> str:
        return text if task.json_key is None else json.dumps({task.json_key: text}, ensure_ascii=False)


def split_prompt(text: str) -> tuple[str, str]:
    """A prompt that carries its input, parted into prompt and input.

    >>> split_prompt("Is it a colour or a number?\\n\\nInput: blue\\nOutput:")
    ('Is it a colour or a number?', 'blue')
    """
    open_input = part_demonstrations(text).open_input
    if open_input is not None and open_input in text:
        place = text.rindex(open_input)
        line = text.rfind("\n", 0, place) + 1
        return text[:line].strip(), open_input
    paragraphs = [paragraph.strip() for paragraph in text.strip().split("\n\n")]
    return "\n\n".join(paragraphs[:-1]) if len(paragraphs) > 1 else text, paragraphs[-1]


def _question_apart(text: str) -> tuple[str, str]:
    """A text without marks, parted into what it tells and the line that asks."""
    lines = [line for line in text.split("\n") if line.strip()]
    asking = [place for place, line in enumerate(lines) if line.rstrip().endswith("?")]
    if not asking or len(lines) < 2:
        return "", text
    asked = lines.pop(asking[-1])
    return "\n".join(lines), asked
