"""Means, gains, their intervals, and what may be concluded from them."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_1samp, ttest_rel

from stemma.core.errors import InvalidInput
from stemma.evaluate.comparison import Comparison, compare, estimate, verdict
from stemma.evaluate.intervals import mcnemar, student, tango, wilson

SCORES = st.lists(st.tuples(*[st.none() | st.sampled_from([0.0, 1.0])] * 2), max_size=60)
GRADED = st.lists(st.tuples(*[st.none() | st.floats(0, 1)] * 2), max_size=40)


@pytest.mark.parametrize(
    ("wins", "losses", "n", "published"),
    [
        # Fagerland, Lydersen and Laake 2014: airway hyper-responsiveness (Bentur et al. 2009), and complete response
        # before and after consolidation therapy (Cavo et al. 2012).
        (1, 7, 21, (-0.517, -0.026)),
        (6, 16, 161, (-0.124, -0.005)),
    ],
)
def test_tangos_interval_equals_published_examples(
    wins: int, losses: int, n: int, published: tuple[float, float]
) -> None:
    """The interval of a paired difference is the published one, to the published digits."""
    assert tango(wins, losses, n) == pytest.approx(published, abs=5e-4)


def test_tangos_interval_without_differing_cases_is_closed_form() -> None:
    """Where no case differs the limits are those of solving the score equation by hand: z^2 / (n + z^2)."""
    z2 = 1.959963984540054**2
    assert tango(0, 0, 54) == pytest.approx((-z2 / (54 + z2), z2 / (54 + z2)), abs=1e-12)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_tangos_interval_holds_the_difference_and_mirrors(wins: int, losses: int, ties: int) -> None:
    """It always holds the observed difference, stays within -1 and 1, and turns round when the sides change places."""
    n = wins + losses + ties
    if n == 0:
        return
    low, high = tango(wins, losses, n)
    assert -1 <= low <= (wins - losses) / n <= high <= 1
    assert tango(losses, wins, n) == pytest.approx((-high, -low), abs=1e-9)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_exact_binomial_test(wins: int, losses: int) -> None:
    """The p-value equals the two-sided binomial test of wins among differing cases."""
    expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert mcnemar(wins, losses) == pytest.approx(expected, rel=1e-9)


@given(st.integers(0, 200), st.integers(0, 200))
def test_wilson_is_scipys(successes: int, failures: int) -> None:
    """The interval of a proportion equals SciPy's implementation of Wilson's."""
    n = successes + failures
    if n == 0:
        return
    reference = binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson(successes, n) == pytest.approx((reference.low, reference.high), abs=1e-12)


@given(st.lists(st.integers(0, 100).map(lambda percent: percent / 100), min_size=2, max_size=30))
def test_graded_estimates_are_students(values: list[float]) -> None:
    """Graded scores that differ get SciPy's t interval, cut to what scores can be."""
    if min(values) == max(values):
        return
    reference = ttest_1samp(values, 0).confidence_interval()
    assert student(values, bounds=(0, 1)) == pytest.approx((max(0, reference.low), min(1, reference.high)), abs=1e-9)


def test_equal_graded_scores_leave_doubt() -> None:
    """Scores that are all 0.8 do not give an interval without width, and more of them give a narrower one."""
    few, many = estimate([0.8] * 10).ci95, estimate([0.8] * 100).ci95
    assert few[0] < many[0] < 0.8 < many[1] < few[1]
    assert many == pytest.approx((0.8 - 0.8 * (1 - 0.025**0.01), 0.8 + 0.2 * (1 - 0.025**0.01)))


@pytest.mark.parametrize("n", [50, 100, 200])
def test_wilsons_interval_covers_the_truth(n: int) -> None:
    """Summed over every possible result, the interval holds the truth in at least 93 % of samples, 95 % on average."""
    intervals = [wilson(successes, n) for successes in range(n + 1)]
    coverage = []
    for percent in range(5, 96):
        truth = percent / 100
        weights = [math.comb(n, k) * truth**k * (1 - truth) ** (n - k) for k in range(n + 1)]
        coverage.append(sum(w for w, (low, high) in zip(weights, intervals, strict=True) if low <= truth <= high))
    assert min(coverage) >= 0.93
    assert sum(coverage) / len(coverage) == pytest.approx(0.95, abs=0.005)


@pytest.mark.parametrize("n", [30, 50])
def test_tangos_interval_covers_the_truth(n: int) -> None:
    """Summed over every possible pair of wins and losses, the interval holds the truth in at least 93 % of samples."""
    intervals = {(won, lost): tango(won, lost, n) for won in range(n + 1) for lost in range(n + 1 - won)}
    for win, loss in [(0.1, 0.1), (0.3, 0.1), (0.2, 0.05), (0.05, 0.05), (0.4, 0.3), (0.15, 0.02), (0.02, 0.02)]:
        covered = sum(
            math.comb(n, won) * math.comb(n - won, lost) * win**won * loss**lost * (1 - win - loss) ** (n - won - lost)
            for (won, lost), (low, high) in intervals.items()
            if low <= win - loss <= high
        )
        assert covered >= 0.93, (win, loss)


def test_students_interval_covers_the_truth_of_graded_gains() -> None:
    """In 1,000 seeded samples of 40 pairs of graded scores, the interval holds the true gain at least 930 times."""
    draw = random.Random(20260101)
    levels, before, after = [0, 0.25, 0.5, 0.75, 1], [3, 3, 4, 6, 4], [1, 2, 3, 6, 8]
    truth = sum(level * (a - b) for level, a, b in zip(levels, after, before, strict=True)) / 20
    covered = 0
    for _ in range(1000):
        low, high = compare(draw.choices(levels, before, k=40), draw.choices(levels, after, k=40)).ci95
        covered += low <= truth <= high
    assert covered >= 930


