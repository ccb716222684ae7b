"""JSON for programs: what the README says of its shape, and that an error is told beside it, not in it."""

from tests.cli.terminal import Terminal
from tests.cli.test_app import COMMAND_LINES

LISTS = [
    *(words for words in COMMAND_LINES if words[-1] == "ls" and words[0] != "memory"),
    ("prompts", "log", "desk/triage"),
    ("prompts", "lineage", "desk/triage"),
    ("audit", "tail"),
    ("access", "roles"),
    ("alarms", "scan"),
    ("guard", "scan", "triage.txt"),
]
OBJECTS = [("memory", "ls"), ("messages", "inboxes"), ("audit", "verify"), ("policy", "show"), ("access", "whoami")]


def test_shape_is_an_array_of_what_is_listed_else_an_object(desk: Terminal) -> None:
    """A program can rely on it, also when there is nothing. Memories come with their scopes, so that they are in an object."""
    printed = {words: type(desk(*words, "--json").json) for words in (*LISTS, *OBJECTS)}
    assert printed == dict.fromkeys(LISTS, list) | dict.fromkeys(OBJECTS, dict)


def test_error_is_text_on_standard_error(desk: Terminal) -> None:
    """Standard output stays empty: no program takes an error for an answer."""
    assert "no prompt" in desk("prompts", "show", "desk/none", "--json").told(1)
