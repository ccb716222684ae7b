"""Answers that are JSON, held against a JSON Schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stemma.core.digests import thaw
from stemma.core.errors import InvalidInput
from stemma.evaluate.answers import parse_json, shown, unfence
from stemma.evaluate.data import Case
from stemma.evaluate.scoring import RIGHT, Ask, Score, wrong


@dataclass(frozen=True)
class JsonSchema:
    """1 when the answer, out of its code fence if it has one, is JSON that satisfies `schema`; else 0, saying where.

    Nothing in between: no program can use an answer that is nearly valid. JSON Schema 2020-12 unless the schema names
    its own draft. References are followed inside the schema, never fetched. ``format`` is a note, as in the standard.
    Patterns in the schema run in Python's `re`, so a schema deserves the trust of code.

    Raises InvalidInput when `schema` is no valid JSON Schema.
    """

    schema: Mapping[str, Any] | bool
    name: str = "json-schema"

    def __post_init__(self) -> None:
        from jsonschema.exceptions import SchemaError  # 0.07 s to import, for one scorer among nine

        try:
            self._validator.check_schema(thaw(self.schema))
        except SchemaError as error:
            raise InvalidInput(f"not a valid JSON Schema: at {error.json_path}: {shown(error.message)}") from error

    @cached_property
    def _validator(self) -> Any:
        from jsonschema.validators import Draft202012Validator, validator_for
        from referencing import Registry

        schema = thaw(self.schema)
        return validator_for(schema, default=Draft202012Validator)(schema, registry=Registry())

    def identity(self) -> dict[str, Any]:
        return {"kind": "json-schema", "schema": thaw(self.schema)}

    def check(self, case: Case) -> None:
        """Nothing to hold against the case: the schema alone decides."""

    def score(self, case: Case, output: str, ask: Ask | None = None) -> Score:
        from jsonschema.exceptions import best_match

        try:
            value = parse_json(unfence(output))
        except InvalidInput as error:
            return wrong(str(error), output)
        worst = best_match(self._validator.iter_errors(value))
        return RIGHT if worst is None else Score(0.0, f"at {worst.json_path}: {shown(worst.message, longest=200)}")
