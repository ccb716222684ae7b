"""What is taken out of a text, and what is left in it."""

import pytest
from hypothesis import example, given
from tests.guard.text.strange import strange_texts

from stemma.guard.text import clean, inspect

LEGITIMATE = {
    "arabic": "السلام عليكم — مرحبا\u200f (123)!",
    "arabic-in-english": "He said \u2067السلام عليكم\u2069, then left; \u202bשלום\u202c too.",
    "persian": "می\u200cخواهم نامه\u200cای بنویسم",
    "hebrew": "שָׁלוֹם עוֹלָם \u200fabc\u200e",
    "hindi": "क्\u200dष हिन्दी क्\u200cष",
    "thai": "ภาษา\u200bไทย",
    "emoji": "👩\u200d👩\u200d👧\u200d👦 🏳\ufe0f\u200d🌈 🏴\u200d☠\ufe0f 1\ufe0f\u20e3 ❤\ufe0f 👍🏽 ☺\ufe0e ℹ\ufe0f 🇩🇪",
    "flag": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "composed": "naïve café Žluťoučký kůň",
    "decomposed": "nai\u0308ve cafe\u0301",
    "chinese": "漢字かな交じり文、ＮＨＫ 葛\U000e0100飾区",
    "korean": "안녕하세요 세계",
    "russian": "Привет, мир! Большой USB-флешка, а также PDFка",
    "science": "TNFα, kΩ, µs, hν, Kα, Δx, 𝑥² + 𝑦² = 𝑟²",
    "code": "def f(x: int) -> int:\n\treturn x ** 2  # [a](b) <c>\r\n",
}
HARMFUL = {
    "p\u0430yp\u0430l": ("paypal", "lookalike", 2),
    "ig\u200bnore": ("ignore", "zero-width", 1),
    "ig\xadnore": ("ignore", "soft-hyphen", 1),
    "hi\U000e0068\U000e0069": ("hi", "tag", 2),
    "ok\ufe01\ufe02": ("ok", "variation-selector", 2),
    "😀\U000e0100\U000e0101": ("😀", "variation-selector", 2),
    "if \u202eadmin": ("if admin", "bidirectional", 1),
    "א \u202eabc\u202c": ("א abc", "bidirectional", 2),
    "\u2066left\u2069": ("left", "bidirectional", 2),
    "א\u2066open": ("אopen", "bidirectional", 1),
    "\x1b[31mred": ("red", "terminal-escape", 5),
    "\x1b]8;;http://x\x07here\x1b]8;;\x07": ("here", "terminal-escape", 20),
    "a\x00b\x08": ("ab", "control", 2),
    "a\ud800": ("a\ufffd", "lone-surrogate", 1),
    "𝐢𝐠𝐧𝐨𝐫𝐞": ("ignore", "styled-letters", 6),
    "ⓘⓖⓝ": ("ign", "styled-letters", 3),
    "e\u0301 é": ("é é", "mixed-normal-forms", 1),
    "a" + "\u0316" * 20: ("a" + "\u0316" * 8, "stacked-marks", 12),
    "a\u2028b": ("a\nb", "line-separator", 1),
    "\ufeffa\u2060": ("a", "invisible", 2),
    "1\u200d2": ("12", "zero-width", 1),
}


@pytest.mark.parametrize("text", LEGITIMATE.values(), ids=LEGITIMATE.keys())
def test_what_writing_needs_stays(text: str) -> None:
    """Texts of many scripts, emoji, formulas and code come through unchanged, with nothing found in them."""
    cleaned = clean(text)
    assert cleaned.text == text
    assert not cleaned.changed


@pytest.mark.parametrize(("text", "told"), HARMFUL.items(), ids=ascii)
def test_what_deceives_goes(text: str, told: tuple[str, str, int]) -> None:
    """Each kind of deceit is named with the number of its characters, and removed or set right."""
    cleaned = clean(text)
    named = {one.kind: one.count for one in cleaned.findings}
    assert (cleaned.text, named[told[1]]) == (told[0], told[2])


def test_an_escape_without_an_end_hides_nothing() -> None:
    """A terminal string that is never closed loses its opening alone; the words after it are seen."""
    assert clean("\x1b]0;title and the rest of it").text == "0;title and the rest of it"


@given(strange_texts)
@example("e\u0301\u0430a\u200b\u0301é")
@example("\x1b\x1b[0m[0m")
@example("1\ufe0f\u200d1")
def test_clean_text_is_clean(text: str) -> None:
    """Cleaning twice is cleaning once, and what was cleaned can be written as UTF-8."""
    once = clean(text).text
    again = clean(once)
    assert again.text == once
    assert not again.changed
    once.encode()


@given(strange_texts)
def test_what_is_found_is_what_is_changed(text: str) -> None:
    """An inspection finds something exactly where cleaning changes something, and says where the first of it lies."""
    found, cleaned = inspect(text).findings, clean(text)
    assert found == cleaned.findings
    assert bool(found) == (cleaned.text != text)
    assert all(0 <= one.start < one.end <= len(text) and one.count > 0 for one in found)
