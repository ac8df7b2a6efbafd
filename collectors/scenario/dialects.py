"""How different makes of phones, PBXs and proxies write SIP: header order, spelling, names, codecs."""

from typing import Final, NamedTuple

from collectors.scenario.message import Style

_METHODS: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, REFER, MESSAGE, SUBSCRIBE, INFO, UPDATE, PRACK"


class Dialect(NamedTuple):
    """A make of user agent. Headers that `order` does not name follow, before those of the body."""

    product: str
    codecs: tuple[str, ...] = ("0 PCMU/8000", "8 PCMA/8000", "101 telephone-event/8000")
    order: tuple[str, ...] = ("Via", "Max-Forwards", "Route", "From", "To", "Call-ID", "CSeq", "Contact")
    extras: tuple[tuple[str, str], ...] = (("Allow", _METHODS),)  # in requests and 2xx that set up a dialog
    style: Style = Style()
    branch: str = "z9hG4bK-{hex8}-{hex8}"
    tag: str = "{hex10}"
    call_id: str = "{hex32}"
    first_cseq: int = 1
    rport: bool = True


GENERIC: Final = Dialect("Generic UA/1.0")

YEALINK: Final = Dialect(
    "Yealink SIP-T46S 66.86.0.15",
    codecs=("9 G722/8000", "0 PCMU/8000", "8 PCMA/8000", "18 G729/8000", "101 telephone-event/8000"),
    order=("Via", "From", "To", "Call-ID", "CSeq", "Contact", "Content-Type", "Allow", "Max-Forwards", "User-Agent"),
    extras=(
        ("Allow", "INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, UPDATE"),
        ("Supported", "replaces"),
        ("Allow-Events", "talk,hold,conference,refer,check-sync"),
    ),
    branch="z9hG4bK{digits10}",
    tag="{digits10}",
    call_id="0_{digits10}@{host}",
)

GRANDSTREAM: Final = Dialect(
    "Grandstream GXP2170 1.0.11.35",
    codecs=("0 PCMU/8000", "8 PCMA/8000", "9 G722/8000", "2 G726-32/8000", "101 telephone-event/8000"),
    order=("Via", "Route", "From", "To", "Contact", "Supported", "Call-ID", "CSeq", "Max-Forwards", "User-Agent"),
    extras=(("Supported", "replaces, path, timer"), ("Privacy", "none"), ("Allow", _METHODS)),
    branch="z9hG4bK{digits10}",
    tag="{digits9}",
    call_id="{digits9}-5060-{digits2}@BJC.BGI.B.BB",
    first_cseq=30,
)

SNOM: Final = Dialect(
    "snomD785/10.1.175.16",
    codecs=("9 G722/8000", "8 PCMA/8000", "0 PCMU/8000", "3 GSM/8000", "101 telephone-event/8000"),
    extras=(
        ("X-Serialnumber", "00041396F4B2"),
        ("P-Key-Flags", 'keys="3"'),
        ("Accept", "application/sdp"),
        ("Allow", _METHODS),
        ("Allow-Events", "talk, hold, refer, call-info"),
        ("Supported", "timer, 100rel, replaces, from-change"),
    ),
    branch="z9hG4bK-{text12}",
    tag="{text10}",
    call_id="{hex12}-{text12}",
)

POLYCOM: Final = Dialect(
    "PolycomVVX-VVX_411-UA/5.9.6.2327",
    codecs=("9 G722/8000", "0 PCMU/8000", "8 PCMA/8000", "18 G729/8000", "127 telephone-event/8000"),
    order=("Via", "Route", "From", "To", "CSeq", "Call-ID", "Contact", "Allow", "User-Agent", "Accept-Language"),
    extras=(
        ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, SUBSCRIBE, NOTIFY, PRACK, UPDATE, REFER"),
        ("Accept-Language", "en"),
        ("Supported", "replaces,100rel"),
        ("Allow-Events", "conference,talk,hold"),
    ),
    branch="z9hG4bK{hex14}",
    tag="{hex8}-{hex8}",
    call_id="{hex8}-{hex8}-{hex8}@{host}",
    rport=False,
)

CISCO: Final = Dialect(
    "Cisco-CP7841/12.8.1",
    codecs=("114 opus/48000/2", "9 G722/8000", "0 PCMU/8000", "8 PCMA/8000", "101 telephone-event/8000"),
    order=("Via", "From", "To", "Call-ID", "Max-Forwards", "Session-ID", "Date", "CSeq", "User-Agent", "Contact"),
    extras=(
        ("Session-ID", "{hex32};remote=00000000000000000000000000000000"),
        ("Allow", "ACK,BYE,CANCEL,INVITE,NOTIFY,OPTIONS,REFER,REGISTER,UPDATE,SUBSCRIBE,INFO"),
        ("Supported", "replaces,join,sdp-anat,norefersub,resource-priority,extended-refer,X-cisco-callinfo"),
        ("Allow-Events", "kpml,dialog"),
    ),
    branch="z9hG4bK{hex8}",
    tag="{hex16}{hex8}-{hex8}",
    call_id="{hex8}-{hex8}-{hex8}-{hex8}@{host}",
    first_cseq=101,
    rport=False,
)

