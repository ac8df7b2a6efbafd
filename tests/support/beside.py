"""What was seen beside messages, made by hand.

unreachable = beside(request("OPTIONS", 0))         # an ICMP error that quotes it, 10 ms later
report = beside(invite, RTCP, after=5, text="…")    # of the same call
"""

from collectors.sip.timers import SECOND
from collectors.wire.events import ICMP, SideEvent, SipEvent
from monitor.core.hop import request_hop


def beside(
    quoted: SipEvent,
    kind: str = ICMP,
    *,
    after: float = 0.01,
    text: str = "time exceeded",
    method: str | None = None,
    observer: str = "",
) -> SideEvent:
    """A side event that came so many seconds after the message that it quotes, or whose call it belongs to."""
    at_us = quoted.captured_us + round(after * SECOND)
    return SideEvent(
        captured_us=at_us,
        received_us=at_us,
        source=quoted.destination,
        source_port=0,
        destination=quoted.source,
        destination_port=0,
        transport=kind,
        observer=observer or quoted.observer,
        kind=kind,
        call_id=quoted.call_id,
        method=quoted.method or quoted.cseq_method if method is None else method,
        cseq=quoted.cseq,
        from_tag=quoted.from_tag,
        branch=quoted.branch,
        text=text,
        values={"code": 3.0} | ({"status": float(quoted.status)} if quoted.status else {}),
        raw=b"quoted",
        hop=request_hop(quoted),
    )
