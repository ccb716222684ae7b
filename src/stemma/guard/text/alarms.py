"""Signs of an attempt to steer a model. They raise alarms, and never decide: whoever knows the list writes around it."""

import base64
import binascii
import re
from collections.abc import Iterator

from stemma.guard.text.finding import Finding

_RULES = re.compile(
    r"(?P<override>\b(?:ignore|disregard|forget|override|bypass|skip)\b[^.\n]{0,40}"
    r"\b(?:previous|prior|above|earlier|preceding|all|any|your|the)\b[^.\n]{0,30}"
    r"\b(?:instructions?|prompts?|rules|guidelines|directions|tasks?|context|polic(?:y|ies))\b)"
    r"|(?P<role>\b(?:you are (?:now|no longer)|from now on,? you|act as (?:if you|an? unrestricted)|pretend (?:to be|you are)"
    r"|enter (?:developer|dan|god|sudo|admin) mode|jailbreak)\b)"
    r"|(?P<extraction>\b(?:reveal|print|show|repeat|output|leak|tell me)\b[^.\n]{0,30}"
    r"\b(?:system|initial|hidden|original|developer) (?:prompt|message|instructions?)\b)"
    r"|(?P<secrecy>\b(?:do not|don't|never|without)\b[^.\n]{0,20}"
    r"\b(?:tell|telling|mention|mentioning|inform|informing|alert|alerting|notify|notifying)\b[^.\n]{0,20}\buser\b)"
    r"|(?P<urgency>\b(?:important|urgent|critical) (?:message|instructions?|notice) (?:from|to|for) (?:me|the|your|you)\b"
    r"|\b(?:before|instead of) (?:you )?(?:solv|do|answer|complet|continu)\w*[^.\n]{0,40}\b(?:task|first|following)\b"
    r"|\bnew (?:system )?instructions?\s*:)"
    r"|(?P<delimiter><\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id)\|>"
    r"|\[/?INST\]|<</?SYS>>|</?(?:system|instructions?|information|assistant|user_request|tool_response)>"
    r"|^[ \t]{0,3}(?:#{2,3} ?)?(?:system|assistant|instruction|human) ?(?:prompt|message)?:(?=\s)|<start_of_turn>)",
    re.IGNORECASE | re.MULTILINE,
)
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/]{32,}={0,2}(?![A-Za-z0-9+/=])")
_HEXADECIMAL = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}){20,}(?![0-9A-Za-z])")
_ESCAPED = re.compile(r"(?:\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}|&#x?[0-9A-Fa-f]{2,6};){8,}")
_SAMPLE = 240  # characters of an encoded stretch that are decoded: enough to tell text


def alarming(text: str) -> list[Finding]:
    """Stretches that look like an attempt to steer a model, in order.

    Kinds: `override`, `role`, `extraction`, `secrecy`, `urgency` for turns of phrase; `delimiter` for marks of a prompt;
    `encoded-text` for base64 and hexadecimal that say something in words, and for runs of escapes. For alarms alone:
    benign text trips it, and attacks pass it.
    """
    found = [Finding(str(match.lastgroup), *match.span()) for match in _RULES.finditer(text)]
    found += (Finding("encoded-text", *match.span()) for match in _encoded(text))
    return sorted(found, key=lambda one: (one.start, one.end))


def _encoded(text: str) -> Iterator[re.Match[str]]:
    for match in _BASE64.finditer(text):
        sample = match.group().rstrip("=")[:_SAMPLE]
        try:
            decoded = base64.b64decode(sample[: len(sample) // 4 * 4])
        except binascii.Error:
            continue
        if _is_prose(decoded):
            yield match
    for match in _HEXADECIMAL.finditer(text):
        if _is_prose(bytes.fromhex(match.group()[:_SAMPLE])):
            yield match
    yield from _ESCAPED.finditer(text)


def _is_prose(data: bytes) -> bool:
    return (
        data.isascii()
        and data.decode("ascii").replace("\n", " ").isprintable()
        and any(mark in data for mark in b" ,.:")
    )
