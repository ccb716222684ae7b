"""Records as JSON and back: what is pinned, journaled or handed to another process."""

from functools import lru_cache
from typing import Annotated, Any, TypeAlias

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, ValidationError

from stemma.core.errors import InvalidInput
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
    return Clearance(Confidentiality[value["confidentiality"].upper()], frozenset(value["categories"]))


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
    return _adapter(hashable).dump_python(record, mode="json")


def from_json(kind: Any, content: Any) -> Any:
    """The record that `to_json` wrote. Raises InvalidInput."""
    try:
        return _adapter(kind).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        name = getattr(kind, "__name__", str(kind)).lower()
        raise InvalidInput(f"{content!r} is not a {name}: {where}: {first['msg']}") from error


@lru_cache(maxsize=64)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
