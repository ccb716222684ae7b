"""Answers with a shape: what an agent without an output schema wrote as text is read as the JSON that it stands for."""

import json
import re
from typing import Any

_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?```\s*", re.DOTALL)


def structured(value: Any) -> Any:
    """The JSON object or list that a text holds, in a code fence or not; any other value as it is.

    >>> structured('```json\\n{"vote": "yes"}\\n```'), structured("yes"), structured("42")
    ({'vote': 'yes'}, 'yes', '42')
    """
    if not isinstance(value, str):
        return value
    fenced = _FENCED.fullmatch(value)
    text = fenced[1].strip() if fenced else value.strip()
    if not text.startswith(("{", "[")):
        return value
    try:
        return json.loads(text)
    except ValueError:
        return value
