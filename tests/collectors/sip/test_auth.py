"""Parameters of digest challenges and credentials."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.sip.auth import parameters, taken_apart


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


@given(
    st.text(' \t,="\\aB-\n', max_size=30)
    | st.lists(
        st.sampled_from(('realm="a b"', "stale=TRUE", 'qop="auth,auth-int"', "nc = 1", 'x="', "y=", r'z="\""', "=")),
        max_size=5,
    ).map(", ".join)
)
def test_the_short_way_through_plain_parameters_comes_to_the_same(text: str) -> None:
    assert parameters(f"Digest {text}") == taken_apart("Digest", text.rstrip())
