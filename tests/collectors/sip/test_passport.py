"""Identity, as it is written by carriers, and as it arrives."""

import base64
import json

import pytest

from collectors.sip.passport import Passport, read_passport, read_passports


def encoded(claims: object) -> str:
    text = claims if isinstance(claims, str) else json.dumps(claims)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


HEADER = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": "https://cert.example.org/a.pem"}
HUGE = '{"iat": 1e999}'
CLAIMS = {
    "attest": "A",
    "dest": {"tn": ["12155550131", 7], "uri": ["sip:b@example.com"]},
    "iat": 1443208345,
    "orig": {"tn": "12155550121"},
    "origid": "123e4567-e89b-12d3-a456-426655440000",
}


def test_a_full_passport_tells_attestation_numbers_and_age() -> None:
    value = f"{encoded(HEADER)}.{encoded(CLAIMS)}.c2ln;info=<https://i.example.org/a.pem>;alg=ES256;ppt=shaken"
    (passport,) = read_passports([value])
    assert passport == Passport(
        form="full",
        kind="shaken",
        algorithm="ES256",
        certificate="https://i.example.org/a.pem",
        attestation="A",
        origid="123e4567-e89b-12d3-a456-426655440000",
        originator="12155550121",
        destinations=("12155550131", "sip:b@example.com"),
        issued_s=1443208345,
    )
    assert passport.age_s(1443208405_500000) == 60.5


def test_a_diverted_call_says_who_it_was_for_before() -> None:
    claims = {"dest": {"tn": "1"}, "div": {"tn": "2"}, "iat": "soon", "orig": "x"}
    passport = read_passport(f"{encoded({'ppt': 'div', 'alg': 1})}.{encoded(claims)}.c2ln")
    assert (passport.kind, passport.algorithm, passport.diverted_by) == ("div", "", "2")
    assert (passport.destinations, passport.originator, passport.issued_s) == (("1",), "", None)
    assert passport.age_s(0) is None


def test_a_compact_passport_has_only_what_stands_beside_it() -> None:
    passport = read_passport("..c2ln;info=<https://i.example.org/a.pem>;alg=ES256;ppt=shaken")
    assert (passport.form, passport.kind, passport.attestation) == ("compact", "shaken", "")


def test_the_signature_of_rfc_4474_is_known_for_what_it_is() -> None:
    assert read_passport('"ZYNBbHC00VMZr2kZt6VmCvPonWJMGvQTBDqghoWeLxJ=="').form == "rfc4474"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a",
        "..",
        "a.b.c",
        f"{encoded(HEADER)}..c",
        f"{encoded(HEADER)}.{encoded([1])}.c",
        f"{encoded('no json')}.{encoded(CLAIMS)}.c",
        f"{encoded(HEADER)}.{encoded('[' * 9000)}.c",
        f"{encoded(HEADER)}.{encoded(HUGE)}.c",
        f"{encoded(HEADER)}.{'A' * 20_000}.c",
        f"{encoded(HEADER)}.é.c",
        f"{base64.urlsafe_b64encode(bytes([0xFF, 0xFE])).decode()}.{encoded(CLAIMS)}.c",
    ],
)  # fmt: skip
def test_what_is_no_token_is_broken_and_nothing_else(token: str) -> None:
    assert read_passport(f"{token};ppt=shaken").form == "broken"
