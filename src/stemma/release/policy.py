"""What a candidate has to show before it gets a version number."""

from dataclasses import asdict, dataclass, field
from typing import Any

from stemma.core.digests import digest, thaw
from stemma.evaluate.checks import CheckPolicy


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """Static checks, then a paired comparison with the incumbent on the same cases.

    With `max_loss` None the candidate must be shown to be better by more than `min_gain`; otherwise it must be shown not to
    be worse by `max_loss` or more. Fewer than `min_n` complete pairs, or a share of missing ones above `max_missing`,
    decide nothing, and what is not decided does not pass.
    """

    checks: CheckPolicy = field(default_factory=CheckPolicy)
    min_gain: float = 0.0
    max_loss: float | None = None
    min_n: int = 30
    max_missing: float = 0.05

    def to_json(self) -> dict[str, Any]:
        content: dict[str, Any] = thaw(asdict(self))
        return content

    @property
    def digest(self) -> str:
        return digest(self.to_json())
