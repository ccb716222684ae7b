"""Closed types: what a reader may make of an untrusted text.

A reader may obey the text it reads, so that its words are worth no more than the text. But a value of a *closed* type can
only be one of so many, whatever the text says: it carries a choice, never an instruction. Those are what typed endorsement
may raise. The other types are checked for their form, and stay what they are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from stemma.core.errors import InvalidInput

_FIRST, _LAST = date(1900, 1, 1), date(2199, 12, 31)
_MOST_DECIMALS = 6
_LONGEST_TEXT = 20_000
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_URL = re.compile(r"(?:https?://)?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::[0-9]{1,5})?(?:[/?#]\S{0,2000})?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class FieldType(StrEnum):
    """The types a field may have; the first seven are closed when their bounds are given."""

    ENUM = "enum"  # one of `values`
    ID = "id"  # one of `values`, which the agent took from somewhere it may trust
    BOOLEAN = "boolean"
    INTEGER = "integer"  # from `minimum` to `maximum`
    NUMBER = "number"  # from `minimum` to `maximum`, with at most `decimals` decimals
    DATE = "date"  # YYYY-MM-DD
    DATETIME = "datetime"  # YYYY-MM-DD HH:MM
    EMAIL = "email"
    IBAN = "iban"  # ISO 13616: form, not check digits, which test accounts lack
    URL = "url"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field that a reader is to fill in. `about` tells it what to look for."""

    name: str
    type: FieldType
    about: str = ""
    values: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    decimals: int = 2

    @classmethod
    def read(cls, name: str, written: Any) -> "FieldSpec":
        """What an agent asked for: a type's name, or an object with `type` and its bounds. Raises InvalidInput."""
        content = {"type": written} if isinstance(written, str) else written
        known = {"type", "about", "values", "minimum", "maximum", "decimals"}
        if not _NAME.fullmatch(name):
            raise InvalidInput(f"{name!r} cannot name a field; use letters, digits and _")
        if not isinstance(content, Mapping) or content.keys() - known or content.get("type") not in set(FieldType):
            raise InvalidInput(
                f"field {name!r} needs a type ({', '.join(FieldType)}), and may have about, values, minimum, maximum, decimals"
            )
        spec = cls(
            name,
            FieldType(content["type"]),
            str(content.get("about", "")),
            tuple(map(str, content.get("values", ()))),
            _number(name, content.get("minimum")),
            _number(name, content.get("maximum")),
            _decimals(name, content.get("decimals", 2)),
        )
        if spec.type in (FieldType.ENUM, FieldType.ID) and not spec.values:
            raise InvalidInput(f"field {name!r} of type {spec.type} needs its values")
        return spec

    @property
    def bound(self) -> int | None:
        """How many values it can have at most; None when nothing limits them."""
        match self.type:
            case FieldType.ENUM | FieldType.ID:
                return len(set(self.values))
            case FieldType.BOOLEAN:
                return 2
            case FieldType.DATE:
                return (_LAST - _FIRST).days + 1
            case FieldType.DATETIME:
                return ((_LAST - _FIRST).days + 1) * 24 * 60
            case FieldType.INTEGER | FieldType.NUMBER:
                if self.minimum is None or self.maximum is None:
                    return None
                steps = 1 if self.type is FieldType.INTEGER else 10**self.decimals
                return max(0, int((self.maximum - self.minimum) * steps) + 1)
            case _:
                return None

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of what a reader writes: the value, or null where the text does not say."""
        kind = {FieldType.BOOLEAN: "boolean", FieldType.INTEGER: "integer", FieldType.NUMBER: "number"}
        if self.type in (FieldType.ENUM, FieldType.ID):
            found: dict[str, Any] = {"enum": [*self.values, None]}
        else:
            found = {"type": [kind.get(self.type, "string"), "null"]}
        if self.type in (FieldType.INTEGER, FieldType.NUMBER):
            bounds = {"minimum": self.minimum, "maximum": self.maximum}
            found |= {name: value for name, value in bounds.items() if value is not None}
        shape = {FieldType.DATE: "YYYY-MM-DD", FieldType.DATETIME: "YYYY-MM-DD HH:MM"}.get(self.type, "")
        about = "; ".join(part for part in (self.about, self.type.value, shape) if part)
        return found | {"description": about}

    def fitting(self, value: Any) -> Any:
        """`value` when it is of this type, in its one spelling; else None."""
        match self.type:
            case FieldType.ENUM | FieldType.ID:
                return value if isinstance(value, str) and value in self.values else None
            case FieldType.BOOLEAN:
                return value if isinstance(value, bool) else None
            case FieldType.INTEGER | FieldType.NUMBER:
                return self._number(value)
            case FieldType.DATE:
                return _moment(value, "%Y-%m-%d")
            case FieldType.DATETIME:
                return _moment(value, "%Y-%m-%d %H:%M")
            case FieldType.TEXT:
                return value if isinstance(value, str) and len(value) <= _LONGEST_TEXT else None
            case FieldType.IBAN:
                written = value.replace(" ", "").upper() if isinstance(value, str) else ""
                return written if _IBAN.fullmatch(written) else None
            case _:
                form = _EMAIL if self.type is FieldType.EMAIL else _URL
                return value if isinstance(value, str) and form.fullmatch(value) else None

    def _number(self, value: Any) -> int | float | None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
            return None
        if self.type is FieldType.INTEGER and value != int(value):
            return None
        low, high = self.minimum, self.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            return None
        return int(value) if self.type is FieldType.INTEGER else round(float(value), self.decimals)


def closed_by(name: str, schema: Any) -> FieldSpec | None:
    """The closed type that a JSON schema describes; None when its values cannot be counted.

    >>> closed_by("kind", {"enum": ["line", "bars"]}).bound
    2
    >>> closed_by("kind", {"type": "string"}) is None
    True
    """
    if not isinstance(schema, Mapping) or not _NAME.fullmatch(name):
        return None
    low, high = schema.get("minimum"), schema.get("maximum")
    match schema:
        case {"enum": [*values]} if values and all(isinstance(value, str) for value in values):
            return FieldSpec(name, FieldType.ENUM, values=tuple(values))
        case {"const": str(value)}:
            return FieldSpec(name, FieldType.ENUM, values=(value,))
        case {"type": "boolean"}:
            return FieldSpec(name, FieldType.BOOLEAN)
        case {"type": "integer"} if _is_number(low) and _is_number(high):
            return FieldSpec(name, FieldType.INTEGER, minimum=low, maximum=high)
        case {"type": "string", "format": "date"}:
            return FieldSpec(name, FieldType.DATE)
        case _:
            return None


def closed_fields(schema: Mapping[str, Any], name: str, value: Any) -> dict[str, FieldSpec]:
    """The closed types in what an agent answered by its schema: the whole, under an empty path, or fields of it by key.

    An object counts whose keys are closed, too: the schema lists them, wants all of them, and allows no others.
    """
    whole = closed_by(name, schema)
    if whole is not None:
        return {} if whole.fitting(value) is None else {"": whole}
    properties = schema.get("properties")
    if schema.get("type") != "object" or not isinstance(properties, Mapping) or not isinstance(value, Mapping):
        return {}
    if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties):
        return {}
    found = {key: closed_by(key, properties[key]) for key in value}
    return {key: spec for key, spec in found.items() if spec is not None and spec.fitting(value[key]) is not None}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _moment(value: Any, form: str) -> str | None:
    try:
        found = datetime.strptime(value, form)
    except (TypeError, ValueError):
        return None
    return found.strftime(form) if _FIRST <= found.date() <= _LAST else None


def _number(name: str, value: Any) -> float | None:
    if value is None or _is_number(value):
        return value  # type: ignore[no-any-return]
    raise InvalidInput(f"the bounds of field {name!r} are numbers, not {value!r}")


def _decimals(name: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_DECIMALS:
        return value
    raise InvalidInput(f"the decimals of field {name!r} are from 0 to {_MOST_DECIMALS}, not {value!r}")
