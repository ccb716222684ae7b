"""Every error Stemma raises on purpose, in one tree.

::

    StemmaError
    ├── InvalidInput            what the caller passed cannot be used as it is
    │   ├── InvalidName         a prompt name, label or reference that breaks its grammar
    │   ├── InvalidData         a file, a row, a column
    │   └── TemplateError       a template that cannot be parsed or rendered
    │       ├── MissingVariable     a variable the template needs was not given
    │       └── UnsafeTemplate      the template reaches for something outside the sandbox
    ├── NotFound                a prompt, version, label, session, candidate or run that is not there
    ├── Conflict                somebody else changed it first; read again and decide
    ├── NotAllowed              the rules forbid it
    │   ├── Refused             a gate said no; `reasons` says why
    │   └── Unauthorized        the caller lacks a permission; it says which, and who gives it
    ├── NotConfigured           a key, an extra or a setting is missing
    │   └── UnknownModel        no model goes by that name
    ├── StoreError              the database cannot be used
    │   ├── StoreDamaged
    │   ├── StoreNewer          written by a newer Stemma
    │   ├── StoreReadOnly
    │   └── StoreFull
    ├── LedgerTampered          the audit log does not say what it said when it was signed
    ├── ModelError              a model gave no usable answer; the result is *missing*, never zero
    │   ├── ModelUnavailable    worth another try: rate limit, time-out, server error
    │   └── ModelRefused        the model declined, with a reason
    └── BudgetExhausted         the next call would go over what was granted

A message names the input, the consequence and the way out, in one line. Callers that need the parts read attributes.
"""

from collections.abc import Sequence
from pathlib import Path


class StemmaError(Exception):
    """Root of the tree: anything Stemma refuses or cannot do."""


class InvalidInput(StemmaError):
    """What the caller passed cannot be used as it is."""


class InvalidName(InvalidInput):
    """A name, label or reference that breaks its grammar."""

    def __init__(self, kind: str, value: str, rule: str) -> None:
        self.kind, self.value, self.rule = kind, value, rule
        super().__init__(f"{kind} {value!r} is not valid: {rule}")


class InvalidData(InvalidInput):
    """A file, a row or a column that cannot be read as data."""

    def __init__(self, path: Path | str, problem: str, *, line: int | None = None) -> None:
        self.path, self.problem, self.line = str(path), problem, line
        where = self.path if line is None else f"{self.path}:{line}"
        super().__init__(f"{where}: {problem}")


class TemplateError(InvalidInput):
    """A template that cannot be parsed or rendered."""


class MissingVariable(TemplateError):
    """A variable that the template needs was not given."""

    def __init__(self, names: Sequence[str], given: Sequence[str]) -> None:
        self.names, self.given = tuple(names), tuple(given)
        listed = ", ".join(repr(name) for name in names)
        have = ", ".join(repr(name) for name in given) or "none"
        super().__init__(
            f"the template needs {listed}, which is not among the variables given ({have}); "
            "give it, or name the column that holds it"
        )


class UnsafeTemplate(TemplateError):
    """A template that reaches for something outside the sandbox."""


class NotFound(StemmaError):
    """A thing that was named is not there."""


class Conflict(StemmaError):
    """Somebody else changed it first; nothing was written. Read again and decide."""


class NotAllowed(StemmaError):
    """The rules forbid it."""


class Refused(NotAllowed):
    """A gate said no. `reasons` holds one sentence each."""

    def __init__(self, what: str, reasons: Sequence[str]) -> None:
        self.what, self.reasons = what, tuple(reasons)
        super().__init__(f"{what} was refused: {'; '.join(reasons)}")


class Unauthorized(NotAllowed):
    """`principal` may not do `action` to `resource`: `missing` says what for, `way_out` what would change that."""

    def __init__(self, principal: str, action: str, resource: str, missing: str, way_out: str) -> None:
        self.principal, self.action, self.resource = principal, action, resource
        self.missing, self.way_out = missing, way_out
        super().__init__(f"{principal} may not {action} {resource}: {missing}; {way_out}")


class NotConfigured(StemmaError):
    """A key, an optional extra or a setting is missing; the message says how to add it."""


class UnknownModel(NotConfigured):
    """No model goes by that name, whatever is installed; the message names the nearest that there is."""


class StoreError(StemmaError):
    """The database cannot be used as it is."""


class StoreDamaged(StoreError):
    """The file is not a database, or its pages are malformed."""


class StoreNewer(StoreError):
    """The database was written by a newer Stemma than this one."""


class StoreReadOnly(StoreError):
    """The database, or the folder it lives in, cannot be written."""


class StoreFull(StoreError):
    """The disk, or the database's size limit, is full; the transaction was undone."""


class LedgerTampered(StemmaError):
    """The audit log does not say what it said when it was signed. `seq` is the first bad entry, when it is known."""

    def __init__(self, problem: str, *, seq: int | None = None) -> None:
        self.problem, self.seq = problem, seq
        super().__init__(problem if seq is None else f"entry {seq}: {problem}")


class ModelError(StemmaError):
    """A model gave no usable answer. The result is missing data, never a score of zero."""


class ModelUnavailable(ModelError):
    """A failure worth another try: rate limit, time-out, connection or server error."""


class ModelRefused(ModelError):
    """The model declined; `code` is a stable word and `reason` a sentence."""

    def __init__(self, model: str, code: str, reason: str) -> None:
        self.model, self.code, self.reason = model, code, reason
        super().__init__(f"model {model!r} declined ({code}): {reason}")


class BudgetExhausted(StemmaError):
    """The next call would go over what was granted."""
