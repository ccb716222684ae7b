"""Signed statements about single things on record, to be handed to somebody who has no access to the store.

Each is an in-toto statement in a DSSE envelope, signed with the log's key, and carries the entries of the audit log that it is
drawn from with the proof that they are there. With the public key alone anybody can check all of it.
"""

import json
from dataclasses import dataclass
from typing import Any

from stemma.core.digests import canonical_json
from stemma.core.errors import InvalidInput, LedgerTampered, NotConfigured, NotFound
from stemma.core.ids import is_id
from stemma.ledger import Entry, PublicKey
from stemma.ledger.envelope import sealed, unsealed
from stemma.ledger.evidence import Evidence, evidence_of, read_evidence
from stemma.platform.statements import (
    EVIDENCE,
    REMAKING,
    of_effect,
    of_session,
    of_verdict,
    resource,
)
from stemma.platform.stemma import Stemma
from stemma.registry.candidates import Status

PAYLOAD_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class Attestation:
    """A statement that was checked, and what of the log it stands on."""

    statement: dict[str, Any]
    evidence: Evidence

    def to_json(self) -> dict[str, Any]:
        return {
            "verified": True,
            "predicate_type": self.statement["predicateType"],
            "subjects": [each["digest"]["sha256"] for each in self.statement["subject"]],
            "entries": [entry.seq for entry in self.evidence.entries],
            "log": self.evidence.checkpoint.origin,
            "log_size": self.evidence.checkpoint.size,
            "statement": self.statement,
        }


def attest(here: Stemma, subject: str) -> dict[str, Any]:
    """The envelope of a statement about `subject`: a session by its id, the newest verdict on a candidate by the candidate's
    number or digest, or a tool call by the message's id and the step.

    Raises NotFound when the log has nothing of it, InvalidInput for a session that has not finished, NotConfigured without
    a signing key, and LedgerTampered when the log's entries are not what the store says.
    """
    if here.ledger.signer is None:
        raise NotConfigured(
            "the audit log's signing key is not here, so nothing can be attested; set STEMMA_KEYS to its folder"
        )
    if is_id(subject, "s"):
        entries, made = _session(here, subject)
    elif subject.isdigit() or (len(subject) == 64 and "." not in subject):
        entries, made = _verdict(here, subject)
    else:
        entries, made = _effect(here, subject)
    made["predicate"][EVIDENCE] = evidence_of(here.ledger, entries)
    return sealed(here.ledger.signer, PAYLOAD_TYPE, canonical_json(made))


def read_attestation(text: str, public_key: PublicKey) -> Attestation:
    """The statement in an envelope, once everything about it holds: the signature, the proofs, and that it says what its
    entries say. Needs no store. Raises InvalidInput, saying what does not hold.
    """
    payload = unsealed(text, PAYLOAD_TYPE, public_key)
    try:
        made = json.loads(payload)
        kind, predicate = made["predicateType"], dict(made["predicate"])
        if kind not in REMAKING:
            raise InvalidInput(f"a statement of the kind {kind!r}, which this Stemma does not know")
        evidence = read_evidence(predicate.pop(EVIDENCE, None), public_key)
        again = REMAKING[kind](evidence.entries, made | {"predicate": predicate})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            "the envelope holds no statement that `stemma audit attest` makes: a part of it is missing"
        ) from error
    if again != made | {"predicate": predicate}:
        raise InvalidInput("the statement says something else than the entries of the log that it carries")
    return Attestation(made, evidence)


def _session(here: Stemma, session_id: str) -> tuple[list[Entry], dict[str, Any]]:
    session = here.sessions.get(session_id)
    if session.result is None:
        raise InvalidInput(f"session {session_id!r} has not finished, so it cannot be attested yet; finish it first")
    entries = [*_events(here, session_id, "session.opened"), *_events(here, session_id, "session.finished")]
    if len(entries) != 2:
        raise LedgerTampered(
            f"session {session_id!r} has finished, but the log does not say so; find out with: stemma audit verify"
        )
    winner = session.result.get("candidate")
    written = [one for one in here.candidates.of_session(session) if one.status is Status.ADMITTED or one.id == winner]
    if not written:
        raise InvalidInput(f"session {session_id!r} wrote no prompt that is in use, so there is nothing to attest")
    parents = {parent for one in written for parent in one.parents} - {one.id for one in written}
    more = {
        "subjects": [resource(one.digest, f"candidate {one.id}") for one in written],
        "parameters": dict(session.parameters),
        "parents": [resource(here.candidates.get(one).digest, f"candidate {one}") for one in sorted(parents)],
        "version": session.code_version,
    }
    return entries, of_session(entries, more)


def _verdict(here: Stemma, named: str) -> tuple[list[Entry], dict[str, Any]]:
    digest = here.candidates.get(int(named)).digest if named.isdigit() and len(named) < 64 else named
    entries = _events(here, digest, "gate.judged")
    if not entries:
        raise NotFound(f"the gate has not judged {named!r}; judge it with: stemma gate {named} --data FILE --dry-run")
    return entries, of_verdict(entries)


def _effect(here: Stemma, call: str) -> tuple[list[Entry], dict[str, Any]]:
    entries = _events(here, call, "tool.called") or _events(here, call, "tool.denied")
    if not entries:
        raise NotFound(
            f"nothing {call!r} is on record: no session (see: stemma sessions ls), no verdict on a candidate (see: stemma "
            "audit tail --kind gate.judged), no tool call (see: stemma audit tail --kind tool.called)"
        )
    entries += _events(here, call, "question.decided")
    return entries, of_effect(entries)


def _events(here: Stemma, subject: str, kind: str) -> list[Entry]:
    return here.ledger.tail(1, kind=kind, subject=subject)
