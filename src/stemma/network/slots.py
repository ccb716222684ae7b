"""Slots: how much one process has in hand at once, turns and runs each."""

from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class _Hold:
    """What is in hand; it rests while it waits for anybody."""

    waits_for: int = 0


class Slots:
    """The places of one process, by the id of what takes each.

    What waits for people keeps its hold and leaves its place to others; when it goes on there may for a while be more at work
    than there are places, never fewer free ones than none.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: dict[str, _Hold] = {}
        self._resting = 0
        self._reserved = 0

    @property
    def ids(self) -> Set[str]:
        """What is in hand, at work or at rest."""
        return self._held.keys()

    @property
    def taken(self) -> int:
        """The places that are not free."""
        return len(self._held) - self._resting + self._reserved

    @property
    def free(self) -> int:
        return max(0, self.most - self.taken)

    def take(self, id: str) -> None:
        """Takes something in hand; again changes nothing."""
        self._held.setdefault(id, _Hold())

    def release(self, id: str) -> None:
        """Lets go of it; what is not in hand stays so."""
        hold = self._held.pop(id, None)
        if hold is not None and hold.waits_for:
            self._resting -= 1

    @contextmanager
    def reserved(self, number: int) -> Iterator[None]:
        """Keeps places while it is not known yet what takes them."""
        self._reserved += number
        try:
            yield
        finally:
            self._reserved -= number

    @contextmanager
    def resting(self, id: str) -> Iterator[None]:
        """Leaves the place of `id` to others while the block lasts; nothing when it has none here."""
        hold = self._held.get(id)
        if hold is not None:
            self._resting += not hold.waits_for
            hold.waits_for += 1
        try:
            yield
        finally:
            if hold is not None:
                hold.waits_for -= 1
                if self._held.get(id) is hold:  # it may have been let go of, and taken anew, meanwhile
                    self._resting -= not hold.waits_for
