"""Rows of a CSV, TSV, JSONL or Parquet file, each with the line it stands on: read whole, or refused by line number."""

import csv
import difflib
import io
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from stemma.core.errors import InvalidData, InvalidInput, NotConfigured
from stemma.core.shown import shown
from stemma.evaluate.answers import parse_json


@dataclass(frozen=True, slots=True)
class Row:
    """The values of the columns asked for, in that order, and the 1-based line on which the row starts."""

    line: int
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used, and why. `line` is 1-based; in Parquet, which has no lines, it is the row's number."""

    line: int
    problem: str


Rows: TypeAlias = Iterator[Row | BadRow]


def read_rows(path: Path, columns: Sequence[str]) -> Rows:
    """Every row of `path`, good or bad, in file order; empty lines between CSV or JSONL rows are no rows.

    Commas, semicolons, tabs or bars part the columns of a ``.csv``, whichever its header shows. A row is bad when a value is
    missing or blank, or when the row alone breaks its format. What makes the whole file unreadable raises InvalidData: no
    such file, a format that is not known, a column that is not there, text that is not UTF-8, a quote that is never closed.
    Raises NotConfigured for Parquet without pyarrow.
    """
    try:
        if path.is_dir():
            raise InvalidData(path, "is a folder; name a file in it")
        if not path.exists():
            raise InvalidData(path, f"no such file{_did_you_mean(path.name, _names_beside(path))}; check the path")
        reader = _READERS.get(path.suffix.lower())
        if reader is None:
            raise InvalidData(
                path, f"{path.suffix or 'no suffix'} is not a format read here; use {', '.join(_READERS)}"
            )
        return reader(path, columns)
    except OSError as error:
        raise InvalidData(path, f"cannot be read: {error.strerror or error}") from error


def _read_csv(path: Path, columns: Sequence[str], delimiter: str | None = None) -> Rows:
    text = _decoded(path)
    # A field may be as long as the file; the module's own limit of 131,072 characters is one setting for the whole
    # process, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    delimiter = delimiter or _delimiter(text, columns)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise InvalidData(path, f"the header is not valid CSV: {error}", line=1) from error
    if not header:
        raise InvalidData(path, "is empty; it needs a header line and rows" if not text else "has no header on line 1")
    places = [_place(path, column, header) for column in columns]
    return _csv_rows(path, reader, columns, header, places)


def _delimiter(text: str, columns: Sequence[str]) -> str:
    """A comma, unless the columns asked for stand in the header only where it is parted by another of the usual marks: many
    spreadsheets write semicolons. The header alone decides, as texts hold all of these marks.
    """
    for mark in _MARKS:
        try:
            header = next(csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True), [])
        except csv.Error:
            continue
        if set(columns) <= set(header):
            return mark
    return _MARKS[0]


def _csv_rows(path: Path, reader: Any, columns: Sequence[str], header: Sequence[str], places: Sequence[int]) -> Rows:
    width = len(header)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                raise InvalidData(
                    path, "a quote opened in the row that starts here is never closed; close it or double it", line=line
                ) from error
            yield BadRow(line, f"is not valid CSV: {error}")
            continue
        if not fields:
            continue
        if len(fields) != width:
            mark = _MARK_NAMES[reader.dialect.delimiter]
            yield BadRow(line, f"has {len(fields)} fields where the header has {width}; quote fields that hold {mark}")
        else:
            yield _row(line, columns, [fields[place] for place in places])


def _read_tsv(path: Path, columns: Sequence[str]) -> Rows:
    return _read_csv(path, columns, delimiter="\t")


def _read_jsonl(path: Path, columns: Sequence[str]) -> Rows:
    # Only a line feed ends a line: str.splitlines would also cut at U+2028, which JSON strings may hold.
    lines = _decoded(path).split("\n")
    if not any(line.strip() for line in lines):
        raise InvalidData(path, "is empty; it needs one JSON object a line")
    objects: list[tuple[int, dict[str, Any] | str]] = [
        (number, _json_object(line)) for number, line in enumerate(lines, start=1) if line.strip()
    ]
    known = dict.fromkeys(key for _, found in objects if isinstance(found, dict) for key in found)
    if known:
        for column in columns:
            _place(path, column, list(known))
    return (
        BadRow(number, found)
        if isinstance(found, str)
        else _row(number, columns, [_as_text(found.get(column)) for column in columns])
        for number, found in objects
    )


