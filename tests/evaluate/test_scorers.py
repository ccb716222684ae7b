"""Scorers: what counts as right, what is said when it is not, and what happens when a scorer itself is wrong."""

import asyncio
import functools
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.digests import canonical_json
from stemma.core.errors import InvalidInput, ModelUnavailable
from stemma.evaluate.answers import normalise, unwrap
from stemma.evaluate.data import Case
from stemma.evaluate.metric import Metric
from stemma.evaluate.numeric import numbers_in
from stemma.evaluate.scorers import Exact, Normalised, Regex, scorer_named
from stemma.evaluate.scoring import Score, Scorer, check_cases, score_output


def _case(expected: str | None) -> Case:
    return Case({"text": "?"}, expected, line=12)


def _value(scorer: str | Scorer, expected: str | None, output: str) -> float:
    return _score(scorer, expected, output).value


def _score(scorer: str | Scorer, expected: str | None, output: str) -> Score:
    found = score_output(scorer_named(scorer) if isinstance(scorer, str) else scorer, _case(expected), output)
    assert isinstance(found, Score), "a scorer of texts answers at once"
    return found


# Texts


@pytest.mark.parametrize(
    ("scorer", "expected", "right", "wrong"),
    [
        ("exact", "Card arrival", ["Card arrival", " Card arrival\n"], ["card arrival", "Card arrival.", ""]),
        (
            "normalised",
            "card_arrival",
            [
                "Card_Arrival",
                "**card_arrival**",
                "'card_arrival'.",
                '{"label": "card_arrival"}',
                "```\ncard_arrival\n```",
            ],
            ["card arrival", "cardarrival", "the label is card_arrival", '{"label": "card_arrival", "sure": true}', ""],
        ),
        ("normalised", "ﬁne  Straße", ["fine strasse", "FINE\u00a0STRASSE!"], ["fine strase"]),
        ("normalised", "-5", ["-5", "-5."], ["5", "-.5"]),
        ("normalised", "C", ["c", '"C"'], ["C++", "C#"]),
        ("normalised", "?", ["?", " ? "], ["!", "...", ""]),
        ("normalised", "true", ['{"ok": true}', "True"], ["false", '{"ok": "no"}']),
        ("contains", "refund", ["We will REFUND you.", "refunds"], ["ref und", ""]),
        ("regex", r"^\d{3}-\d{4}$", ["555-0199", " 555-0199 "], ["call 555-0199", "5550199"]),
        ("regex:(?i)refund", None, ["Your REFUND is due"], ["repaid"]),
        ("regex-full:yes|no", None, ["yes", " no\n"], ["yes and no", "noo"]),
    ],
)
def test_a_scorer_of_texts(scorer: str, expected: str | None, right: list[str], wrong: list[str]) -> None:
    """Each scorer gives 1 to what its rule calls equal and 0 to what only looks like it."""
    assert [output for output in right if _value(scorer, expected, output) != 1] == []
    assert [output for output in wrong if _value(scorer, expected, output) != 0] == []


def test_a_wrong_answer_is_told_what_was_expected() -> None:
    """The feedback of a 0 names what was expected and what came, cut short; a 1 needs no words."""
    assert _score("exact", "yes", "no").feedback == "expected 'yes'; got 'no'"
    assert _score("exact", "yes", "yes").feedback is None
    assert len(_score("normalised", "yes", "no" * 10_000).feedback or "") < 200


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    """What has been normalised is equal to itself under normalising, whatever the text."""
    assert normalise(normalise(text)) == normalise(text)


@given(st.text())
def test_any_text_is_right_when_it_is_the_expected_one(text: str) -> None:
    """Whatever is expected, an answer that equals it is right."""
    assert [_value(scorer, text, text) for scorer in ("exact", "normalised", "contains")] == [1, 1, 1]


@pytest.mark.parametrize(
    "text",
    [
        '{"a": {"b": 1}}',
        '{"a": 1, "b": 2}',
        "{not json}",
        '["a"]',
        "a ```b``` c",
        "```\na\n```\nb",
        "```\na\n```\n```\nb\n```",
        '{"a": null}',
    ],
)
def test_only_what_is_plainly_a_wrapping_comes_off(text: str) -> None:
    """Nested or several values, broken JSON and fences inside a text stay as they are."""
    assert unwrap(text) == text


def test_a_hostile_pattern_is_answered() -> None:
    """Patterns that would keep a backtracking engine busy for years are answered, as time is linear in the text."""
    assert _value(Regex(r"(a+)+$"), None, "a" * 50_000 + "!") == 0
    assert _value(Regex(r".*a.*b.*c"), None, "ab" * 25_000) == 0


