"""What a function says of itself as a tool, beside its code."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from stemma.core.trust import INTERNAL, TrustLabel
from stemma.guard.ruling import Clearance
from stemma.network.tools.tool import Effect

Function = TypeVar("Function", bound=Callable[..., Any])

_ATTRIBUTE = "__stemma_tool__"


@dataclass(frozen=True)
class Declared:
    """The defaults are what is safe to think of a function that says nothing.

    It writes, so that a person or a policy may stand before it, and every argument decides what it does; it may not be
    repeated, so that a crash in the middle of it is never made good by a second effect; and its results are our own
    code's, which is not enough to stand in an instruction. A function that fetches what strangers wrote has to say
    ``label=UNTRUSTED``, or name the parts of its results that they wrote: ``fields={"[].subject": UNTRUSTED}``.
    """

    effect: Effect = Effect.WRITE
    idempotent: bool = False
    label: TrustLabel = INTERNAL
    timeout: float = 30.0
    fields: Mapping[str, TrustLabel] = field(default_factory=dict)
    sensitive: tuple[str, ...] | None = None
    clearance: Clearance | None = None
    parameters: Mapping[str, Any] | None = None


def tool(
    *,
    effect: Effect | str = Declared.effect,
    idempotent: bool = Declared.idempotent,
    label: TrustLabel = Declared.label,
    timeout: float = Declared.timeout,
    fields: Mapping[str, TrustLabel] | None = None,
    sensitive: Sequence[str] | None = None,
    clearance: Clearance | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Callable[[Function], Function]:
    """Says what a call of the function leaves behind, and whose words come back; see `Tool`. The manifest overrules it.

    `parameters` is the JSON schema of the arguments where the signature cannot say it: the function is then given all of them
    as one mapping, and the `Call`. The function itself is unchanged.

    >>> @tool(effect="read")
    ... def price(article: str) -> float:
    ...     "What the article costs."
    ...     return 9.5
    >>> price("tea")
    9.5
    """
    declared = Declared(
        Effect(effect),
        idempotent,
        label,
        timeout,
        fields or {},
        None if sensitive is None else tuple(sensitive),
        clearance,
        parameters,
    )

    def declare(function: Function) -> Function:
        setattr(function, _ATTRIBUTE, declared)
        return function

    return declare


def declared_by(function: Callable[..., Any]) -> Declared:
    """What `function` was declared as, or the safe defaults."""
    found = getattr(function, _ATTRIBUTE, None)
    return found if isinstance(found, Declared) else Declared()
