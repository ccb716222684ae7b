"""Words as they are compared: cut out of a text, without their endings, and told apart from those that only join others."""

import re
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_JOINING = """
a am an and are as at be been but by can could did do does for from had has have i if in into is it its me my of on or so
that the their them then there these they this those to was we were what which will with would you your
"""
FUNCTION_WORDS = frozenset(_JOINING.split())
"""The commonest English words that say little of what a text is about. Those that ask, deny or place are not among them."""


def words_of(text: str) -> list[str]:
    """The words of `text` in lower case; underscores, hyphens and punctuation part words, apostrophes do not."""
    return _WORD.findall(text.lower())


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """`word` without the commonest English endings.

    >>> stem("cards"), stem("arrived"), stem("arrives")
    ('card', 'arriv', 'arriv')
    """
    for ending in ("ingly", "edly", "ing", "ies", "ied", "ed", "es", "ly", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