@pytest.mark.parametrize("pattern", ["(", r"(a)\1", "(?=a)b", "a{1000}{1000}{10}"])
def test_a_pattern_that_cannot_be_matched_safely_is_refused(pattern: str) -> None:
    """Broken patterns, and those that need backtracking or endless memory, are refused when the scorer is made."""
    with pytest.raises(InvalidInput, match="linear time") as caught:
        scorer_named(f"regex:{pattern}")
    assert "\n" not in str(caught.value)


# Numbers


@pytest.mark.parametrize(
    ("scorer", "expected", "right", "wrong"),
    [
        ("numeric", "1234.5", ["1,234.50", "It is $1,234.5!", "1'234.5", "1\u00a0234.5", "1.2345e3"], ["1234", "1.234,5"]),
        ("numeric", "-3", ["-3", "−3.0", "x = -3", "$5 - 8 = -3"], ["3", "2020-3", "- 3"]),
        ("numeric", "$5", ["5", "of 12 I keep 5.", ".5e1 is 5"], ["5 of 12", ".5"]),
        ("numeric:0.01", "0.3", ["0.31", "0.29", "0.3"], ["0.3100001", "0.28"]),
        ("numeric:1%", "200", ["198", "202"], ["197.9", "202.1"]),
    ],
)  # fmt: skip
def test_a_scorer_of_numbers(scorer: str, expected: str, right: list[str], wrong: list[str]) -> None:
    """The last number counts, in English notation, within a tolerance that is exact at its edge."""
    assert [output for output in right if _value(scorer, expected, output) != 1] == []
    assert [output for output in wrong if _value(scorer, expected, output) != 0] == []


@given(st.decimals(-(10**12), 10**12, places=3))
def test_a_number_is_read_back_as_it_was_written(number: Decimal) -> None:
    """Any number of a trillion's size, with thousands separators or without, is found with its sign and value."""
    assert numbers_in(f"{number}") == numbers_in(f"{number:,}") == [number]


@pytest.mark.parametrize("setting", ["abc", "-1", "nan", "inf", "%"])
def test_a_tolerance_that_is_none_is_refused(setting: str) -> None:
    """A tolerance that is no number of at least 0 makes no scorer."""
    with pytest.raises(InvalidInput, match="tolerance"):
        scorer_named(f"numeric:{setting}")


# JSON


@pytest.fixture
def schema(tmp_path: Path) -> str:
    path = tmp_path / "answer.json"
    path.write_text(
        json.dumps({"type": "object", "required": ["items"], "properties": {"items": {"items": {"type": "integer"}}}})
    )
    return f"json-schema:{path}"


@pytest.mark.parametrize(
    ("output", "feedback"),
    [
        ('{"items": [1, 2]}', None),
        ('```json\n{"items": []}\n```', None),
        ('{"items": [1, "two"]}', "at $.items[1]: \"'two' is not of type 'integer'\""),
        ("{}", "at $: \"'items' is a required property\""),
        ('{"items": [1}', "not valid JSON: Expecting ',' delimiter at character 13; got '{\"items\": [1}'"),
        ('{"items": [NaN]}', "not valid JSON: NaN is no JSON value; got '{\"items\": [NaN]}'"),
    ],
)
def test_json_is_held_against_its_schema(schema: str, output: str, feedback: str | None) -> None:
    """Valid JSON is 1; anything else is 0, and the feedback says where it goes wrong."""
    assert _score(schema, None, output) == Score(float(feedback is None), feedback)


def test_a_schema_is_known_by_its_content(schema: str, tmp_path: Path) -> None:
    """The identity is the schema itself: a copy elsewhere is the same scorer, a changed file is another."""
    copy = tmp_path / "copy.json"
    copy.write_text(Path(schema.partition(":")[2]).read_text())
    changed = tmp_path / "changed.json"
    changed.write_text("{}")
    identities = [scorer_named(name).identity() for name in (schema, f"json-schema:{copy}", f"json-schema:{changed}")]
    assert identities[0] == identities[1] != identities[2]


@pytest.mark.parametrize("content", ['{"type": "strin"}', "{", None, "\xff"])
def test_a_schema_that_is_none_is_refused(tmp_path: Path, content: str | None) -> None:
    """A missing file, broken JSON, wrong encoding and an invalid schema are each one line that names the file."""
    path = tmp_path / "schema.json"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InvalidInput) as caught:
        scorer_named(f"json-schema:{path}")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


# Functions


def same(gold: Case, pred: str, trace: object = None) -> bool:
    return pred == gold.expected


def needs_trace(gold: Case, pred: str, trace: object) -> float:
    return 0.25


def with_feedback(gold: Case, pred: str, trace: object = None) -> dict[str, object]:
    return {"score": 0.5, "feedback": "half way"}


class Prediction:
    """What some optimizers' metrics return."""

    score, feedback = 0.75, "nearly"


