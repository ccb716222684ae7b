"""An answer's text, made comparable: unwrapped from what models put around it, and normalised."""

import json
import re
import unicodedata
from typing import Any

from stemma.core.errors import InvalidInput

_FENCED = re.compile(r"```[\w+-]*[ \t]*\r?\n(?P<inside>.*?)\r?\n?[ \t]*```", re.DOTALL)
_OPENING = " \"'`“”„‘’‚«»‹›「」『』()[]{}*_¿¡"
_CLOSING = _OPENING + ".,;:!?…。、，；：！？"


def unwrap(text: str) -> str:
    """The answer inside the wrapping that models add; text without such wrapping is only stripped of whitespace.

    Two wrappings come off, in this order: one Markdown code fence around the whole text, and a JSON object with
    exactly one key, whose string, number or boolean is the answer. A bare JSON string is taken as its content.

    >>> unwrap('```json\\n{"label": "refund"}\\n```')
    'refund'
    """
    text = unfence(text)
    if text[:1] not in ("{", '"'):  # nothing else is worth the parser's time
        return text
    try:
        value = parse_json(text)
    except InvalidInput:
        return text
    if isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value) if isinstance(value, bool | int | float) else text


def unfence(text: str) -> str:
    """`text` without surrounding whitespace and without a Markdown code fence around all of it."""
    text = text.strip()
    if not text.startswith("```"):
        return text
    fenced = _FENCED.fullmatch(text)
    return fenced["inside"].strip() if fenced and "```" not in fenced["inside"] else text


def normalise(text: str) -> str:
    """`text` as people compare answers: what stays after all of this is equal is the same answer.

    Unicode NFKC and case folding, runs of whitespace as one space, and no quotes, brackets, asterisks, underscores,
    backticks or spaces around it, nor ``. , ; : ! ? …`` behind it. Nothing inside changes, and a sign or a decimal
    point in front stays, so ``-5``, ``5``, ``.5``, ``C`` and ``C++`` remain five answers. Text that is punctuation
    alone is kept.

    >>> normalise(' **"Card arrival".** ')
    'card arrival'
    """
    # Folding can undo the composition, so it stands between two normalisations (Unicode 3.13, toNFKC_Casefold).
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    spaced = " ".join(folded.split())
    return spaced.lstrip(_OPENING).rstrip(_CLOSING) or spaced


def parse_json(text: str) -> Any:
    """The JSON value of `text`. Raises InvalidInput with the reason: bad syntax, NaN, nesting too deep to read."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"not valid JSON: {error.msg} at character {error.pos + 1}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not valid JSON: {error}") from error


def shown(text: str, *, longest: int = 80) -> str:
    """`text` quoted for a message on one line, cut after `longest` characters."""
    return repr(text if len(text) <= longest else text[: longest - 1] + "…")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")
