"""Places of one process: never leaked, never fewer than none, whatever rests in the meantime."""

from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from stemma.network.slots import Slots


def test_what_rests_leaves_its_place_to_others() -> None:
    """While something waits for a person another takes its place; when it goes on there is one more than there are places."""
    slots = Slots(1)
    slots.take("a")
    with slots.resting("a"):
        assert slots.free == 1
        slots.take("b")
        assert slots.free == 0
    assert (slots.taken, slots.free) == (2, 0)
    slots.release("b")
    slots.release("a")
    assert (slots.taken, slots.free) == (0, 1)


def test_what_is_let_go_of_while_it_rests_is_not_counted_twice() -> None:
    """A run that is cancelled while it waits leaves one place, not two, and takes one when what waited has gone on."""
    slots = Slots(2)
    slots.take("a")
    with slots.resting("a"), slots.resting("a"):
        slots.release("a")
        assert slots.taken == 0
        slots.take("a")
        assert slots.taken == 0
    assert slots.taken == 1


def test_run_that_is_begun_after_its_turn_asked_rests_from_the_start() -> None:
    """A process takes turns on before the runs they belong to: those wait for a person, too, and keep nobody from working."""
    slots = Slots(1)
    with slots.resting("run"):
        slots.take("run")
        assert slots.free == 1
    assert slots.free == 0


def test_who_is_not_in_hand_has_no_place_to_leave() -> None:
    """A turn that waits for a person frees no place of a run that another process plays."""
    slots = Slots(1)
    slots.take("mine")
    with slots.resting("somebody else's"):
        assert slots.free == 0


@given(st.lists(st.tuples(st.sampled_from(["take", "release", "rest", "rise"]), st.sampled_from("abc")), max_size=40))
def test_places_add_up(steps: list[tuple[str, str]]) -> None:
    """After any sequence of taking, resting, going on and letting go, what is taken is what is in hand and does not rest."""
    slots, held, resting = Slots(2), set[str](), dict[str, ExitStack]()
    for what, id in steps:
        if what == "take":
            slots.take(id)
            held.add(id)
        elif what == "release":
            slots.release(id)
            held.discard(id)
        elif what == "rest" and id not in resting:
            resting[id] = stack = ExitStack()
            stack.enter_context(slots.resting(id))
        elif what == "rise" and id in resting:
            resting.pop(id).close()
        assert slots.taken == len(held - resting.keys())
        assert slots.free == max(0, 2 - slots.taken)
    for stack in resting.values():
        stack.close()
    assert slots.taken == len(held)
    with slots.reserved(2):
        assert slots.taken == len(held) + 2
    for id in "abc":
        slots.release(id)
    assert slots.taken == 0
