"""Answers that are numbers, compared within a tolerance."""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from stemma.core.errors import InvalidInput
from stemma.evaluate.answers import shown
from stemma.evaluate.data import Case
from stemma.evaluate.scoring import RIGHT, Ask, Score, expected_of, wrong

# A sign counts in front of a number alone: between words or digits, as in 2020-21, it is a hyphen.
_NUMBER = re.compile(
    r"""(?P<sign>(?<![\w.)])[-+\u2212])? [$€£¥]?
        (?P<number> (?: \d{1,3}(?:[,'’\u00a0\u202f]\d{3})+(?!\d) | \d+ ) (?:\.\d+)? (?:[eE][-+]?\d{1,3}(?!\w))?
                  | (?<!\d)\.\d+ )""",
    re.VERBOSE,
)
_SEPARATORS = str.maketrans("", "", ",'’\u00a0\u202f")


@dataclass(frozen=True)
class Numeric:
    """1 when the last number in the answer is the expected one, within the larger of the two tolerances.

    `absolute` is in the number's own unit, `relative` a fraction of the expected number; arithmetic is decimal, so
    0.3 and 0.31 do differ by 0.01. Numbers are read as English writes them: ``1,234.5``, ``1'234``, ``-.5``,
    ``6.02e23``; currency and percent signs are passed over. The last number counts, as whoever reasons puts the
    result at the end.
    """

    absolute: Decimal = Decimal(0)
    relative: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if not (0 <= self.absolute < Decimal("Infinity") and 0 <= self.relative < Decimal("Infinity")):
            raise InvalidInput(f"{self.name!r} has no usable tolerance; give a number of at least 0")

    @classmethod
    def within(cls, tolerance: str | None) -> "Numeric":
        """The scorer for a tolerance as text: ``0.01`` is absolute, ``1%`` relative, nothing is none."""
        try:
            if tolerance is not None and tolerance.endswith("%"):
                return cls(relative=Decimal(tolerance[:-1]) / 100)
            return cls(absolute=Decimal(tolerance or 0))
        except InvalidOperation as error:
            raise InvalidInput(
                f"{tolerance!r} is no tolerance; write a number such as 0.01, or a share such as 1%"
            ) from error

    @property
    def name(self) -> str:
        if self.relative:
            return f"numeric:{self.relative * 100:f}%"
        return f"numeric:{self.absolute:f}" if self.absolute else "numeric"

    def identity(self) -> dict[str, Any]:
        return {"kind": "numeric", "absolute": str(self.absolute), "relative": str(self.relative)}

    def check(self, case: Case) -> None:
        _wanted(case)

    def score(self, case: Case, output: str, ask: Ask | None = None) -> Score:
        wanted = _wanted(case)
        found = numbers_in(output)
        if not found:
            return wrong(f"expected the number {wanted}", output)
        if abs(found[-1] - wanted) <= max(self.absolute, self.relative * abs(wanted)):
            return RIGHT
        return wrong(f"expected the number {wanted}, read {found[-1]}", output)


def numbers_in(text: str) -> list[Decimal]:
    """Every number in `text`, in order.

    >>> [str(number) for number in numbers_in("In 2020-21 it fell from $1,234.50 to -3e2.")]
    ['2020', '21', '1234.50', '-3E+2']
    """
    return [
        Decimal(found["number"].translate(_SEPARATORS)) * (-1 if found["sign"] in ("-", "\u2212") else 1)
        for found in _NUMBER.finditer(text)
    ]


def _wanted(case: Case) -> Decimal:
    expected = expected_of(case)
    found = numbers_in(expected)
    if len(found) != 1:
        raise InvalidInput(f"its expected answer {shown(expected)} holds {len(found)} numbers; give exactly one")
    return found[0]
