"""Families of prompts and differences between them, as a terminal shows them."""

from itertools import pairwise
from typing import TYPE_CHECKING

from rich.tree import Tree

from stemma.cli.output import columns_wide, cut, out, say

if TYPE_CHECKING:  # the registry takes a fifth of a second to import, and help waits for none of the rooms
    from stemma.registry.difference import Difference
    from stemma.registry.lineage import Ancestor, Family


_INDENT = 4  # columns, of each generation
_OTHER = " (other parent)"


def print_family(family: "Family", *, depth: int = 12) -> None:
    """The line of best parents as a tree, with the other parent of each crossover beside it."""
    out.print(_family_tree(family, depth), width=columns_wide())


def _family_tree(family: "Family", depth: int) -> Tree:
    line, wide = family.main_line, columns_wide()
    root = tree = Tree(_member(line[0], wide))
    for child, parent in pairwise(line[: depth + 1]):
        wide -= _INDENT
        for other in child.parents:
            if other != parent.id:
                tree.add(f"[dim]{_member(family.by_id[other], wide - len(_OTHER))}{_OTHER}[/dim]")
        tree = tree.add(_member(parent, wide))
    if len(line) > depth + 1:
        tree.add(f"[dim]… {len(line) - depth - 1} more generations; see --depth[/dim]")
    return root


def print_difference(changes: "Difference", *, most: int | None = None, brief: bool = False) -> None:
    """A difference in colour: at most so many lines of it, and with `brief` each only as far as the terminal goes."""
    if not changes:
        say("no difference")
    part = None
    for line in changes.lines[:most]:
        if line.part != part:
            part = line.part
            say(f"@@ {part} @@", style="cyan")
        style = {"+": "green", "-": "red", " ": "dim"}[line.mark]
        text = cut(line.text, columns_wide() - 2) if brief and line.text.strip() else line.text
        say(f"{line.mark} {text}".rstrip(), style=style)
    if most is not None and len(changes.lines) > most:
        say(f"… {len(changes.lines) - most} more lines", style="dim")


def _member(member: "Ancestor", wide: int) -> str:
    """One line of the tree; of many operators, as many names as leave room for the score and the version."""
    name = f"#{member.id} {member.digest[:12]}  "
    score = "" if member.score is None else f"  {100 * member.score:.1f} %"
    version = "" if member.version is None else f"  [bold]{member.version}[/bold]"
    room = wide - len(name) - len(score) - len(member.version or "") - 2
    return f"{name}{_fitted(member.operator, room)}{score}{version}"


def _fitted(operator: str, room: int) -> str:
    names = operator.split("+")
    for kept in range(len(names), 0, -1):
        shown = "+".join([*names[:kept], "…"] if kept < len(names) else names)
        if len(shown) <= room:
            return shown
    return cut(operator, max(room, 1))
