"""name-addr and addr-spec (RFC 3261 §25.1), read leniently: whatever stands there, a text comes out."""

import re
from typing import Final

_TEL: Final = len("tel:")
_QUOTED: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def addr_spec(value: str) -> tuple[str, str]:
    """(URI without parameters and headers, what follows the address) of a From, To or Contact value.

    '"Bob" <sip:bob@example.com;transport=tcp>;tag=1' → ("sip:bob@example.com", ";tag=1").
    """
    start = value.find("<")
    quote = value.find('"', 0, start) if start > 0 else -1
    if quote >= 0:
        end = value.find('"', quote + 1, start)
        if end < 0 or "\\" in value[quote:end]:
            quoted = _QUOTED.search(value)  # a display name may hold a "<"; an open quote means nothing
            start = value.find("<", quoted.end() if quoted else 0)
    if start >= 0:
        end = value.find(">", start)
        if end < 0:
            return without_parameters(value[start + 1 :].strip()), ""
        return without_parameters(value[start + 1 : end].strip()), value[end + 1 :]
    # Without brackets, everything behind a semicolon belongs to the header (§20.10).
    uri, _, _ = value.partition(";")
    return uri.strip(), value[len(uri) :]


def without_parameters(uri: str) -> str:
    """'sip:+15551234;npdi=yes@host:5060;user=phone?x=y' → 'sip:+15551234;npdi=yes@host:5060'."""
    at = uri.find("@") + 1
    cut = uri.find(";", at)
    if cut >= 0:
        uri = uri[:cut]
    cut = uri.find("?", at)
    return uri if cut < 0 else uri[:cut]


def host_of(uri: str) -> str:
    """The host of a SIP URI, without port: 'sip:bob@example.com:5060' → 'example.com'."""
    begin = uri.rfind("@") + 1 or uri.find(":") + 1
    if not begin:
        return ""
    if uri[begin : begin + 1] == "[":
        end = uri.find("]", begin)
        return uri[begin : end + 1] if end >= 0 else uri[begin:] + "]"
    end = uri.find(":", begin)
    return uri[begin:end] if end >= 0 else uri[begin:]


def user_of(uri: str) -> str:
    """The user of a SIP URI, or the number of a tel URI: 'sip:bob@example.com' → 'bob'."""
    begin = uri.find(":") + 1
    if begin == _TEL and uri[:_TEL].lower() == "tel:":
        return uri[begin:]
    at = uri.rfind("@", begin)
    if not begin or at < 0:
        return ""
    end = uri.find(":", begin, at)
    return uri[begin:end] if end >= 0 else uri[begin:at]
