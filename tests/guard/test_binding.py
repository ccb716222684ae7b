"""What an approval is for."""

import pytest

from stemma.core.trust import INTERNAL, UNTRUSTED
from stemma.guard.binding import binding

ARGUMENTS = {"iban": "DE1", "amount": 5}
LABELS = {"iban": UNTRUSTED, "amount": INTERNAL}
BOUND = binding("pay", ARGUMENTS, LABELS, version="v1", expires="2026-12-01T00:00:00Z")


def test_the_same_call_is_bound_alike_however_it_is_written() -> None:
    """The order of arguments and labels means nothing."""
    assert (
        binding(
            "pay",
            dict(reversed(ARGUMENTS.items())),
            dict(reversed(LABELS.items())),
            version="v1",
            expires="2026-12-01T00:00:00Z",
        )
        == BOUND
    )


@pytest.mark.parametrize(
    "other",
    [
        binding("pay2", ARGUMENTS, LABELS, version="v1", expires="2026-12-01T00:00:00Z"),
        binding("pay", ARGUMENTS | {"amount": 5.5}, LABELS, version="v1", expires="2026-12-01T00:00:00Z"),
        binding("pay", ARGUMENTS | {"more": None}, LABELS, version="v1", expires="2026-12-01T00:00:00Z"),
        binding("pay", ARGUMENTS, LABELS | {"iban": INTERNAL}, version="v1", expires="2026-12-01T00:00:00Z"),
        binding("pay", ARGUMENTS, LABELS, version="v2", expires="2026-12-01T00:00:00Z"),
        binding("pay", ARGUMENTS, LABELS, version="v1", expires="2026-12-01T00:00:01Z"),
        binding("pay", ARGUMENTS, LABELS, version="v1", expires="2026-12-01T00:00:00Z", reveals=["iban"]),
    ],
)
def test_any_other_call_is_another(other: str) -> None:
    """Another tool, argument, label, policy, time or text to be told is not what was approved."""
    assert other != BOUND