def _json_object(line: str) -> dict[str, Any] | str:
    """The object on the line, or the problem with it."""
    try:
        value = parse_json(line)
    except InvalidInput as error:
        return f"is {error}"
    if not isinstance(value, dict):
        return f"is a JSON {_JSON_KINDS[type(value)]}, not an object; write one {{…}} a line"
    return value


def _read_parquet(path: Path, columns: Sequence[str]) -> Rows:
    try:
        import pyarrow  # an optional extra, and a third of a second to import
        import pyarrow.parquet
    except ImportError as error:
        raise NotConfigured(
            f"reading {path} needs pyarrow; install it with: pip install 'stemma-ai[parquet]'"
        ) from error
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            for column in columns:
                kind = file.schema_arrow.types[_place(path, column, names)]
                if pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind):
                    raise InvalidData(path, f"the column {column!r} holds bytes, not text; decode it first")
            wanted = [file.read([column]).column(column).to_pylist() for column in columns]
    except pyarrow.ArrowException as error:
        raise InvalidData(path, f"is not a readable Parquet file: {str(error).splitlines()[0]}") from error
    return (
        _row(number, columns, [_as_text(value) for value in values])
        for number, values in enumerate(zip(*wanted, strict=True), start=1)
    )


_MARK_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_MARKS = tuple(_MARK_NAMES)
_READERS: dict[str, Callable[[Path, Sequence[str]], Rows]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".parquet": _read_parquet,
}
_JSON_KINDS = {list: "array", str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


def _row(line: int, columns: Sequence[str], values: Sequence[str | None]) -> Row | BadRow:
    for column, value in zip(columns, values, strict=True):
        if value is None:
            return BadRow(line, f"has no value for {column!r}")
        if not value or value.isspace():
            return BadRow(line, f"has an empty value for {column!r}")
        if "\0" in value:
            return BadRow(line, f"has a NUL character in {column!r}")
        if not value.isascii() and _SURROGATE.search(value):
            return BadRow(line, f"has half of a surrogate pair in {column!r}, which is not text")
    return Row(line, tuple(values))  # type: ignore[arg-type]  # the loop returned for every None


_MOST_NAMED = 20
# A comparison takes ten microseconds, and a hundred times that for a long name; a file may have any number of columns.
_MOST_COMPARED, _LONGEST_COMPARED = 1_000, 100
_SURROGATE = re.compile("[\ud800-\udfff]")


def _as_text(value: Any) -> str | None:
    """A JSON or Parquet value as the text a prompt is given: numbers and objects as JSON, dates in ISO 8601."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(value):
        return None  # how data frames write a missing value
    if isinstance(value, bool | int | float | list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _decoded(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(re.findall(rb"\r\n|\r|\n", data[: error.start])) + 1
        raise InvalidData(
            path, f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8 and read it again", line=line
        ) from error


def _place(path: Path, column: str, names: Sequence[str]) -> int:
    found = names.count(column)
    if found == 1:
        return names.index(column)
    if found:
        raise InvalidData(path, f"the column {column!r} stands in the header {found} times; give each its own name")
    have = ", ".join(map(shown, names[:_MOST_NAMED]))
    if len(names) > _MOST_NAMED:
        have += f" and {len(names) - _MOST_NAMED:,} more"
    raise InvalidData(path, f"has no column {column!r}{_did_you_mean(column, names)}; it has {have}")


def _did_you_mean(name: str, names: Sequence[str]) -> str:
    lowered = {known.lower().strip(): known for known in names[:_MOST_COMPARED] if len(known) < _LONGEST_COMPARED}
    near = difflib.get_close_matches(name.lower(), lowered, n=1)
    return f" (did you mean {lowered[near[0]]!r}?)" if near else ""


def _names_beside(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir()) if path.parent.is_dir() else []
