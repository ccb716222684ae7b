"""Binding: what an approval is for, and nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any

from stemma.core.digests import digest
from stemma.core.trust import TrustLabel


def binding(
    tool: str,
    arguments: Mapping[str, Any],
    labels: Mapping[str, TrustLabel],
    *,
    version: str,
    expires: str,
    reveals: Sequence[str] = (),
) -> str:
    """SHA-256 of what a person was shown: the tool, its canonical arguments, their labels, in which of them tokens are turned
    back, the policies, and until when it holds (a timestamp). A call with another is another call.
    """
    return digest(
        {
            "tool": tool,
            "arguments": dict(arguments),
            "labels": {name: label.to_json() for name, label in labels.items()},
            "policy": version,
            "expires": expires,
            "reveals": list(reveals),
        }
    )
