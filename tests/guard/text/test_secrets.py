"""Keys and passwords by their forms."""

import pytest

from stemma.guard.text import secrets

_B62 = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY" * 4
# Put together here, so that no scanner of repositories takes them for somebody's.
FORMS = {
    "aws-key": "AKIA" + "QWERTYUIOPASDFGH",
    "github-token": "ghp_" + _B62[:36],
    "gitlab-token": "glpat-" + _B62[:20],
    "slack-token": "xoxb-" + "123456789012-" + _B62[:24],
    "stripe-key": "sk_live_" + _B62[:24],
    "google-key": "AIza" + _B62[:35],
    "openai-key": "sk-proj-" + _B62[:48],
    "huggingface-token": "hf_" + _B62[:34],
    "sendgrid-key": "SG." + _B62[:22] + "." + _B62[:43],
    "npm-token": "npm_" + _B62[:36],
    "pypi-token": "pypi-AgE" + _B62[:60],
    "twilio-key": "SK" + "0123456789abcdef" * 2,
    "telegram-token": "123456789:AA" + _B62[:33],
    "azure-key": "AccountKey=" + _B62[:86] + "==",
    "jwt": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + _B62[:43],
    "private-key": "-----BEGIN RSA "
    + "PRIVATE KEY-----\nDEK-Info: AES-256-CBC,1\n\n"
    + _B62
    + "\n-----END RSA PRIVATE KEY-----",
}


@pytest.mark.parametrize(("kind", "secret"), FORMS.items())
def test_a_makers_form_is_found_whole(kind: str, secret: str) -> None:
    """A secret in a sentence or an assignment is found as its maker's kind, from its first character to its last."""
    for text in (f"use {secret}, please", f'{{"key": "{secret}"}}', f"TOKEN={secret}\nnext"):
        [found] = secrets(text)
        assert (found.kind, text[found.start : found.end]) == (kind, secret)


@pytest.mark.parametrize(
    "text",
    ["password: hunter2x9Q!k", "api_key = 'a8f5f167f44f4964e6c998dee827110c'", "Your new password is q7w3e9r1t5"],
)
def test_what_a_secret_name_is_set_to_is_one(text: str) -> None:
    """A generated value after such a name is found, without its quotes."""
    [found] = secrets(text)
    assert found.kind == "assigned-secret"
    assert text[found.end :] in ("", "'")


def test_a_password_in_an_address_is_found_alone() -> None:
    """Of an address with credentials the password is the find, so that the rest stays readable."""
    text = "postgresql://app:s3cretPw@db.example:5432/x"
    [found] = secrets(text)
    assert (found.kind, text[found.start : found.end]) == ("credentials-in-url", "s3cretPw")


@pytest.mark.parametrize(
    "text",
    [
        "password: changeme1234",
        "password: aaaaaaa1",
        "token = your_token_here1",
        "the password is wrong again",
        "api_key = ${API_KEY_1}",
        "task-1234 risk-management-plan-2026",
    ],
)
def test_placeholders_and_prose_are_none(text: str) -> None:
    """Words after a secret's name, and what stands in its place in examples, are not taken for one."""
    assert secrets(text) == []


def test_a_private_key_that_is_cut_off_is_still_told() -> None:
    """The first line of a private key is enough, and a second key is its own find."""
    first = "-----BEGIN " + "PRIVATE KEY-----"
    assert [one.kind for one in secrets(f"{first}\nMIIE\n{first}\nMIIE\n-----END PRIVATE KEY-----")] == [
        "private-key"
    ] * 2
