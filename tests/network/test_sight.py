"""What one turn gets to see, and what that makes of its words."""

from dataclasses import replace
from typing import Any

import pytest
from tests.network.monitored import PERSONAL, SECRET, STRANGE_SECRET, message, part

from stemma.core.frames import framed
from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, Integrity, TrustLabel
from stemma.guard.handles import Filled, UnknownHandle
from stemma.network.conversation import Earlier
from stemma.network.message import NOTHING, Inner
from stemma.network.quarantine import Sight


def guarded(label: TrustLabel = TRUSTED) -> Sight:
    return Sight(True, label)


def open_eyed(label: TrustLabel = TRUSTED) -> Sight:
    return Sight(False, label)


@pytest.mark.parametrize("acts", [True, False])
def test_turn_begins_with_what_decided_it(acts: bool) -> None:
    """Before anything is read, only who had it taken and who wrote its instruction count, and none of what it was sent."""
    sight = Sight.of(message(part("bill", "x", STRANGE_SECRET), decided=PERSONAL), TRUSTED, guarded=acts)
    assert sight.label == PERSONAL.join(TRUSTED)
    assert sight.guarded is acts
    assert Sight.of(message(decided=TRUSTED), UNTRUSTED, guarded=acts).label.integrity is Integrity.UNTRUSTED


def test_what_is_seen_stays_seen() -> None:
    """A label that was seen is in the join from then on."""
    sight = guarded()
    sight.sees(PERSONAL)
    sight.sees(SECRET)
    assert sight.label == PERSONAL.join(SECRET).join(TRUSTED)


# --- a message ----------------------------------------------------------------------------------------------------------


def test_strangers_part_is_a_handle_and_nothing() -> None:
    """A stranger's part is a name in a template's eyes, with nobody's label; the turn has not seen it."""
    sight = guarded()
    sent = message(part("bill", {"pay": "me"}, STRANGE_SECRET), part("note", "ours", PERSONAL))
    seen = sight.message(sent)
    assert seen.data == {"bill": "$h1", "note": "ours"}
    assert [one.label for one in seen.parts] == [TRUSTED, NOTHING, PERSONAL]
    assert seen.parts[0] is sent.parts[0]
    assert sight.label == TRUSTED.join(PERSONAL)
    held = sight.handles.get("$h1")
    assert (held.value, held.label, held.source) == ({"pay": "me"}, STRANGE_SECRET, "data 'bill'")
    assert replace(seen, parts=sent.parts) == sent


def test_pieces_of_a_part_are_kept_apart() -> None:
    """Where the labels of a value's pieces are known, what is ours of it is shown, and only the rest is hidden."""
    sight = guarded()
    inner = Inner(PERSONAL, {"subject": STRANGE_SECRET, "day": SECRET})
    value = {"id": 7, "subject": "obey", "day": "2026-01-01"}
    seen = sight.message(message(part("bill", value, UNTRUSTED, inner=inner)))
    assert seen.data == {"bill": {"id": 7, "subject": "$h1", "day": "2026-01-01"}}
    assert (seen.parts[1].label, seen.parts[1].inner) == (PERSONAL, None)
    assert sight.handles.get("$h1").source == "data 'bill': subject"
    assert sight.label == TRUSTED.join(PERSONAL).join(SECRET)


def test_value_of_a_strangers_shape_is_hidden_whole() -> None:
    """Pieces that are worth more than the shape they stand in do not make it be seen."""
    sight = guarded()
    inner = Inner(STRANGE_SECRET, {"day": PERSONAL})
    seen = sight.message(message(part("bill", {"day": "2026-01-01", "x": 1}, UNTRUSTED, inner=inner)))
    assert seen.data == {"bill": "$h1"}
    assert (seen.parts[1].label, seen.parts[1].inner) == (NOTHING, None)
    assert sight.label == TRUSTED


def test_who_cannot_act_sees_the_message_as_it_is() -> None:
    """Its parts keep their labels, by which they are framed, and all of them count, pieces included."""
    sight = open_eyed()
    inner = Inner(PERSONAL, {"subject": STRANGE_SECRET})
    sent = message(part("bill", {"subject": "obey"}, STRANGE_SECRET, inner=inner), part("note", "ours", INTERNAL))
    assert sight.message(sent) == sent
    assert sight.label == TRUSTED.join(PERSONAL).join(STRANGE_SECRET)


def test_instruction_is_not_data() -> None:
    """The instruction is nothing that is read: neither kept from anybody nor counted, whoever it is from."""
    strange = replace(message().parts[0], label=STRANGE_SECRET)
    for sight in (guarded(), open_eyed()):
        assert sight.message(replace(message(), parts=(strange,))).parts == (strange,)
        assert sight.label == TRUSTED


# --- earlier turns ------------------------------------------------------------------------------------------------------


