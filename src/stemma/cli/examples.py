"""The examples: where they are, inside an installed wheel or beside the sources of a checkout, and how to start from one."""

import shutil
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import stemma
from stemma.core.errors import InvalidInput, NotFound


class Example(StrEnum):
    """The networks to start from."""

    SUPPORT_DESK = "support-desk"  # tickets: sorted, looked up, answered
    BUSINESS_ANALYSIS = "business-analysis"  # questions about a company's figures: reports with charts
    RESEARCH = "research"  # questions over a folder of documents: answers that were tried and checked


NEXT: Mapping[Example, tuple[str, ...]] = {
    Example.SUPPORT_DESK: (
        "stemma eval support/triage --data tickets.csv --input ticket --expected category",
        "stemma optimize support/triage --train tickets.csv --input ticket --expected category",
        "stemma gate SESSION --data held-out.csv --input ticket --expected category --label production",
        "stemma run stemma.yaml --items tickets.csv --limit 5",
    ),
    Example.BUSINESS_ANALYSIS: (
        "stemma network show stemma.yaml",
        "stemma run stemma.yaml --items questions.csv",
        "stemma eval analyst.prompt.yml --data more-questions.csv --input question --expected analysis",
    ),
    Example.RESEARCH: (
        "stemma network show stemma.yaml",
        "stemma run stemma.yaml --items questions.csv",
    ),
}
"""What to try first in a folder that was started from an example."""

_MADE = shutil.ignore_patterns(".*", "__pycache__", "ledger", "reports")  # by runs of the examples where they lie


def example_folder(name: str = Example.SUPPORT_DESK) -> Path:
    """The folder of an example. Raises NotFound when this installation came without it."""
    package = Path(stemma.__file__).parent
    for place in (package / "examples" / name, package.parents[1] / "examples" / name):
        try:
            if place.is_dir():
                return place
        except OSError as error:
            raise NotFound(f"the example {name!r} cannot be read at {place}: {error.strerror}") from error
    raise NotFound(f"the example {name!r} is not part of this installation; install the wheel: pip install stemma-ai")


def copy_example(name: str, folder: Path) -> list[str]:
    """Copies an example into `folder`, and gives the names of the files and folders there.

    Raises InvalidInput, with nothing written, where one of them is there already, and for a place that cannot be written.
    """
    source = example_folder(name)
    every = sorted(path.name for path in source.iterdir())
    names = [one for one in every if one not in _MADE(str(source), every)]
    taken = next((folder / one for one in names if (folder / one).exists()), None)
    if taken is not None:
        raise InvalidInput(f"{taken} is there already, and nothing was written; choose another folder")
    try:
        shutil.copytree(source, folder, ignore=_MADE, dirs_exist_ok=True)
    except shutil.Error as error:
        raise InvalidInput(f"{folder} cannot be written: {error.args[0][0][2]}; choose another folder") from error
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be written: {error.strerror}; choose another folder") from error
    return names
