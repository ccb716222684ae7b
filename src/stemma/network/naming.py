"""Which batch, and which run, somebody means."""

import re
from collections.abc import Mapping, Sequence

from stemma.core.digests import digest
from stemma.core.errors import InvalidName, NotFound
from stemma.network.network import Network
from stemma.network.records import Records

_BATCH = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_NUMBERED = re.compile(rf"{_BATCH.pattern}\.[0-9]{{1,9}}")
_SHOWN = 5  # candidates that a refusal names


def batch_named(
    records: Records, network: Network, requests: Sequence[Mapping[str, str]], given: str | None, *, new: bool
) -> str:
    """The batch to work on: `given`, the newest one of this content that has not ended, or the next one of it.

    `given` with its number is that very one, and its next one with `new`. Raises InvalidName, NotFound.
    """
    if given is not None and _NUMBERED.fullmatch(given):
        if given not in records.batches(given):
            raise NotFound(f"there is no batch {given!r} to go on with; list the runs with: stemma runs ls")
        if not new:
            return given
        given = given.rpartition(".")[0]
    if given is not None and not _BATCH.fullmatch(given):
        raise InvalidName("batch", given, "lower-case letters, digits, '_' and '-'")
    family = given or f"b_{digest({'network': network.digest, 'items': list(requests)})[:16]}"
    found = records.batches(f"{family}.")
    newest = max((int(name.rpartition(".")[2]) for name in found), default=0)
    if newest and not new and not found[f"{family}.{newest}"]:
        return f"{family}.{newest}"
    return f"{family}.{newest + 1}"


def run_named(records: Records, part: str) -> str:
    """The id of the run that begins or ends so, and no other does. Raises NotFound, with the candidates."""
    found = records.ids_like(part, most=_SHOWN + 1)
    if len(found) == 1:
        return found[0]
    if found:
        several = f"{', '.join(found[:_SHOWN])}{' and more' if len(found) > _SHOWN else ''}"
        raise NotFound(f"there is no run {part!r}, and it could mean several: {several}; write more of its id")
    raise NotFound(f"there is no run {part!r}; list the runs with: stemma runs ls")
