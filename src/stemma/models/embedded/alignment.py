"""How much one likeness should count beside another, told by how well each agrees with the labels of the demonstrations.

Two kernels are weighted so that their sum comes nearest to the ideal kernel, which is 1 for two
demonstrations of one label and 0 for any others: the alignment maximisation (`alignf`) of Cortes, Mohri &
Rostamizadeh (2012), which for two kernels is a least-squares fit with two unknowns. That a demonstration is
like itself says nothing, and with few demonstrations it would be most of what is said, so the kernels are
U-centred (Székely & Rizzo, 2014), which leaves the diagonal out.
"""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

_LARGEST = 4.0
_SINGULAR = 1e-9
_FEWEST = 4  # demonstrations; U-centred, fewer have nothing left to agree on
_DECIMALS = 3  # rounded, since the last bits of a sum depend on the machine


def weight_beside(first: Matrix, second: Matrix, owners: NDArray[np.intp]) -> float:
    """The weight of kernel `second` where that of kernel `first` is 1; `owners` holds each demonstration's label.

    It is 0 where the second kernel says nothing about the labels that the first does not, and at most 4.

    >>> owners = np.array([0, 0, 1, 1, 2])
    >>> told = np.equal.outer(owners, owners) * 1.0
    >>> untold = np.equal.outer(owners, owners[::-1]) * 1.0
    >>> weight_beside(told, untold, owners), weight_beside(untold, told, owners)
    (0.0, 4.0)
    """
    if len(owners) < _FEWEST or len(np.unique(owners)) == 1:
        return 0.0
    first, second, ideal = map(_centred, (first, second, np.equal.outer(owners, owners).astype(np.float64)))
    own, other, shared = (first * first).sum(), (second * second).sum(), (first * second).sum()
    rank = own * other - shared**2
    if rank <= _SINGULAR * own * other:
        return 0.0
    to_first, to_second = (first * ideal).sum(), (second * ideal).sum()
    one = (to_first * other - to_second * shared) / rank
    two = (to_second * own - to_first * shared) / rank
    if two <= 0:
        return 0.0
    return round(float(min(_LARGEST, two / one if one > 0 else _LARGEST)), _DECIMALS)


def _centred(kernel: Matrix) -> Matrix:
    """`kernel` with a diagonal of zeros, and rows and columns that sum to zero."""
    count = len(kernel)
    bare = kernel.copy()
    np.fill_diagonal(bare, 0.0)
    sums = bare.sum(axis=0) / (count - 2)
    centred = bare - sums - sums[:, None] + bare.sum() / ((count - 1) * (count - 2))
    np.fill_diagonal(centred, 0.0)
    return np.asarray(centred)
