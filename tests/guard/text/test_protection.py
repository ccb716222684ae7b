"""What becomes of what was found."""

import re
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput
from stemma.guard.text import Blocked, Protection, Treatment, protect, secrets

KEY = "AKIA" + "QWERTYUIOPASDFGH"
MAIL = {"email": Treatment.REDACT}


@dataclass(frozen=True)
class Counted:
    """Tokens that only count, and remember what they stand for."""

    given: list[tuple[str, str]] = field(default_factory=list)

    def token(self, kind: str, text: str) -> str:
        if (kind, text) not in self.given:
            self.given.append((kind, text))
        return f"pii_{kind}_{'a' * 34}{'abcdefgh'[self.given.index((kind, text))]}"


@pytest.fixture(autouse=True)
def _presidio() -> None:
    pytest.importorskip("presidio_analyzer", reason="needs the extra 'pii'")


def test_each_kind_has_its_own_treatment() -> None:
    """A kind is redacted, tokenised or kept as the policy says; findings name what was treated, and where it stood."""
    kinds = {"email": Treatment.REDACT, "phone": Treatment.TOKENISE, "url": Treatment.KEEP}
    text = "bob@x.com, 212-555-0188, https://x.org"
    done = protect(text, Protection(kinds), Counted())
    assert done.value == f"[redacted email], pii_phone_{'a' * 35}, https://x.org"
    assert [(one.kind, text[one.start : one.end]) for one in done.findings] == [
        ("email", "bob@x.com"),
        ("phone", "212-555-0188"),
    ]


def test_a_blocked_kind_refuses_the_whole() -> None:
    """One find of a blocked kind refuses the value, and names kind and place, never the words."""
    with pytest.raises(Blocked) as refused:
        protect({"a": ["ok", "bob@x.com"]}, Protection({"email": Treatment.BLOCK}))
    assert refused.value.reasons == ("email in /a/1 is not let through",)
    assert refused.value.kinds == ("email",)
    assert "bob" not in str(refused.value)


def test_a_field_of_something_larger_is_known_by_its_path() -> None:
    """What stands at a path is treated as the field that it is, and found there."""
    done = protect("Ada", Protection(fields={"customer.name": Treatment.REDACT}), path="/customer/name")
    assert (done.value, done.findings[0].path) == ("[redacted name]", "/customer/name")


def test_secrets_are_treated_together_or_one_by_one() -> None:
    """`secret` stands for every kind of secret that is not named by itself."""
    assert protect(KEY, Protection({"secret": Treatment.REDACT})).value == "[redacted aws-key]"
    assert protect(KEY, Protection({"secret": Treatment.REDACT, "aws-key": Treatment.KEEP})).value == KEY
    assert protect(KEY, Protection({"aws-key": Treatment.REDACT})).value == "[redacted aws-key]"
    assert protect(KEY, Protection(MAIL)).value == KEY


def test_named_fields_are_protected_whole() -> None:
    """A field is found by its name at any depth and in any spelling; every text and number in it is treated."""
    policy = Protection(fields={"customer.full_name": Treatment.REDACT, "address": Treatment.REDACT})
    value = {
        "customer": {"fullName": "Ada", "id": 7},
        "fullName": "a ship",
        "orders": [{"Address": {"street": "1 Way", "no": 3, "gift": True, "lines": ["x", None]}}],
    }
    assert protect(value, policy).value == {
        "customer": {"fullName": "[redacted full-name]", "id": 7},
        "fullName": "a ship",
        "orders": [
            {
                "Address": {
                    "street": "[redacted address]",
                    "no": "[redacted address]",
                    "gift": True,
                    "lines": ["[redacted address]", None],
                }
            }
        ],
    }


def test_keys_are_protected_and_stay_apart() -> None:
    """Personal data in the keys of an object goes, too; keys that become alike keep their values apart."""
    done = protect({"a@x.com": 1, "b@x.com": 2}, Protection(MAIL))
    assert done.value == {"[redacted email]": 1, "[redacted email] 2": 2}
    assert [one.path for one in done.findings] == ["/a@x.com#", "/b@x.com#"]


def test_tokens_need_a_vault() -> None:
    """A policy that tokenises cannot be carried out without tokens, and says so."""
    with pytest.raises(InvalidInput, match="needs a vault"):
        protect("bob@x.com", Protection({"email": Treatment.TOKENISE}))


def test_a_field_without_a_name_is_refused() -> None:
    """What cannot name a field is refused when the policy is made."""
    with pytest.raises(InvalidInput, match="names no field"):
        Protection(fields={"a..b": Treatment.REDACT})


_texts = st.lists(
    st.sampled_from(
        ["bob@x.com", "+1 212-555-0188", "4111111111111111", KEY, "10.1.2.3", "https://x.org/a", "hello", "name", "§"]
    ),
    max_size=6,
).map(" and ".join)
_values = st.recursive(
    _texts | st.none() | st.booleans() | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "x", "to@x.com"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(_values, st.sampled_from([Treatment.REDACT, Treatment.TOKENISE]))
def test_what_is_protected_stays_as_it_is(value: object, treatment: Treatment) -> None:
    """Protecting twice is protecting once, and nothing that was to go can be found afterwards."""
    policy = Protection.all(treatment, "name")
    once = protect(value, policy, Counted())
    again = protect(once.value, policy, Counted())
    assert again.value == once.value
    assert again.findings == ()
    assert re.search(r"bob@|212-555|4111|AKIA|10\.1", repr(once.value)) is None
    assert not isinstance(once.value, str) or secrets(once.value) == []
