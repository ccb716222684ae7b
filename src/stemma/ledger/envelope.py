"""Signed documents in the envelope of DSSE 1.0 (https://github.com/secure-systems-lab/dsse), with Ed25519.

What is signed begins with ``DSSEv1`` and a space, which no name of a log has: no envelope can be passed off as a checkpoint.
"""

import base64
import json
from typing import Any

from stemma.core.errors import InvalidInput
from stemma.ledger.signing import PublicKey, Signer


def sealed(signer: Signer, payload_type: str, payload: bytes) -> dict[str, Any]:
    """The envelope as JSON."""
    signature = signer.key.sign(_encoded(payload_type, payload))
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [{"keyid": _key_id(signer.public_key), "sig": base64.b64encode(signature).decode()}],
    }


def unsealed(text: str, payload_type: str, public_key: PublicKey) -> bytes:
    """The payload, once a signature by `public_key` has been found on it and holds; others are passed over.

    The key's name in the envelope is a hint that nobody signed: it is not looked at. Raises InvalidInput otherwise.
    """
    try:
        envelope = json.loads(text)
        payload, given = _decoded(envelope["payload"]), envelope["payloadType"]
        signatures = [_decoded(each["sig"]) for each in envelope["signatures"]]
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"not a signed envelope (DSSE): it is not JSON ({error.msg}, line {error.lineno})"
        ) from error
    except RecursionError as error:
        raise InvalidInput("not a signed envelope (DSSE): it is nested too deep") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            "not a signed envelope (DSSE): it is no object with payload, payloadType and signatures, the first and the last in "
            "base64"
        ) from error
    if given != payload_type:
        raise InvalidInput(f"the envelope holds {given!r}, not {payload_type!r}")
    if not any(public_key.has_signed(_encoded(payload_type, payload), signature) for signature in signatures):
        raise InvalidInput(f"the envelope is not signed by {_key_id(public_key)}, or was changed")
    return payload


def _encoded(payload_type: str, payload: bytes) -> bytes:
    """The standard's pre-authentication encoding: lengths first, so that nothing can be moved from one part to the other.

    >>> _encoded("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _key_id(key: PublicKey) -> str:
    return f"{key.name}+{key.key_hash.hex()}"


def _decoded(text: str) -> bytes:
    """Standard base64 or the form for URLs: readers of the standard take both."""
    return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
