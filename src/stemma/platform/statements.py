"""What the record says of a session, a verdict or a tool call, as statements that others' tools read: in-toto Statement v1
(https://in-toto.io/Statement/v1), with SLSA's provenance and verification summary where they fit.

A statement is made of entries of the audit log as far as those say it: whoever has the entries can make it again.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stemma.core.errors import InvalidInput
from stemma.ledger import Entry

STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
VERIFICATION = "https://slsa.dev/verification_summary/v1"
EFFECT = "pkg:pypi/stemma-ai#effect/v1"
EVIDENCE = "pkg:pypi/stemma-ai#log/v1"
"""The field of a predicate under which the entries and their proofs stand: SLSA wants a URI as the name of an extension."""

_PRODUCT = "pkg:pypi/stemma-ai"


def statement(subjects: Sequence[Mapping[str, Any]], kind: str, predicate: Mapping[str, Any]) -> dict[str, Any]:
    return {"_type": STATEMENT, "subject": list(subjects), "predicateType": kind, "predicate": dict(predicate)}


def resource(digest: str, name: str | None = None) -> dict[str, Any]:
    """A thing by its SHA-256, as in-toto describes one."""
    described: dict[str, Any] = {"digest": {"sha256": digest}}
    return described if name is None else {"name": name} | described


def of_verdict(entries: Sequence[Entry]) -> dict[str, Any]:
    """The summary of a `gate.judged`: not decided is not passed."""
    [judged] = _of_kinds(entries, "gate.judged")
    passed = judged.data["verdict"] == "PASS"
    predicate = {
        "verifier": {"id": f"{_PRODUCT}#gate"},
        "timeVerified": judged.time,
        "resourceUri": _named_by(judged.subject),
        "policy": {"uri": f"{_PRODUCT}#circumstances", **resource(judged.data["circumstances"])},
        "verificationResult": "PASSED" if passed else "FAILED",
        "verifiedLevels": ["STEMMA_GATE_PASSED" if passed else "FAILED"],
        f"{_PRODUCT}#verdict": judged.data["verdict"],
        f"{_PRODUCT}#incumbent": resource(judged.data["incumbent"]),
    }
    return statement([resource(judged.subject)], VERIFICATION, predicate)


def of_effect(entries: Sequence[Entry]) -> dict[str, Any]:
    """What a tool was called for, or not: the decision, and what people decided on the way. About the call's arguments."""
    [call, *decisions] = _of_kinds(entries, "tool.called", "tool.denied", "question.decided")
    if call.kind == "question.decided":
        raise InvalidInput(f"{call.subject!r} is a question, not a tool call")
    predicate = {
        "call": call.subject,
        "made": call.kind == "tool.called",
        "recordedOn": call.time,
        "actor": call.actor,
        "decision": dict(call.data),
        "people": [{"question": each.subject, "on": each.time} | dict(each.data) for each in decisions],
    }
    if not isinstance(arguments := call.data.get("arguments"), str):
        raise InvalidInput(
            f"entry {call.seq} has no digest of the arguments of {call.subject!r}, so it cannot be attested"
        )
    return statement([resource(arguments, call.subject)], EFFECT, predicate)


def of_session(entries: Sequence[Entry], more: Mapping[str, Any]) -> dict[str, Any]:
    """How prompts were written. `more` is what the log only has a digest of, or nothing: see `attestation.attest`."""
    [opened, ended] = _of_kinds(entries, "session.opened", "session.finished")
    told = opened.data
    materials = [resource(told["generator"], "generator")]
    if told["data"] is not None:
        materials.append(resource(told["data"], "data"))
    predicate = {
        "buildDefinition": {
            "buildType": f"{_PRODUCT}#session/v1",
            "externalParameters": {
                "prompt": told["prompt"],
                "model": told["model"],
                "seed": told["seed"],
                "parameters": more["parameters"],
            },
            "resolvedDependencies": [*materials, *more["parents"]],
        },
        "runDetails": {
            "builder": {"id": _PRODUCT, "version": {"stemma-ai": more["version"]}},
            "metadata": {"invocationId": opened.subject, "startedOn": opened.time, "finishedOn": ended.time},
            "byproducts": [resource(ended.data["result"], "result")],
        },
    }
    return statement(more["subjects"], PROVENANCE, predicate)


def session_told(made: Mapping[str, Any]) -> dict[str, Any]:
    """What `of_session` was given beside the entries, read back from the statement that it made."""
    definition, run = made["predicate"]["buildDefinition"], made["predicate"]["runDetails"]
    dependencies = definition["resolvedDependencies"]
    from_log = sum(1 for each in dependencies if each.get("name") in ("generator", "data"))
    return {
        "subjects": made["subject"],
        "parameters": definition["externalParameters"]["parameters"],
        "parents": dependencies[from_log:],
        "version": run["builder"]["version"]["stemma-ai"],
    }


REMAKING: Mapping[str, Callable[[Sequence[Entry], Mapping[str, Any]], dict[str, Any]]] = {
    PROVENANCE: lambda entries, made: of_session(entries, session_told(made)),
    VERIFICATION: lambda entries, made: of_verdict(entries),
    EFFECT: lambda entries, made: of_effect(entries),
}
"""How to make a statement of each kind again from its entries, to be held against the one that was signed."""


def _of_kinds(entries: Sequence[Entry], *kinds: str) -> Sequence[Entry]:
    if wrong := next((entry for entry in entries if entry.kind not in kinds), None):
        raise InvalidInput(f"entry {wrong.seq} is a {wrong.kind!r}, which such a statement is not drawn from")
    return entries


def _named_by(digest: str) -> str:
    """A URI for what is known by its SHA-256 alone (RFC 6920)."""
    return f"ni:///sha-256;{base64.urlsafe_b64encode(bytes.fromhex(digest)).decode().rstrip('=')}"
