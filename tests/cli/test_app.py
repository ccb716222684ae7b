"""The command tree: help, version, wrong use, and what becomes of a reader that goes away."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.terminal import Terminal, process, surroundings

from stemma import __version__
from stemma.cli.app import COMMANDS

HELP = """\
Usage: stemma [OPTIONS] COMMAND [ARGS]...

  The system of record, and the runtime, for prompts that machines write.

  Start with: stemma demo

  Settings come from the environment: STEMMA_STORE (database URL, by default
  sqlite:///.stemma/stemma.db), STEMMA_MODEL (by default embedded),
  STEMMA_WRITER, STEMMA_ACTOR, STEMMA_TOKEN, STEMMA_KEYS.

  Exit codes: 0 done, 1 error, 2 wrong use, 100 a gate said no, 130
  interrupted with Ctrl-C.

Options:
  --version             Print the version.
  --install-completion  Install completion for the current shell.
  --show-completion     Show completion for the current shell, to copy it or
                        customize the installation.
  -h, --help            Show this message and exit.

Commands:
  demo         See a prompt evolve and go to work, in a minute.
  init         Start a project of your own.
  doctor       Say what is missing here, and how to get it.
  prompts      Prompts, versions, labels, lineage.
  eval         Score a prompt on data.
  portability  Score a prompt on several models, side by side.
  optimize     Evolve a prompt against data.
  sessions     Searches there were, finished and interrupted.
  gate         Judge a candidate, and release it if it passes.
  network      Draw a network of agents, or check it.
  run          Send items through a network of agents.
  runs         What became of runs.
  people       What waits for a person, and the answers.
  messages     Messages between agents, dead letters, inboxes.
  worker       Serve runs and messages of every network.
  up           Keep as many workers as the work needs.
  memory       What agents remember across tasks.
  guard        Scan texts; tokens of personal data.
  models       Models there are, and weights to install.
  policy       What agents may do: test, explain, try out.
  access       Who may do what: roles, grants.
  tokens       API tokens: issue, list, revoke.
  alarms       What was noticed: refusals, drift, loops.
  attack       Attack a network with the gullible model in it.
  audit        The audit log: read, sign, prove.
  backup       Write the whole store to one file.
  restore      Put a backup into an empty store, and verify it.
"""
HEAVY = ("dbos", "jsonschema", "numpy", "pydantic_ai", "scipy", "sqlalchemy")
GROUPS = {
    "prompts": ("save", "import", "export", "ls", "show", "log", "diff", "label", "lineage"),
    "sessions": ("ls",),
    "network": ("show", "check"),
    "runs": ("ls", "show", "cancel", "workspace"),
    "people": ("ls", "show", "approve", "reject", "edit", "answer"),
    "messages": ("ls", "show", "replay", "inboxes"),
    "memory": ("ls", "search", "forget"),
    "models": ("ls", "install"),
    "guard": ("scan", "reveal", "erase"),
    "policy": ("show", "check", "test", "explain", "dry-run"),
    "access": ("enable", "recover", "disable", "whoami", "ls", "add", "grant", "revoke", "roles", "protect"),
    "tokens": ("issue", "ls", "revoke"),
    "alarms": ("ls", "show", "scan"),
    "audit": ("verify", "tail", "checkpoint", "export", "key", "attest"),
}
COMMAND_LINES = [
    (entry.name, *rest)
    for entry in COMMANDS
    for rest in ([(name,) for name in GROUPS[entry.name]] if entry.name in GROUPS else [()])
]


def test_help_lists_every_command_in_eighty_columns(terminal: Terminal) -> None:
    """The first thing a stranger reads fits an old terminal and names every command with what it does."""
    assert terminal("--help").out == HELP


def test_no_arguments_show_help_as_wrong_use(terminal: Terminal) -> None:
    """The bare command says what there is, and that nothing was done."""
    ran = terminal()
    assert (ran.code, ran.out.startswith("Usage: stemma")) == (2, True)


@pytest.mark.parametrize("words", COMMAND_LINES, ids=" ".join)
def test_each_command_has_help_with_an_example(terminal: Terminal, words: tuple[str, ...]) -> None:
    """Every command's help shows how it is called, and offers JSON."""
    ran = terminal(*words, "--help")
    assert ran.code == 0
    assert f"Example: `stemma {' '.join(words)}" in " ".join(ran.out.split())
    assert "--json" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_no_help_waits_for_the_database_or_the_models() -> None:
    """What a person reads before they type needs the options alone, whatever the command goes on to use."""
    script = (
        "import sys\nfrom stemma.cli.app import run\n"
        f"for words in {COMMAND_LINES!r}:\n    assert run([*words, '--help']) == 0\n"
        f"print('loaded', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.endswith("loaded []\n")


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_first_words_come_without_heavy_imports(arguments: list[str]) -> None:
    """Version and help do not wait for a library that only other commands need."""
    script = (
        "import sys; sys.argv[1:] = sys.argv[1:]\n"
        "from stemma.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('loaded', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    assert ran.stdout.endswith("loaded []\n")


def test_listing_prompts_loads_neither_models_nor_networks(desk: Terminal) -> None:
    """A look into the registry does not wait for the engine, the model framework, the search or the statistics."""
    script = (
        "import sys\nfrom stemma.cli.app import run\nrun(['prompts', 'ls'])\n"
        "late = ('dbos', 'jsonschema', 'numpy', 'pydantic_ai', 'scipy', 'alembic', 'stemma.optimize', 'stemma.evaluate')\n"
        "print('loaded', [name for name in late if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "desk/triage" in ran.stdout
    assert ran.stdout.endswith("loaded []\n")


def test_version_is_the_distribution_s(terminal: Terminal) -> None:
    """Both ways to ask for the version, with and without other words before, print the same line."""
    assert process("--version").stdout == terminal("--version").out == f"stemma {__version__}\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("promts ls", "No such command 'promts'. Did you mean 'prompts'?; see: stemma --help"),
        ("prompts lst", "No such command 'lst'. Did you mean 'ls'?; see: stemma prompts --help"),
        ("prompts ls --jsn", "No such option: --jsn (Possible options: --json); see: stemma prompts ls --help"),
        ("prompts show", "Missing argument 'reference'; see: stemma prompts show --help"),
        ("eval x --data", "Option '--data' requires an argument"),
        (
            "prompts label x one production",
            "Invalid value for 'version': 'one' is not a whole number, such as 3; see: stemma prompts label --help",
        ),
        (
            "prompts label x 0 production",
            "Invalid value for 'version': '0' is too small; give 1 or more; see: stemma prompts label --help",
        ),
        (
            "policy explain abc",
            "Invalid value for 'event': 'abc' is not a whole number, such as 3; see: stemma policy explain --help",
        ),
        (
            "eval x --data y --input a --expected b --max-cost much",
            "Invalid value for '--max-cost': 'much' is not a number, such as 0.5; see: stemma eval --help",
        ),
    ],
)
def test_wrong_use_is_one_line_that_points_to_help(terminal: Terminal, line: str, message: str) -> None:
    """A misspelt command or option costs one line, which says where to read on."""
    assert terminal(*line.split()).told(2) == message


@pytest.mark.parametrize("arguments", [["prompts", "show", "desk/triage"], ["prompts", "log", "desk/triage", "--json"]])
def test_reader_that_goes_away_ends_the_command_quietly(desk: Terminal, arguments: list[str]) -> None:
    """`stemma … | head -1` leaves no complaint behind, however little or much was to be said."""
    command = [sys.executable, "-m", "stemma", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        complaint = running.stderr.read()
    assert (running.returncode, complaint) == (1, "")


def test_terminal_without_unicode_gets_question_marks(desk: Terminal) -> None:
    """An arrow that the terminal cannot show is no reason to fail."""
    ran = process("prompts", "ls", PYTHONIOENCODING="ascii")
    assert ran.returncode == 0
    assert "production ? 1" in ran.stdout


def test_json_survives_a_terminal_without_unicode(desk: Terminal) -> None:
    """Where the output is not Unicode JSON is escaped, and says the same."""
    desk.write("ü.txt", "Grüße an {{wen}} →")
    assert desk("prompts", "save", "desk/greeting", "ü.txt").code == 0
    plain = process("prompts", "show", "desk/greeting", "--json", PYTHONIOENCODING="ascii")
    full = process("prompts", "show", "desk/greeting", "--json", PYTHONIOENCODING="utf-8")
    assert plain.stdout.isascii()
    assert "Grüße" in full.stdout
    assert desk("prompts", "show", "desk/greeting", "--json").json["prompt"]["instructions"] == "Grüße an {{wen}} →"


@pytest.mark.parametrize("without", [{"HOME": None}, {"LANG": "C", "LC_ALL": "C"}], ids=["no HOME", "LANG=C"])
def test_bare_surroundings_are_enough(desk: Terminal, without: dict[str, str | None]) -> None:
    """A service's environment without a home or a language runs everything that a person's does."""
    ran = process("doctor", **without)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_module_runs_as_the_command(tmp_path: Path) -> None:
    """`python -m stemma` is the command, where no script is on the path."""
    ran = subprocess.run(
        [sys.executable, "-m", "stemma", "--help"], env=surroundings(COLUMNS="80"), capture_output=True, text=True
    )
    assert ran.stdout == HELP
