"""Timelines that the scenarios don't tell: failover, wrong ACKs, retries, overtaking, several registrars."""

from collections.abc import Sequence
from typing import Final

from collectors.wire.events import SipEvent
from tests.support.messages import request, response

_OTHER: Final = request("OPTIONS", 0, "bob>alice", call_id="other")  # bob is heard of
_LATE: Final = [2.0, 2.5, 3.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5, 33.5]


def _acked(cseq: int = 1, at: float = 2.01, to_tag: str = "b", branch: str = "own") -> SipEvent:
    return request("ACK", at, cseq=cseq, to_tag=to_tag, branch=branch)


def _invites(times: Sequence[float], on: str = "alice>bob", **fields: int) -> list[SipEvent]:
    return [request("INVITE", at, on, cseq=fields.get("cseq", 1), vias=fields.get("vias", 1)) for at in times]


def _login(at: float, cseq: int, nonce: str = "", on: str = "alice>edge") -> SipEvent:
    proof = [("Authorization", f'Digest realm="r", nonce="{nonce}", response="0f"')] if nonce else []
    return request("REGISTER", at, on, cseq=cseq, headers=[("Contact", "<sip:a@h>"), ("Expires", "60"), *proof])


def _reply(status: int, at: float, cseq: int, nonce: str = "", on: str = "alice>edge") -> SipEvent:
    asked = [("WWW-Authenticate", f'Digest realm="r", nonce="{nonce}"')] if nonce else []
    return response(status, at, on, method="REGISTER", cseq=cseq, headers=asked)


def _asked(at: float, cseq: int, nonce: str) -> SipEvent:
    return response(407, at, cseq=cseq, headers=[("Proxy-Authenticate", f'Digest realm="r", nonce="{nonce}"')])


def _bye(at: float) -> list[SipEvent]:
    return [request("BYE", at, to_tag="b"), response(200, at + 0.01, method="BYE")]


_PROOF: Final = [("Proxy-Authorization", 'Digest realm="r", nonce="n1", response="0f"')]
_RELIABLE: Final = [("Require", "100rel"), ("RSeq", "7")]

