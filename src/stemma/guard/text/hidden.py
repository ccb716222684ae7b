"""Characters that nobody sees, and that programs and models read: kept only where writing needs them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stemma.guard.text.edits import Edit

# Scripts in which a joiner between two letters changes how they are written: Hebrew to Tibetan, and others like them.
_JOINING = (
    "\u0590-\u061b\u061d-\u0fff\u1000-\u109f\u1780-\u17ff\u1800-\u180a\u1810-\u18af\u1900-\u1aaf\u1b00-\u1c7f"
    "\ua800-\ua9ff\uaa00-\uabff\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc\U00010a00-\U00011fff\U0001e900-\U0001e95f"
)
_WITHOUT_SPACES = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u3040-\u30ff\u3400-\u9fff"  # words may end unseen
)
_EMOJI = "\xa9\xae\u203c\u2049\u20e3\u2100-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
# What a variation selector may follow: symbols, ideographs and their punctuation, Myanmar, Phags-pa, Manichaean.
_VARYING = (
    f"#*0-9{_EMOJI}{_IDEOGRAPHS}\u3000-\u303f\u3200-\u32ff\uff00-\uff9f\u1000-\u109f\ua840-\ua877\U00010ac0-\U00010aff"
)
_SELECTORS, _IDEOGRAPHIC = "\ufe00-\ufe0f", "\U000e0100-\U000e01ef"
_TAGS = "\U000e0000-\U000e007f"
_FLAG = "\U0001f3f4"  # a black flag before tags is that of a part of a country
_FLAGS = "|".join(
    _FLAG + "".join(chr(0xE0000 + ord(letter)) for letter in f"{name}\x7f") for name in ("gbeng", "gbsct", "gbwls")
)
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_JAMO = "\u1100-\u115e\u1161-\u11ff"


@dataclass(frozen=True, slots=True)
class Rule:
    """What of `pattern` is no use of such characters that writing knows. A match of its group `kept` is one."""

    kind: str
    pattern: re.Pattern[str]
    replacement: str = ""

    def __call__(self, text: str) -> Iterator[Edit]:
        for match in self.pattern.finditer(text):
            if match.lastgroup is None:
                start, end = match.span()
                yield Edit(self.kind, start, end, self.replacement, end - start)

    def apply(self, text: str) -> str:
        """The text after all edits, without making them one by one."""
        return self.pattern.sub(r"\g<kept>" if "kept" in self.pattern.groupindex else self.replacement, text)


ESCAPES = Rule(
    "terminal-escape",
    re.compile(
        # ECMA-48: control sequences, then strings with an end, then the rest; a string without an end hides nothing.
        r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
        r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]{0,4096}(?:\x07|\x1b\\|\x9c)"
        r"|\x1b[ -/]*[0-~]"
    ),
)
CONTROLS = Rule("control", re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+"))

RULES = (
    Rule("lone-surrogate", re.compile("[\ud800-\udfff]"), "\ufffd"),
    Rule("noncharacter", re.compile(f"[{_NONCHARACTERS}]"), "\ufffd"),
    Rule("line-separator", re.compile("[\u2028\u2029]"), "\n"),
    Rule("soft-hyphen", re.compile("\xad+")),
    Rule("tag", re.compile(f"(?P<kept>{_FLAGS})|[{_TAGS}]+")),
    Rule(
        "invisible",
        re.compile(
            "[\u2060-\u2065\u206a-\u206f\ufeff\ufff0-\ufffb\u180e\u3164\uffa0\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
            "\U000e0080-\U000e00ff\U000e01f0-\U000e0fff]+"
            f"|(?<![{_JAMO}])[\u115f\u1160]+(?![{_JAMO}])"
        ),
    ),
    Rule(
        "variation-selector",
        re.compile(
            f"(?<![{_VARYING}])[{_SELECTORS}][{_SELECTORS}{_IDEOGRAPHIC}]*"
            f"|(?<![{_IDEOGRAPHS}])[{_IDEOGRAPHIC}][{_SELECTORS}{_IDEOGRAPHIC}]*"
            "|(?<![\u1820-\u18af])[\u180b-\u180d\u180f]+"
        ),
    ),
    Rule(
        "zero-width",
        re.compile(
            f"(?<![{_JOINING}{_EMOJI}\ufe0f\u200c\u200d])[\u200c\u200d]+"  # between letters that do not join
            f"|(?<=[{_EMOJI}\ufe0f])(?:\u200c|\u200d(?![{_EMOJI}]))[\u200c\u200d]*"  # with nothing to join to
            "|(?<=[\u200c\u200d])[\u200c\u200d]+"  # more than one
            f"|(?<![{_WITHOUT_SPACES}])\u200b+|(?<=\u200b)\u200b+"
            f"|(?<![{_JOINING}])\u034f+|(?<=\u034f)\u034f+|[\u17b4\u17b5]+"
        ),
    ),
)
"""In this order: what one removes may leave another's characters without what they belonged to."""

SUSPECT = re.compile(
    f"[\ud800-\udfff{_NONCHARACTERS}\u2028\u2029\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Any character that a rule is about."""
