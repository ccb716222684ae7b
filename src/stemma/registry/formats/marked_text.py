"""Files with fields between two `---` lines, and below them messages told apart by marks: `.prompty` and `.prompt`."""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stemma.core.errors import InvalidData
from stemma.core.shown import shown
from stemma.registry.formats.conversation import Message, Role
from stemma.registry.formats.fields import Fields
from stemma.registry.formats.front_matter import split_front_matter

PARAMETERS = {
    "frequencyPenalty": "frequency_penalty",
    "maxOutputTokens": "max_tokens",
    "presencePenalty": "presence_penalty",
    "stopSequences": "stop_sequences",
    "topK": "top_k",
    "topP": "top_p",
}
"""A model's parameters as such files spell them, and as `Prompt.settings` does."""


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A file taken apart. `earlier` is whether it says where the earlier messages of a conversation go."""

    fields: Fields
    name: str | None
    description: str | None
    messages: list[Message]
    earlier: bool


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of a format.

    `pattern` finds them: its group `role` holds a role's name, its group `earlier` is the place for earlier messages.
    `roles` are the names that mean something; text before the first mark is of the role `first`, and text right behind
    the earlier messages of the role `behind`, or of the one before them.
    """

    pattern: re.Pattern[str]
    roles: Mapping[str, Role]
    first: str
    earlier: str
    behind: str | None = None

    def read(self, text: str, path: str) -> MarkedText:
        """The file's fields and messages. Raises InvalidData with the line."""
        fields, body, first_line = split_front_matter(text, path)
        name, description = fields.text("name"), fields.text("description")
        messages: list[Message] = []
        breaks = [found.start() for found in re.finditer("\n", body)]  # counted once: a file may be all marks

        def line_of(position: int) -> int:
            return first_line + bisect_left(breaks, position)

        role, start, earlier_at, earlier_line = self.first, 0, None, None
        for found in [*self.pattern.finditer(body), None]:
            piece = body[start : len(body) if found is None else found.start()]
            if piece.strip():
                line = line_of(start + len(piece) - len(piece.lstrip("\n")))
                messages.append(Message(self.roles[role], piece.strip("\n"), line))
            if found is None:
                break
            start, line = found.end(), line_of(found.start())
            if found["earlier"]:
                role, earlier_at, earlier_line = self.behind or role, len(messages), line
            else:
                role = self._role(found, path, line)
        if earlier_at is not None and (earlier_at != len(messages) - 1 or messages[-1].role != "user"):
            raise InvalidData(
                path,
                f"{self.earlier} may only stand before the last user message, where earlier messages go anyway",
                line=earlier_line,
            )
        return MarkedText(fields, name, description, messages, earlier_at is not None)

    def _role(self, found: re.Match[str], path: str, line: int) -> str:
        role = found["role"].lower()
        if role not in self.roles:
            raise InvalidData(
                path,
                f"the mark {shown(found[0].strip())} is not available; the roles are {', '.join(self.roles)}",
                line=line,
            )
        return role

    def write(self, messages: Sequence[Message], mark: str, *, earlier: bool) -> list[str]:
        """The parts of the body: each message below its `mark`, which holds `{role}`, in the first name that means its role."""
        names = {meaning: name for name, meaning in reversed(list(self.roles.items()))}
        parts = [f"{mark.replace('{role}', names[message.role])}\n{message.text}\n" for message in messages]
        return [*parts[:-1], f"{self.earlier}\n", *parts[-1:]] if earlier and parts else parts
