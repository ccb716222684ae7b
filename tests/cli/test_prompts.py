"""`stemma prompts` from the terminal."""

import re

import pytest
from tests.cli.terminal import Terminal

LOG = """\
2  eadb0649a00e
   DATE  user:ada
   Describe the labels
   and say why
1  e141400b541c  [production]
   DATE  user:ada
   by hand
"""
DIFFERENCE = """\
@@ instructions @@
  Labels:
  - refund
- - delivery
+ - delivery: parcels, couriers
  - account
"""


@pytest.fixture
def second(desk: Terminal) -> Terminal:
    """The desk after somebody described a label."""
    text = (desk.folder / "triage.txt").read_text().replace("- delivery", "- delivery: parcels, couriers")
    desk.write("better.txt", text)
    assert desk("prompts", "save", "desk/triage", "better.txt", "-m", "Describe the labels\nand say why").code == 0
    return desk


def test_log_shows_each_version_with_what_to_copy(second: Terminal) -> None:
    """The history reads newest first, whole messages and digests included."""
    shown = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "DATE", second("prompts", "log", "desk/triage").out)
    assert shown == LOG


def test_difference_reads_like_a_patch(second: Terminal) -> None:
    """What a reviewer sees are the changed lines with a little around them, part by part."""
    assert second("prompts", "diff", "desk/triage/1", "desk/triage/2").out == DIFFERENCE
    told = second("prompts", "diff", "desk/triage/1", "desk/triage", "--json").json
    assert (told["added"], told["removed"], len(told["lines"])) == (1, 1, 5)
    assert second("prompts", "diff", "desk/triage/1", "desk/triage@production").out == "no difference\n"


def test_listing_names_versions_and_labels(second: Terminal) -> None:
    """One line a prompt: its newest version, since when, and where its labels are."""
    header, line = second("prompts", "ls").out.splitlines()
    assert header.split() == ["name", "newest", "since", "labels"]
    assert re.fullmatch(r"desk/triage  2 +\d{4}-\d\d-\d\d  production → 1", line)
    assert second("prompts", "ls", "desk", "--json").json[0]["labels"] == {"production": 1}
    assert "below 'other'" in second("prompts", "ls", "other").err


def test_shown_text_is_the_text_that_was_saved(second: Terminal) -> None:
    """`show` prints the prompt unbroken, so that it can be read and copied; JSON holds its whole content."""
    text = (second.folder / "triage.txt").read_text().rstrip("\n")
    assert text in second("prompts", "show", "desk/triage@production").out
    assert second("prompts", "show", "desk/triage/1", "--json").json["prompt"]["instructions"] == text


def test_label_moves_and_says_from_where(second: Terminal) -> None:
    """A move tells both ends of it."""
    assert second("prompts", "label", "desk/triage", "2", "production").out == "desk/triage@production → 2 (was 1)\n"
    told = second("prompts", "label", "desk/triage", "1", "staging", "--json").json
    assert told == {"name": "desk/triage", "label": "staging", "version": 1, "previous": None}


def test_label_that_is_not_where_it_was_believed_stays(second: Terminal) -> None:
    """With --expect a move that somebody else forestalled is refused, and moves nothing."""
    assert second("prompts", "label", "desk/triage", "2", "production", "--expect", "1").code == 0
    refused = second("prompts", "label", "desk/triage", "1", "production", "--expect", "1").told(1)
    assert refused == "label 'production' of 'desk/triage' is at version 2, not 1; nothing was moved"
    assert second("prompts", "show", "desk/triage@production", "--json").json["version"] == 2


def test_shown_version_has_an_origin(second: Terminal) -> None:
    """Before the text stand its labels, its author, the time, how far it is to be trusted, and the message."""
    shown = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "DATE", second("prompts", "show", "desk/triage/1").out)
    assert shown.splitlines()[:4] == [
        "prompts:/desk/triage/1  e141400b541c  [production]",
        "   written by user:ada, DATE; trusted",
        "   by hand",
        "",
    ]
    assert "   words of a file, which no store knows" in second("prompts", "show", "triage.txt").out


def test_words_of_a_person_have_no_ancestors(desk: Terminal) -> None:
    """That is an answer, not an error: who wrote them, and in JSON an empty list."""
    ran = desk("prompts", "lineage", "desk/triage")
    assert (ran.code, ran.err) == (0, "")
    assert " ".join(ran.out.split()).startswith(
        "prompts:/desk/triage/1 e141400b541c [production] written by user:ada, "
    )
    assert ran.out.endswith("it has no machine-made ancestors\n")
    assert desk("prompts", "lineage", "desk/triage", "--json").json == []