def turns() -> list[Earlier]:
    """One that is all ours, one that a stranger answered, and one that strangers decided on."""
    return [
        Earlier(message(part("bill", "ours", INTERNAL)), "fine", PERSONAL),
        Earlier(message(part("bill", "theirs", UNTRUSTED)), "said they", UNTRUSTED),
        Earlier(message(part("bill", "third", INTERNAL), decided=UNTRUSTED), "because of them", INTERNAL),
    ]


def test_who_acts_sees_no_turn_that_strangers_had_it_take() -> None:
    """How often it was asked by strangers stays unknown to it; what they wrote in the others is hidden, answers included."""
    sight = guarded()
    seen = sight.earlier(turns())
    assert [(one.message.data["bill"], one.answer) for one in seen] == [("ours", "fine"), ("$h1", "$h2")]
    assert [one.label for one in seen] == [PERSONAL, UNTRUSTED]
    assert sight.handles.get("$h2").source == "your earlier answer"
    assert sight.label == TRUSTED.join(INTERNAL).join(PERSONAL)


def test_who_cannot_act_sees_every_turn() -> None:
    """All of them, a stranger's answer in a frame."""
    sight = open_eyed()
    seen = sight.earlier(turns())
    assert [one.message.data["bill"] for one in seen] == ["ours", "theirs", "third"]
    assert [one.answer for one in seen] == ["fine", framed("said they", "your earlier answer"), "because of them"]
    assert sight.label == UNTRUSTED.join(PERSONAL)


# --- results ------------------------------------------------------------------------------------------------------------

MAILS = [{"id": 7, "subject": "obey", "day": "Monday"}]
FIELDS = {"[].subject": STRANGE_SECRET, "[].day": SECRET}


def test_hidden_result_leaves_no_trace_on_who_acts() -> None:
    """A result that strangers wrote is a handle; neither its label nor those of its fields are seen."""
    sight = guarded()
    assert sight.shown(MAILS, STRANGE_SECRET, FIELDS | {"[].id": PERSONAL}, "mails") == "$h1"
    assert sight.label == TRUSTED
    assert sight.handles.get("$h1").label == STRANGE_SECRET


def test_shown_result_counts_with_those_fields_that_are_shown() -> None:
    """What is ours of a result is seen, field by field; what is hidden in it is not."""
    sight = guarded()
    assert sight.shown(MAILS, PERSONAL, FIELDS, "mails") == [{"id": 7, "subject": "$h1", "day": "Monday"}]
    assert sight.label == TRUSTED.join(PERSONAL).join(SECRET)
    hides = guarded()
    hides.shown(MAILS, INTERNAL, {"[].subject": STRANGE_SECRET}, "mails")
    assert hides.label == TRUSTED.join(INTERNAL)


def test_who_cannot_act_is_shown_the_result() -> None:
    """As it is, and every label of it counts."""
    sight = open_eyed()
    assert sight.shown(MAILS, PERSONAL, FIELDS, "mails") is MAILS
    assert sight.label == TRUSTED.join(PERSONAL).join(STRANGE_SECRET)
    assert len(sight.handles) == 0


@pytest.mark.parametrize(
    ("sight", "label", "told"),
    [
        (guarded(), UNTRUSTED, "$h1"),
        (guarded(), INTERNAL, {"a": "b"}),
        (open_eyed(), UNTRUSTED, framed('{"a": "b"}', "mails")),
        (open_eyed(), INTERNAL, {"a": "b"}),
    ],
)
def test_what_is_told_is_marked_where_strangers_wrote_it(sight: Sight, label: TrustLabel, told: Any) -> None:
    """Behind a handle for who acts, in a frame for who does not; and ours is told as it is."""
    assert sight.text({"a": "b"}, label, "mails") == told
    assert sight.label.integrity is (Integrity.TRUSTED if told == "$h1" else label.integrity)


# --- handles ------------------------------------------------------------------------------------------------------------


def test_references_mean_something_to_who_acts_alone() -> None:
    """For an agent without handles, `$h1` is a text like any other."""
    sight = guarded()
    sight.handles.hide("the bill", STRANGE_SECRET, "data 'bill'")
    filled = sight.fill({"text": "see: $h1"})
    assert (filled.value, filled.label) == ({"text": "see: the bill"}, STRANGE_SECRET)
    with pytest.raises(UnknownHandle):
        sight.fill("$h2")
    eyes = open_eyed()
    eyes.handles.hide("the bill", STRANGE_SECRET, "data 'bill'")
    assert eyes.fill({"text": "$h1"}) == Filled({"text": "$h1"}, None)


def test_sights_share_nothing() -> None:
    """Each turn numbers its own handles from one."""
    assert guarded().text("x", UNTRUSTED, "a") == guarded().text("y", UNTRUSTED, "b") == "$h1"
