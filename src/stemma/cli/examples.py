"""Where the examples are: inside an installed wheel, or beside the sources of a checkout."""

from pathlib import Path

import stemma
from stemma.core.errors import NotFound


def example_folder(name: str = "support-desk") -> Path:
    """The folder of an example. Raises NotFound when this installation came without them."""
    package = Path(stemma.__file__).parent
    for place in (package / "examples" / name, package.parents[1] / "examples" / name):
        try:
            if place.is_dir():
                return place
        except OSError as error:
            raise NotFound(f"the example {name!r} cannot be read at {place}: {error.strerror}") from error
    raise NotFound(f"the example {name!r} is not part of this installation; install the wheel: pip install stemma-ai")
