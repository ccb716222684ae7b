"""The fields of a prompt file, taken one by one with their types checked; what is never taken is metadata."""

from collections.abc import Mapping
from typing import Any

from stemma.core.errors import InvalidData
from stemma.core.shown import shown
from stemma.registry.formats.yaml_text import Document


class Fields:
    """The top-level fields of a document. Raises InvalidData, with the line, when a field is not of the type asked for."""

    def __init__(self, document: Document, path: str) -> None:
        if not isinstance(document.value, dict):
            raise InvalidData(path, f"a prompt file is a mapping of fields, not {_kind(document.value)}", line=1)
        self.rest: dict[str, Any] = {name: value for name, value in document.value.items() if value is not None}
        self._lines, self._path = document.lines, path

    def text(self, name: str) -> str | None:
        """A text, or nothing; numbers are not texts, so that `1.10` stays what was written."""
        value = self.rest.pop(name, None)
        if value is not None and not isinstance(value, str):
            raise self.error(f"{name!r} is a text, not {_kind(value)}; put it in quotes", name)
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """A mapping; empty when the field is absent."""
        value = self.rest.pop(name, None)
        if not isinstance(value, dict | None):
            raise self.error(f"{name!r} is a mapping, not {_kind(value)}", name)
        return value or {}

    def sequence(self, name: str) -> list[Any]:
        """A list; empty when the field is absent."""
        value = self.rest.pop(name, None)
        if not isinstance(value, list | None):
            raise self.error(f"{name!r} is a list, not {_kind(value)}", name)
        return value or []

    def line(self, *path: str | int) -> int | None:
        """The line of the field, or of what stands at `path` in it."""
        return self._lines.get(path)

    def error(self, problem: str, *path: str | int) -> InvalidData:
        return InvalidData(self._path, problem, line=self.line(*path))

    def settings(
        self, model: Any, parameters: Mapping[str, Any], names: Mapping[str, str], place: str
    ) -> dict[str, Any]:
        """The settings of a prompt: the model, and the parameters under the names that Stemma gives them."""
        if not isinstance(model, str | None):
            raise self.error(f"'model' is a name, not {_kind(model)}", "model")
        settings: dict[str, Any] = {} if model is None else {"model": model}
        for key, value in parameters.items():
            name = names.get(key, key)
            if name in settings:
                raise self.error(f"{shown(key)} says again what another field says; remove one", place, key)
            settings[name] = value
        return settings


def parameters_of(settings: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The settings other than the model, under the names that a format gives them."""
    foreign = {ours: theirs for theirs, ours in names.items()}
    return {foreign.get(name, name): value for name, value in settings.items() if name != "model"}


def _kind(value: Any) -> str:
    return {str: "a text", dict: "a mapping", list: "a list", bool: "true or false", type(None): "nothing"}.get(
        type(value), "a number"
    )