STORIES: Final[dict[str, list[SipEvent]]] = {
    "failover by a proxy": [
        _OTHER,
        *_invites([0.0], "alice>proxy"),
        response(100, 0.01, "alice>proxy"),
        *_invites([0.02, 0.52, 1.52], "proxy>bob", vias=2),
        *_invites([3.0], "proxy>carol", vias=2),
        response(200, 4, "proxy>carol", vias=2),
        response(200, 4.01, "alice>proxy"),
        request("ACK", 4.02, "alice>carol", to_tag="b", branch="own"),
        *_bye(9),
    ],
    "failover by the caller": [
        _OTHER,
        *_invites([0.2, 0.7, 1.7]),
        *_invites([2.0], "alice>carol", cseq=2),
        response(486, 3.0, "alice>carol", cseq=2),
        request("ACK", 3.01, "alice>carol", cseq=2, to_tag="b"),
    ],
    "over tcp, late": [request("INVITE", 0, transport="tcp"), response(180, 6, transport="tcp"), response(486, 9)],
    "wrong ACK": [*_invites([0.0]), *(response(200, at) for at in _LATE), _acked(cseq=2), _acked(at=6, to_tag="x")],
    "wrong ACK, then right": [
        *_invites([0.0]),
        *(response(200, at) for at in _LATE[:5]),
        _acked(cseq=2),
        _acked(at=9.6, branch="right"),
        *_bye(20),
    ],
    "ACK between the resends": [
        *_invites([0.0]),
        *(response(200, at) for at in _LATE[:4]),
        _acked(at=5.6),
        *_bye(20),
    ],
    "callee hangs up early": [
        *_invites([0.0]),
        *(response(200, at) for at in _LATE[:2]),
        request("BYE", 3, "bob>alice", from_tag="b", to_tag="a"),
        _acked(at=3.2),
    ],
    "refused, tried again": [
        *_invites([0.0]),
        response(503, 0.3),
        request("ACK", 0.31, to_tag="b"),
        *_invites([0.5], cseq=2),
        response(404, 0.9, cseq=2),
        *_invites([1.0], cseq=3),
        response(200, 2.0, cseq=3),
        _acked(cseq=3),
        *_bye(9),
    ],
    "refused, tried again much later": [*_invites([0.0]), response(488, 0.3), *_invites([5.5], cseq=2)],
    "forks without their proxy": [
        *_invites([0.0], "proxy>bob", vias=2),
        *_invites([0.001], "proxy>carol", vias=2),
        response(180, 0.4, "proxy>bob", vias=2),
        response(404, 0.6, "proxy>bob", vias=2),
        response(503, 0.9, "proxy>carol", to_tag="c", vias=2),
    ],
    "two answers": [
        *_invites([0.0]),
        response(200, 2),
        response(200, 2.2, to_tag="c"),
        _acked(),
        _acked(at=2.3, to_tag="c", branch="other"),
        request("BYE", 2.4, to_tag="c"),
        *_bye(9),
    ],
    "failure after the answer": [
        *_invites([0.0]),
        response(200, 2),
        response(487, 2.1, to_tag="c"),
        response(180, 2.2),
    ],
    "answer after a failure": [*_invites([0.0]), response(486, 2), response(200, 2.3, to_tag="c")],
    "cancelled and never decided": [*_invites([0.0]), response(180, 0.1), request("CANCEL", 0.2)],
    "cancelled on two hops": [
        *_invites([0.0], "alice>proxy"),
        *_invites([0.01], "proxy>bob", vias=2),
        response(180, 0.1, "proxy>bob", vias=2),
        response(180, 0.11, "alice>proxy"),
        request("CANCEL", 0.3, "alice>proxy"),
        request("CANCEL", 0.31, "proxy>bob", vias=2),
    ],
    "rings for long, twice": [*_invites([0.0]), response(180, 1), response(180, 182), response(486, 400)],
    "slow ringing of two kinds": [*_invites([0.0]), response(183, 7.8), response(180, 8.1)],
    "joined at a reinvite": [
        request("INVITE", 0, cseq=8, to_tag="b"),
        response(200, 0.2, cseq=8),
        _acked(cseq=8, at=0.3),
        *_bye(9),
    ],
    "reinvite by the callee": [
        *_invites([0.0]),
        response(200, 0.2),
        _acked(at=0.3),
        request("INVITE", 0.5, "bob>alice", cseq=9, from_tag="b", to_tag="a"),
        response(200, 0.6, "bob>alice", cseq=9, from_tag="b", to_tag="a"),
        request("ACK", 0.7, "bob>alice", cseq=9, from_tag="b", to_tag="a", branch="own-9"),
        *_bye(9),
    ],
    "a call in a blink": [*_invites([0.0]), response(200, 0.1), _acked(at=0.2), *_bye(0.3)],
    "ACK that the callee does not take": [
        *_invites([0.0]),
        response(100, 0.05),
        *(response(200, at) for at in _LATE),
        _acked(at=2.1),
        request("BYE", 34.1, "bob>alice", from_tag="b", to_tag="a"),
    ],
    "ACK that is taken at last": [
        *_invites([0.0]),
        *(response(200, at) for at in _LATE[:5]),
        _acked(at=2.1),
        *_bye(60),
    ],
    "ACK to somewhere else": [
        *_invites([0.0], "alice>proxy"),
        *_invites([0.01], "proxy>bob", vias=2),
        *(response(200, at, "proxy>bob", vias=2) for at in _LATE),
        *(response(200, at + 0.01, "alice>proxy") for at in _LATE),
        request("ACK", 2.1, "alice>carol", to_tag="b", branch="own"),
        *_bye(20),
    ],
    "PRACK that comes late": [
        *_invites([0.0]),
        *(response(183, at, headers=_RELIABLE) for at in (0.4, 0.9, 1.9, 3.9)),
        request("PRACK", 4.1, cseq=2, to_tag="b", headers=[("RAck", "7 1 INVITE")]),
        response(200, 4.2, method="PRACK", cseq=2),
        response(200, 5),
        _acked(at=5.1),
        *_bye(9),
    ],
    "PRACK that never comes": [
        *_invites([0.0, 0.5]),
        *(response(183, at, headers=_RELIABLE) for at in (0.7, 1.2, 2.2, 4.2, 8.2)),
    ],
    "answer that crosses the CANCEL": [
        *_invites([0.0]),
        response(180, 0.3),
        request("CANCEL", 2),
        response(200, 2.05),
        response(200, 2.1, method="CANCEL"),
        _acked(at=2.2),
        request("BYE", 70, "bob>alice", from_tag="b", to_tag="a"),
    ],
    "one branch cancelled, another tried": [
        *_invites([0.0], "alice>proxy"),
        *_invites([0.01], "proxy>bob", vias=2),
        response(180, 0.5, "proxy>bob", vias=2),
        response(180, 0.51, "alice>proxy"),
        request("CANCEL", 20, "proxy>bob", vias=2),
        response(487, 20.1, "proxy>bob", vias=2),
        *_invites([20.2], "proxy>carol", vias=2),
        response(180, 20.5, "proxy>carol", to_tag="c", vias=2),
        response(200, 70.5, "proxy>carol", to_tag="c", vias=2),
        response(200, 70.51, "alice>proxy", to_tag="c"),
    ],
    "session that runs out": [
        *_invites([0.0]),
        response(200, 1, headers=[("Session-Expires", "90;refresher=uac")]),
        _acked(at=1.1),
        request("UPDATE", 50, cseq=2, to_tag="b", headers=[("Session-Expires", "90")]),
        response(200, 50.2, method="UPDATE", cseq=2, headers=[("Session-Expires", "90;refresher=uac")]),
        request("INFO", 100, cseq=3, to_tag="b"),
        request("BYE", 200, cseq=4, to_tag="b"),
    ],
    "interval that is too small": [
        request("INVITE", 0, headers=[("Session-Expires", "90")]),
        response(422, 0.1, headers=[("Min-SE", "1800")]),
        request("ACK", 0.2, to_tag="b"),
        request("INVITE", 0.3, cseq=2, headers=[("Session-Expires", "90")]),
        response(422, 0.4, cseq=2, headers=[("Min-SE", "1800")]),
    ],
    "refusal that nobody acknowledges": [*_invites([0.0]), *(response(486, at) for at in (1, 1.5, 2.5, 4.5, 8.5))],
    "refusal that is acknowledged late": [
        *_invites([0.0]),
        *(response(486, at) for at in (1, 1.5, 2.5, 4.5)),
        request("ACK", 4.7, to_tag="b"),
    ],
    "dialog that the callee forgot": [
        *_invites([0.0]),
        response(200, 1),
        _acked(at=1.1),
        request("INFO", 9, cseq=2, to_tag="b"),
        response(481, 9.1, method="INFO", cseq=2),
        request("BYE", 9.2, cseq=3, to_tag="b"),
        response(481, 9.3, method="BYE", cseq=3),
    ],
    "wrong password of a call": [
        *_invites([0.0]),
        _asked(0.1, 1, "n1"),
        request("ACK", 0.15, to_tag="b"),
        request("INVITE", 0.2, cseq=2, headers=_PROOF),
        _asked(0.3, 2, "n2"),
        request("ACK", 0.35, cseq=2, to_tag="b"),
    ],
    "never authenticates": [*_invites([0.0]), _asked(0.1, 1, "n1"), request("ACK", 0.15, to_tag="b")],
    "circle": [
        request(
            "INVITE",
            vias / 3,
            "proxy>edge" if vias % 2 else "edge>proxy",
            vias=vias,
            branch=f"b{vias}",
            headers=[("Max-Forwards", str(70 - vias))],
        )
        for vias in range(4, 16)
    ],
    "transfer that fails, then works": [
        *_invites([0.0]),
        response(200, 1),
        _acked(at=1.1),
        request("REFER", 5, cseq=2, to_tag="b", headers=[("Refer-To", "<sip:carol@h>")]),
        response(403, 5.1, method="REFER", cseq=2),
        request("REFER", 9, cseq=3, to_tag="b", headers=[("Refer-To", "<sip:carol@h>")]),
        response(202, 9.1, method="REFER", cseq=3),
        *_bye(20),
    ],
    "redirected": [
        *_invites([0.0]),
        response(302, 0.3, headers=[("Contact", "<sip:carol@h>")]),
        request("ACK", 0.4, to_tag="b"),
        *_invites([0.6], "alice>carol", cseq=2),
        response(200, 1, "alice>carol", cseq=2),
    ],
    "past its proxy": [
        *_invites([0.0], "alice>proxy"),
        response(200, 1, "alice>proxy", headers=[("Record-Route", "<sip:10.0.0.2;lr>")]),
        _acked(at=1.6),
        request("BYE", 9, "alice>bob", to_tag="b", headers=[("X-Padding", "x" * 1_300)]),
    ],
    "BYE that nobody answers": [
        *_invites([0.0]),
        response(200, 0.2),
        _acked(at=0.3),
        *(request("BYE", at, to_tag="b") for at in (5, 5.5, 6.5, 8.5, 12.5)),
    ],
    "crossing BYEs": [
        *_invites([0.0]),
        response(200, 0.2),
        _acked(at=0.3),
        request("BYE", 5, to_tag="b"),
        request("BYE", 5.1, "bob>alice", from_tag="b", to_tag="a"),
        response(481, 5.2, method="BYE"),
        response(200, 5.3, "bob>alice", method="BYE", from_tag="b", to_tag="a"),
    ],
    "BYE refused, then taken": [
        *_invites([0.0]),
        response(200, 0.2),
        _acked(at=0.3),
        request("BYE", 5, to_tag="b", headers=[("Reason", "Q.850;cause=38")]),
        response(407, 5.1, method="BYE"),
        request("BYE", 5.3, to_tag="b", cseq=2),
        response(200, 5.4, method="BYE", cseq=2),
        request("BYE", 6, to_tag="b", cseq=3),
        response(403, 6.1, method="BYE", cseq=3),
    ],
    "login overtaken": [
        *(_login(0, 1), _reply(401, 0.1, 1, "n1"), _login(0.2, 2, "n1"), _login(0.25, 3, "n1")),
        *(_reply(200, 0.3, 3), _reply(401, 0.4, 2, "n2")),
    ],
    "wrong password, then right": [
        *(_login(0, 1), _reply(401, 0.1, 1, "n1"), _login(0.2, 2, "n1"), _reply(401, 0.3, 2, "n2")),
        *(_login(0.4, 3, "n2"), _reply(200, 0.5, 3), _login(50, 4, "n2"), _reply(401, 50.1, 4, "n3")),
    ],
    "refused, then registered": [
        *(_login(0, 1), _reply(403, 0.1, 1), _login(0.3, 2), _reply(200, 0.4, 2)),
        *(_login(40, 3), _reply(403, 40.1, 3)),
    ],
    "two registrars": [
        *(_login(at, 1) for at in (0, 0.5, 1.5)),
        _login(1.8, 2, on="alice>proxy"),
        _reply(200, 1.9, 2, on="alice>proxy"),
    ],
    "registration runs out and begins again": [
        *(_login(0, 1), _reply(200, 0.1, 1), _login(61, 2), _reply(200, 61.1, 2)),
    ],
    "removed": [
        *(_login(0, 1), _reply(200, 0.1, 1)),
        request("REGISTER", 0.3, "alice>edge", cseq=2, headers=[("Contact", "*"), ("Expires", "0")]),
        _reply(200, 0.4, 2),
    ],
    "registering through an edge proxy": [
        _login(0, 1),
        request("REGISTER", 0.01, "edge>proxy", vias=2, headers=[("Contact", "<sip:a@h>"), ("Expires", "60")]),
        response(200, 0.02, "edge>proxy", method="REGISTER", vias=2),
        _reply(200, 0.03, 1),
    ],
}
