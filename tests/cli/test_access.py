"""`stemma access` and `stemma tokens` from the terminal."""

import shlex
import shutil
import sqlite3
from pathlib import Path

import pytest
from tests.cli.terminal import PROMPT, Ran, Terminal, rows
from tests.cli.till import write_till

import stemma
from stemma.registry.candidates import NewCandidate
from stemma.registry.prompt import Prompt
from stemma.registry.sessions import Generator, NewSession

SCOPED = ("--action", "write", "--on", "prompts:/desk/*", "--days", "3")


@pytest.fixture
def governed(desk: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal of Ada, who governs the store that `desk/triage` is in."""
    monkeypatch.setenv("STEMMA_TOKEN", desk("access", "enable").out.strip())
    return desk


def issued(terminal: Terminal, principal: str, *options: str) -> str:
    """The text of a new token."""
    ran = terminal("tokens", "issue", principal, *options)
    assert ran.code == 0, ran
    return ran.out.strip()


def test_enabling_prints_a_token_once_and_asks_for_it_from_then_on(
    desk: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard output is the token alone, so that a shell can keep it; without it nothing goes on."""
    ran = desk("access", "enable")
    assert ran.out.startswith("stm_")
    assert ran.out.count("\n") == 1
    assert "This is the only time it is shown" in ran.err
    assert "user:ada may not read prompts:/" in desk("prompts", "ls").told(1)
    assert "of the form stm_<id>_<secret>" in _with(desk, monkeypatch, "stm_wrong").told(2)
    assert "the store knows no such token" in _with(desk, monkeypatch, f"stm_{'0' * 26}_{'a' * 64}").told(1)
    assert _with(desk, monkeypatch, ran.out.strip()).code == 0
    secret = ran.out.strip().rpartition("_")[2]
    for said in (desk("audit", "tail", "--json"), desk("tokens", "ls", "--json"), desk("access", "whoami", "--json")):
        assert said.code == 0
        assert secret not in said.out
    assert "governed already" in desk("access", "enable").told(1)


def test_whoami_says_in_whose_name_and_for_what(desk: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before and after a store is governed, with a token and without."""
    assert "this store is not governed" in " ".join(desk("access", "whoami").out.split())
    assert desk("access", "whoami", "--json").json == {
        "actor": "user:ada",
        "token": None,
        "grants": [],
        "governed": False,
        "protected": ["production"],
    }
    token = desk("access", "enable").out.strip()
    assert "no token was given; set STEMMA_TOKEN" in desk("access", "whoami").out
    monkeypatch.setenv("STEMMA_TOKEN", token)
    shown = desk("access", "whoami").out
    assert "for all its principal may" in " ".join(shown.split())
    assert "admin on *" in shown


def test_a_reviewer_of_one_folder_is_added_granted_and_revoked(
    governed: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way of a colleague: added, granted, given a token; approves there; gone with one command."""
    assert governed("access", "add", "user:bea", "-d", "a reviewer", "--json").json == {"principal": "user:bea"}
    told = governed("access", "grant", "user:bea", "reviewer", "--on", "prompts:/desk/*", "--on", "models:/*")
    assert told.out == "user:bea is reviewer on prompts:/desk/*, models:/*\n"
    assert "user:bea   reviewer on prompts:/desk/*, reviewer on models:/*" in governed("access", "ls").out.replace(
        "\n           ", " "
    )
    bea = issued(governed, "user:bea")
    governed.write("next.txt", "Say which category it is.\n\nLabels:\n- refund\n- delivery\n")
    governed("prompts", "save", "desk/triage", "next.txt")
    refusal = governed("prompts", "label", "desk/triage", "2", "production").told(1)
    assert "user:ada wrote it, and nobody lets his own words through" in refusal
    with monkeypatch.context() as hers:
        hers.setenv("STEMMA_TOKEN", bea)
        assert governed("prompts", "label", "desk/triage", "2", "production").out.startswith(
            "desk/triage@production → 2"
        )
        lacking = governed("prompts", "save", "desk/triage", "triage.txt").told(1)
        assert "stemma access grant user:bea author --on prompts:/desk/triage" in lacking
    assert governed("access", "revoke", "user:bea", "reviewer", "--json").json["revoked"] == 2
    assert [one["grants"] for one in governed("access", "ls", "--json").json if one["id"] == "user:bea"] == [[]]


def test_tokens_are_scoped_listed_and_revoked(governed: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list shows whose they are, for what, until when and whether they live."""
    governed("access", "add", "service:nightly")
    governed("access", "grant", "service:nightly", "author")
    token = issued(governed, "service:nightly", *SCOPED)
    [listed] = governed("tokens", "ls", "service:nightly", "--json").json
    assert (listed["actions"], listed["resources"], listed["standing"]) == (["write"], ["prompts:/desk/*"], "live")
    assert "write on prompts:/desk/*" in " ".join(governed("tokens", "ls").out.split())
    assert governed("tokens", "revoke", listed["id"]).out == f"revoked {listed['id']}\n"
    assert governed("tokens", "ls", "service:nightly", "--json").json[0]["standing"] == "revoked"
    monkeypatch.setenv("STEMMA_TOKEN", token)
    assert "is revoked; an admin (user:ada) issues one" in governed("prompts", "ls").told(1)


def test_a_program_gets_a_new_token_as_json(governed: Terminal) -> None:
    """With what it is good for, and its text under `secret`."""
    told = governed("tokens", "issue", "user:ada", *SCOPED, "--json").json
    assert told["secret"].startswith(f"stm_{told['id']}_")
    assert (told["principal"], told["actions"], told["standing"]) == ("user:ada", ["write"], "live")


def test_roles_are_listed_and_defined(governed: Terminal) -> None:
    """Built-in ones with what they allow, and one's own beside them."""
    assert [one["name"] for one in governed("access", "roles", "--json").json][:3] == ["viewer", "auditor", "author"]
    ran = governed("access", "roles", "--define", "scribe", "--allow", "write memories:/desk", "--allow", "read *")
    assert ran.out == "scribe\n    write memories:/desk\n    read *\n"
    assert "approve prompts:/*" in governed("access", "roles").out
    assert "takes --define NAME" in governed("access", "roles", "--define", "scribe").told(2)
    assert "action 'fly' is not known" in governed("access", "roles", "--define", "a", "--allow", "fly *").told(2)


def test_labels_are_protected_and_the_store_given_back(governed: Terminal) -> None:
    """What is protected is told; a store that is given back asks nobody."""
    assert governed("access", "protect", "production", "canary").out == "protected: canary, production\n"
    assert governed("access", "whoami", "--json").json["protected"] == ["canary", "production"]
    assert governed("access", "protect", "--json").json == {"protected": ["canary", "production"]}, (
        "looking is no change"
    )
    assert "either name the labels to protect, or give --none" in governed("access", "protect", "a", "--none").told(2)
    assert governed("access", "protect", "--none").out == "protected: none\n"
    assert governed("access", "protect", "--json").json == {"protected": []}
    assert governed("access", "disable").out == "this store is not governed any more\n"
    assert governed("access", "whoami", "--json").json["governed"] is False


def test_lost_access_is_recovered_by_whoever_has_the_key(
    governed: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the key of the audit log, and with no other; the log keeps that it was done."""
    monkeypatch.delenv("STEMMA_TOKEN")
    monkeypatch.setenv("STEMMA_ACTOR", "user:eve")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("STEMMA_KEYS", str(tmp_path / "none"))
        assert "set STEMMA_KEYS to the folder that holds it" in governed("access", "recover").told(1)
    monkeypatch.setenv("STEMMA_TOKEN", governed("access", "recover").out.strip())
    assert governed("access", "add", "user:bea").code == 0
    assert "may not read audit:/" in governed("audit", "tail").told(1)
    assert governed("access", "grant", "user:eve", "auditor").code == 0
    assert governed("audit", "tail", "--kind", "access.recovered", "--json").json[0]["actor"] == "user:eve"


def test_a_store_that_nobody_governs_is_not_recovered(desk: Terminal) -> None:
    """No token is printed that opens nothing today, and everything once the store is governed."""
    assert desk("access", "recover").told(1).startswith("this store is not governed; govern it with: stemma access")
    assert desk("tokens", "ls", "--json").json == []


def test_names_that_look_alike_are_refused(governed: Terminal) -> None:
    """What is recorded of one could be read as the other's."""
    assert governed("access", "add", "user:bea").code == 0
    for alike in ("user:Bea", "user:\uff42ea"):
        assert f"{alike} looks like user:bea, which is there already" in governed("access", "add", alike).told(1)
    assert governed("access", "add", "service:bea").code == 0


def test_the_only_admin_without_a_token_is_told_of_the_way_back(
    governed: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else could issue him one."""
    monkeypatch.delenv("STEMMA_TOKEN")
    assert "with the key of the audit log: stemma access recover" in governed("prompts", "ls").told(1)


def test_a_reviewer_has_what_the_page_grants(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of docs/security.md make one who judges and releases candidates, and answers what is asked."""
    write_till(terminal.folder)
    terminal.write("data.csv", rows())
    terminal.write("triage.txt", PROMPT)
    terminal("prompts", "save", "support/triage", "triage.txt")
    terminal("prompts", "label", "support/triage", "1", "production")
    with stemma.open() as here:
        session = here.sessions.open(NewSession(Generator("by-hand", {}), prompt_name="support/triage"))
        [candidate] = here.candidates.store(session, [NewCandidate(Prompt(f"{PROMPT}- other\n"), "seed")])
    terminal("run", "--set", "order=7", "--set", "amount=20")
    monkeypatch.setenv("STEMMA_TOKEN", terminal("access", "enable").out.strip())
    page = (Path(__file__).resolve().parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
    _, _, rest = page.partition("## Who may do what")
    lines = rest.split("```sh\n")[1].split("```")[0].splitlines()
    for line in lines:
        ran = terminal(*shlex.split(line, comments=True)[1:])
        assert ran.code == 0, ran
    monkeypatch.setenv("STEMMA_TOKEN", ran.out.strip())
    judged = terminal("gate", str(candidate), "--data", "data.csv", "--input", "text", "--expected", "label", "--json")
    assert judged.code in (0, 100), judged
    [question] = terminal("people", "ls", "--json").json
    assert terminal("people", "approve", question["id"]).code == 0


def test_a_restored_store_is_governed_as_it_was(governed: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup brings who may do what with it: putting it back somewhere else is no way around."""
    assert governed("backup", "all.stemma").code == 0
    (governed.folder / "elsewhere").mkdir()
    shutil.copytree(governed.folder / ".stemma" / "keys", governed.folder / "elsewhere" / "keys")
    monkeypatch.setenv("STEMMA_STORE", f"sqlite:///{governed.folder}/elsewhere/stemma.db")
    assert governed("restore", "all.stemma").code == 0
    assert governed("prompts", "ls").code == 0
    assert "user:ada wrote it" in governed("prompts", "label", "desk/triage", "1", "production").told(1)
    monkeypatch.delenv("STEMMA_TOKEN")
    assert "no token was given" in governed("prompts", "ls").told(1)


def test_only_the_hash_of_a_secret_is_in_the_file(governed: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads the database has nothing to call with."""
    secret = issued(governed, "user:ada").rpartition("_")[2]
    connection = sqlite3.connect(governed.folder / ".stemma" / "stemma.db")
    try:
        dump = "\n".join(connection.iterdump())
    finally:
        connection.close()
    assert 'INSERT INTO "tokens"' in dump
    assert secret not in dump.lower()


def _with(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, token: str) -> Ran:
    with monkeypatch.context() as shown:
        shown.setenv("STEMMA_TOKEN", token)
        ran = terminal("prompts", "ls")
    if ran.code == 0:
        monkeypatch.setenv("STEMMA_TOKEN", token)
    return ran
