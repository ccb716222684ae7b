"""Names of prompts, labels, and the references that pick one version of a prompt.

::

    reference = ["prompts:/"] name ( "/" version | "@" label | "#" digest )
    name      = segment ("/" segment)*        at most 200 characters
    segment   = [a-z0-9][a-z0-9_.-]*          at most 64 characters, no ".."; the last one is not a number alone
    version   = 1, 2, 3, …                    no leading zero
    label     = [a-z0-9_.-]{1,36}
    digest    = 8 to 64 lower-case hexadecimal digits of the prompt's SHA-256

Names are lower case so that they are the same on file systems and in URLs that fold case. The last segment is never a
number alone, so ``triage/3`` can only mean version 3 of ``triage``. A bare name is no reference: which version is
served is always said, never "the newest".
"""

import re
from dataclasses import dataclass

from stemma.core.errors import InvalidName

SCHEME = "prompts:/"
LONGEST_NAME = 200

_SEGMENT = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_ELSEWHERE = re.compile(r"[^a-z0-9_.-]+")  # what stands in no segment
_LABEL = re.compile(r"[a-z0-9_.-]{1,36}")
_DIGEST = re.compile(r"[0-9a-f]{8,64}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Reference:
    """One version of a prompt, picked by exactly one of number, label or digest (or a prefix of at least 8 digits).

    Raises InvalidName when a part breaks the grammar, or when not exactly one selector is given.

    >>> Reference.parse("support/triage@production")
    Reference(name='support/triage', version=None, label='production', digest=None)
    >>> str(Reference("support/triage", version=3))
    'prompts:/support/triage/3'
    """

    name: str
    version: int | None = None
    label: str | None = None
    digest: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        if sum(part is not None for part in (self.version, self.label, self.digest)) != 1:
            raise InvalidName("reference", self.name, _SELECTORS)
        if self.version is not None and not _VERSION.fullmatch(str(self.version)):
            raise InvalidName("version", str(self.version), "a version is a whole number from 1, without leading zeros")
        if self.label is not None:
            check_label(self.label)
        if self.digest is not None and not _DIGEST.fullmatch(self.digest):
            raise InvalidName("digest", self.digest, "a digest is 8 to 64 lower-case hexadecimal digits")

    def __str__(self) -> str:
        """The full form, which `parse` reads back."""
        if self.label is not None:
            return f"{SCHEME}{self.name}@{self.label}"
        if self.digest is not None:
            return f"{SCHEME}{self.name}#{self.digest}"
        return f"{SCHEME}{self.name}/{self.version}"

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """The reference that `text` spells, with or without the scheme. Raises InvalidName with the rule it breaks."""
        rest = text.removeprefix(SCHEME)
        for mark in "@#":
            name, found, selector = rest.partition(mark)
            if found:
                return cls(name, label=selector) if mark == "@" else cls(name, digest=selector)
        name, _, last = rest.rpartition("/")
        if not name or not last.isascii() or not last.isdigit():
            check_name(rest)
            raise InvalidName("reference", text, _SELECTORS)
        if not _VERSION.fullmatch(last):
            raise InvalidName("version", last, "a version is a whole number from 1, without leading zeros")
        return cls(name, version=int(last))


_SELECTORS = "say which version: NAME/3 (number), NAME@production (label) or NAME#1a2b3c4d (digest)"


def check_name(name: str) -> str:
    """`name` itself when it may name a prompt. Raises InvalidName naming the rule it breaks."""
    if not name:
        raise InvalidName("prompt name", name, "a name is not empty")
    if len(name) > LONGEST_NAME:
        raise InvalidName(
            "prompt name", name[:40] + "…", f"a name has at most {LONGEST_NAME} characters, not {len(name)}"
        )
    if ".." in name:
        raise InvalidName("prompt name", name, "a name never contains '..'")
    segments = name.split("/")
    for segment in segments:
        if not _SEGMENT.fullmatch(segment):
            raise InvalidName("prompt name", name, f"{segment!r} {_broken_rule(segment)}")
    if segments[-1].isdigit():
        raise InvalidName(
            "prompt name", name, f"the last part, {segments[-1]!r}, would read as a version; add a letter"
        )
    return name


def check_label(label: str) -> str:
    """`label` itself when it may label a version. Raises InvalidName naming the rule it breaks."""
    if not _LABEL.fullmatch(label):
        raise InvalidName("label", label, "a label has 1 to 36 of the characters a-z 0-9 _ . -")
    return label


def _broken_rule(segment: str) -> str:
    if not segment:
        return "is an empty part; parts between '/' are not empty"
    if len(segment) > 64:
        return f"has {len(segment)} characters; a part has at most 64"
    if segment != segment.lower():
        near = _ELSEWHERE.sub("-", segment.lower()).strip("-_.")
        return f"has upper case; write {near!r}" if near else "has upper case; write it with a-z 0-9 _ . -"
    return "may only have a-z 0-9 _ . - and starts with a letter or digit"
