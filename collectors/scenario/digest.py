"""HTTP digest as SIP uses it (RFC 3261 §22, RFC 7616): challenges and real responses."""

import hashlib

from collectors.sip.auth import parameters


def challenge(realm: str, nonce: str, *, stale: bool = False) -> str:
    staleness = ", stale=true" if stale else ""
    return f'Digest realm="{realm}", nonce="{nonce}", qop="auth", algorithm=MD5{staleness}'


def credentials(challenged: str, *, user: str, password: str, method: str, uri: str, cnonce: str, count: int) -> str:
    """The value of an Authorization header that answers a challenge for the `count`th time."""
    asked = parameters(challenged)
    number = f"{count:08x}"
    answer = response(
        user=user,
        realm=asked["realm"],
        password=password,
        method=method,
        uri=uri,
        nonce=asked["nonce"],
        count=number,
        cnonce=cnonce,
    )
    return (
        f'Digest username="{user}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", uri="{uri}", '
        f'response="{answer}", algorithm=MD5, cnonce="{cnonce}", qop=auth, nc={number}'
    )


def proves(value: str, *, password: str, method: str) -> bool:
    """Whether credentials show that their sender knows the password."""
    said = parameters(value)
    right = response(
        user=said["username"],
        realm=said["realm"],
        password=password,
        method=method,
        uri=said["uri"],
        nonce=said["nonce"],
        count=said["nc"],
        cnonce=said["cnonce"],
    )
    return said["response"] == right


def response(
    *, user: str, realm: str, password: str, method: str, uri: str, nonce: str, count: str, cnonce: str
) -> str:
    """The request-digest with qop=auth and MD5 (RFC 7616 §3.4.1)."""
    secret = _md5(f"{user}:{realm}:{password}")
    return _md5(f"{secret}:{nonce}:{count}:{cnonce}:auth:{_md5(f'{method}:{uri}')}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
