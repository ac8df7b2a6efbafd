"""Secrets out of messages before they leave the host: on by default.

What goes: digest responses (the nonce stays: a diagnosis needs it), Basic and Bearer credentials, SDES
and MIKEY keys, ICE passwords and `k=` lines in SDP, passwords in SIP URIs. Each octet becomes an "x", so that lengths
(Content-Length!) stay true, a retransmission stays identical to its original, and what was empty stays
empty: `response=""` is how IMS AKA asks for a challenge (RFC 3310), and no credential.
"""

import re
from typing import Final

# Each of these two patterns is looked for in text in lower case: a literal beginning makes that fast.
# A header with the lines that continue it (RFC 3261 §7.3.1), as far as its name ends so.
_CREDENTIALS: Final = re.compile(rb"auth(?:orization|entication-info)[ \t]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*")
_MAY_HAVE_PASSWORD: Final = re.compile(rb'sips?:[^\s@:<>"]*:[^\s@:<>";?/]+@')
_PROXY: Final = b"proxy-"
_LINE_ENDS: Final = b"\r\n"

# The same where a line of a log quotes it, or only its value.
_QUOTED_CREDENTIALS: Final = re.compile(
    rb"(?:auth(?:orization|entication-info)[ \t]*:|\bdigest[ \t]+\w+[ \t]*=)[^\r\n]*", re.IGNORECASE
)
_WHOLE_CREDENTIAL: Final = re.compile(rb"(:\s*(?:basic|bearer)\s+)([^\s,]+)", re.IGNORECASE)
_PARAMETER: Final = re.compile(rb'(\b(?:response|rspauth|gssapi-data)\s*=\s*)("[^"\r\n]*|[^\s",;]+)', re.IGNORECASE)

_PASSWORD: Final = re.compile(rb'(sips?:[^\s@:<>"]*:)([^\s@:<>";?/]+)(?=@)', re.IGNORECASE)

_KEYS: Final = (
    (b"inline:", re.compile(rb"(\binline:)([^|\s;]+)", re.IGNORECASE)),  # RFC 4568 §9.1
    (b"key-mgmt:", re.compile(rb"(\bkey-mgmt:\S+[ \t]+)(\S+)", re.IGNORECASE)),  # RFC 4567 §3.1
    (b"ice-pwd:", re.compile(rb"(\bice-pwd:)(\S+)", re.IGNORECASE)),  # RFC 8839 §5.4
    (b"\nk=", re.compile(rb"(\nk=(?:clear|base64|uri):)([^\r\n]+)", re.IGNORECASE)),  # RFC 4566 §5.12
)


def redact(raw: bytes) -> bytes:
    """The message without its secrets, of the same length; `raw` itself when it holds none."""
    lowered = raw.lower()
    for header in _CREDENTIALS.finditer(lowered):
        begin, end = header.span()
        if _begins_a_line(lowered, begin):
            raw = raw[:begin] + _without_credentials(raw[begin:end]) + raw[end:]
    if _MAY_HAVE_PASSWORD.search(lowered):
        raw = _PASSWORD.sub(_masked, raw)
    if lowered.find(b"\r\n\r\n") != len(lowered) - 4:  # it has a body
        for sign, pattern in _KEYS:
            if lowered.find(sign) >= 0:  # sooner than `in`
                raw = pattern.sub(_masked, raw)
    return raw


def redact_text(text: bytes) -> bytes:
    """The same for a text that is no message, and may quote any part of one."""
    return _QUOTED_CREDENTIALS.sub(lambda quoted: _without_credentials(quoted[0]), redact(text))


def _begins_a_line(lowered: bytes, at: int) -> bool:
    """Whether nothing but "proxy-" stands before `at` in its line, whatever ended the last."""
    if lowered.endswith(_PROXY, 0, at):
        at -= len(_PROXY)
    return at == 0 or lowered[at - 1] in _LINE_ENDS


def _without_credentials(header: bytes) -> bytes:
    return _PARAMETER.sub(_masked, _WHOLE_CREDENTIAL.sub(_masked, header))


def _masked(secret: re.Match[bytes]) -> bytes:
    """The second group of a match in x's, an opening quotation mark left alone."""
    before, value = secret[1], secret[2]
    if value.startswith(b'"'):
        before, value = before + b'"', value[1:]
    return before + b"x" * len(value)