LINPHONE: Final = Dialect(
    "Linphone-Desktop/5.2.6 (belle-sip/5.3.90)",
    codecs=("96 opus/48000/2", "0 PCMU/8000", "8 PCMA/8000", "101 telephone-event/48000"),
    order=("Via", "From", "To", "CSeq", "Call-ID", "Max-Forwards", "Route", "Supported", "Allow"),
    extras=(("Supported", "replaces, outbound, gruu, path, record-aware"), ("Allow", _METHODS)),
    branch="z9hG4bK.{text9}",
    tag="{text9}",
    call_id="{text10}",
    first_cseq=20,
)

MICRO: Final = Dialect(
    "MicroATA 2.4",
    codecs=("8 PCMA/8000", "101 telephone-event/8000"),
    extras=(),
    style=Style(compact=True, colon=":"),
    branch="z9hG4bK{hex6}",
    tag="{hex4}",
    call_id="{hex12}@{host}",
)

ASTERISK: Final = Dialect(
    "Asterisk PBX 20.5.0",
    codecs=("0 PCMU/8000", "8 PCMA/8000", "18 G729/8000", "101 telephone-event/8000"),
    order=("Via", "From", "To", "Contact", "Call-ID", "CSeq", "Allow", "Supported", "Session-Expires", "Max-Forwards"),
    extras=(
        ("Allow", "OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, PUBLISH, INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, REFER"),
        ("Supported", "100rel, timer, replaces, norefersub"),
    ),
    branch="z9hG4bKPj{hex8}-{hex4}-{hex4}-{hex4}-{hex12}",
    tag="{hex8}-{hex4}-{hex4}-{hex4}-{hex12}",
    call_id="{hex8}-{hex4}-{hex4}-{hex4}-{hex12}",
    first_cseq=10402,
)

FREESWITCH: Final = Dialect(
    "FreeSWITCH-mod_sofia/1.10.9-release~64bit",
    codecs=("9 G722/8000", "0 PCMU/8000", "8 PCMA/8000", "101 telephone-event/8000", "13 CN/8000"),
    order=("Via", "Route", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Contact", "User-Agent", "Allow"),
    extras=(
        ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, INFO, UPDATE, REGISTER, REFER, NOTIFY"),
        ("Supported", "timer, path, replaces"),
        ("Allow-Events", "talk, hold, conference, refer"),
        ("X-FS-Support", "update_display,send_info"),
    ),
    branch="z9hG4bK{text13}",
    tag="{text13}",
    call_id="{hex8}-{hex4}-{hex4}-{hex4}-{hex12}",
    first_cseq=64221801,
)

CARRIER: Final = Dialect(
    "Meridian-SBC/9.2",
    codecs=("8 PCMA/8000", "0 PCMU/8000", "18 G729/8000", "101 telephone-event/8000"),
    extras=(
        ("P-Charging-Vector", "icid-value={hex16};icid-generated-at={host}"),
        ("Session-Expires", "1800;refresher=uac"),
        ("Min-SE", "90"),
        ("Supported", "100rel,timer,histinfo"),
        ("Allow", "INVITE,ACK,CANCEL,BYE,OPTIONS,PRACK,UPDATE,INFO"),
    ),
    style=Style(names=(("Call-ID", "Call-Id"), ("CSeq", "Cseq"))),
    branch="z9hG4bK{hex4}i{text12}.1",
    tag="{text6}-{digits9}",
    call_id="{text8}{digits9}@{host}",
    rport=False,
)

KAMAILIO: Final = Dialect("kamailio (5.7.4 (x86_64/linux))", extras=(), branch="z9hG4bK{hex4}.{hex32}.0", tag="{hex32}")
OPENSIPS: Final = Dialect("OpenSIPS (3.4.2 (x86_64/linux))", extras=(), branch="z9hG4bK{hex4}.{hex8}.0", tag="{hex32}")

PHONES: Final = (YEALINK, GRANDSTREAM, SNOM, POLYCOM, CISCO, LINPHONE, MICRO)
PBXS: Final = (ASTERISK, FREESWITCH)
PROXIES: Final = (KAMAILIO, OPENSIPS)
