"""The window: what of a conversation a model is shown when all of it would be too long.

The rule, in order, until the rest fits:

1. the instructions and the newest tool exchange always stay whole;
2. the oldest is left out first: earlier turns, then earlier tool exchanges of this turn;
3. then passages that were searched for, the least relevant first;
4. then the longest data part is cut in its middle, with a mark there, and the next longest with it once they are of one length.

What was left out is said in one line to the model, and that line counts too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from stemma.core.errors import InvalidInput

Measure: TypeAlias = Callable[[str], int]
"""The length of a text: `len`, or `stemma.models.tokens.count_tokens`. A text is never shorter than a part of it."""


class TooLong(InvalidInput):
    """What must stay whole is over the limit by itself. Sizes are in the window's measure."""

    def __init__(self, *, instructions: int, newest: int, note: int, limit: int) -> None:
        self.instructions, self.newest, self.note, self.limit = instructions, newest, note, limit
        newest_too = f", the newest tool exchange {newest:,}" if newest else ""
        note_too = f", the line on what was left out {note:,}" if note else ""
        super().__init__(
            f"the instructions are {instructions:,} long{newest_too}{note_too}: together over the limit of {limit:,}, and none "
            "of it can be left out; shorten the prompt, or raise the agent's limit"
        )


@dataclass(frozen=True, slots=True)
class Window:
    """The pieces of a conversation, as the model would be shown them.

    `data` and `passages` are by name, passages the most relevant first; `history` (earlier turns) and `exchanges` (a tool
    call with its result) the oldest first. `cut` names the data parts whose middle was taken out; `note` is for the model.
    """

    instructions: str
    data: Mapping[str, str] = field(default_factory=dict)
    passages: Mapping[str, Sequence[str]] = field(default_factory=dict)
    history: Sequence[str] = ()
    exchanges: Sequence[str] = ()
    cut: Sequence[str] = ()
    note: str = ""

    def size(self, measure: Measure = len) -> int:
        """The lengths of all pieces, added up."""
        return sum(map(measure, self._texts()))

    def _texts(self) -> Iterator[str]:
        yield from (self.instructions, self.note, *self.data.values(), *self.history, *self.exchanges)
        for found in self.passages.values():
            yield from found


def fit(whole: Window, limit: int, *, measure: Measure = len) -> Window:
    """As much of `whole` as is at most `limit` long, by the rule above. What separates the pieces is not counted here.

    The same for the same input; and what a limit leaves in, a greater one does too. Raises TooLong.

    >>> fit(Window("Answer.", data={"mail": "a" * 500}), 110).data["mail"]
    'aaaaaaaaaaaaa[… 474 characters left out …]aaaaaaaaaaaaa'
    """
    size = whole.size(measure)
    if size <= limit:
        return whole
    kept = whole
    for kept, saved in _shorter(whole, measure):
        size -= saved
        note = _note(whole, kept)
        if size + measure(note) <= limit:
            return replace(kept, note=note)
    note = _note(
        whole, replace(kept, cut=tuple(kept.data))
    )  # the longest there can be, so that a cut never makes it longer
    lengths = {name: measure(text) for name, text in kept.data.items()}
    room = limit - (size - sum(lengths.values())) - measure(note)
    if room < 0:
        newest = sum(map(measure, kept.exchanges))
        raise TooLong(instructions=measure(whole.instructions), newest=newest, note=measure(note), limit=limit)
    most = _level(sorted(lengths.values()), room)
    data = {name: _cut(text, most, measure) if lengths[name] > most else text for name, text in kept.data.items()}
    shortened = replace(kept, data=data, cut=tuple(name for name, length in lengths.items() if length > most))
    return replace(shortened, note=_note(whole, shortened))


def _shorter(whole: Window, measure: Measure) -> Iterator[tuple[Window, int]]:
    """`whole` with one more piece left out each time, and how long that piece is."""
    kept = whole
    for number, turn in enumerate(whole.history, 1):
        kept = replace(kept, history=whole.history[number:])
        yield kept, measure(turn)
    for number, exchange in enumerate(whole.exchanges[:-1], 1):
        kept = replace(kept, exchanges=whole.exchanges[number:])
        yield kept, measure(exchange)
    ranks = max(map(len, whole.passages.values()), default=0)
    for rank in reversed(range(ranks)):
        for name in reversed(list(whole.passages)):
            if rank < len(whole.passages[name]):
                kept = replace(kept, passages={**kept.passages, name: whole.passages[name][:rank]})
                yield kept, measure(whole.passages[name][rank])


def _level(lengths: Sequence[int], room: int) -> int:
    """The greatest length for which all of `lengths`, sorted, take at most `room` when those over it are cut to it."""
    for place, length in enumerate(lengths):
        share = room // (len(lengths) - place)
        if length > share:
            return share
        room -= length
    return max(lengths, default=0)


def _cut(text: str, most: int, measure: Measure) -> str:
    """`text` without its middle, at most so long; nothing of it where the mark alone would be longer."""
    widest = _mark(len(text))  # a mark of one width for every length, or a greater one could leave less room

    def shown(characters: int, mark: str) -> str:
        return text[: characters // 2] + mark + text[len(text) - (characters - characters // 2) :]

    if measure(widest) > most:
        return ""
    fits, over = 0, len(text)
    while over - fits > 1:
        half = (fits + over) // 2
        if measure(shown(half, widest)) <= most:
            fits = half
        else:
            over = half
    return shown(fits, _mark(len(text) - fits))


def _mark(characters: int) -> str:
    return f"[… {characters:,} characters left out …]"


def _note(whole: Window, kept: Window) -> str:
    left_out = [
        *_counted(len(whole.history) - len(kept.history), "earlier turn"),
        *_counted(len(whole.exchanges) - len(kept.exchanges), "earlier tool exchange"),
        *(
            f"{len(found) - len(kept.passages[name])} of {len(found)} passages of {name!r}"
            for name, found in whole.passages.items()
            if len(kept.passages[name]) < len(found)
        ),
        *(f"the middle of {name!r}" if kept.data[name] else f"all of {name!r}" for name in kept.cut),
    ]
    return f"Left out for want of room: {', '.join(left_out)}." if left_out else ""


def _counted(number: int, what: str) -> list[str]:
    return [f"{number} {what}{'' if number == 1 else 's'}"] if number else []
