"""A page of the documentation, taken apart: its blocks of code, its sections, its tables."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


class Page:
    """Markdown as the pages in `docs` write it: fences of three backticks, headings with `#`, tables with outer pipes."""

    def __init__(self, text: str) -> None:
        self.text = text

    @classmethod
    def read(cls, name: str) -> "Page":
        return cls((DOCS / name).read_text(encoding="utf-8"))

    def blocks(self, language: str) -> list[str]:
        return re.findall(rf"^```{language}\n(.*?)^```$", self.text, re.DOTALL | re.MULTILINE)

    @property
    def sections(self) -> dict[str, "Page"]:
        """What stands behind each heading, up to the next."""
        # A comment in a block of code looks like a heading: blocks are taken out, and put back behind the split.
        code = re.findall(r"^```.*?^```$", self.text, re.DOTALL | re.MULTILINE)
        prose = re.sub(r"^```.*?^```$", "\0", self.text, flags=re.DOTALL | re.MULTILINE)
        found = re.split(r"^#+ (.+)$", prose, flags=re.MULTILINE)
        rest = iter(code)
        whole = [re.sub("\0", lambda _: next(rest), part) for part in found]
        return dict(zip(whole[1::2], map(Page, whole[2::2]), strict=True))

    def rows(self, *titles: str) -> list[list[str]]:
        """The cells of all tables whose first titles are these."""
        found, taken = list[list[str]](), False
        for line in self.text.splitlines():
            if not line.startswith("|"):
                taken = False
                continue
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
            if cells[: len(titles)] == list(titles):
                taken = True
            elif taken and not set(line) <= set("|-: "):
                found.append(cells)
        return found

    @property
    def links(self) -> list[str]:
        """Where it points to, other than on the web."""
        return re.findall(r"\]\((?!http)(.+?)\)", self.text)


def spelt(cell: str) -> list[str]:
    """What stands in a cell as code."""
    return [one for _, one in re.findall(r"(`+)(.+?)\1", cell)]
