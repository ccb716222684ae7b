"""Knowledge: a folder of documents, cut into passages and searched by BM25."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from stemma.core.digests import digest
from stemma.core.errors import InvalidData, InvalidInput

_KINDS = (".md", ".txt")
_PASSAGE_WORDS = 120
_LARGEST_BYTES = 8_000_000  # every text is pinned with the network and searched in memory
_K1, _B = 1.2, 0.75  # the usual constants of BM25, as in Lucene
_WORD = re.compile(r"\w+")
_OWN_LINE = re.compile(r"(?:[-*+•>]|\d+[.)])\s|[|`]")  # of Markdown: list items, quotations, tables, fences
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$")


@dataclass(frozen=True, slots=True)
class Passage:
    """A few paragraphs of one document: the file they stand in, relative to the folder, and the heading above them."""

    source: str
    heading: str
    text: str

    def to_json(self) -> dict[str, str]:
        return {"source": self.source, "heading": self.heading, "text": self.text}


@dataclass(frozen=True)
class Library:
    """The passages of a folder, in the order of file names. Immutable; `digest` names its content."""

    passages: tuple[Passage, ...]

    @classmethod
    def read(cls, folder: Path) -> "Library":
        """Every `.md` and `.txt` file below `folder`.

        Raises InvalidData when the folder is missing, holds no text or too much, or a file is not UTF-8.
        """
        if not folder.is_dir():
            raise InvalidData(folder, "is not a folder of documents; name one that holds .md or .txt files")
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _KINDS and path.is_file())
        size = sum(path.stat().st_size for path in files)
        if size > _LARGEST_BYTES:
            raise InvalidData(
                folder, f"holds {size:,} bytes of text, over the {_LARGEST_BYTES:,} that a network can pin; split it"
            )
        passages: list[Passage] = []
        for path in files:
            try:
                text = path.read_bytes().decode()
            except UnicodeDecodeError as error:
                raise InvalidData(path, f"is not UTF-8 at byte {error.start}; save it as UTF-8") from error
            passages += _passages(path.relative_to(folder).as_posix(), text)
        if not passages:
            raise InvalidData(folder, "holds no text; put .md or .txt files there")
        return cls(tuple(passages))

    @cached_property
    def digest(self) -> str:
        return digest(self.to_json())

    def search(self, query: str, *, top: int) -> tuple[Passage, ...]:
        """The `top` passages that answer `query` best, best first; fewer when fewer share a word with it.

        Okapi BM25 (Robertson and Zaragoza, 2009) over words without case and their plural s. Ties keep the order of the
        folder, so the result is the same on every machine.
        """
        wanted = set(_words(query))
        scored = []
        for number, counts in enumerate(self._counts):
            score = sum(self._weight(word) * self._saturation(counts, word) for word in sorted(wanted & counts.keys()))
            if score > 0:
                scored.append((-round(score, 9), number))
        return tuple(self.passages[number] for _, number in sorted(scored)[:top])

    def _weight(self, word: str) -> float:
        holding = self._document_frequency[word]
        return math.log(1 + (len(self.passages) - holding + 0.5) / (holding + 0.5))

    def _saturation(self, counts: Counter[str], word: str) -> float:
        often = counts[word]
        return often * (_K1 + 1) / (often + _K1 * (1 - _B + _B * counts.total() / self._mean_length))

    @cached_property
    def _counts(self) -> list[Counter[str]]:
        return [Counter(_words(f"{passage.heading} {passage.text}")) for passage in self.passages]

    @cached_property
    def _document_frequency(self) -> Counter[str]:
        return Counter(word for counts in self._counts for word in counts)

    @cached_property
    def _mean_length(self) -> float:
        return sum(counts.total() for counts in self._counts) / len(self._counts)

    def to_json(self) -> list[dict[str, str]]:
        return [passage.to_json() for passage in self.passages]

    @classmethod
    def from_json(cls, content: Any) -> "Library":
        """The library that `to_json` wrote. Raises InvalidInput."""
        try:
            return cls(tuple(Passage(item["source"], item["heading"], item["text"]) for item in content))
        except (KeyError, TypeError) as error:
            raise InvalidInput("the pinned passages of a network cannot be read") from error


def as_text(passages: Sequence[Passage]) -> str:
    """The passages as an agent reads them, a blank line between two."""
    return "\n\n".join(passage.text for passage in passages)


def _passages(source: str, text: str) -> Iterator[Passage]:
    heading, gathered, words = "", list[str](), 0
    for paragraph in _paragraphs(text):
        title = _HEADING.match(paragraph)
        length = len(paragraph.split())
        if gathered and (title or words + length > _PASSAGE_WORDS):
            yield Passage(source, heading, "\n\n".join(gathered))
            gathered, words = [], 0
        if title:
            heading = title.group(1)
        else:
            gathered.append(paragraph)
            words += length
    if gathered:
        yield Passage(source, heading, "\n\n".join(gathered))


def _paragraphs(text: str) -> Iterator[str]:
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.strip() and not _HEADING.match(line):
            lines.append(line.strip())
            continue
        if lines:
            yield _unwrapped(lines)
            lines = []
        if line.strip():
            yield line.strip()


def _unwrapped(lines: Sequence[str]) -> str:
    """A paragraph whose sentences go on where a line was full: a line's end is the end of a sentence to who quotes one."""
    if lines[0].startswith("```"):
        return "\n".join(lines)
    unwrapped = [lines[0]]
    for line in lines[1:]:
        if _OWN_LINE.match(line):
            unwrapped.append(line)
        else:
            unwrapped[-1] += f" {line}"
    return "\n".join(unwrapped)


def _words(text: str) -> list[str]:
    return [
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
        for word in _WORD.findall(text.casefold())
    ]
