"""Trust labels as files write them."""

from collections.abc import Collection

from stemma.core.marked import Marked, near
from stemma.core.trust import Confidentiality, Integrity, TrustLabel


def read_label(node: Marked, default: TrustLabel) -> TrustLabel:
    """The label, with `default` for the parts that it leaves out. Raises InvalidData."""
    keys = node.fields("a label", ("integrity", "confidentiality", "categories"))
    return TrustLabel(
        Integrity[read_level(keys["integrity"], Integrity.__members__)] if "integrity" in keys else default.integrity,
        Confidentiality[read_level(keys["confidentiality"], Confidentiality.__members__)]
        if "confidentiality" in keys
        else default.confidentiality,
        frozenset(keys["categories"].names("categories")) if "categories" in keys else default.categories,
    )


def read_level(node: Marked, members: Collection[str]) -> str:
    """The member's name, written in any case. Raises InvalidData."""
    level = node.text("a label").upper()
    if level not in members:
        known = [member.lower() for member in members]
        raise node.wrong(
            f"{level.lower()!r} is no level of a label{near(level.lower(), known)}; use {', '.join(known)}"
        )
    return level
