"""How near a task is to what agents can do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.network.topologies.playing import agent, network

from stemma.core.errors import NotFound
from stemma.models.encoders import HashedEncoder
from stemma.network.fitness import Fitness, capabilities_of
from stemma.network.flow import Panel, Pipeline, Route, Step

ABLE = {
    "cards": ("a lost or stolen card", "ordering a new card"),
    "cash": ("withdrawing cash from an ATM", "a card that the ATM kept"),
    "transfers": ("a bank transfer that has not arrived",),
}
NAMES = list(ABLE)


def test_fittest_says_what_the_task_says() -> None:
    """Each text is nearest to the agent that names its matter, and the encoder is told."""
    fitness = Fitness(ABLE, HashedEncoder())
    texts = {"my card was stolen": "cards", "the ATM gave no cash": "cash", "where is my transfer": "transfers"}
    for text, name in texts.items():
        found = fitness.of(text, NAMES)
        assert max(found, key=lambda one: found[one]) == name
    assert fitness.encoder == "hashed"


@given(st.text(max_size=60), st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
def test_fitness_is_a_cosine_in_six_digits(text: str, names: list[str]) -> None:
    """It lies between -1 and 1, is the same each time and in any order of the names; a text without words is near to nobody."""
    fitness = Fitness(ABLE, HashedEncoder())
    found = fitness.of(text, names)
    assert list(found) == names
    assert all(-1 <= value <= 1 and round(value, 6) == value for value in found.values())
    assert found == Fitness(ABLE, HashedEncoder()).of(text, names[::-1])
    assert set(fitness.of("?!", names).values()) == {0.0}


def test_capability_itself_is_fitter_than_any_paraphrase() -> None:
    """A single capability word for word has fitness one."""
    assert Fitness(ABLE, HashedEncoder()).of("a bank transfer that has not arrived", ["transfers"]) == {
        "transfers": 1.0
    }


def test_all_capabilities_count_with_the_nearest() -> None:
    """Of two with the same nearest capability, the one whose others are near as well is fitter."""
    able = {"mixed": ("a lost card", "opening hours"), "apt": ("a lost card", "a stolen card")}
    found = Fitness(able, HashedEncoder()).of("a lost card", ["mixed", "apt"])
    assert found["apt"] > found["mixed"] > 0.5


def test_what_all_can_do_tells_nobody_apart() -> None:
    """Words that everybody compared has count for less than they do for one alone."""
    able = {"fees": ("card fees",), "limits": ("card limits",)}
    fitness = Fitness(able, HashedEncoder())
    alone = fitness.of("card fees", ["limits"])["limits"]
    one, other = HashedEncoder().encode(["card fees", "card limits"])
    assert alone == pytest.approx(float(one @ other), abs=1e-6)
    assert fitness.of("card fees", ["fees", "limits"])["limits"] < alone


def test_unknown_name_is_refused() -> None:
    """A name without capabilities cannot be compared with anybody."""
    with pytest.raises(NotFound, match="nobody called 'boss' has capabilities; there are cards, cash, transfers"):
        Fitness(ABLE, HashedEncoder()).of("card", ["cards", "boss"])


def test_team_can_do_what_its_agents_can() -> None:
    """Teams inside teams have the capabilities of all their agents; one that says nothing is known by its name."""
    inner = Panel("jury", ("judge", "old_hand"), "verdict")
    flow = Route("who", (Pipeline("line", (Step("judge"), inner)), Step("clerk")))
    made = network(flow, [agent("judge", capabilities=("settling disputes", "law"))])
    assert capabilities_of(made) == {
        "judge": ("settling disputes", "law"),
        "old_hand": ("old hand",),
        "clerk": ("clerk",),
        "who": ("settling disputes", "law", "old hand", "clerk"),
        "line": ("settling disputes", "law", "old hand"),
        "jury": ("settling disputes", "law", "old hand"),
    }
