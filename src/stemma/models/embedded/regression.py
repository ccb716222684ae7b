"""Kernel multinomial logistic regression with an offset, in the few steps that a prompt's demonstrations need.

Minimises, over coefficients A (demonstration by label), the cross-entropy of softmax(offset + K A) plus
ridge / 2 x trace(A' K A). Each step minimises the quadratic bound of Böhning (1992), whose curvature is the
same at every point and so is inverted once; Nesterov's momentum makes few steps enough.
"""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def softmax(logits: Matrix) -> Matrix:
    """Each row as probabilities."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fit(kernel: Matrix, offset: Matrix, targets: Matrix, *, ridge: float, steps: int) -> Matrix:
    """The coefficients A; `targets` holds one-hot rows. Deterministic: a fixed number of steps from zero."""
    count = len(kernel)
    inverse = np.linalg.inv(0.5 * kernel + ridge * np.eye(count))
    coefficients = ahead = np.zeros_like(targets)
    momentum = 1.0
    for _ in range(steps):
        excess = softmax(offset + kernel @ ahead) - targets + ridge * ahead
        previous, coefficients = coefficients, ahead - inverse @ excess
        following = (1.0 + np.sqrt(1.0 + 4.0 * momentum * momentum)) / 2.0
        ahead = coefficients + (momentum - 1.0) / following * (coefficients - previous)
        momentum = following
    return np.asarray(coefficients)
