"""Slots: how much one process has in hand at once, turns and runs each."""

from collections import Counter
from collections.abc import Iterator, Set
from contextlib import contextmanager


class Slots:
    """The places of one process, by the id of what takes each.

    What waits for people keeps its hold and leaves its place to others; when it goes on there may for a while be more at work
    than there are places, never fewer free ones than none.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: dict[str, None] = {}
        self._waits = Counter[str]()
        self._resting = 0  # of what is held, how much waits
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
        if id not in self._held:
            self._held[id] = None
            self._resting += id in self._waits

    def release(self, id: str) -> None:
        """Lets go of it; what is not in hand stays so."""
        if id in self._held:
            del self._held[id]
            self._resting -= id in self._waits

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
        """Leaves the place of `id` to others while the block lasts, also one that it takes in the meantime.

        A turn may ask a person before this process has begun to play the run that it belongs to.
        """
        self._waits[id] += 1
        self._resting += self._waits[id] == 1 and id in self._held
        try:
            yield
        finally:
            self._waits[id] -= 1
            if not self._waits[id]:
                del self._waits[id]
                self._resting -= id in self._held
