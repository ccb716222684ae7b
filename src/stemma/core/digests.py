"""Canonical JSON (RFC 8785) and the SHA-256 digests that name prompts, cases and policies."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import rfc8785
from pydantic_core import to_json

from stemma.core.errors import InvalidInput

_LARGEST_INTEGER = 2**53 - 1  # RFC 8785 keeps to what an IEEE double holds exactly
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def canonical_json(value: Any) -> bytes:
    """`value` as RFC 8785 canonical JSON in UTF-8: the same bytes for equal values, on every machine.

    Raises InvalidInput for what JSON cannot carry exactly: NaN, integers beyond 2**53, lone surrogates, other types,
    nesting deeper than the interpreter follows.

    >>> canonical_json({"b": 1.0, "a": ["é"]}).decode()
    '{"a":["é"],"b":1}'
    """
    try:
        # Compiled encoders write the same bytes for plain values: Rust's at a fiftieth of the time where the keys are in
        # order already, Python's at a tenth. Floats and keys beyond ASCII are where they and RFC 8785 differ. A property
        # test holds the three together.
        if _is_plain(value, in_order=True):
            return to_json(value)
        if _is_plain(value):
            return _encode(value).encode()
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(f"cannot be written as canonical JSON: {error}") from error


def digest(value: Any) -> str:
    """The SHA-256 of `value`'s canonical JSON, as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def digest_bytes(data: bytes) -> str:
    """The SHA-256 of `data`, as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _is_plain(value: Any, *, in_order: bool = False) -> bool:
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return bool(-_LARGEST_INTEGER <= value <= _LARGEST_INTEGER)
    # Loops, and no call for the texts that most values are: this is the hot path of storing candidates.
    if kind is dict:
        before = ""
        for key, item in value.items():
            if type(key) is not str or not key.isascii() or (in_order and key < before):
                return False
            before = key
            if type(item) is not str and not _is_plain(item, in_order=in_order):
                return False
        return True
    if kind is list or kind is tuple:
        for item in value:  # noqa: SIM110
            if type(item) is not str and not _is_plain(item, in_order=in_order):
                return False
        return True
    return False


def thaw(value: Any) -> Any:
    """`value` with mappings as plain dicts and tuples as lists, ready for JSON."""
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [thaw(item) for item in value]
    return value
