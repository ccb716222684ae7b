"""The process that goes on writing while the store is backed up: a prompt, its label and their events, over and over.

Arguments: store URL, folder of the signing key. It says so after each, and ends when its standard input does.
"""

import selectors
import sys
from itertools import count
from pathlib import Path

import stemma


def main(url: str, keys: str) -> None:
    ended = selectors.DefaultSelector()
    ended.register(sys.stdin, selectors.EVENT_READ)
    with stemma.open(store=url, keys=Path(keys), actor="user:writer") as here:
        for number in count():
            saved = here.prompts.save("busy", stemma.Prompt(f"Say {number}."))
            here.prompts.label("busy", saved.version, "production")
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
            if ended.select(timeout=0):
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
