"""Identifiers that sort by the time they were made."""

import re
import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o or u to misread
_PATTERN = re.compile(r"^[a-z]+_[0-9a-hjkmnp-tv-z]{26}$")


def new_id(prefix: str) -> str:
    """A new identifier such as ``s_01jc9n…``: a ULID (48 bits of milliseconds, 80 random bits) behind `prefix`."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return f"{prefix}_{''.join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))}"


def is_id(text: str, prefix: str) -> bool:
    """Whether `text` has the form of an identifier that `new_id(prefix)` makes."""
    return text.startswith(f"{prefix}_") and _PATTERN.match(text) is not None
