"""Keys, tokens and passwords by the forms that their makers gave them.

The forms are those that the makers publish, and that secret scanners agree on. `detect-secrets` knows most of them, but reads
files line by line, brings an HTTP client, and its plugins try what they find against the makers' servers.
"""

import math
import re
from collections import Counter

from stemma.guard.text.finding import Finding, longest

_FORMS = re.compile(
    r"(?P<private_key>-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[^-]*(?:-(?!----)[^-]*)*-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----)?)"
    r"|://[^\s/:@\"']{1,100}:(?P<credentials_in_url>[^\s/@\"']{3,200})@"
    r"|\b(?:(?P<aws_key>(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b)"
    r"|(?P<github_token>(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})\b)"
    r"|(?P<gitlab_token>gl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|soat)-[\w-]{20,255})"
    r"|(?P<slack_token>xox[abeoprs]-[A-Za-z0-9-]{10,255}|xapp-\d-[A-Za-z0-9-]{10,255}"
    r"|hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_+-]{20,255})"
    r"|(?P<stripe_key>(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,247}\b|whsec_[A-Za-z0-9]{24,247}\b)"
    r"|(?P<google_key>AIza[\w-]{35}(?![\w-])|GOCSPX-[\w-]{28}(?![\w-])|ya29\.[\w-]{20,2048})"
    r"|(?P<openai_key>sk-(?:proj-|svcacct-|admin-|ant-[a-z0-9]{3,8}-)?[\w-]{20,255})"
    r"|(?P<huggingface_token>hf_[A-Za-z0-9]{30,255}\b)"
    r"|(?P<sendgrid_key>SG\.[\w-]{22}\.[\w-]{43}(?![\w-]))"
    r"|(?P<npm_token>npm_[A-Za-z0-9]{36}\b)"
    r"|(?P<pypi_token>pypi-AgE[\w-]{50,2048})"
    r"|(?P<twilio_key>SK[0-9a-f]{32}\b)"
    r"|(?P<telegram_token>\d{8,10}:AA[\w-]{33}(?![\w-]))"
    r"|(?P<azure_key>AccountKey=[A-Za-z0-9+/]{86}==)"
    r"|(?P<jwt>eyJ[\w-]{10,8192}\.eyJ[\w-]{8,8192}\.[\w-]{0,8192})"
    r")"
)
_ASSIGNED = re.compile(
    r"(?P<name>(?:api|access|auth|secret|private|client|encryption|signing|session|bearer)[_ -]?(?:key|token|secret)"
    r"|password|passwd|passphrase|secret|token|credentials?|authorization)"
    r"[\"']?\s{0,3}(?:[:=]|=>|:=|is)\s{0,3}(?:bearer |basic )?[\"'`]?(?P<value>[^\s\"'`,;<>(){}\[\]]{8,512})",
    re.IGNORECASE,
)
KINDS = (*(name.replace("_", "-") for name in _FORMS.groupindex), "assigned-secret")
"""What can be found."""

_LEAST_BITS = 3.0  # Shannon entropy a character; words are below, what a generator made is above
_PLACEHOLDER = re.compile(
    r"(?:x{4,}|\*{3,}|\.{3}|example|changeme|placeholder|your[_-]|://|pii_|\$\{|redacted|none$|null$|true$)",
    re.IGNORECASE,
)


def secrets(text: str) -> list[Finding]:
    """Secrets in `text`, in order, without overlaps: one finding for each, of its maker's kind.

    `assigned-secret` is what a name such as ``password`` is set to, when it looks made by a generator: letters and digits
    of at least three bits of entropy each. Linear in the text's length.

    >>> [one.kind for one in secrets("token = ghp_" + "a1B2" * 9)]
    ['github-token']
    """
    found = list[Finding]()
    for match in _FORMS.finditer(text):
        kind = next(name for name, words in match.groupdict().items() if words is not None)
        found.append(Finding(kind.replace("_", "-"), *match.span(kind)))
    for match in _ASSIGNED.finditer(text):
        if _is_generated(match["value"]):
            found.append(Finding("assigned-secret", *match.span("value")))
    return longest(found)


def _is_generated(value: str) -> bool:
    if _PLACEHOLDER.search(value) is not None or not any(map(str.isdigit, value)) or not any(map(str.isalpha, value)):
        return False
    counts = Counter(value)
    entropy = -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())
    return entropy >= _LEAST_BITS
