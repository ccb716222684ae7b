"""Names of models, and the settings that each of them is asked with."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as searching
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput, NotConfigured
from stemma.models.names import canonical, members_of
from stemma.models.settings import settings_for

NAMES = st.sampled_from(["embedded", "openai:o3", "anthropic:x", "mine"])
VALUES = st.none() | st.integers(0, 3) | st.text(max_size=3)
SETTINGS = st.dictionaries(st.sampled_from(["temperature", "max_tokens", "seed"]), VALUES, max_size=3)


def test_spaces_make_no_other_chain() -> None:
    """However a chain is typed, records carry one name for it; the order of its members is part of that name."""
    assert canonical("a ,b,  c") == canonical("a,b,c") == "a, b, c"
    assert canonical("b,a") != canonical("a,b")
    assert members_of("openai:gpt-5") == ("openai:gpt-5",)


@pytest.mark.parametrize(("name", "words"), [("a,,b", "a gap"), ("a,", "a gap"), ("a, b, a", "'a' twice")])
def test_a_chain_with_a_gap_or_a_repeated_member_is_refused(name: str, words: str) -> None:
    """A chain that cannot mean what it says is one line with the name in it."""
    with pytest.raises(NotConfigured, match=words) as caught:
        members_of(name)
    assert repr(name) in str(caught.value)


def test_a_models_own_settings_stand_above_the_common_ones() -> None:
    """A value for one model takes the place of the common one, null takes it away, and other models never see either."""
    settings = {
        "model": "mine",
        "temperature": 0,
        "max_tokens": 9,
        "models": {"mine": {"temperature": None, "seed": 1}},
    }
    assert settings_for(settings, "mine") == {"max_tokens": 9, "seed": 1}
    assert settings_for(settings, "embedded") == {"temperature": 0, "max_tokens": 9}


def test_an_agents_settings_stand_above_the_prompts() -> None:
    """What is said later and closer to the call wins: the prompt's, the prompt's for this model, the agent's for this model."""
    settings = {"temperature": 0, "models": {"mine": {"temperature": 0.5, "seed": 1}}}
    assert settings_for(settings, "mine", over={"mine": {"temperature": 1}, "other": {"seed": 2}}) == {
        "temperature": 1,
        "seed": 1,
    }


@searching(deadline=None)
@given(common=SETTINGS, by_model=st.dictionaries(NAMES, SETTINGS), changed=SETTINGS)
def test_settings_for_another_model_change_nothing(
    common: dict[str, Any], by_model: dict[str, dict[str, Any]], changed: dict[str, Any]
) -> None:
    """What is set for a model that is not asked is no part of the request, so answers stay remembered when it changes."""
    settings = common | {"models": by_model}
    others = common | {"models": by_model | {"another": changed}}
    for asked in ("embedded", "openai:o3, mine"):
        assert settings_for(settings, asked) == settings_for(others, asked)


@searching(deadline=None)
@given(common=SETTINGS, by_model=st.dictionaries(NAMES, SETTINGS))
def test_a_member_of_a_chain_is_asked_as_it_is_alone(
    common: dict[str, Any], by_model: dict[str, dict[str, Any]]
) -> None:
    """What a chain hands on gives each member the settings that it has without the chain."""
    settings = common | {"models": by_model}
    for_chain = settings_for(settings, "openai:o3, mine")
    for member in ("openai:o3", "mine"):
        assert settings_for(for_chain, member) == settings_for(settings, member)


@pytest.mark.parametrize("found", [["mine"], {"mine": 3}, "mine"])
def test_settings_by_model_of_another_shape_are_refused(found: Any) -> None:
    """A mistake in a prompt's settings is said, with the right shape; nothing is sent."""
    with pytest.raises(InvalidInput, match="settings by model are written"):
        settings_for({"models": found}, "mine")
