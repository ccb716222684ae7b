"""Reading weights in the safetensors format: a JSON header with each tensor's place, then the bytes as they are."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemma.core.errors import InvalidData

_LARGEST_HEADER = 100 * 2**20  # bytes, the format's own limit


def read_float32(path: Path) -> dict[str, NDArray[np.float32]]:
    """The float32 tensors in `path` by name, mapped into memory and read only.

    Raises InvalidData for a file that is not in the format or was cut short.
    """
    try:
        content = np.memmap(path, np.uint8, mode="r")
        size = int.from_bytes(content[:8].tobytes(), "little")
        if len(content) < 8 or size > min(_LARGEST_HEADER, len(content) - 8):
            raise InvalidData(path, "is not a safetensors file, or was cut short; fetch it again")
        header = json.loads(content[8 : 8 + size].tobytes())
        tensors = {name: entry for name, entry in header.items() if entry.get("dtype") == "F32"}
        return {
            name: content[slice(*(8 + size + offset for offset in entry["data_offsets"]))]
            .view(np.float32)
            .reshape(entry["shape"])
            for name, entry in tensors.items()
        }
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise InvalidData(path, f"is not a safetensors file, or was cut short; fetch it again ({error})") from error
