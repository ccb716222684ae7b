"""The filters and tests that a Jinja2 template may use: the pure ones that need no attribute and grow no text much.

Each behaves as the Jinja2 filter of that name (`jinja.palletsprojects.com/templates/#builtin-filters`), except that
`tojson` writes plain JSON, not JSON escaped for HTML pages.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.tests import TESTS as JINJA_TESTS

from stemma.core.digests import thaw
from stemma.core.errors import TemplateError
from stemma.registry.meter import LONGEST_TEXT

Filter: TypeAlias = Callable[..., Any]

_MOST_DIGITS = 15  # Python computes 10**digits as an exact integer; a float has 15 to 17


def _first(values: Iterable[Any]) -> Any:
    for value in values:
        return value
    raise TemplateError("the list is empty; guard it with {% if %}")


def _last(values: Any) -> Any:
    return _first(reversed(values))


def _indent(text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    margin = width if isinstance(width, str) else " " * min(width, LONGEST_TEXT)
    _check_growth(len(text) + (text.count("\n") + 1) * len(margin))
    top, *rest = text.split("\n")
    return "\n".join([margin + top if first else top, *(margin + line if line or blank else line for line in rest)])


def _items(value: Mapping[Any, Any]) -> list[Any]:
    return list(value.items())


def _join(values: Iterable[Any], separator: str = "") -> str:
    texts = [str(value) for value in values]
    _check_growth(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _replace(text: Any, old: str, new: str, count: int | None = None) -> str:
    whole, times = str(text), -1 if count is None else count
    found = whole.count(old) if times < 0 else min(whole.count(old), times)
    _check_growth(len(whole) + found * (len(new) - len(old)))
    return whole.replace(old, new, times)


def _reverse(value: Any) -> Any:
    return value[::-1] if isinstance(value, str) else list(reversed(value))


def _round(value: float, precision: int = 0) -> float:
    if abs(precision) > _MOST_DIGITS:
        raise TemplateError(f"'round' takes a precision of at most {_MOST_DIGITS}")
    return round(float(value), precision)


def _sort(values: Iterable[Any], reverse: bool = False, case_sensitive: bool = False) -> list[Any]:
    return sorted(values, key=None if case_sensitive else _folded, reverse=reverse)


def _dictsort(value: Mapping[str, Any], case_sensitive: bool = False, by: str = "key", reverse: bool = False) -> Any:
    column = {"key": 0, "value": 1}[by]
    return sorted(
        value.items(),
        key=lambda pair: pair[column] if case_sensitive else _folded(pair[column]),
        reverse=reverse,
    )


def _sum(values: Iterable[float]) -> float:
    total: float = 0
    for value in values:
        if not isinstance(value, int | float):
            raise TemplateError(f"'sum' adds numbers, not {type(value).__name__}")
        total += value
    return total


def _tojson(value: Any, indent: int | None = None) -> str:
    if indent is not None and not 0 <= indent <= 8:
        raise TemplateError("'tojson' takes an indent of 0 to 8")
    return json.dumps(thaw(value), ensure_ascii=False, indent=indent)


def _truncate(text: str, length: int = 255, killwords: bool = False, end: str = "...", leeway: int = 5) -> str:
    if len(text) <= length + leeway:
        return text
    kept = text[: max(0, length - len(end))]
    return (kept if killwords else kept.rsplit(" ", 1)[0]) + end


def _unique(values: Iterable[Any], case_sensitive: bool = False) -> list[Any]:
    seen = {value if case_sensitive else _folded(value): value for value in reversed(list(values))}
    return list(reversed(seen.values()))


def _wordcount(text: Any) -> int:
    return len(re.findall(r"\w+", str(text)))


def _extreme(choose: Callable[..., Any]) -> Filter:
    def extreme(values: Iterable[Any], case_sensitive: bool = False) -> Any:
        return choose(list(values), key=None if case_sensitive else _folded)

    return extreme


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _check_growth(length: int) -> None:
    if length > LONGEST_TEXT:
        raise TemplateError(f"the result would be {length:,} characters long; at most {LONGEST_TEXT:,} are allowed")


_AS_IN_JINJA = ("abs", "capitalize", "float", "int", "lower", "string", "title", "trim", "upper")

_FILTERS: Mapping[str, Any] = JINJA_FILTERS
_TESTS: Mapping[str, Any] = JINJA_TESTS

FILTERS: Mapping[str, Filter] = {
    **{name: _FILTERS[name] for name in _AS_IN_JINJA},
    "count": len,
    "dictsort": _dictsort,
    "first": _first,
    "indent": _indent,
    "items": _items,
    "join": _join,
    "last": _last,
    "length": len,
    "list": list,
    "max": _extreme(max),
    "min": _extreme(min),
    "replace": _replace,
    "reverse": _reverse,
    "round": _round,
    "sort": _sort,
    "sum": _sum,
    "tojson": _tojson,
    "truncate": _truncate,
    "unique": _unique,
    "wordcount": _wordcount,
}

_HARMLESS_TESTS = (
    *("boolean", "divisibleby", "even", "false", "float", "in", "integer", "iterable", "lower", "mapping", "none"),
    *("number", "odd", "sequence", "string", "true", "upper"),
    *("eq", "equalto", "ge", "gt", "le", "lt", "ne", "==", "!=", ">=", ">", "<=", "<"),
)

TESTS: Mapping[str, Filter] = {name: _TESTS[name] for name in _HARMLESS_TESTS}
