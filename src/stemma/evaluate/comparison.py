"""What scores say and do not say: one prompt's mean, the gain of one over another on the same cases, and a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal, TypeAlias

from stemma.core.errors import InvalidInput
from stemma.evaluate.intervals import Interval, mcnemar, student, student_test, tango, wilson

Scores: TypeAlias = Sequence[float | None]
"""One score from 0 to 1 for each case, in the order of the data set; None where the score is missing."""

Outcome: TypeAlias = Literal["PASS", "FAIL", "INCONCLUSIVE"]
"""PASS: shown to hold. FAIL: shown not to hold. INCONCLUSIVE: the data show neither, which never counts as a pass."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean of `n` scores with its 95 % interval; `missing` scores are left out. Without a score, `mean` is None."""

    mean: float | None
    ci95: Interval
    n: int
    missing: int

    def to_json(self) -> dict[str, Any]:
        return {"mean": self.mean, "ci95": list(self.ci95), "n": self.n, "missing": self.missing}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two prompts on the same cases: `gain` is the candidate's mean less the baseline's, over the `n` complete pairs.

    `wins`, `losses` and `ties` count pairs from the candidate's side; `missing` counts pairs left out because either
    score is missing. `p_value` is two-sided, against a gain of 0. Without a complete pair means and gain are None.
    """

    n: int
    baseline: float | None
    candidate: float | None
    gain: float | None
    ci95: Interval
    p_value: float
    wins: int
    losses: int
    ties: int
    missing: int

    def to_json(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "baseline": self.baseline,
            "candidate": self.candidate,
            "gain": self.gain,
            "ci95": list(self.ci95),
            "p_value": self.p_value,
            "wins": self.wins,
            "losses": self.losses,
            "ties": self.ties,
            "missing": self.missing,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome and the reasons for it, one sentence each."""

    outcome: Outcome
    reasons: tuple[str, ...]


def estimate(scores: Scores) -> Estimate:
    """The mean of the scores that there are. Scores of 0 and 1 get Wilson's interval, graded ones Student's.

    >>> estimate([1, 1, 0, None]).n
    3
    """
    present = [_checked(score) for score in scores if score is not None]
    missing = len(scores) - len(present)
    if not present:
        return Estimate(None, (0.0, 1.0), 0, missing)
    if _are_binary(present):
        interval = wilson(int(sum(present)), len(present))
    else:
        interval = student(present, bounds=(0.0, 1.0))
    return Estimate(fmean(present), interval, len(present), missing)


def compare(baseline: Scores, candidate: Scores) -> Comparison:
    """The candidate against the baseline, pair by pair: the same place in both is the same case.

    Scores of 0 and 1 get Tango's interval and McNemar's exact test; when either side is graded, the differences get
    Student's interval and paired t-test. The two differ a little in kind: an interval of 0 and 1 scores may just
    exclude 0 while the exact test, which is the more careful one, stays just above 0.05.

    Raises InvalidInput for sequences of different length.

    >>> compare([0, 0, 1, None], [1, 1, 1, 1]).gain == 2 / 3
    True
    """
    if len(baseline) != len(candidate):
        raise InvalidInput(
            f"{len(baseline)} baseline scores cannot be paired with {len(candidate)} candidate scores; score both "
            "prompts on the same cases"
        )
    pairs = [
        (_checked(before), _checked(after))
        for before, after in zip(baseline, candidate, strict=True)
        if before is not None and after is not None
    ]
    n, missing = len(pairs), len(baseline) - len(pairs)
    if not pairs:
        return Comparison(0, None, None, None, (-1.0, 1.0), 1.0, 0, 0, 0, missing)
    differences = [after - before for before, after in pairs]
    wins = sum(difference > 0 for difference in differences)
    losses = sum(difference < 0 for difference in differences)
    if all(_are_binary(pair) for pair in pairs):
        interval, p_value = tango(wins, losses, n), mcnemar(wins, losses)
    else:
        interval, p_value = student(differences, bounds=(-1.0, 1.0)), student_test(differences)
    return Comparison(
        n=n,
        baseline=fmean(before for before, _ in pairs),
        candidate=fmean(after for _, after in pairs),
        gain=fmean(differences),
        ci95=interval,
        p_value=p_value,
        wins=wins,
        losses=losses,
        ties=n - wins - losses,
        missing=missing,
    )


def verdict(
    comparison: Comparison,
    *,
    min_gain: float = 0.0,
    max_loss: float | None = None,
    min_n: int = 30,
    max_missing: float = 0.05,
) -> Verdict:
    """Whether the candidate is shown to be good enough, at the 95 % interval of the gain.

    Two questions can be asked. *Superiority*, the default: is the gain above `min_gain`? *Non-inferiority*, with
    `max_loss`: is the loss, if any, below `max_loss`, for a candidate that is wanted for another reason, such as its
    price? Either way PASS means that the whole interval lies above the margin, FAIL that all of it lies below, and
    INCONCLUSIVE that it holds the margin, or that there are fewer than `min_n` pairs, or that more than a share of
    `max_missing` of the pairs is missing, since cases do not go missing at random. As one side of a 95 % interval
    decides, a candidate no better than the margin passes in 2.5 % of the tries (ICH E9, section 3.3.2).

    Raises InvalidInput for both questions at once, and for margins and limits that make no sense.
    """
    _check_margins(min_gain, max_loss, min_n, max_missing)
    total = comparison.n + comparison.missing
    doubts = []
    if comparison.n < min_n:
        doubts.append(f"{comparison.n} complete pairs are too few to decide; {min_n} are asked for")
    if comparison.missing > max_missing * total:
        doubts.append(
            f"{comparison.missing} of {total} pairs are missing ({comparison.missing / total:.1%}), "
            f"more than the {max_missing:.1%} allowed"
        )
    if doubts:
        return Verdict("INCONCLUSIVE", tuple(doubts))
    margin = min_gain if max_loss is None else -max_loss
    low, high = comparison.ci95
    seen = f"the 95 % interval of the gain, {low:+.3f} to {high:+.3f},"
    if low > margin:
        return Verdict("PASS", (f"{seen} lies above the margin of {margin:+.3f}",))
    if high < margin:
        return Verdict("FAIL", (f"{seen} lies below the margin of {margin:+.3f}",))
    return Verdict("INCONCLUSIVE", (f"{seen} holds the margin of {margin:+.3f}; more cases would narrow it",))


def _check_margins(min_gain: float, max_loss: float | None, min_n: int, max_missing: float) -> None:
    if max_loss is not None and min_gain:
        raise InvalidInput(
            f"a gain above {min_gain} and a loss below {max_loss} are two questions; ask for one of min_gain, max_loss"
        )
    if not -1 < min_gain < 1:
        raise InvalidInput(f"min_gain {min_gain!r} can never be told from the scores; give one between -1 and 1")
    if max_loss is not None and not 0 <= max_loss < 1:
        raise InvalidInput(f"max_loss {max_loss!r} is no loss; give one from 0 up to 1")
    if min_n < 1 or not 0 <= max_missing <= 1:
        raise InvalidInput(f"min_n {min_n} is at least 1, and max_missing {max_missing} a share between 0 and 1")


def _checked(score: float) -> float:
    if not 0.0 <= score <= 1.0:
        raise InvalidInput(f"{score!r} is no score; scores lie between 0 and 1, and a missing one is None")
    return score


def _are_binary(scores: Sequence[float]) -> bool:
    return all(score in (0, 1) for score in scores)
