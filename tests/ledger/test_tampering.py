"""The campaign of `benchmarks.tamper`, in small: every way to tamper is found, or is known to need a witness."""

from pathlib import Path
from random import Random

from benchmarks.tamper import Campaign
from benchmarks.tampering.edits import LINE_WAYS, WAYS
from benchmarks.tampering.logs import Carrier


def test_every_way_to_tamper_is_found(tmp_path: Path) -> None:
    """Some logs, each tampered with in every way, in the database and in an export: nothing missed, no false alarm."""
    carrier = Carrier(tmp_path)
    campaign = Campaign(carrier, Random(1))
    campaign.run(200)
    carrier.close()
    told = campaign.to_json()
    assert (told["edits"], told["missed"], told["false_alarms"]) == (200, 0, 0)
    assert campaign.made.keys() == {way.name for way in WAYS} | {name for name, _ in LINE_WAYS}


def test_what_the_owner_signs_is_found_by_the_witness_alone(tmp_path: Path) -> None:
    """The ways that are said to need a witness do: without one, none of them is found."""
    carrier = Carrier(tmp_path)
    campaign = Campaign(carrier, Random(2))
    campaign.run(100)
    carrier.close()
    owners = [way.name for way in WAYS if way.needs_witness]
    assert sum(campaign.alone[name] for name in owners) == 0
    assert all(campaign.witnessed[name] == campaign.made[name] > 0 for name in owners)
