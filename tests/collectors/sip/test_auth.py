"""Parameters of digest challenges and credentials."""

import pytest

from collectors.sip.auth import parameters


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('Digest realm="a", nonce=b', {"": "digest", "realm": "a", "nonce": "b"}),
        ('DIGEST  Realm = "a b, c=d",stale=TRUE', {"": "digest", "realm": "a b, c=d", "stale": "TRUE"}),
        ('Digest nonce="",response=""', {"": "digest", "nonce": "", "response": ""}),
        (r'Digest realm="say \"hi\"", nonce="n=="', {"": "digest", "realm": r"say \"hi\"", "nonce": "n=="}),
        ('Digest realm="a", realm="b"', {"": "digest", "realm": "a"}),
        ('Digest realm="never closed', {"": "digest", "realm": ""}),
        ("Basic dXNlcjpwYXNz", {"": "basic"}),
        ("", {"": ""}),
    ],
)  # fmt: skip
def test_parameters_are_read(value: str, found: dict[str, str]) -> None:
    assert parameters(value) == found
