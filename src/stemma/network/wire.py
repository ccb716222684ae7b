"""Records as JSON and back: what is pinned, journaled or handed to another process."""

from functools import lru_cache
from typing import Annotated, Any, TypeAlias

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from stemma.core.errors import InvalidInput
from stemma.core.shown import shown
from stemma.core.trust import Confidentiality, TrustLabel
from stemma.guard.ruling import Clearance

Label: TypeAlias = Annotated[
    TrustLabel,
    PlainValidator(lambda value: value if isinstance(value, TrustLabel) else TrustLabel.from_json(value)),
    PlainSerializer(TrustLabel.to_json),
]
"""A trust label as a field of a record: written the way it is written everywhere, and never assumed."""


def _clearance(value: Any) -> Clearance:
    if isinstance(value, Clearance):
        return value
    try:
        return Clearance(Confidentiality[value["confidentiality"].upper()], frozenset(value["categories"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{shown(value)} is not a clearance: it needs confidentiality and categories") from error


Cleared: TypeAlias = Annotated[
    Clearance,
    PlainValidator(_clearance),
    PlainSerializer(
        lambda one: {"confidentiality": one.confidentiality.name.lower(), "categories": sorted(one.categories)}
    ),
]
"""A clearance as a field of a record."""


def to_json(record: Any, kind: Any = None) -> Any:
    """The record as JSON values; `kind` is its type where that is no class.

    >>> from stemma.network.agent import Limits
    >>> to_json(Limits(timeout=5))["timeout"]
    5.0
    """
    hashable: Any = kind or type(record)
    try:
        return _adapter(hashable).dump_python(record, mode="json")
    except (UnicodeEncodeError, PydanticSerializationError) as error:
        raise InvalidInput(f"{shown(record)} cannot be written as JSON: {shown(str(error))[1:-1]}") from error


def from_json(kind: Any, content: Any) -> Any:
    """The record that `to_json` wrote. Raises InvalidInput."""
    try:
        return _adapter(kind).validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = shown(".".join(str(step) for step in first["loc"]))[1:-1]
        name = getattr(kind, "__name__", str(kind)).lower()
        raise InvalidInput(f"{shown(content)} is not a {name}: {where}: {shown(first['msg'])[1:-1]}") from error


@lru_cache(maxsize=64)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
