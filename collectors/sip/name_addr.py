"""URIs and addresses (RFC 3261 §19.1, §20.10; RFC 3966; RFC 3860, 3859) as values, read on demand.

`collectors.sip.uri` reads the few fields that every message needs; this reads all of an address. Total: what
can't be read stays text, and `Uri.fault` says why a SIP URI is none.
"""

import re
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv6Address
from typing import Final
from urllib.parse import unquote

import msgspec

from collectors.sip.grammar import MOST_VALUES, is_token, listed, parameters, unquoted

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_.])?")  # "_" is not allowed and common
_DISPLAY: Final = re.compile(r'[ \t]*("(?:[^"\\]++|\\.)*+")?', re.DOTALL)
_WITH_HOST: Final = frozenset({"sip", "sips", "im", "pres", "mailto", "xmpp"})


class Uri(msgspec.Struct, frozen=True):
    """A URI. Escapes stand as they are; `unescaped` undoes them."""

    text: str  # as it stands there
    scheme: str = ""  # lower case
    user: str = ""  # of sip, sips, im, pres …; the number of a tel URI; with its own parameters (RFC 4694)
    password: str = ""
    host: str = ""  # lower case; an IPv6 reference in its brackets
    port: int | None = None
    parameters: dict[str, str] = {}
    headers: tuple[tuple[str, str], ...] = ()  # behind the "?", unescaped, names in lower case
    fault: str = ""  # "no-scheme", "bad-host", "bad-port", or ""

    @property
    def secure(self) -> bool:
        """Whether it asks for TLS on every hop (§26.2.2)."""
        return self.scheme == "sips"

    @property
    def loose(self) -> bool:
        """Whether this entry of a route is a loose router (§16.12)."""
        return "lr" in self.parameters

    @property
    def aor(self) -> str:
        """Without password, port, parameters and headers: what a person calls the address."""
        if not self.host:
            return f"{self.scheme}:{self.user}" if self.user else self.text
        return f"{self.scheme}:{self.user}@{self.host}" if self.user else f"{self.scheme}:{self.host}"

    def header(self, name: str) -> str | None:
        """The first value of a header behind the "?"; None when there is none."""
        return next((value for known, value in self.headers if known == name), None)


class NameAddr(msgspec.Struct, frozen=True):
    """An address with display name and header parameters; `uri.text` is "*" in `Contact: *`."""

    display: str  # quotes and their escapes undone
    uri: Uri
    parameters: dict[str, str] = {}
    bracketed: bool = True

    @property
    def tag(self) -> str:
        """The tag of From and To, "" without one."""
        return self.parameters.get("tag", "")


def unescaped(text: str) -> str:
    """'%61lice' → 'alice'; broken escapes stay, broken UTF-8 becomes U+FFFD."""
    return unquote(text) if "%" in text else text


def read_uri(text: str) -> Uri:
    """A URI of any scheme."""
    text = text.strip()
    scheme, colon, rest = text.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme):
        return Uri(text, fault="no-scheme")
    scheme = scheme.lower()
    if scheme == "tel":
        subscriber, semicolon, tail = rest.partition(";")
        return Uri(text, scheme, subscriber, parameters=parameters(tail) if semicolon else {})
    if scheme not in _WITH_HOST:
        return Uri(text, scheme)
    return _with_host(text, scheme, rest)


def read_address(value: str) -> NameAddr:
    """An address: '"Bob" <sip:bob@example.com;transport=tcp>;tag=1', or 'sip:bob@example.com;tag=1'.

    Without angle brackets everything behind a semicolon belongs to the header (§20.10).
    """
    value = value.strip()
    quoted = _DISPLAY.match(value)
    start = value.find("<", quoted.end() if quoted else 0)
    if start < 0:
        uri, semicolon, tail = value.partition(";")
        return NameAddr("", read_uri(uri), parameters(tail) if semicolon else {}, bracketed=False)
    end = value.find(">", start)
    inside, tail = (value[start + 1 :], "") if end < 0 else (value[start + 1 : end], value[end + 1 :])
    return NameAddr(unquoted(value[:start].strip()), read_uri(inside), parameters(tail) if tail else {})


def read_addresses(values: Iterable[str]) -> tuple[NameAddr, ...]:
    """All addresses of a header: Route, Record-Route, Path, Service-Route, P-Asserted-Identity …"""
    return tuple(map(read_address, listed(values)))


def is_ipv6_reference(host: str) -> bool:
    """Whether a host is an IPv6 address in brackets (RFC 5118 §4.1).

    Three colons, which the ABNF of RFC 3261 made of two before an IPv4 address (§4.10), are read as two.
    """
    if host[:1] != "[" or host[-1:] != "]":
        return False
    try:
        IPv6Address(host[1:-1].replace(":::", "::"))
    except AddressValueError:
        return False
    return True


def read_hostport(text: str) -> tuple[str, int | None, str]:
    """'Example.com:5061' → ("example.com", 5061, ""); the last is the fault: "bad-host", "bad-port"."""
    host, port = text.strip(), ""
    if host.startswith("["):
        reference, bracket, port = host.partition("]")
        host, port = reference + bracket, port.strip()
        good = is_ipv6_reference(host)
    else:
        host, colon, port = host.partition(":")
        host, port = host.strip(), colon + port.strip()
        good = _HOST.fullmatch(host) is not None
    digits = port[1:].strip()
    numeric = port[:1] == ":" and digits.isascii() and digits.isdigit() and len(digits) <= 5 and int(digits) < 65_536
    fault = "bad-host" if not good else "bad-port" if port and not numeric else ""
    return host.lower(), int(digits) if numeric else None, fault


def display_is_proper(display: str) -> bool:
    """Whether a display name, as it stands before "<", is tokens or one quoted string (§25.1)."""
    display = display.strip()
    quoted = _DISPLAY.fullmatch(display)
    return quoted is not None or all(map(is_token, display.split()))


def _with_host(text: str, scheme: str, rest: str) -> Uri:
    userinfo, hostport, tail = _divided(rest)
    user, _, password = userinfo.partition(":")
    host, port, fault = read_hostport(hostport)
    marked, _, headers = tail.partition("?")
    return Uri(
        text,
        scheme,
        user,
        password,
        host,
        port,
        parameters(marked) if marked else {},
        _headers(headers) if headers else (),
        fault,
    )


def _divided(rest: str) -> tuple[str, str, str]:
    """(userinfo, host and port, parameters and headers) of what follows the scheme.

    A user may hold ";" and "?" (§25.1), so that only what follows the "@" is searched for them. An "@" may stand
    in none of them, and yet does: in a user, or in headers that somebody forgot to escape.
    """
    at = rest.find("@")
    end = next((i for i, mark in enumerate(rest[at + 1 :], at + 1) if mark in ";?"), len(rest))
    at = rest.rfind("@", 0, end)
    return rest[: max(at, 0)], rest[at + 1 : end], rest[end:]


def _headers(text: str) -> tuple[tuple[str, str], ...]:
    found = []
    for part in text.split("&", MOST_VALUES)[:MOST_VALUES]:
        name, _, value = part.partition("=")
        if name:
            found.append((unescaped(name).lower(), unescaped(value)))
    return tuple(found)