class Threshold:
    """A metric that is an object with a state."""

    def __init__(self, least: float) -> None:
        self.least = least

    def __call__(self, gold: Case, pred: str, trace: object = None) -> bool:
        return len(pred) >= self.least


def scaled(factor: float) -> Callable[..., float]:
    return lambda gold, pred, trace=None: factor


@pytest.mark.parametrize(
    ("function", "score"),
    [
        (same, Score(1.0)),
        (needs_trace, Score(0.25)),
        (with_feedback, Score(0.5, "half way")),
        (lambda gold, pred, trace=None: Prediction(), Score(0.75, "nearly")),
        (lambda gold, pred: 1, Score(1.0)),
        (lambda gold, pred, trace, pred_name, pred_trace: Score(0.1, "x"), Score(0.1, "x")),
        (Threshold(3), Score(1.0)),
        (functools.partial(scaled(0.5)), Score(0.5)),
    ],
)
def test_a_metric_may_be_any_function_of_case_and_answer(function: Callable[..., Any], score: Score) -> None:
    """Numbers, booleans, mappings, objects with a score and Scores are all understood, with or without a trace."""
    assert _score(Metric(function), "right", "right") == score


def test_a_metric_may_wait() -> None:
    """An asynchronous metric gives an awaitable of its score."""

    async def slow(gold: Case, pred: str, trace: object = None) -> float:
        await asyncio.sleep(0)
        return 0.5

    async def wait() -> Score:
        scored = score_output(Metric(slow), _case("x"), "y")
        assert not isinstance(scored, Score)
        return await scored

    assert asyncio.run(wait()) == Score(0.5)


def _explodes(gold: Case, pred: str) -> float:
    raise KeyError("intent")


async def _explodes_later(gold: Case, pred: str) -> float:
    raise KeyError("intent")


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (_explodes, "KeyError: 'intent'"),
        (_explodes_later, "KeyError: 'intent'"),
        (lambda gold, pred: float("nan"), "nan is no score; scores lie between 0 and 1"),
        (lambda gold, pred: 100, "100.0 is no score; scores lie between 0 and 1"),
        (lambda gold, pred: None, "it returned a NoneType, not a number"),
        (lambda gold, pred: "0.5", "it returned a str, not a number"),
        (lambda gold, pred: {"value": 1}, "it returned a mapping with ['value'] and no 'score'"),
    ],
)
def test_a_metric_that_fails_is_named_with_the_line(function: Callable[..., Any], problem: str) -> None:
    """A metric that raises, or returns what is no score, is an error naming it and the line of the case, not a 0."""

    async def wait() -> None:
        scored = score_output(Metric(function, "python:mine:metric"), _case("x"), "y")
        if not isinstance(scored, Score):
            await scored

    with pytest.raises(InvalidInput) as caught:
        asyncio.run(wait())
    assert str(caught.value) == f"scorer 'python:mine:metric' failed on the case on line 12: {problem}"


def test_a_model_that_fails_inside_a_metric_stays_a_missing_score() -> None:
    """A metric that asks a model which is unavailable passes that on, so that it is tried again."""

    def asks(gold: Case, pred: str) -> float:
        raise ModelUnavailable("busy")

    with pytest.raises(ModelUnavailable, match="busy"):
        _score(Metric(asks), "x", "y")


def test_metrics_are_told_apart_by_source_and_by_what_they_hold(tmp_path: Path) -> None:
    """A changed line, another closed-over value, state or bound argument make another scorer; another place does not."""
    (tmp_path / "one.py").write_text("def metric(gold, pred, trace=None):\n    return 1.0\n")
    (tmp_path / "two.py").write_text("def metric(gold, pred, trace=None):\n    return 0.5\n")
    (tmp_path / "copy.py").write_text((tmp_path / "one.py").read_text())
    one, two, copy = (scorer_named(f"python:{tmp_path / name}.py:metric").identity() for name in ("one", "two", "copy"))
    assert one == copy != two
    assert Metric(scaled(0.1)).identity() == Metric(scaled(0.1)).identity() != Metric(scaled(0.2)).identity()
    assert Metric(Threshold(1)).identity() != Metric(Threshold(2)).identity()
    bound = [Metric(functools.partial(needs_trace, trace=value)).identity() for value in (1, 2)]
    assert bound[0] != bound[1]


def test_a_metric_that_cannot_be_told_apart_needs_a_version() -> None:
    """A metric that closes over what is no JSON is refused unless its version is given, which then tells it apart."""
    held = object()

    def metric(gold: Case, pred: str) -> float:
        return float(held is not None)

    with pytest.raises(InvalidInput, match="give it a version"):
        Metric(metric)
    assert Metric(metric, version="1").identity() != Metric(metric, version="2").identity()


