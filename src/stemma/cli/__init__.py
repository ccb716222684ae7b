"""The command line."""

import sys

from stemma import __version__


def main() -> None:
    """Entry point of the command `stemma`: exit code 0 done, 1 error, 2 wrong use, 100 a gate said no."""
    if sys.argv[1:] == ["--version"]:  # answered before anything is loaded
        sys.stdout.write(f"stemma {__version__}\n")
        return
    from stemma.cli.app import run

    sys.exit(run(sys.argv[1:]))
