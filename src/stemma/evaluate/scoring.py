"""The seam between an answer and its score: what a scorer promises, and what is done when it breaks the promise."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from stemma.core.errors import InvalidInput, StemmaError
from stemma.evaluate.answers import shown
from stemma.evaluate.data import Case

Ask: TypeAlias = Callable[[str, str], Awaitable[str]]
"""Asks a model: system text and user text in, its answer out. Whoever supplies it counts and pays for the calls."""


@dataclass(frozen=True, slots=True)
class Score:
    """How good an answer is, from 0 to 1, and in words why it is not better.

    Raises InvalidInput for a value outside [0, 1], NaN included.
    """

    value: float
    feedback: str | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.value <= 1.0:
            raise InvalidInput(f"{self.value!r} is no score; scores lie between 0 and 1")


RIGHT = Score(1.0)


class Scorer(Protocol):
    """Turns an answer into a score. The same case and answer get the same score, unless a model is asked.

    `name` is what `scorer_named` would take, for messages.
    """

    @property
    def name(self) -> str: ...

    def identity(self) -> dict[str, Any]:
        """Everything the score depends on beside case and answer, as JSON: a part of the memo's key."""
        ...

    def check(self, case: Case) -> None:
        """Raises InvalidInput when the case can never be scored, before an answer to it has been paid for."""
        ...

    def score(self, case: Case, output: str, ask: Ask | None = None) -> Score | Awaitable[Score]:
        """The score, at once where no waiting is needed; `ask` is there for scorers that put a question to a model."""
        ...


def check_cases(scorer: Scorer, cases: Iterable[Case]) -> None:
    """Holds every case against the scorer. Raises InvalidInput naming the scorer and the line of the first misfit."""
    for case in cases:
        try:
            scorer.check(case)
        except InvalidInput as error:
            raise InvalidInput(f"scorer {scorer.name!r} cannot score the case on line {case.line}: {error}") from error


def score_output(scorer: Scorer, case: Case, output: str, ask: Ask | None = None) -> Score | Awaitable[Score]:
    """The score of `output`, or an awaitable of it when the scorer has to wait.

    The caller tells them apart with ``isinstance(scored, Score)``: thousands of scores a second then cost no task and
    no turn of the event loop.

    Errors of our own tree that come from asking a model pass through: they mean a missing score. Anything else that
    the scorer raises, and a value that is no score, is InvalidInput naming the scorer and the line of the case.
    """
    try:
        scored = scorer.score(case, output, ask)
    except Exception as error:
        raise _failure(scorer, case, error) from error
    return scored if isinstance(scored, Score) else _awaited(scorer, case, scored)


async def _awaited(scorer: Scorer, case: Case, scored: Awaitable[Score]) -> Score:
    try:
        return await scored
    except Exception as error:
        raise _failure(scorer, case, error) from error


def expected_of(case: Case) -> str:
    """The case's expected answer, for scorers that cannot do without. Raises InvalidInput when it has none."""
    if case.expected is None:
        raise InvalidInput("it has no expected answer; name the column that holds it")
    return case.expected


def wrong(problem: str, output: str) -> Score:
    """A score of 0 that says what was the problem and what was answered."""
    return Score(0.0, f"{problem}; got {shown(output)}")


def _failure(scorer: Scorer, case: Case, error: Exception) -> Exception:
    if isinstance(error, StemmaError) and not isinstance(error, InvalidInput):
        return error
    reason = str(error) if isinstance(error, InvalidInput) else f"{type(error).__name__}: {error}"
    return InvalidInput(f"scorer {scorer.name!r} failed on the case on line {case.line}: {reason}")
