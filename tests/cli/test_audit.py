"""`stemma audit` from the terminal: keys, witnesses, statements, effects."""

import json

import pytest
from tests.cli.terminal import Terminal, process


@pytest.fixture
def witnessed(desk: Terminal) -> Terminal:
    """A desk whose log a witness has signed; `w1` is the witness's folder, `w1.pub` its key, `seen.txt` what it signed."""
    desk.write("log.pub", desk("audit", "key").out)
    desk.write(
        "w1.pub", desk("audit", "witness", "init", "--state", "w1", "--log", "log.pub", "--name", "example.org/w1").out
    )
    return seen(desk)


def seen(desk: Terminal) -> Terminal:
    assert desk("audit", "witness", "request", "ask.txt", "--witness", "w1.pub").code == 0
    desk.write("seen.txt", desk("audit", "witness", "sign", "ask.txt", "--state", "w1").out)
    ran = desk("audit", "witness", "add", "seen.txt", "--witness", "w1.pub")
    assert "entries are witnessed by example.org/w1" in ran.out
    return desk


@pytest.mark.parametrize(
    "words",
    ["key", "attest", "verify", "witness init", "witness request", "witness sign", "witness add"],
)
def test_each_command_has_help_with_an_example(terminal: Terminal, words: str) -> None:
    """Every command's help shows how it is called, and offers JSON, in eighty columns."""
    ran = terminal("audit", *words.split(), "--help")
    assert ran.code == 0
    assert f"Example: `stemma audit {words}" in " ".join(ran.out.split())
    assert "--json" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_a_log_is_witnessed_as_it_grows(witnessed: Terminal) -> None:
    """Request, signature and their keeping go round; verification says how far the witness has seen."""
    verify = ("audit", "verify", "--witness", "w1.pub", "--kept", "seen.txt")
    assert witnessed(*verify).out.endswith("; 2 are witnessed\n")
    witnessed("prompts", "label", "desk/triage", "1", "staging")
    assert "2 are witnessed" in witnessed(*verify).out
    seen(witnessed)
    ran = witnessed(*verify, "--json")
    assert (ran.code, ran.json["witnessed_size"], ran.json["verified"]) == (0, 3, True)
    witnessed("audit", "export", "log.jsonl")
    assert "3 are witnessed" in witnessed("audit", "verify", "--export", "log.jsonl", "--witness", "w1.pub").out


