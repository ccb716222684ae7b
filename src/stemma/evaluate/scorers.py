"""Every scorer by its name, and those that compare texts: equality, containment, patterns."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic_core import SchemaError, SchemaValidator, core_schema

from stemma.core.errors import InvalidInput
from stemma.evaluate.answers import normalise, parse_json, shown, unwrap
from stemma.evaluate.data import Case
from stemma.evaluate.judge import Judge
from stemma.evaluate.metric import load_metric
from stemma.evaluate.numeric import Numeric
from stemma.evaluate.schema import JsonSchema
from stemma.evaluate.scoring import RIGHT, Ask, Score, Scorer, expected_of, wrong


def scorer_named(name: str, *, judge_model: str | None = None) -> Scorer:
    """The scorer that `name` stands for; what follows the colon is its setting.

    ====================  ==============================================================================
    ``exact``             the expected answer, character by character, whitespace around both aside
    ``normalised``        the expected answer as `answers.unwrap` and `answers.normalise` see it
    ``contains``          the expected answer somewhere in the answer, both normalised
    ``regex[:PATTERN]``   PATTERN, or else the expected answer, is found as a pattern in the answer
    ``regex-full[:…]``    the same, for the whole answer
    ``json-schema:FILE``  the answer is JSON that satisfies the JSON Schema in FILE
    ``numeric[:T]``       the last number of the answer is the expected one, give or take T (``0.01``, ``1%``)
    ``python:M:F``        the function F of the module (or ``.py`` file) M: ``metric(gold, pred, trace=None)``
    ``judge:RUBRIC``      `judge_model` scores the answer 1 to 5 by RUBRIC, a text or a ``.md`` or ``.txt`` file
    ====================  ==============================================================================

    Raises InvalidInput for a name or a setting that makes no scorer.

    >>> scorer_named("normalised").score(Case({"q": "6 x 7"}, "42"), '{"answer": "42."}')
    Score(value=1.0, feedback=None)
    """
    kind, colon, setting = name.partition(":")
    if kind == "judge":
        return _judge(setting, judge_model)
    if kind not in _BY_NAME:
        known = [*_BY_NAME, "judge"]
        near = difflib.get_close_matches(kind, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InvalidInput(f"scorer {name!r} is not known; {hint}there are {', '.join(known)}")
    if colon and not setting:
        raise InvalidInput(f"scorer {name!r} ends in a colon; write its setting behind it, or leave the colon out")
    return _BY_NAME[kind](setting or None)


@dataclass(frozen=True)
class Exact:
    """1 when the answer is the expected one, character by character; whitespace around both does not count."""

    name: str = "exact"

    def identity(self) -> dict[str, Any]:
        return {"kind": "exact"}

    def check(self, case: Case) -> None:
        expected_of(case)

    def score(self, case: Case, output: str, ask: Ask | None = None) -> Score:
        expected = expected_of(case)
        return RIGHT if output.strip() == expected.strip() else wrong(f"expected {shown(expected)}", output)


@dataclass(frozen=True)
class Normalised:
    """1 when answer and expected answer are equal after `answers.unwrap` and `answers.normalise` of both."""

    name: str = "normalised"

    def identity(self) -> dict[str, Any]:
        return {"kind": "normalised"}

    def check(self, case: Case) -> None:
        expected_of(case)

    def score(self, case: Case, output: str, ask: Ask | None = None) -> Score:
        expected = expected_of(case)
        if normalise(unwrap(output)) == _wanted(expected):
            return RIGHT
        return wrong(f"expected {shown(expected)}", output)


@dataclass(frozen=True)
class Contains:
    """1 when the expected answer stands in the answer, both normalised. Any place counts: 'no' is in 'know'."""

    name: str = "contains"

    def identity(self) -> dict[str, Any]:
        return {"kind": "contains"}

    def check(self, case: Case) -> None:
        expected_of(case)

    def score(self, case: Case, output: str, ask: Ask | None = None) -> Score:
        expected = expected_of(case)
        return RIGHT if normalise(expected) in normalise(output) else wrong(f"{shown(expected)} is missing", output)


@dataclass(frozen=True)
class Regex:
    """1 when `pattern`, or without one the case's expected answer read as a pattern, is found in the answer.

    The engine is Rust's `regex`, which takes linear time whatever the pattern: an answer may be hostile, and Python's
    `re` can be kept busy for years. The price is a syntax without look-around and back-references. Flags go inside
    the pattern: ``(?i)``, ``(?s)``, ``(?m)``. With `full` the whole answer, stripped of whitespace, must match.
    """

    pattern: str | None = None
    full: bool = False

    def __post_init__(self) -> None:
        if self.pattern is not None:
            _compiled(self.pattern, self.full)

    @property
    def name(self) -> str:
        kind = "regex-full" if self.full else "regex"
        return kind if self.pattern is None else f"{kind}:{self.pattern}"

    def identity(self) -> dict[str, Any]:
        return {"kind": "regex", "pattern": self.pattern, "full": self.full}

    def check(self, case: Case) -> None:
        if self.pattern is None:
            _compiled(expected_of(case), self.full)

    def score(self, case: Case, output: str, ask: Ask | None = None) -> Score:
        pattern = expected_of(case) if self.pattern is None else self.pattern
        if _compiled(pattern, self.full).isinstance_python(output.strip()):
            return RIGHT
        return wrong(f"expected {'all of it' if self.full else 'a part'} to match {shown(pattern)}", output)


@lru_cache(maxsize=1024)
def _compiled(pattern: str, full: bool) -> SchemaValidator:
    # pydantic-core carries Rust's engine, and is here anyway; Python has no other one in its standard library.
    whole = rf"\A(?:{pattern})\z" if full else pattern
    try:
        return SchemaValidator(core_schema.str_schema(pattern=whole, regex_engine="rust-regex"))
    except SchemaError as error:
        reason = str(error).splitlines()[-1].removeprefix("error: ").strip()
        raise InvalidInput(
            f"{shown(pattern)} is not a pattern that can be matched in linear time ({reason}); rewrite it, without "
            "look-around and back-references"
        ) from error


@lru_cache(maxsize=65536)
def _wanted(expected: str) -> str:
    # A data set has few distinct expected answers and scores each of them thousands of times.
    return normalise(unwrap(expected))


def _schema(setting: str | None) -> Scorer:
    path = Path(_needed(setting, "json-schema", "json-schema:answer.schema.json"))
    text = _read(path)
    try:
        return JsonSchema(parse_json(text), name=f"json-schema:{path}")
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error


def _judge(setting: str, model: str | None) -> Judge:
    rubric = _needed(setting, "judge", "judge:The reply answers the question and is polite.")
    if model is None:
        raise InvalidInput("a judge needs a model to ask; name one with --judge")
    # A rubric is prose and ends in a full stop, not in a suffix.
    return Judge(_read(Path(rubric)) if rubric.endswith((".md", ".txt")) else rubric, model=model)


_BY_NAME: dict[str, Callable[[str | None], Scorer]] = {
    "exact": lambda setting: Exact(),
    "normalised": lambda setting: Normalised(),
    "contains": lambda setting: Contains(),
    "regex": Regex,
    "regex-full": lambda setting: Regex(setting, full=True),
    "json-schema": _schema,
    "numeric": Numeric.within,
    "python": lambda setting: load_metric(_needed(setting, "python", "python:metrics:score")),
}


def _needed(setting: str | None, kind: str, example: str) -> str:
    if not setting:
        raise InvalidInput(f"scorer {kind!r} needs a setting, such as {example!r}")
    return setting


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read: {error.strerror or error}; check the path") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: is not UTF-8; save it as UTF-8") from error
