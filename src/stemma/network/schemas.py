"""JSON schemas, checked once and kept."""

import json
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=256)
def validator(schema: str) -> Any:
    """A validator for the schema in this JSON text: building one takes as long as a hundred uses of it."""
    from jsonschema.validators import validator_for  # 50 ms to import, and few agents have a schema

    content = json.loads(schema)
    return validator_for(content)(content)
