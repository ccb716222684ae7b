"""Texts as nobody means well writes them, for hypothesis."""

from hypothesis import strategies as st

PIECES = [
    *"a1 \n\r\t.:/@<>[]()!-_#*=\x00\x07\x1b\x7f\x85\x9b\x9c\x9d\xad",
    *"\u034f\u061c\u115f\u1160\u180b\u180e\u200b\u200c\u200d\u200e\u200f",
    *"\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\u3164\ufe00\ufe0e\ufe0f\ufeff\uffa0\ufffb",
    *"\U000e0001\U000e0067\U000e0062\U000e0065\U000e006e\U000e007f\U000e0100\U000e01ef\ud800\udfff\ufffe",
    *"аероАΒοОտᎪⲥꓮωжшée\u0301\u0323\u0308ñ1ℹ❤👩👍🏽🏴🇩漢かกس\u05d0\u0939\u094dᄀ\u1820𝐢𝑔α©Kſ",
    *[
        "\x1b[31m",
        "\x1b]8;;http://x.com\x07",
        "\x1b\\",
        "http://",
        "https://",
        "www.",
        "evil.com",
        "javascript:",
        "data:",
        "mailto:",
    ],
    *[
        "](",
        "![",
        "]:",
        "[a]: //b",
        "<img",
        "<a@b.com>",
        "&lt;",
        "hxxp[:]//",
        "[.]",
        "[untrusted, from ",
        "[end of untrusted]",
    ],
    *["\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "bob@example.com", "212-555-0188"],
]

strange_texts = st.lists(st.one_of(st.sampled_from(PIECES), st.characters()), max_size=24).map("".join)
