"""What known scanners write into their requests: tools that are used to find and break into SIP servers."""

import re
from functools import lru_cache
from typing import Final

from collectors.sip.uri import host_of
from monitor.core.message import Message

# User-Agents of such tools, as their sources and years of server logs spell them, in lower case.
_AGENTS: Final = (
    "friendly-scanner",
    "friendly-request",
    "sipvicious",
    "sundayddr",
    "sip-scan",
    "sipscan",
    "sivus",
    "siparmyknife",
    "pplsip",
)
_LONGEST_AGENT: Final = 1_024
# What SIPVicious writes unless told otherwise: a Call-ID of digits alone, and a branch that is a number.
_DIGITS: Final = re.compile(r"\d{9,30}")
_BRANCH: Final = re.compile(r"z9hG4bK-\d{6,10}")
_TAG: Final = re.compile(r"[0-9a-f]{24,}")


def signature(event: Message, agent: str) -> str:
    """How a request gives a known scanner away: "User-Agent: friendly-scanner"; "" where it does not."""
    if _is_tool(agent[:_LONGEST_AGENT]):
        return f"User-Agent: {agent[:80]}"
    if event.contact == "sip:123@1.1.1.1":
        return f"Contact: {event.contact}"
    if event.first("from").lower().find("sipvicious") >= 0:
        return "From: sipvicious"
    if _has_its_shape(event):
        return "the Call-ID, branch and From tag of SIPVicious"
    return ""


@lru_cache(1024)
def _is_tool(agent: str) -> bool:
    lower = agent.lower()
    return any(known in lower for known in _AGENTS)


def _has_its_shape(event: Message) -> bool:
    """Its marks together; one alone says nothing."""
    return (
        event.call_id.isdigit()
        and _DIGITS.fullmatch(event.call_id) is not None
        and _BRANCH.fullmatch(event.branch) is not None
        and (_TAG.fullmatch(event.from_tag) is not None or host_of(event.from_uri) == "1.1.1.1")
    )
