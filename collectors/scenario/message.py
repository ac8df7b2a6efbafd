"""A SIP message as the actors of a scenario handle it: a start line, headers in order, a body."""

from collections.abc import Iterable
from typing import Final, NamedTuple

REASONS: Final = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}

COMPACT: Final = {
    "Via": "v",
    "From": "f",
    "To": "t",
    "Call-ID": "i",
    "Contact": "m",
    "Content-Type": "c",
    "Content-Length": "l",
    "Supported": "k",
    "Subject": "s",
}


class Endpoint(NamedTuple):
    """Where something listens: an IP address as text (IPv6 without brackets) and a port."""

    address: str
    port: int

    @property
    def host(self) -> str:
        """The address as a URI or Via writes it."""
        return f"[{self.address}]" if ":" in self.address else self.address

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @classmethod
    def read(cls, text: str, port: int = 5060) -> "Endpoint":
        """From "10.0.0.1", "10.0.0.1:5070", "2001:db8::1" or "[2001:db8::1]:5070"."""
        if text.startswith("["):
            address, _, after = text[1:].partition("]")
            return cls(address, int(after[1:] or port))
        if text.count(":") > 1:
            return cls(text, port)
        address, _, number = text.partition(":")
        return cls(address, int(number or port))


def param(value: str, name: str) -> str:
    """A parameter of a header value: param("<sip:a@b>;tag=1", "tag") → "1"; "" when absent."""
    _, found, after = value.partition(f";{name}=")
    return after.partition(";")[0] if found else ""


def uri_of(value: str) -> str:
    """The URI of a name-addr: "<sip:a@b;lr>;q=1" → "sip:a@b;lr"."""
    _, bracket, inner = value.partition("<")
    return inner.partition(">")[0] if bracket else value.partition(";")[0]


def user_of(value: str) -> str:
    """The user of a URI or name-addr, "" when it has none."""
    user, at, _ = uri_of(value).partition("@")
    return user.partition(":")[2] if at else ""


def endpoint_of(uri: str) -> Endpoint:
    """Where a URI with an IP address as host points."""
    plain = uri_of(uri).partition(":")[2]
    return Endpoint.read(plain.rpartition("@")[2].partition(";")[0])


class Style(NamedTuple):
    """How a sender spells its headers."""

    compact: bool = False
    colon: str = ": "
    names: tuple[tuple[str, str], ...] = ()  # its own spellings: ("Call-ID", "Call-Id")


PLAIN: Final = Style()


class Message:
    """A request (`method`, `uri`) or a response (`status`, `reason`); headers under their full names."""

    __slots__ = ("body", "headers", "method", "reason", "status", "style", "uri")

    def __init__(
        self,
        headers: Iterable[tuple[str, str]],
        *,
        method: str = "",
        uri: str = "",
        status: int = 0,
        reason: str = "",
        body: str = "",
        style: Style = PLAIN,
    ) -> None:
        self.method, self.uri, self.status = method, uri, status
        self.reason = reason or REASONS.get(status, "")
        self.headers = list(headers)
        self.body = body
        self.style = style

    def copy(self) -> "Message":
        return Message(
            self.headers,
            method=self.method,
            uri=self.uri,
            status=self.status,
            reason=self.reason,
            body=self.body,
            style=self.style,
        )

    def get(self, name: str) -> str:
        """The first value of a header, "" when there is none."""
        for have, value in self.headers:
            if have == name:
                return value
        return ""

    def all(self, name: str) -> list[str]:
        return [value for have, value in self.headers if have == name]

    def replace(self, name: str, value: str) -> None:
        """Set the first of a header where it stands; at the end, before the body's, when it is new."""
        for place, (have, _) in enumerate(self.headers):
            if have == name:
                self.headers[place] = (name, value)
                return
        place = next((n for n, (have, _) in enumerate(self.headers) if have.startswith("Content-")), len(self.headers))
        self.headers.insert(place, (name, value))

    def push(self, name: str, value: str) -> None:
        """Put a value before the others of its header; a new header goes after the Vias."""
        names = [have for have, _ in self.headers]
        place = names.index(name) if name in names else len(names) - names[::-1].index("Via")
        self.headers.insert(place, (name, value))

    def pop(self, name: str) -> str:
        """Take away the first value of a header."""
        for place, (have, value) in enumerate(self.headers):
            if have == name:
                del self.headers[place]
                return value
        return ""

    @property
    def branch(self) -> str:
        return param(self.get("Via"), "branch")

    @property
    def cseq(self) -> int:
        return int(self.get("CSeq").split(" ")[0])

    @property
    def cseq_method(self) -> str:
        return self.get("CSeq").split(" ")[1]

    @property
    def from_tag(self) -> str:
        return param(self.get("From"), "tag")

    @property
    def to_tag(self) -> str:
        return param(self.get("To"), "tag")

    def named(self, what: str) -> bool:
        """Whether this is what a script calls "ACK", "200", "2xx" or "200 INVITE"."""
        status, _, method = what.partition(" ")
        if not status[0].isdigit():
            return self.method == status
        if method not in ("", self.cseq_method):
            return False
        return str(self.status) == status or (status.endswith("xx") and str(self.status)[0] == status[0])

    def render(self) -> bytes:
        """The message as it goes over the wire, in its sender's spelling."""
        spelling = dict(self.style.names)
        if self.style.compact:
            spelling |= COMPACT
        start = f"{self.method} {self.uri} SIP/2.0" if self.method else f"SIP/2.0 {self.status} {self.reason}"
        colon = self.style.colon
        lines = [start, *(f"{spelling.get(name, name)}{colon}{value}" for name, value in self.headers)]
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode()
