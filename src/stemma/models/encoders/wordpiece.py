"""BERT's tokenizer for lower-cased English: words and punctuation, then the longest pieces that a vocabulary holds."""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

_LONGEST_WORD = 100  # characters; longer ones are unknown, as in the reference


class WordPiece:
    """Texts to the token numbers of a BERT vocabulary, one token a line in `vocabulary`."""

    def __init__(self, vocabulary: Path, *, longest: int = 256) -> None:
        tokens = vocabulary.read_text(encoding="utf-8").split("\n")
        self._numbers = {token: number for number, token in enumerate(tokens) if token}
        self._longest = longest
        self._pieces = lru_cache(maxsize=65_536)(self._pieces_of)

    def tokens(self, text: str) -> list[int]:
        """``[CLS]``, the pieces of `text` and ``[SEP]``: at most `longest` tokens, the end cut off."""
        pieces = [piece for word in _words(text) for piece in self._pieces(word)]
        return [self._numbers["[CLS]"], *pieces[: self._longest - 2], self._numbers["[SEP]"]]

    def _pieces_of(self, word: str) -> tuple[int, ...]:
        if len(word) > _LONGEST_WORD:
            return (self._numbers["[UNK]"],)
        pieces: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            end = next((end for end in range(len(word), start, -1) if prefix + word[start:end] in self._numbers), None)
            if end is None:
                return (self._numbers["[UNK]"],)
            pieces.append(self._numbers[prefix + word[start:end]])
            start = end
        return tuple(pieces)


def _words(text: str) -> list[str]:
    return "".join(_spaced(text)).split()


def _spaced(text: str) -> Iterator[str]:
    """The characters of `text`, lower-cased and without accents, with spaces around punctuation and ideographs."""
    for character in unicodedata.normalize("NFD", "".join(_cleaned(text)).lower()):
        category = unicodedata.category(character)
        if category == "Mn":
            continue
        if character.isascii() and not character.isalnum() and not character.isspace():
            yield f" {character} "  # BERT counts every ASCII sign, '$' and '^' too, as punctuation
        elif category.startswith("P") or _is_ideograph(ord(character)):
            yield f" {character} "
        else:
            yield character


def _cleaned(text: str) -> Iterator[str]:
    for character in text:
        if character in "\t\n\r" or unicodedata.category(character) == "Zs":
            yield " "
        elif character != "\ufffd" and not unicodedata.category(character).startswith("C"):
            yield character


def _is_ideograph(point: int) -> bool:
    return (
        0x4E00 <= point <= 0x9FFF
        or 0x3400 <= point <= 0x4DBF
        or 0x20000 <= point <= 0x2CEAF
        or 0xF900 <= point <= 0xFAFF
        or 0x2F800 <= point <= 0x2FA1F
    )
