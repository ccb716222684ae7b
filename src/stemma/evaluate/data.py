"""Cases and data sets: what a prompt is evaluated on, read from a file, split without leaks."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from stemma.core.digests import digest
from stemma.core.errors import InvalidData, InvalidInput
from stemma.evaluate.rows import BadRow, Row, read_rows


@dataclass(frozen=True)
class Case:
    """One thing to ask: inputs by name, the expected answer if there is one, the 1-based line it starts on."""

    inputs: Mapping[str, str]
    expected: str | None = None
    line: int = 0

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of inputs and expected answer: the same wherever the case stands."""
        return digest({"inputs": dict(self.inputs), "expected": self.expected})


@dataclass(frozen=True)
class Dataset:
    """Cases in file order, and the rows that could not be used.

    `source` is the file's path, or a name. `problems` are told once, by the data set that was read; its parts
    carry none.
    """

    cases: tuple[Case, ...]
    source: str = "memory"
    input_columns: tuple[str, ...] = ()
    expected_column: str | None = None
    problems: tuple[BadRow, ...] = ()

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the digests of the cases, in order."""
        return digest([case.digest for case in self.cases])

    @property
    def duplicates(self) -> int:
        """How many cases repeat an earlier one exactly."""
        return len(self.cases) - len({case.digest for case in self.cases})

    def labels(self) -> tuple[str, ...]:
        """The distinct expected answers, sorted."""
        return tuple(sorted({case.expected for case in self.cases if case.expected is not None}))

    def split(self, fraction: float, *, seed: int, stratify: bool = True) -> tuple["Dataset", "Dataset"]:
        """`(rest, part)`: `part` holds `fraction` of the cases, and of each expected answer in proportion.

        Proportions are rounded by the largest remainder, so `part` has ``fraction * n`` cases, rounded, and fewer
        only where copies do not fit: cases with equal inputs stay on one side, even when their expected answers
        differ. SHA-256 of the seed and the case decides who goes where, so neither the order of the file nor the
        machine plays a part. Both sides keep file order.

        Raises InvalidInput for a fraction outside (0, 1), and when one side would be empty.
        """
        if not 0 < fraction < 1:
            raise InvalidInput(f"cannot split off {fraction!r} of the cases; give a fraction between 0 and 1")
        size = min(max(int(fraction * len(self) + 0.5), 1), len(self) - 1)
        strata: dict[str | None, list[_Copies]] = {}
        for copies in _copies_together(self.cases, seed):
            strata.setdefault(copies.expected if stratify else None, []).append(copies)
        shares = _shares({label: sum(len(c.places) for c in found) for label, found in strata.items()}, size, seed)
        part = {place for label, found in strata.items() for place in _fill(found, shares[label])}
        if not part or len(part) == len(self):
            raise InvalidInput(
                f"cannot split off {fraction!r} of the {len(self)} cases of {self.source}: one side would be empty, "
                "as cases with equal inputs stay together; give more cases"
            )
        return self._at(place for place in range(len(self)) if place not in part), self._at(sorted(part))

    def sample(self, size: int, *, seed: int) -> "Dataset":
        """`size` cases drawn without replacement, in file order; of one seed, larger samples hold the smaller ones.

        Raises InvalidInput when there are fewer cases than that.
        """
        if not 0 < size <= len(self):
            raise InvalidInput(
                f"cannot draw {size} cases of {self.source}; it has {len(self)}, so draw 1 to {len(self)}"
            )
        seen: Counter[str] = Counter()
        keys = []
        for place, case in enumerate(self.cases):
            seen[case.digest] += 1
            keys.append((_order(seed, f"{case.digest}:{seen[case.digest]}"), place))
        return self._at(sorted(place for _, place in sorted(keys)[:size]))

    def _at(self, places: Iterable[int]) -> "Dataset":
        return replace(self, cases=tuple(self.cases[place] for place in places), problems=())


def read_dataset(
    path: Path | str,
    *,
    inputs: Sequence[str],
    expected: str | None = None,
    limit: int | None = None,
    strict: bool = False,
) -> Dataset:
    """The cases of a ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson`` or ``.parquet`` file, with these columns.

    A bad row (too few or too many fields, invalid JSON, a missing or blank value) is left out and stands in
    `problems` under its line; with `strict` the first one is an error. Reading stops after `limit` good rows.

    Raises InvalidData, naming the file and where it helps the line, when the file cannot be read as a whole, lacks a
    column, or holds no good row; InvalidInput when the columns asked for make no sense; NotConfigured for Parquet
    without the extra.
    """
    path = Path(path)
    names = (inputs,) if isinstance(inputs, str) else tuple(inputs)
    _check_columns(names, expected)
    if limit is not None and limit < 1:
        raise InvalidInput(f"cannot read {limit} rows of {path}; give a limit of at least 1, or none")
    cases: list[Case] = []
    problems: list[BadRow] = []
    for row in read_rows(path, names if expected is None else (*names, expected)):
        if isinstance(row, Row):
            answer = None if expected is None else row.values[-1]
            # zip stops at the inputs; the expected answer, when there is one, stands behind them.
            cases.append(Case(dict(zip(names, row.values, strict=False)), answer, row.line))
            if len(cases) == limit:
                break
        elif strict:
            raise InvalidData(path, row.problem, line=row.line)
        else:
            problems.append(row)
    if not cases:
        if problems:
            raise InvalidData(
                path,
                f"no row can be used ({len(problems)} bad); the first {problems[0].problem}",
                line=problems[0].line,
            )
        raise InvalidData(path, "has a header and no rows; add at least one")
    return Dataset(tuple(cases), str(path), names, expected, tuple(problems))


def _check_columns(inputs: tuple[str, ...], expected: str | None) -> None:
    if not inputs:
        raise InvalidInput("no input column is named; name at least one")
    repeated = [name for name, times in Counter(inputs).items() if times > 1]
    if repeated:
        raise InvalidInput(f"the input column {repeated[0]!r} is named twice; name it once")
    if expected in inputs:
        raise InvalidInput(
            f"{expected!r} is both an input and the expected answer, so the prompt would be shown the answer; "
            "name different columns"
        )


@dataclass(frozen=True, slots=True)
class _Copies:
    """The places of all cases with the same inputs. `order` decides where they go, `expected` their stratum."""

    order: bytes
    expected: str | None
    places: tuple[int, ...]


def _copies_together(cases: Sequence[Case], seed: int) -> list[_Copies]:
    """The cases grouped by equal inputs, in the order of the seed."""
    groups: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for place, case in enumerate(cases):
        groups.setdefault(tuple(sorted(case.inputs.items())), []).append(place)
    found = []
    for places in groups.values():
        # Copies may disagree about the answer; the least digest speaks for them, whichever comes first in the file.
        case = min((cases[place] for place in places), key=lambda case: case.digest)
        found.append(_Copies(_order(seed, case.digest), case.expected, tuple(places)))
    return sorted(found, key=lambda copies: copies.order)


def _shares(sizes: Mapping[str | None, int], size: int, seed: int) -> dict[str | None, int]:
    """How many of `size` each stratum gives: Hamilton's method of largest remainders, in whole numbers.

    Equal remainders are ordered by the seed; by name, labels early in the alphabet would always be served first.
    """
    total = sum(sizes.values())
    shares = {label: count * size // total for label, count in sizes.items()}
    by_remainder = sorted(sizes, key=lambda label: (-(sizes[label] * size % total), _order(seed, f"label:{label}")))
    for label in by_remainder[: size - sum(shares.values())]:
        shares[label] += 1
    return shares


def _fill(found: Sequence[_Copies], share: int) -> Iterator[int]:
    for copies in found:
        if len(copies.places) <= share:
            share -= len(copies.places)
            yield from copies.places


def _order(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed}:{text}".encode()).digest()
