"""Personal data by its form."""

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.pii import KINDS_OF_LABELS, halves, measured

from stemma.guard.text import personal
from stemma.guard.text.personal import KINDS

pytest.importorskip("presidio_analyzer", reason="needs the extra 'pii'")

FOUND = {
    "mail o'brien+x@mail.example.co.uk.": ("email", "o'brien+x@mail.example.co.uk"),
    "an IBAN es91 2100 0418 4502 0005 1332 from there": ("iban", "es91 2100 0418 4502 0005 1332"),
    "pay DE89370400440532013000 2 days from today": ("iban", "DE89370400440532013000"),
    "(see https://a.example/x_(y)?q=1).": ("url", "https://a.example/x_(y)?q=1"),
    "on www.example.org/a, or": ("url", "www.example.org/a"),
    "card 4111-1111-1111-1111!": ("card", "4111-1111-1111-1111"),
    "amex 3782 822463 10005": ("card", "3782 822463 10005"),
    "from 10.1.2.3:": ("ip", "10.1.2.3"),
    "at 2001:db8::8a2e:370:7334 now": ("ip", "2001:db8::8a2e:370:7334"),
    "SSN 536-90-4399": ("ssn", "536-90-4399"),
    "call +46 (0)8 928 571 38 now": ("phone", "+46 (0)8 928 571 38"),
    "my mobile is 2125550188": ("phone", "2125550188"),
    "(212) 555-0188 ext. 12": ("phone", "(212) 555-0188 ext. 12"),
    "or 020 7946 0958": ("phone", "020 7946 0958"),
}
NOT_FOUND = [
    *[
        "version 1.2.3",
        "2024-05-16 10:30:00",
        "16.05.2024",
        "order 1716739200",
        "bob@localhost",
        "self.name.id",
        "std::vector",
    ],
    *[
        "GB82 WEST 1234 5698 7654 33",
        "4111 1111 1111 1112",
        "000-12-3456",
        "2019-2020",
        "12345-6789",
        "ISBN 978-3-16-148410-0",
    ],
    *[
        "3747 3911 Fourth Avenue",
        "£1 234 567 890",
        "1,234,567.89",
        "id 6940579",
        "pii_email_5djmqazcoxm3bfypsjiz7jkk4v3jmcihr6si65tmhy",
    ],
]


@pytest.mark.parametrize(("text", "told"), FOUND.items())
def test_a_form_is_found_from_end_to_end(text: str, told: tuple[str, str]) -> None:
    """Each kind is found in a sentence, without the words and marks around it."""
    assert [(one.kind, text[one.start : one.end]) for one in personal(text)] == [told]


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_only_resembles_a_form_is_not_found(text: str) -> None:
    """Numbers that fail their check, dates, versions, code and tokens are no personal data."""
    assert personal(text) == []


def test_one_after_the_other_each_is_found() -> None:
    """What follows a find at once is found, too, and a wrong start swallows nothing."""
    text = "GB82WEST12345698765432 DE89370400440532013000 AB12 3456 FR1420041010050500013M02606"
    assert [text[one.start : one.end] for one in personal(text)] == [text[:22], text[23:45], text[-27:]]


def test_the_longer_of_two_that_overlap_counts() -> None:
    """An address within a link, or a number within an IBAN, is no find of its own."""
    assert [
        one.kind for one in personal("https://x.org/?to=bob@x.org&tel=212-555-0188 and ES9121000418450200051332")
    ] == [
        "url",
        "iban",
    ]


@pytest.mark.parametrize("half", [0, 1], ids=["tuning", "report"])
def test_labelled_data_is_found(shared_data: Path, half: int) -> None:
    """On the data that was tuned on, and on the rest, nearly all is found to the character, and little else."""
    for kind, score in measured(halves(shared_data)[half]).items():
        recall, precision = (0.90, 0.80) if kind == "phone" else (0.98, 0.95)
        assert score.recall >= recall, (kind, score)
        assert score.precision >= precision, (kind, score)
    assert set(KINDS_OF_LABELS.values()) == set(KINDS)


@pytest.mark.parametrize(
    "unit", ["a@a.a ", "a@", "1 ", "1.", "a:", "::", "AB12", "AB12 3456 7890 ", "http://", "www.", "a-", "+1", "(1"]
)
def test_the_time_it_takes_is_linear(unit: str) -> None:
    """A hundred thousand characters made to be tried at every place are done with; squares would take hours."""
    personal((unit * 100_000)[:100_000])


def test_without_presidio_the_way_out_is_told() -> None:
    """Where the extra is not installed, the error names it, and everything else of the room works."""
    code = """
import sys
sys.modules["presidio_analyzer"] = None
from stemma.core.errors import NotConfigured
from stemma.guard.text import Protection, Treatment, clean, personal, protect
done = protect("ghp_" + "a1B2" * 9, Protection(kinds={"secret": Treatment.REDACT}))
assert done.value == "[redacted github-token]"
try:
    personal("x")
except NotConfigured as missing:
    print(missing)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'stemma-ai[pii]'" in ran.stdout