def test_a_store_made_anew_by_its_owner_is_found(witnessed: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same key another log is written: verified by itself, refused by the witness and by whoever has its copy."""
    [key] = (witnessed.folder / ".stemma").rglob("ledger.key")
    monkeypatch.setenv("STEMMA_KEYS", str(key.parent))
    monkeypatch.setenv("STEMMA_STORE", f"sqlite:///{witnessed.folder}/anew.db")
    for number in range(3):
        witnessed.write("other.txt", f"Say {number}.")
        witnessed("prompts", "save", "desk/other", "other.txt")
    assert witnessed("audit", "verify").code == 0
    [kept] = (witnessed.folder / "w1").glob("*.note")
    ran = witnessed("audit", "verify", "--witness", "w1.pub", "--kept", kept, "--json")
    assert (ran.code, ran.json["suspects"], ran.json["witnessed_size"]) == (1, [0, 1], 0)
    witnessed("audit", "witness", "request", "ask.txt", "--since", "2")
    refused = witnessed("audit", "witness", "sign", "ask.txt", "--state", "w1").told(1)
    assert refused.startswith(
        "the log 'stemma' was rewritten: its 3 entries do not begin with the 2 that this witness saw"
    )


def test_the_second_party_needs_no_store(witnessed: Terminal) -> None:
    """Becoming a witness and signing touch the witness's own folder alone."""
    witnessed("audit", "witness", "request", "ask.txt", "--witness", "w1.pub")
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    ran = process("audit", "witness", "sign", "ask.txt", "--state", "w1", "--json", STEMMA_STORE=nowhere)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["size"] == 2
    ran = process("audit", "witness", "init", "--state", "w2", "--log", "log.pub", STEMMA_STORE=nowhere)
    assert (ran.returncode, ran.stdout.startswith("witness+")) == (0, True)


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("audit witness sign ask.txt --state none", 1, "stemma audit witness init"),
        ("audit witness sign data.csv --state w1", 2, "not a request to a witness"),
        ("audit witness add seen.txt --witness log.pub", 2, "not a public key of a witness"),
        ("audit witness init --state w1 --log w1.pub", 2, "not a public key of a log"),
        ("audit witness init --state w3 --log log.pub --name w+3", 2, "cannot name a key"),
        ("audit witness request none/ask.txt", 2, "the request cannot be written"),
        ("audit witness request ask.txt --since 99", 2, "the log has 2 entries, so nothing can be proved from 99 on"),
        ("audit verify --export none.jsonl --effects", 2, "an export holds no steps"),
        ("audit attest", 2, "name either what to attest"),
        ("audit attest s_0123456789abcdefghjkmnpqrs", 1, "there is no session"),
        ("audit attest b_01.1.1.t1-1", 1, "nothing 'b_01.1.1.t1-1' is on record: no session"),
        (f"audit attest {'0' * 64}", 1, "the gate has not judged"),
        ("audit attest --verify none.json --public-key log.pub", 2, "none.json: cannot be read"),
        ("audit attest --verify data.csv --public-key none.pub", 2, "none.pub: cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(witnessed: Terminal, line: str, code: int, message: str) -> None:
    """Each names the input and what to do about it."""
    assert message in witnessed(*line.split()).told(code)


def test_effects_are_verified_with_the_log(desk: Terminal) -> None:
    """A store without tool calls has nothing wrong with them; the figures are there for machines, too."""
    ran = desk("audit", "verify", "--effects")
    assert (ran.code, "verified: 0 of 0 tool calls act" in ran.out) == (0, True)
    assert desk("audit", "verify", "--effects", "--json").json["effects"] == {
        "calls": 0,
        "effects": 0,
        "verified": True,
        "problem": None,
        "call": None,
        "entry": None,
    }


def test_a_session_and_its_verdict_are_attested_and_checked_without_the_store(desk: Terminal) -> None:
    """How a search's winner came about, and what the gate said of it, leave as files that the public key alone verifies."""
    columns = ("--input", "text", "--expected", "label")
    ran = desk(
        "optimize", "desk/triage", "--train", "data.csv", *columns, "--max-calls", "300", "--population", "4", "--json"
    )
    assert ran.code == 0, ran
    session, best = ran.json["session"], ran.json["best_digest"]
    assert desk("gate", session, "--data", "data.csv", *columns, "--dry-run", "--json").code in (0, 100)
    desk.write("log.pub", desk("audit", "key").out)
    for named in (session, str(ran.json["candidate"]), best):
        desk.write("statement.json", desk("audit", "attest", named).out)
        checked = desk("audit", "attest", "--verify", "statement.json", "--public-key", "log.pub", "--json").json
        assert (checked["verified"], checked["subjects"]) == (True, [best])
        told = desk("audit", "attest", "--verify", "statement.json").out
        assert told.startswith(f"verified: {checked['predicate_type']}\n")
    elsewhere = process(
        *("audit", "attest", "--verify", "statement.json", "--public-key", "log.pub"),
        STEMMA_STORE="postgresql://nobody@127.0.0.1:1/none",
    )
    assert elsewhere.returncode == 0, elsewhere.stderr
    text = (desk.folder / "statement.json").read_text()
    desk.write("forged.json", text.replace('"payload": "ey', '"payload": "eY'))
    ran = desk("audit", "attest", "--verify", "forged.json", "--public-key", "log.pub")
    assert (ran.code, ran.out.startswith("NOT verified: the envelope is not signed by stemma+")) == (1, True)
    ran = desk("audit", "attest", "--verify", "data.csv", "--json")
    assert (ran.code, ran.json["verified"], "not a signed envelope" in ran.json["problem"]) == (1, False, True)


def test_an_export_says_whose_key_was_believed(desk: Terminal) -> None:
    """The key that a file brings along is no proof, and its reader is told; a key that was given is."""
    desk("audit", "export", "log.jsonl")
    desk.write("log.pub", desk("audit", "key").out)
    ran = desk("audit", "verify", "--export", "log.jsonl")
    told, own = " ".join(ran.err.split()), desk("audit", "key").out.strip()
    assert ran.code == 0
    assert f"the key believed is the one in the file itself, {own}" in told
    assert "it is proof with the log's key, from --public-key" in told
    assert desk("audit", "verify", "--export", "log.jsonl", "--public-key", "log.pub").err == ""
    assert "name it .jsonl, or .jsonl.zst" in desk("audit", "export", "log.txt").told(2)


def test_a_log_whose_key_is_elsewhere_is_not_called_signed(desk: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a store that was restored without it: what signatures there are was not checked, and why is told."""
    desk.write("log.pub", desk("audit", "key").out)
    monkeypatch.setenv("STEMMA_KEYS", str(desk.folder / "none"))
    ran = desk("audit", "verify")
    assert "fit them, and whose signature that is was not checked" in ran.out
    assert "signed for" not in ran.out
    assert "the key that signed this log is not here" in " ".join(ran.err.split())
    assert "are signed for, by" in desk("audit", "verify", "--public-key", "log.pub").out
    assert not (desk.folder / "none").exists()


def test_what_is_no_statement_is_told_in_a_sentence(desk: Terminal) -> None:
    """Not by the names of what went wrong inside a program."""
    desk.write("broken.json", "{}")
    ran = desk("audit", "attest", "--verify", "broken.json")
    assert (ran.code, "it is no object with payload, payloadType and signatures" in " ".join(ran.out.split())) == (
        1,
        True,
    )
    told = desk("audit", "attest", "nope").told(1)
    assert all(named in told for named in ("no session", "no verdict", "no tool call"))


def test_the_newest_entries_say_who_did_it(desk: Terminal) -> None:
    """In a terminal of any width."""
    assert desk("audit", "tail").out.splitlines()[0].split() == ["entry", "time", "kind", "subject", "actor"]


def test_kind_that_is_not_there_is_told_with_the_nearest(desk: Terminal) -> None:
    """A typing error is no proof that nothing happened."""
    assert desk("audit", "tail", "--kind", "label.moved").code == 0
    told = " ".join(desk("audit", "tail", "--kind", "label.move").err.split())
    assert "there are no such entries of kind 'label.move' (did you mean 'label.moved'?), but of " in told
