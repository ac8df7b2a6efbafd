"""Media that do not flow, where their presence is watched."""

from typing import Final

from collectors.sip.timers import SECOND
from monitor.core.diagnosis.rule import Rule
from monitor.core.diagnosis.text import ends, seconds
from monitor.core.diagnosis.timers import ZOMBIE_CALL
from monitor.core.flows import Flows, Leg, Place, Silence
from monitor.core.hop import address_of, endpoint
from monitor.core.updates import Finding, FindingState, Severity

ONE_WAY_AUDIO: Final[Rule] = Rule(
    code="one-way-audio",
    severity=Severity.MAJOR,
    when="The call is answered, both sides agreed to send and to hear audio, without ICE, and ten seconds later RTP "
    "was seen in one direction only. Only where RTP is watched. *Confirmed* where the missing direction could have "
    "been seen: media of another stream was seen going to that host, or media is between the same two addresses as the "
    "messages, which were seen both ways. Where RTCP goes to the silent side all the same, the way is open and the "
    "other side may be muted: then it is minor, and *suspected*. *Cleared* by RTP that comes late.",
    source="RFC 3264 §5.1, RFC 3550",
    remedy="See the address and port that {client} gave for its media: can the other side reach them? NAT, a firewall "
    "that lets only one direction through, and a wrong external address are the usual causes.",
)
NO_MEDIA: Final[Rule] = Rule(
    code="no-media",
    severity=Severity.MAJOR,
    when="The same, and no RTP was seen in either direction, though media of other streams was seen going to both "
    "hosts (*confirmed*), or to one of them (*suspected*).",
    source="RFC 3264 §5.1, RFC 3550",
    remedy="Both ways are cut, or neither side sends: look for a firewall that lets signaling through and not the "
    "ports of media, addresses in the SDP that lead nowhere, and SRTP that one side waits for.",
)

_MUTED: Final = (
    "Was the side that {client} talks to muted, or on hold without saying so in its SDP? Else look at its silence "
    "suppression, and at what it records and sends."
)
MEDIA: Final = "media"  # the form of a zombie call that its media tells of
GONE_US: Final = 300 * SECOND  # without media: nobody holds a mute phone for so long, without comfort noise or RTCP
_WATCHED_US: Final = 5 * SECOND  # since the two agreed on these places
_ENOUGH: Final = 50.0  # packets that are a stream and no probe


def one_way_audio(leg: Leg, flows: Flows) -> Finding | None:
    """`one-way-audio`."""
    to_answerer = flows.between(leg.offered, leg.accepted)
    to_offerer = flows.between(leg.accepted, leg.offered)
    deaf, silence = _deaf(leg, flows, to_answerer, to_offerer)
    if silence is None or silence.at_us - leg.answer.at_us < _WATCHED_US:
        return None
    client, server = ends(leg.offer.hop)
    offerer, answerer = (client, server) if leg.exchange.by_client else (server, client)
    listener, speaker = (offerer, answerer) if deaf == leg.offered else (answerer, offerer)
    # Its RTCP comes through: it is the silent side that sends no audio, muted, or on hold without saying so.
    muted = flows.controlled(deaf)
    certain = not muted and (silence.host_seen or _between_the_same(leg))
    return ONE_WAY_AUDIO.finding(
        subject=leg.subject,
        severity=Severity.MINOR if muted else Severity.MAJOR,
        state=FindingState.CONFIRMED if certain else FindingState.SUSPECTED,
        variant="muted" if muted else "blocked",
        at_us=silence.at_us,
        hop=leg.offer.hop,
        messages={leg.offer.number, leg.answer.number},
        cause=f"{listener} hears nothing: it wants its audio at {endpoint(*deaf)}, and in "
        f"{seconds(silence.at_us - silence.since_us)} no RTP was seen going there, while "
        f"{max(to_answerer, to_offerer):.0f} packets went to {speaker}."
        f"{' RTCP goes there all the same, so that the way is open.' if muted else ''}",
        remedy=_MUTED.format(client=listener) if muted else ONE_WAY_AUDIO.remedy.format(client=listener),
    )


def no_media(leg: Leg, flows: Flows) -> Finding | None:
    """`no-media`."""
    one, other = flows.silences.get(leg.offered), flows.silences.get(leg.accepted)
    if one is None or other is None or not (one.host_seen or other.host_seen):
        return None
    if flows.between(leg.offered, leg.accepted) or flows.between(leg.accepted, leg.offered):
        return None
    at_us = max(one.at_us, other.at_us)
    if at_us - leg.answer.at_us < _WATCHED_US:
        return None
    client, server = ends(leg.offer.hop)
    return NO_MEDIA.finding(
        subject=leg.subject,
        state=FindingState.CONFIRMED if one.host_seen and other.host_seen else FindingState.SUSPECTED,
        at_us=at_us,
        hop=leg.offer.hop,
        messages={leg.offer.number, leg.answer.number},
        cause=f"No audio flows between {client} and {server}: in "
        f"{seconds(at_us - min(one.since_us, other.since_us))} no RTP was seen, neither to "
        f"{endpoint(*leg.offered)} nor to {endpoint(*leg.accepted)}.",
    )


def stopped(leg: Leg, flows: Flows, now_us: int) -> Finding | None:
    """`zombie-call` of a call whose media stopped both ways, though both sides still want to send and to hear."""
    since_us = flows.stopped_us()
    both = flows.between(leg.offered, leg.accepted) > 0 < flows.between(leg.accepted, leg.offered)
    # After a later agreement, media may flow where it is not seen.
    if not since_us or not both or leg.answer.at_us >= since_us:
        return None
    client, server = ends(leg.offer.hop)
    return ZOMBIE_CALL.finding(
        subject=MEDIA,
        state=FindingState.CONFIRMED if now_us >= since_us + GONE_US else FindingState.SUSPECTED,
        at_us=since_us,
        hop=leg.offer.hop,
        messages={leg.offer.number, leg.answer.number},
        cause=f"Between {client} and {server} no media has flowed in either direction for {seconds(GONE_US // 5)} and "
        "more, after it did, and nobody has hung up: one side is gone, and its BYE was lost or never sent.",
        variant=MEDIA,
    )


def _deaf(leg: Leg, flows: Flows, to_answerer: float, to_offerer: float) -> tuple[Place, Silence | None]:
    """The place to which nothing goes while the other way flows, and what is known of that."""
    if to_answerer >= _ENOUGH and not to_offerer:
        return leg.offered, flows.silences.get(leg.offered)
    if to_offerer >= _ENOUGH and not to_answerer:
        return leg.accepted, flows.silences.get(leg.accepted)
    return leg.offered, None


def _between_the_same(leg: Leg) -> bool:
    """Whether media is between the two addresses that the messages are between."""
    return {leg.offered[0], leg.accepted[0]} == {address_of(end) for end in ends(leg.offer.hop)}
