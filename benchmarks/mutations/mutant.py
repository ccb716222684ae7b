"""One file with one thing wrong in it."""

from dataclasses import dataclass
from difflib import unified_diff


@dataclass(frozen=True, slots=True)
class Mutant:
    """`path` is below the package; `was` is the whole file as it should be, `text` with one change."""

    path: str
    was: str
    text: str

    @property
    def change(self) -> tuple[str, str]:
        """The lines that went and those that came, which name the mutant for as long as the code around it stands."""
        lines = list(unified_diff(self.was.splitlines(), self.text.splitlines(), n=0, lineterm=""))[2:]
        went, came = ([line[1:].strip() for line in lines if line[:1] == sign] for sign in "-+")
        return " ⏎ ".join(went), " ⏎ ".join(came)

    @property
    def diff(self) -> str:
        """What changed, with two lines around it."""
        lines = unified_diff(self.was.splitlines(), self.text.splitlines(), self.path, "mutant", n=2, lineterm="")
        return "\n".join(lines)
