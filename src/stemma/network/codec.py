"""How the durable engine writes values down: JSON with a few tagged types, never pickle."""

import json
from typing import Any

from stemma.core.errors import InvalidInput, StemmaError

_TAG = "$stemma"


class WorkflowError(StemmaError):
    """An error that an earlier process recorded as a workflow's result, with only its name and words left."""


class JsonCodec:
    """Writes and reads what workflows take and give back: JSON, tuples, and of errors their words.

    >>> codec = JsonCodec()
    >>> codec.deserialize(codec.serialize({"args": ("a", 1), "kwargs": {}}))
    {'args': ('a', 1), 'kwargs': {}}
    """

    def name(self) -> str:
        """What rows written this way are marked with."""
        return "stemma_json_1"

    def serialize(self, data: Any) -> str:
        """Raises InvalidInput for a type that is not on the list: what can not be read back is not written."""
        return json.dumps(self._tagged(data), ensure_ascii=False, separators=(",", ":"))

    def deserialize(self, serialized_data: str) -> Any:
        """Raises InvalidInput for a tag that is not on the list."""
        return json.loads(serialized_data, object_hook=self._untagged)

    def _tagged(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind in (str, int, float, bool):
            return value
        if kind is list:
            return [self._tagged(item) for item in value]
        if kind is tuple:
            return {_TAG: "tuple", "value": [self._tagged(item) for item in value]}
        if kind is dict and all(type(key) is str for key in value):
            plain = {key: self._tagged(item) for key, item in value.items()}
            return {_TAG: "dict", "value": list(plain.items())} if _TAG in plain else plain
        if isinstance(value, Exception):
            return {_TAG: "error", "value": [kind.__name__, str(value)]}
        raise InvalidInput(f"a durable workflow can not carry {kind.__name__} {value!r}; it is not on the codec's list")

    def _untagged(self, content: dict[str, Any]) -> Any:
        if _TAG not in content:
            return content
        tag, value = content[_TAG], content["value"]
        if tag == "tuple":
            return tuple(value)
        if tag == "dict":
            return dict(value)
        if tag == "error":
            return WorkflowError(": ".join(value))
        raise InvalidInput(f"a recorded workflow carries the type {tag!r}, which is not on the codec's list")
