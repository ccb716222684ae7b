"""The command line."""

import sys
from io import TextIOWrapper

from stemma import __version__


def main() -> None:
    """Entry point of the command `stemma`: exit code 0 done, 1 error, 2 wrong use, 100 a gate said no."""
    if sys.argv[1:] == ["--version"]:  # answered before anything is loaded
        sys.stdout.write(f"stemma {__version__}\n")
        return
    for stream in (sys.stdout, sys.stderr):
        # On a terminal that knows no Unicode an arrow becomes a question mark; it must not become a traceback.
        if isinstance(stream, TextIOWrapper) and "utf" not in stream.encoding.lower():
            stream.reconfigure(errors="replace")
    from stemma.cli.app import run

    sys.exit(run(sys.argv[1:]))
