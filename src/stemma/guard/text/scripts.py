"""Words that mix scripts to look like others, and letters in fancy dress.

After Unicode Technical Standard 39 (Unicode Security Mechanisms): sections 4 (confusables) and 5.2 (mixed-script words).
Only letters that cannot be told from a Latin one count, so that words of science such as TNFα or kΩ stay as they are.
"""

import re
import unicodedata
from collections.abc import Iterator

from stemma.guard.text.edits import Edit

# From confusables.txt, each letter above the Latin one that it looks like: Cyrillic, Greek, Armenian, Cherokee, Coptic, Lisu.
_LOOKALIKES = {
    "аАВсСԁеЕԌһНіІӏјЈКМоОрРԛѕЅТѵѴѡԝԜхХуҮүԍԐ": "aABcCdeEGhHiIljJKMoOpPqsSTvVwwWxXyYyGE",
    "ΑΒϹϲΕΗΙͿϳΚΜΝοΟΡΤΥΧΖ": "ABCcEHIJjKMNoOPTYXZ",
    "հոօՕԱցՏՍսզ": "hnoOUgSUuq",
    "ᎪᏴᏟᎠᎬᏀᎻᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᏃᎥᏂᏳᎩ": "ABCDEGHJKLMPRSTVWZihGY",
    "ⲥⲤⲎⲒⲔⲘⲚⲟⲞⲣⲢⲦⲬⲨ": "cCHIKMNoOpPTXY",
    "ꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ": "ABCDEFGHIJKLMNOPRSTUVWXYZ",
}
_TABLE = str.maketrans(
    {one: latin for row, plain in _LOOKALIKES.items() for one, latin in zip(row, plain, strict=True)}
)
_ALPHABETS = "\u0370-\u052f\u0531-\u0587\u13a0-\u13ff\uab70-\uabbf\u2c80-\u2cff\ua4d0-\ua4fd"
_LATIN = "A-Za-z\xc0-\xd6\xd8-\xf6\xf8-\u024f"
FOREIGN = re.compile(f"[{_ALPHABETS}]")
_BETWEEN = r"[\d_\u0300-\u036f]{0,4}"
_MIXED = re.compile(f"[{_LATIN}]{_BETWEEN}(?=[{_ALPHABETS}])|[{_ALPHABETS}]{_BETWEEN}(?=[{_LATIN}])")
_REST = re.compile(r"[\w\u0300-\u036f]*")
_OTHER = re.compile(f"(?![{''.join(_LOOKALIKES)}])[{_ALPHABETS}]")


def lookalikes(text: str) -> Iterator[Edit]:
    """Words of Latin letters in which letters of another script stand for them, and no letter of it for itself."""
    done = 0
    match = _MIXED.search(text)
    while match is not None:
        start = match.start()
        while start > done and _in_word(text[start - 1]):
            start -= 1
        rest = _REST.match(text, match.end())
        end = match.end() if rest is None else rest.end()
        word = text[start:end]
        if _OTHER.search(word) is None:
            plain = word.translate(_TABLE)
            count = sum(old != new for old, new in zip(word, plain, strict=True))
            yield Edit("lookalike", start, end, plain, count)
        done = end
        match = _MIXED.search(text, end)


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_" or "\u0300" <= character <= "\u036f"


STYLED = re.compile("[\u24b6-\u24e9\U0001d400-\U0001d7ff\U0001f130-\U0001f149]")
_LETTERS = "".join(
    chr(code)
    for code in (*range(0x24B6, 0x24EA), *range(0x1D400, 0x1D800), *range(0x1F130, 0x1F14A))
    if unicodedata.decomposition(chr(code))
)
_DRESSED = re.compile(f"[{_LETTERS}]{{3,}}")


def styled(text: str) -> Iterator[Edit]:
    """Three or more letters of the mathematical or enclosed alphabets in a row, which is a word and no formula."""
    for match in _DRESSED.finditer(text):
        start, end = match.span()
        yield Edit("styled-letters", start, end, unicodedata.normalize("NFKC", match.group()), end - start)