def test_missing_scores_are_left_out_and_counted() -> None:
    """A missing score is neither 0 nor forgotten: the mean is over the rest, and the count says how many are gone."""
    found = estimate([1.0, None, 0.0, 1.0, None])
    assert (found.mean, found.n, found.missing) == (2 / 3, 3, 2)


def test_no_score_at_all_is_no_mean() -> None:
    """Without a single score the mean is unknown and the interval is everything that is possible."""
    assert estimate([None, None]).to_json() == {"mean": None, "ci95": [0.0, 1.0], "n": 0, "missing": 2}
    nothing = compare([None, 1.0], [1.0, None])
    assert (nothing.n, nothing.gain, nothing.ci95, nothing.missing) == (0, None, (-1.0, 1.0), 2)


@given(SCORES | GRADED)
def test_a_comparison_adds_up(pairs: list[tuple[float | None, float | None]]) -> None:
    """Wins, losses, ties and missing make up all pairs; the gain is the means' difference, inside its interval."""
    found = compare([before for before, _ in pairs], [after for _, after in pairs])
    assert found.wins + found.losses + found.ties == found.n
    assert found.n + found.missing == len(pairs)
    assert 0 <= found.p_value <= 1
    if found.gain is not None and found.baseline is not None and found.candidate is not None:
        assert found.gain == pytest.approx(found.candidate - found.baseline, abs=1e-9)
        assert found.ci95[0] - 1e-12 <= found.gain <= found.ci95[1] + 1e-12


def test_pairs_are_compared_not_means() -> None:
    """Two prompts with the same means but different cases right differ in wins and losses, not in gain."""
    found = compare([1, 0, 1, 0], [0, 1, 0, 1])
    assert (found.gain, found.wins, found.losses) == (0, 2, 2)


def test_graded_pairs_get_the_paired_t_test() -> None:
    """When scores are graded the p-value is SciPy's paired t-test."""
    before, after = [0.1, 0.4, 0.5, 0.9, 0.3], [0.3, 0.4, 0.8, 0.8, 0.6]
    assert compare(before, after).p_value == pytest.approx(ttest_rel(after, before).pvalue)


def test_unpaired_scores_are_refused() -> None:
    """Sequences of different length cannot be the same cases, so they are refused."""
    with pytest.raises(InvalidInput, match="same cases"):
        compare([1.0], [1.0, 0.0])


@pytest.mark.parametrize("score", [1.5, -0.1, float("nan")])
def test_what_is_no_score_is_refused(score: float) -> None:
    """A value outside 0 to 1 is refused, not averaged."""
    with pytest.raises(InvalidInput, match="no score"):
        estimate([score])


def _with(low: float, high: float, *, n: int = 100, missing: int = 0) -> Comparison:
    return Comparison(n, 0.5, 0.5, (low + high) / 2, (low, high), 0.5, 0, 0, n, missing)


@pytest.mark.parametrize(
    ("low", "high", "outcome"), [(0.01, 0.1, "PASS"), (-0.1, -0.01, "FAIL"), (-0.01, 0.1, "INCONCLUSIVE")]
)
def test_superiority_asks_whether_the_interval_clears_zero(low: float, high: float, outcome: str) -> None:
    """Without options, an interval above 0 passes, one below fails, and one around it decides nothing."""
    assert verdict(_with(low, high)).outcome == outcome


def test_a_margin_of_gain_can_be_asked_for() -> None:
    """A gain that is real but below the margin fails; above the margin it passes."""
    assert verdict(_with(0.01, 0.04), min_gain=0.05).outcome == "FAIL"
    assert verdict(_with(0.06, 0.09), min_gain=0.05).outcome == "PASS"


def test_non_inferiority_lets_a_small_loss_pass() -> None:
    """With a tolerated loss, an interval above minus that loss passes although it holds 0."""
    assert verdict(_with(-0.01, 0.03), max_loss=0.02).outcome == "PASS"
    assert verdict(_with(-0.03, 0.03), max_loss=0.02).outcome == "INCONCLUSIVE"
    assert verdict(_with(-0.09, -0.03), max_loss=0.02).outcome == "FAIL"


def test_too_little_data_decides_nothing() -> None:
    """Few pairs, or many missing ones, are inconclusive however good the interval looks, and both reasons are given."""
    found = verdict(_with(0.2, 0.4, n=10, missing=10))
    assert found.outcome == "INCONCLUSIVE"
    assert found.reasons == (
        "10 complete pairs are too few to decide; 30 are asked for",
        "10 of 20 pairs are missing (50.0%), more than the 5.0% allowed",
    )


def test_no_data_decides_nothing() -> None:
    """Without a single pair the verdict is inconclusive, not an error and not a pass."""
    assert verdict(compare([], [])).outcome == "INCONCLUSIVE"


def test_the_same_prompt_never_passes_as_better() -> None:
    """A candidate with exactly the baseline's scores is inconclusive, however many cases there are."""
    scores = [float(place % 3 > 0) for place in range(3000)]
    assert verdict(compare(scores, scores)).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(
    "options",
    [{"min_gain": 0.1, "max_loss": 0.1}, {"min_gain": 2.0}, {"max_loss": -0.1}, {"min_n": 0}, {"max_missing": 2}],
)
def test_margins_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    """Both questions at once, and limits that no data could meet or miss, are refused."""
    with pytest.raises(InvalidInput):
        verdict(_with(0, 1), **options)  # type: ignore[arg-type]
