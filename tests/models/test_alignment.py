"""Weighing one likeness beside another by the labels of the demonstrations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.models.embedded.alignment import weight_beside

OWNERS = np.repeat(np.arange(3), 4)
TOLD = np.equal.outer(OWNERS, OWNERS).astype(np.float64)


def kernel(seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(len(OWNERS), 30))
    return np.asarray(rows @ rows.T / 30)


def test_what_goes_with_the_labels_counts_and_what_does_not_is_left_out() -> None:
    """A kernel that knows the labels gets all the weight there is beside one that does not, and the other way none."""
    assert weight_beside(kernel(0), TOLD + 0.1 * kernel(1), OWNERS) == 4.0
    assert weight_beside(TOLD, kernel(0), OWNERS) < 0.1


def test_the_order_does_not_matter() -> None:
    """Beside each other two kernels weigh the inverse of what they weigh the other way round."""
    first, second = (TOLD + 0.2 * kernel(seed) for seed in (0, 1))
    assert weight_beside(first, second, OWNERS) * weight_beside(second, first, OWNERS) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("owners", [[], [0], [0, 0, 1], [0, 1, 2, 3, 4], [0, 0, 0, 0, 0]])
def test_labels_that_say_nothing_of_pairs_give_no_weight(owners: list[int]) -> None:
    """With too few demonstrations, one a label, or one label for all, the second kernel is left out."""
    count = len(owners)
    first, second = kernel(0)[:count, :count], kernel(1)[:count, :count]
    assert weight_beside(first, second, np.array(owners, np.intp)) == 0.0


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
def test_the_weight_is_bounded_and_follows_the_scale(seed: int, scale: float) -> None:
    """It lies between 0 and 4; short of that, a kernel written in smaller numbers gets a weight as much larger."""
    first, second = TOLD + kernel(seed), TOLD + kernel(seed + 1)
    weight = weight_beside(first, second, OWNERS)
    assert 0.0 <= weight <= 4.0
    assert 0.0 <= weight_beside(first, scale * second, OWNERS) <= 4.0
    if weight < 4.0:
        assert weight_beside(first, scale * second, OWNERS) == pytest.approx(min(4.0, weight / scale), abs=0.02)
