"""Sizes, depths and refusals."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.guard.text.strange import PIECES

from stemma.core.errors import InvalidInput
from stemma.guard.text import Limits, alarming, clean, inert, inspect, secrets


def test_the_size_of_a_value_is_counted() -> None:
    """Characters and UTF-8 bytes of all texts and keys, levels, and values are told."""
    told = inspect({"kéy": ["a", {"b": "€"}, 1, None]}).to_json()
    assert told == {"characters": 6, "bytes": 9, "depth": 3, "nodes": 9, "findings": []}
    assert inspect("é").depth == 0


def test_findings_name_the_text_they_are_in() -> None:
    """A finding carries the JSON Pointer of its text, with its special characters escaped, and a mark for keys."""
    found = inspect({"a/b": ["ok", "x\u200by"], "n~\u202e": 1}).findings
    assert [(one.kind, one.path, one.start) for one in found] == [
        ("bidirectional", "/n~0\u202e#", 2),
        ("zero-width", "/a~1b/1", 1),
    ]


@pytest.mark.parametrize(
    ("value", "limits", "named"),
    [
        ("abc", Limits(characters=2), "2 characters"),
        (["ab", "c"], Limits(characters=2), "2 characters"),
        ("€", Limits(bytes=2), "2 bytes"),
        ([1, 2, 3], Limits(nodes=3), "3 values"),
        ([[[]]], Limits(depth=1), "1 levels"),
    ],
)
def test_what_is_too_large_is_refused(value: Any, limits: Limits, named: str) -> None:
    """One more than a limit is refused with the limit in the message; what just fits is read."""
    with pytest.raises(InvalidInput, match=named):
        inspect(value, limits)
    inspect("ab", Limits(characters=2, bytes=2, depth=0, nodes=1))


def test_a_value_of_any_depth_is_refused_without_recursion() -> None:
    """A list in a list, a hundred thousand deep, or in itself, is a refusal and no crash."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    endless: list[Any] = []
    endless.append(endless)
    for value in (deep, endless):
        with pytest.raises(InvalidInput, match="nested deeper"):
            inspect(value)


def test_limits_that_cannot_be_held_are_refused() -> None:
    """A negative limit, or a depth beyond what is followed, is said when the limits are made."""
    with pytest.raises(InvalidInput, match="not negative"):
        Limits(depth=201)


ADVERSARIAL = [
    *[
        "a",
        "a@",
        "1 ",
        "1.",
        "a:",
        "<",
        "](",
        "\x1b",
        "\x1b]",
        "a\u200b",
        "\u202a\n",
        "א\u202a",
        "аa",
        "аa ",
        "👩\u200d",
        "a\ufe0f",
    ],
    *[
        "é e\u0301",
        "a\u0301",
        "𝐢",
        "-----BEGIN PRIVATE KEY-----",
        "eyJabcdefghijk.",
        "password:",
        "ignore ",
        "never ",
        "a_",
        "a://",
    ],
    *[
        "QUJD",
        "6162",
        "%41",
        "\ud800",
        "[untrusted, from x] ",
        "\n",
        "a.com",
        "@a.",
        "=",
        "\U000e0041",
        "((",
        "http://x)",
    ],
]


@pytest.mark.parametrize("unit", ADVERSARIAL, ids=ascii)
@pytest.mark.parametrize("work", [inspect, clean, secrets, alarming, lambda text: inert(text, "x")])
def test_work_grows_with_the_text_and_no_faster(work: Callable[[str], object], unit: str) -> None:
    """Ten times as long a text takes at most ten times the calls; a pattern that backtracks would not end in a lifetime."""
    short, long = 2_000, 20_000
    calls = [_calls(work, (unit * size)[:size]) for size in (short, long)]
    assert calls[1] <= 10 * calls[0] + 200
    work((unit * 50_000)[:50_000])


def test_a_megabyte_of_everything_at_once_is_read() -> None:
    """A million characters of every strange piece there is are inspected, and cleaned to something clean."""
    text = ("".join(PIECES) * 4_000)[:1_000_000]
    assert inspect(text).findings
    assert not inspect(clean(text).text).findings


def test_benign_texts_have_nothing_to_clean(shared_data: Path) -> None:
    """None of the benign tool outputs and of the texts that trip detectors is refused, changed or blocked."""
    lines = (shared_data / "agentdojo/benign_tool_outputs.jsonl").read_text().splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    for file in (shared_data / "notinject").glob("*.json"):
        texts += [one["prompt"] for one in json.loads(file.read_text())]
    assert len(texts) == 359
    for text in texts:
        assert inspect(text).findings == ()
        assert clean(text).text == text
        alarming(text)


def _calls(work: Callable[[str], object], text: str) -> int:
    """How many functions, Python's own too, are called for `text`."""
    count = 0

    def counted(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        work(text)
    finally:
        sys.setprofile(before)
    return count