def test_a_metric_loads_by_module_and_name() -> None:
    """A function of two arguments in any module that can be imported makes a scorer of that name."""
    assert scorer_named("python:fnmatch:fnmatch").name == "python:fnmatch:fnmatch"


def test_compiled_code_needs_a_version() -> None:
    """A function without source cannot be told from its next release, so it is refused by name alone."""
    with pytest.raises(InvalidInput, match="give it a version"):
        scorer_named("python:math:isclose")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere.to.be.found:metric", "nowhere.to.be.found cannot be loaded: ModuleNotFoundError"),
        ("missing.py:metric", "missing.py cannot be loaded: FileNotFoundError"),
        ("broken.py:metric", "SyntaxError"),
        ("fine.py:metrics", "has no function 'metrics'; its functions are: metric"),
        ("fine.py", "names no function; write python:module:function"),
        ("fine.py:needs_four", "takes (a, b, c, d); write it as metric(gold, pred, trace=None)"),
    ],
)
def test_a_metric_that_cannot_be_loaded_is_one_clear_line(tmp_path: Path, target: str, message: str) -> None:
    """A missing module, file or function, broken code and the wrong arguments are each told with the way out."""
    (tmp_path / "broken.py").write_text("def metric(:\n")
    (tmp_path / "fine.py").write_text("def metric(g, p, t=None): return 1\nneeds_four = lambda a, b, c, d: 1\n")
    place = f"{tmp_path}/{target}" if ".py" in target else target
    with pytest.raises(InvalidInput) as caught:
        scorer_named(f"python:{place}")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# By name, and before anything is paid for


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("exakt", "scorer 'exakt' is not known; did you mean 'exact'? there are exact, normalised, contains, regex,"),
        ("", "scorer '' is not known; there are exact"),
        ("regex:", "ends in a colon"),
        ("json-schema", "needs a setting, such as 'json-schema:answer.schema.json'"),
        ("python", "needs a setting, such as 'python:metrics:score'"),
        ("judge", "needs a setting"),
        ("judge:Be kind.", "a judge needs a model to ask"),
    ],
)
def test_a_name_that_makes_no_scorer_lists_what_there_is(name: str, message: str) -> None:
    """An unknown name is answered with the nearest and with all names, a missing setting with an example."""
    with pytest.raises(InvalidInput) as caught:
        scorer_named(name)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "name", ["exact", "normalised", "contains", "regex", "regex-full", "regex:a:b", "numeric", "numeric:0.5"]
)
def test_a_scorer_knows_its_name(name: str) -> None:
    """The name of a scorer makes the same scorer again."""
    assert scorer_named(name).name == name
    assert scorer_named(scorer_named(name).name) == scorer_named(name)


def test_identities_are_json_and_all_different() -> None:
    """Every scorer's identity can be a key, and no two scorers share one."""
    names = ["exact", "normalised", "contains", "regex", "regex-full", "regex:a", "numeric", "numeric:1", "numeric:1%"]
    scorers = [*map(scorer_named, names), scorer_named("judge:Kind.", judge_model="m"), Metric(same)]
    assert len({canonical_json(scorer.identity()) for scorer in scorers}) == len(scorers)


def test_a_judges_rubric_may_stand_in_a_file(tmp_path: Path) -> None:
    """A rubric named as a Markdown file is read from it."""
    (tmp_path / "rubric.md").write_text("Kind and short.")
    by_file = scorer_named(f"judge:{tmp_path}/rubric.md", judge_model="m")
    assert by_file == scorer_named("judge:Kind and short.", judge_model="m")


@pytest.mark.parametrize(
    ("name", "expected", "problem"),
    [
        ("exact", None, "it has no expected answer"),
        ("regex", "(", "is not a pattern"),
        ("numeric", "many", "holds 0 numbers; give exactly one"),
        ("numeric", "3 or 4", "holds 2 numbers; give exactly one"),
    ],
)
def test_a_case_that_cannot_be_scored_is_found_beforehand(name: str, expected: str | None, problem: str) -> None:
    """A case that no answer could satisfy is told by its line before an answer is paid for."""
    with pytest.raises(InvalidInput, match="cannot score the case on line 12") as caught:
        check_cases(scorer_named(name), [_case(expected)])
    assert problem in str(caught.value)


def test_cases_without_an_expected_answer_suit_what_needs_none(schema: str) -> None:
    """A schema, a fixed pattern, a judge and a function do not ask for an expected answer."""
    for name in (schema, "regex:a", "judge:Kind."):
        check_cases(scorer_named(name, judge_model="m"), [_case(None)])
    check_cases(Metric(same), [_case(None)])
    assert (Exact().name, Normalised().name) == ("exact", "normalised")


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_what_lies_outside_0_to_1_is_no_score(value: float) -> None:
    """A score outside its range cannot be made."""
    with pytest.raises(InvalidInput, match="no score"):
        Score(value)