def test_saving_the_same_words_says_that_nothing_changed(desk: Terminal) -> None:
    """The version is the old one, which is said, and so is that a message went nowhere."""
    assert desk("prompts", "save", "desk/triage", "triage.txt").out.endswith("e141400b541c  [production]  unchanged\n")
    again = desk("prompts", "save", "desk/triage", "triage.txt", "-m", "once more")
    assert " ".join(again.err.split()) == "warning: the message was not kept: version 1 has these words already"
    assert desk("prompts", "save", "desk/triage", "triage.txt", "--json").json["unchanged"] is True


def test_export_writes_over_a_file_only_with_force(second: Terminal) -> None:
    """What somebody else may have written there stays, unless it is said that it may go."""
    assert second("prompts", "export", "desk/triage/1", "out.json").code == 0
    assert "with --force" in second("prompts", "export", "desk/triage/2", "out.json").told(2)
    assert (
        second("prompts", "import", "out.json", "--name", "desk/one", "--json")
        .json["digest"]
        .startswith("e141400b541c")
    )
    assert second("prompts", "export", "desk/triage/2", "out.json", "--force").code == 0
    assert (
        second("prompts", "import", "out.json", "--name", "desk/two", "--json")
        .json["digest"]
        .startswith("eadb0649a00e")
    )


@pytest.mark.parametrize("name", ["copy.prompt.yml", "copy.prompty", "copy.prompt", "copy.json"])
def test_prompt_survives_the_way_through_a_file(desk: Terminal, name: str) -> None:
    """What is exported and imported again has the digest it had."""
    digest = desk("prompts", "show", "desk/triage", "--json").json["digest"]
    assert desk("prompts", "export", "desk/triage", name, "--json").json["losses"] == []
    assert desk("prompts", "import", name, "--name", "desk/copy", "--json").json["digest"] == digest


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("save ../up triage.txt", 2, "prompt name '../up' is not valid: a name never contains '..'"),
        ("save desk/x missing.txt", 2, "missing.txt: cannot be read: No such file or directory; check the path"),
        ("save desk/x latin.txt", 2, "latin.txt: is not UTF-8 text; save it as UTF-8"),
        ("save desk/x data.csv", 2, "data.csv: the name says no prompt format; let it end in one of .prompt.yml, "),
        ("save desk/x data.csv", 2, ".prompt, .json, .txt, .md"),
        ("save desk/x open.txt", 2, "open.txt: line 1: not a Jinja2 template"),
        ("save desk/x open.txt", 2, "write {{ '{{' }} where braces are meant"),
        ("save desk/x empty.txt", 2, "empty.txt: is empty; write in it what the model is to do"),
        ("save desk/x empty.json", 2, "nothing was saved as 'desk/x': the prompt is empty"),
        ("save desk/x evil.txt", 2, "reaches for a Python attribute"),
        ("show desk/none", 1, "there is no prompt 'desk/none'"),
        ("show desk/triage/7", 1, "prompt 'desk/triage' has no version 7; the newest is 1"),
        ("show desk/triage@staging", 1, "label one with: stemma prompts label desk/triage 1 staging"),
        ("label desk/triage 1 PROD", 2, "label 'PROD' is not valid: a label has 1 to 36 of"),
        ("label desk/triage one production", 2, "Invalid value for 'version'"),
        ("lineage 5", 1, "there is no candidate 5"),
        ("export desk/triage out.xyz", 2, "out.xyz: the name says no prompt format"),
        ("export desk/triage nowhere/out.json", 2, "nowhere/out.json cannot be written: No such file or directory"),
        ("export desk/triage out.json --format toml", 2, "format 'toml' is not known"),
        (
            "export desk/triage empty.json",
            2,
            "empty.json is there already and was not written; write over it with --force",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_leaves_nothing(
    desk: Terminal, line: str, code: int, message: str
) -> None:
    """Every refusal names the thing and the way out, and the registry is as it was."""
    desk.write("latin.txt", b"caf\xe9 {{x}}")
    desk.write("open.txt", "Answer {{ticket")
    desk.write("empty.txt", "\n")
    desk.write("empty.json", '{"instructions": ""}')
    desk.write("evil.txt", "Answer {{ticket.__class__.__mro__}}")
    before = sorted(path.name for path in desk.folder.iterdir())
    entries = desk("audit", "verify", "--json").json["entries"]
    assert message in desk("prompts", *line.split()).told(code)
    assert sorted(path.name for path in desk.folder.iterdir()) == before
    assert desk("audit", "verify", "--json").json["entries"] == entries
