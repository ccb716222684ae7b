"""The JSON schema of a tool's arguments, held against them within bounds.

The schema may be a stranger's, and so may the texts in the arguments. Regular expressions are matched by the engine of
pydantic-core (Rust's `regex`), which never goes back over a text. One that it does not know (look-around, back-references), one
that repeats too often, and a text that is long are left to the tool itself, which has to check what it is given anyway.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from pydantic_core import SchemaError, SchemaValidator, core_schema

_log = logging.getLogger(__name__)

_MOST_STEPS, _A_VALUE = 20_000, 30
"""Keywords that are looked at for one call, of which these take a second or two; and more for each value in the arguments."""

_COMPILING = 1_000  # steps that reading an expression counts for: the worst of those that are read takes 50 ms
_LONGEST_MATCHED = 2_000  # characters of a text that is matched
_LONGEST_PATTERN = 1_000
_MOST_REPEATED = 128
"""What the counted repetitions of an expression come to at most: a text is gone over as often."""

_REPEATED = re.compile(r"\{(\d{1,9})(?:,(\d{0,9}))?\}")

Keyword = Callable[[Any, Any, Any, Any], Any]


class Exhausted(ValueError):
    """Holding the schema against these arguments takes longer than any tool's should."""


class ArgumentSchema:
    """A tool's schema, made ready: making it takes as long as using it. One event loop uses it."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = parameters
        self._left = 0
        self._expressions: dict[str, SchemaValidator | None] = {}

    def iter_errors(self, arguments: Mapping[str, Any]) -> Iterator[Any]:
        """The errors of `jsonschema` for what does not fit. Raises Exhausted, and whatever comes of a schema that is none."""
        self._left = _MOST_STEPS + _A_VALUE * _values_in(arguments)
        yield from self._validator.iter_errors(arguments)

    def is_valid(self, arguments: Mapping[str, Any]) -> bool:
        """Whether the arguments fit. Raises as `iter_errors` does."""
        return next(self.iter_errors(arguments), None) is None

    def misfit(self, value: Any) -> tuple[str, str] | None:
        """The place that does not fit (empty for the whole) and why; None when all does. Raises as `iter_errors` does."""
        from jsonschema.exceptions import best_match  # 50 ms to import, and few agents call tools

        problem = best_match(self.iter_errors(value))
        return None if problem is None else (problem.json_path.removeprefix("$").removeprefix("."), problem.message)

    @cached_property
    def _validator(self) -> Any:
        from jsonschema import validators  # 50 ms to import, and few agents call tools
        from referencing import Registry

        extend: Any = validators.extend
        kind = validators.validator_for(self._parameters, default=validators.Draft202012Validator)
        keywords = {**kind.VALIDATORS, **{name: own for name, own in self._own.items() if name in kind.VALIDATORS}}
        bounded = extend(kind, {name: self._counted(keyword) for name, keyword in keywords.items()})
        # A part that names a dialect of its own would be held against the arguments by that one's validator, unbounded.
        # An empty registry: left to itself, a validator would fetch remote references.
        return bounded(_of_one_dialect(self._parameters), registry=Registry())

    def _counted(self, keyword: Keyword) -> Keyword:
        def counted(validator: Any, said: Any, instance: Any, schema: Any) -> Any:
            self._spend(1)
            return keyword(validator, said, instance, schema)

        return counted

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise Exhausted("it takes too many steps to hold it against these arguments")

    @cached_property
    def _own(self) -> Mapping[str, Keyword]:
        from jsonschema._keywords import uniqueItems
        from jsonschema.exceptions import ValidationError

        def pattern(validator: Any, said: Any, instance: Any, schema: Any) -> Iterator[Any]:
            if isinstance(instance, str) and self._matches(said, instance) is False:
                yield ValidationError(f"{instance!r} does not match {said!r}")

        def patterned(validator: Any, said: Any, instance: Any, schema: Any) -> Iterator[Any]:
            if isinstance(instance, dict):
                for expression, under in said.items():
                    for name, value in instance.items():
                        if self._matches(expression, name):
                            yield from validator.descend(value, under, path=name, schema_path=expression)

        def additional(validator: Any, said: Any, instance: Any, schema: Any) -> Iterator[Any]:
            if not isinstance(instance, dict):
                return
            expressions = schema.get("patternProperties", {})
            for name, value in instance.items():
                # One that nobody here can match may be meant for this name.
                if name in schema.get("properties", {}) or any(
                    self._matches(one, name) is not False for one in expressions
                ):
                    continue
                if said is False:
                    yield ValidationError(f"additional properties are not allowed ({name!r} was unexpected)")
                else:
                    yield from validator.descend(value, said, path=name)

        def unique(validator: Any, said: Any, instance: Any, schema: Any) -> Any:
            if isinstance(instance, list):
                self._spend(len(instance) ** 2 // 100)
            return uniqueItems(validator, said, instance, schema)

        def left_to_the_tool(validator: Any, said: Any, instance: Any, schema: Any) -> None:
            """What goes by other keywords' results would match their expressions by an engine without bounds."""

        return {
            "pattern": pattern,
            "patternProperties": patterned,
            "additionalProperties": additional,
            "uniqueItems": unique,
            "unevaluatedProperties": left_to_the_tool,
            "unevaluatedItems": left_to_the_tool,
        }

    def _matches(self, expression: Any, text: str) -> bool | None:
        """Whether it is found in the text; None where that is left to the tool."""
        if len(text) > _LONGEST_MATCHED:
            return None
        if expression not in self._expressions:
            self._spend(_COMPILING)
            self._expressions[expression] = _compiled(expression)
        ready = self._expressions[expression]
        if ready is None:
            return None
        self._spend(len(text))
        return ready.isinstance_python(text)


def _compiled(expression: str) -> SchemaValidator | None:
    times = 1
    for least, most in _REPEATED.findall(expression):
        times *= max(1, int(least), int(most or 0))
    if len(expression) > _LONGEST_PATTERN or times > _MOST_REPEATED:
        _log.warning("pattern %.100r is left to the tool to check: it is too long, or repeats too often", expression)
        return None
    try:
        return SchemaValidator(core_schema.str_schema(pattern=expression, regex_engine="rust-regex"))
    except SchemaError:
        re.compile(expression)  # what is no expression at all is a mistake, and told
        _log.warning("pattern %.100r is left to the tool to check: it takes more than one look at a text", expression)
        return None


def _values_in(arguments: Any) -> int:
    waiting, count = [arguments], 0
    while waiting:
        one = waiting.pop()
        count += 1
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return count


def _of_one_dialect(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        return {
            key: _of_one_dialect(value)
            for key, value in schema.items()
            if key != "$schema" or not isinstance(value, str)
        }
    return [_of_one_dialect(one) for one in schema] if isinstance(schema, list | tuple) else schema
