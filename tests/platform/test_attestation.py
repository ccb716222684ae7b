"""Statements about single things on record: made from the log, checked with nothing but the public key."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import stemma
from stemma.core.digests import digest
from stemma.core.errors import InvalidInput, NotConfigured, NotFound
from stemma.ledger import PublicKey
from stemma.ledger.envelope import sealed
from stemma.platform import Stemma
from stemma.platform.attestation import PAYLOAD_TYPE, attest, read_attestation
from stemma.platform.statements import EFFECT, EVIDENCE, PROVENANCE, STATEMENT, VERIFICATION
from stemma.registry.candidates import NewCandidate
from stemma.registry.sessions import Generator, NewSession

POLICY, INCUMBENT, JUDGED = "ab" * 32, "cd" * 32, "ef" * 32
ARGUMENTS = digest({"amount": 12})


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Stemma]:
    """A store in which a session wrote two prompts, the gate judged one text twice, and two calls were decided on."""
    opened = stemma.open(store=f"sqlite:///{tmp_path}/stemma.db", actor="user:ada")
    by_hand = opened.sessions.open(NewSession(Generator("hand", {})))
    [seed] = opened.candidates.store(by_hand, [NewCandidate(stemma.Prompt("Sort."), "written")])
    new = NewSession(Generator("genetic", {"rate": 0.5}), "desk/triage", "embedded", {"size": 8}, 7, "12" * 32)
    session = opened.sessions.open(new)
    children = [NewCandidate(stemma.Prompt(f"Sort {n}."), "mutate", (seed,)) for n in range(2)]
    ids = opened.candidates.store(session, children)
    opened.sessions.finish(session, {"candidate": ids[1]})
    with opened.scope.write() as tx:
        for verdict in ("INCONCLUSIVE", "PASS"):
            told = {"verdict": verdict, "circumstances": POLICY, "incumbent": INCUMBENT}
            tx.record("gate.judged", subject=JUDGED, data=told)
        decided = {"verdict": "approved", "by": "user:bea", "facts": "0" * 64}
        tx.record("question.decided", subject="b_01.1.1.t1-1", data=decided)
        call = {"agent": "clerk", "tool": "pay", "effect": "spend", "arguments": ARGUMENTS, "version": "v1"}
        tx.record("tool.called", subject="b_01.1.1.t1-1", data=call)
        tx.record("tool.denied", subject="b_01.1.1.t2-1", data=call | {"reasons": ["untrusted"]})
    yield opened
    opened.close()


def key(here: Stemma) -> PublicKey:
    assert here.public_key is not None
    return here.public_key


def attested(here: Stemma, subject: str) -> dict[str, Any]:
    """The statement, once it was checked as a stranger checks it."""
    checked = read_attestation(json.dumps(attest(here, subject)), key(here))
    assert checked.statement["_type"] == STATEMENT
    assert all(entry in here.ledger.tail(100) for entry in checked.evidence.entries)
    return checked.statement


def test_a_session_is_provenance(here: Stemma) -> None:
    """Generator, data and parents are what went in; prompt, model, seed and parameters say how; the winner came out."""
    session = here.sessions.ls()[0]
    made = attested(here, session.id)
    written = here.candidates.of_session(session)
    assert made["predicateType"] == PROVENANCE
    assert made["subject"] == [{"name": f"candidate {written[1].id}", "digest": {"sha256": written[1].digest}}]
    definition, run = made["predicate"]["buildDefinition"], made["predicate"]["runDetails"]
    assert definition["externalParameters"] == {
        "prompt": "desk/triage",
        "model": "embedded",
        "seed": 7,
        "parameters": {"size": 8},
    }
    assert [each["digest"]["sha256"] for each in definition["resolvedDependencies"]] == [
        session.generator,
        "12" * 32,
        here.candidates.get(written[1].parents[0]).digest,
    ]
    assert run["metadata"]["invocationId"] == session.id
    assert run["builder"]["version"] == {"stemma-ai": stemma.__version__}


def test_a_verdict_is_a_verification_summary(here: Stemma) -> None:
    """The newest verdict counts; policy and incumbent are named by digest, and passed means passed."""
    predicate = attested(here, JUDGED)["predicate"]
    assert predicate["verificationResult"] == "PASSED"
    assert predicate["policy"]["digest"] == {"sha256": POLICY}
    assert {"verifier", "timeVerified", "resourceUri", "verifiedLevels"} <= predicate.keys()
    told = {"verdict": "INCONCLUSIVE", "circumstances": POLICY, "incumbent": INCUMBENT}
    with here.scope.write() as tx:
        tx.record("gate.judged", subject=JUDGED, data=told)
    made = attested(here, JUDGED)
    assert (made["predicateType"], made["subject"]) == (VERIFICATION, [{"digest": {"sha256": JUDGED}}])
    assert (made["predicate"]["verificationResult"], made["predicate"]["verifiedLevels"]) == ("FAILED", ["FAILED"])


def test_an_effect_is_stated_with_its_decision(here: Stemma) -> None:
    """A call that was made, and one that was not, each with the reasons and what people decided; arguments by digest."""
    made = attested(here, "b_01.1.1.t1-1")
    assert made["predicateType"] == EFFECT
    assert made["subject"] == [{"name": "b_01.1.1.t1-1", "digest": {"sha256": ARGUMENTS}}]
    predicate = made["predicate"]
    assert (predicate["made"], predicate["decision"]["tool"], predicate["actor"]) == (True, "pay", "user:ada")
    assert [each["by"] for each in predicate["people"]] == ["user:bea"]
    denied = attested(here, "b_01.1.1.t2-1")["predicate"]
    assert (denied["made"], denied["decision"]["reasons"], denied["people"]) == (False, ["untrusted"], [])


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made["predicate"].update(verificationResult="FAILED"),
        lambda made: made["predicate"].update(extra=1),
        lambda made: made["predicate"]["policy"]["digest"].update(sha256="0" * 64),
        lambda made: made["subject"][0]["digest"].update(sha256="0" * 64),
        lambda made: made["subject"].append(made["subject"][0]),
        lambda made: made.update(predicateType=EFFECT),
        lambda made: made.update(predicateType="https://example.org/other"),
        lambda made: made.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda made: made["predicate"].pop(EVIDENCE),
        lambda made: made["predicate"][EVIDENCE].update(entries=[]),
        lambda made: made.pop("predicate"),
        lambda made: made.update(predicate=7),
    ],
)
def test_a_statement_that_its_entries_do_not_bear_out_is_refused(
    here: Stemma, change: Callable[[dict[str, Any]], None]
) -> None:
    """Signed by the right key, yet saying something else than the log: told, not believed."""
    assert here.ledger.signer is not None
    made = json.loads(base64.b64decode(attest(here, JUDGED)["payload"]))
    change(made)
    forged = sealed(here.ledger.signer, PAYLOAD_TYPE, json.dumps(made).encode())
    with pytest.raises(InvalidInput):
        read_attestation(json.dumps(forged), key(here))


def test_another_key_s_statement_is_refused(here: Stemma, tmp_path: Path) -> None:
    """Whoever copies a statement cannot sign it with a key of their own, nor pass off another payload."""
    text = json.dumps(attest(here, JUDGED))
    with stemma.open(store=f"sqlite:///{tmp_path}/other.db", keys=tmp_path / "others") as other:
        theirs = key(other)
    with pytest.raises(InvalidInput, match="is not signed by"):
        read_attestation(text, theirs)


def test_what_is_not_on_record_cannot_be_attested(here: Stemma) -> None:
    """An open session, an unjudged candidate and an unknown call each say so; a store without a key signs nothing."""
    opened = here.sessions.open(NewSession(Generator("hand", {})))
    with pytest.raises(InvalidInput, match="has not finished"):
        attest(here, opened.id)
    for unknown in ("1", "a" * 64, "b_01.1.1.t9-9"):
        with pytest.raises(NotFound):
            attest(here, unknown)
    with stemma.open(store="sqlite://") as keyless, pytest.raises(NotConfigured, match="nothing can be attested"):
        attest(keyless, JUDGED)
