"""Structured output: each field of a JSON schema filled by classifying, by finding a typed value, or by quoting."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from stemma.models.embedded.answering import Answer, Answerer, split_prompt
from stemma.models.embedded.demonstrations import part_demonstrations, unmarked
from stemma.models.embedded.passages import read_passages
from stemma.models.embedded.quoting import nearest_sentence, sentences_of
from stemma.models.embedded.reading import read_choice
from stemma.models.embedded.slots import is_typed, typed_value
from stemma.models.embedded.task import Kind as TaskKind
from stemma.models.embedded.task import Label, Refusal, Shown, Task

_QUOTING = re.compile(
    r"(?:^|[\W_])(?:quot\w*|answer|passage|sentence|evidence|excerpt|source|citation|summary|snippet)(?:$|[\W_])", re.I
)
_SURE = 0.9  # how sure a yes must be when no demonstration shows what a no looks like


class _CannotFill(Exception):
    """A required field that no way of answering fits."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.reason)


def fill(
    answerer: Answerer, schema: Mapping[str, Any], *, system: str, user: str, turns: Sequence[tuple[str, str]] = ()
) -> Answer:
    """`schema` (a JSON Schema of an object) filled from the texts; the answer's text is the object as JSON.

    Enum and boolean fields are classified by what the prompt and the field's description say; numbers, and
    texts such as e-mail addresses, amounts, dates and identifiers, are found in the input; fields that ask
    for an answer, a quote or a passage quote the input. A field that cannot be filled is null or left to
    its default where the schema allows that, else the whole is refused with code ``field``.
    """
    prompt, given = (system, user) if system else split_prompt(user)
    filler = _Filler(answerer, schema, prompt, given, [*part_demonstrations(prompt).shown, *_as_shown(turns)])
    try:
        values = filler.object(schema)
    except _CannotFill as problem:
        return answerer.refused(problem.refusal)
    sure = min(filler.confidences) if filler.confidences else None
    return Answer(json.dumps(values, ensure_ascii=False), answerer.encoder, confidence=sure)


def _as_shown(turns: Sequence[tuple[str, str]]) -> list[Shown]:
    return [Shown(unmarked(text), answer) for text, answer in turns]


class _Filler:
    """One request's texts, and how sure each choice was."""

    def __init__(
        self, answerer: Answerer, schema: Mapping[str, Any], prompt: str, given: str, shown: Sequence[Shown]
    ) -> None:
        self._answerer, self._schema, self._prompt = answerer, schema, prompt
        self._given = unmarked(given)
        self._shown = shown
        self.confidences: list[float] = []

    def object(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        required = schema.get("required", ())
        values: dict[str, Any] = {}
        for name, field in schema.get("properties", {}).items():
            value = self._field(name, field)
            if value is not None:
                values[name] = value
            elif self._nullable(field):
                values[name] = None
            elif name in required:
                raise _CannotFill(Refusal("field", f"I cannot tell the field {name!r}, and the schema requires it"))
        return values

    def _field(self, name: str, field: Mapping[str, Any]) -> Any:
        """The value of a field, or none where there is no way to tell it."""
        field = self._resolved(field)
        about = str(field.get("description", ""))
        if "const" in field:
            return field["const"]
        if "enum" in field:
            return self._enum(name, field["enum"], about)
        kind = field.get("type")
        if kind == "boolean":
            return self._boolean(name, about)
        if kind in ("integer", "number"):
            return self._number(name, about, whole=kind == "integer")
        if kind == "object" and "properties" in field:
            return self.object(field)
        if kind == "array":
            item = self._field(name, {"description": about, **field.get("items", {})})
            return None if item is None else [item]
        if kind == "string":
            return self._text(name, about, str(field.get("format", "")))
        return None

    def _resolved(self, field: Mapping[str, Any]) -> Mapping[str, Any]:
        """`field` with its reference followed and the null of an optional field left out."""
        if "$ref" in field:
            definition = self._schema.get("$defs", {}).get(field["$ref"].rsplit("/", 1)[-1], {})
            return self._resolved({**definition, **{key: value for key, value in field.items() if key != "$ref"}})
        for several in ("anyOf", "oneOf", "allOf"):
            choices = [choice for choice in field.get(several, ()) if choice.get("type") != "null"]
            if choices:
                outer = {key: value for key, value in field.items() if key != several}
                return self._resolved({**choices[0], **outer})
        return field

    def _nullable(self, field: Mapping[str, Any]) -> bool:
        return any(choice.get("type") == "null" for choice in field.get("anyOf", ()))

    def _enum(self, name: str, values: Sequence[Any], about: str) -> Any:
        written = {value if isinstance(value, str) else json.dumps(value): value for value in values}
        if len(written) == 1:
            return values[0]
        task = read_choice(self._prompt, list(written), about=about, shown=self._shown_for(name))
        chosen = self._chosen(name, task) or task.fallback
        return None if chosen is None else written[chosen]

    def _boolean(self, name: str, about: str) -> bool:
        shown = self._shown_for(name)
        labels = (Label("true", about or name.replace("_", " ")), Label("false"))
        task = Task(TaskKind.CLASSIFY, labels=labels, demonstrations=tuple(shown))
        chosen = self._chosen(name, task)
        return chosen == "true" and (bool(shown) or self.confidences[-1] >= _SURE)

    def _chosen(self, name: str, task: Task) -> str | None:
        compiled = self._answerer.compiled_as(("field", name, self._prompt, repr(task)), task)
        if compiled.classifier is None:
            return None
        choice = compiled.classifier.choose(self._given)
        self.confidences.append(choice.confidence)
        return choice.label

    def _number(self, name: str, about: str, *, whole: bool) -> int | float | None:
        found = typed_value(self._given, name=name, about=about, numeric=True)
        if found is None:
            return None
        number = float(found.replace(",", ""))
        return int(number) if whole else number

    def _text(self, name: str, about: str, form: str) -> str | None:
        if _QUOTING.search(name) or (_QUOTING.search(about) and not is_typed(name)):
            return self._quoted(about)
        return typed_value(self._given, name=name, about=f"{form} {about}".strip())

    def _quoted(self, about: str) -> str | None:
        passages = read_passages(self._given)
        context = passages.context or read_passages(self._prompt).context or passages.rest
        question = passages.question or (passages.rest if passages.context else about)
        if not sentences_of(context):
            return None
        quote = nearest_sentence(context, question or about, self._answerer.codebook)
        return None if quote is None else quote.text

    def _shown_for(self, name: str) -> list[Shown]:
        """The demonstrations of one field: the outputs that are JSON objects which have it."""
        found = []
        for one in self._shown:
            try:
                record = json.loads(one.output)
            except ValueError:
                found.append(one)
                continue
            if isinstance(record, dict) and name in record:
                value = record[name]
                found.append(Shown(one.input, value if isinstance(value, str) else json.dumps(value)))
        return found
