"""What an ICMP error means to whoever sent the request that it quotes, and what to do about it."""

from typing import Final, NamedTuple

from collectors.wire.trouble import Trouble
from monitor.core.diagnosis.text import ends
from monitor.core.hop import address_of
from monitor.core.undelivered import Report, variant_of

_REMEDIES: Final = {
    Trouble.PORT: "Start the SIP service on {server}, or correct the address, port and transport that {client} sends "
    "to (trunk, route, DNS SRV, registered Contact). A firewall that rejects, as `REJECT` of iptables does by default, "
    "says the same: look at the rules of {reporter}, too.",
    Trouble.HOST: "Is the host of {server} up, and its address still the same? {reporter}, the last router before it, "
    "does not find it on its network (ARP, neighbour discovery).",
    Trouble.NETWORK: "{reporter} has no route to {server}: look at its routing table, and at the VPN or line "
    "that leads there.",
    Trouble.PROHIBITED: "A firewall rejects it, at {reporter} or beside it: add a rule there that lets {client} reach "
    "{server}, both ways.",
    Trouble.PROTOCOL: "{reporter} does not speak this transport at all: choose another for {server}.",
}


class Unreachable(NamedTuple):
    """Why a request was not delivered, for a finding."""

    variant: str  # "port-unreachable"
    why: str  # part of a sentence
    remedy: str


def unreachable(report: Report, hop: str) -> Unreachable:
    """What a report says of a request on this hop; `report.trouble` is one of `FATAL`."""
    client, server = ends(hop)
    itself = report.reporter == address_of(server)
    who = f"{report.reporter} itself" if itself else report.reporter
    return Unreachable(
        variant=variant_of(report.trouble),
        why=f"{who} reports that it was not delivered: {report.trouble} (ICMP)",
        remedy=_REMEDIES[report.trouble].format(client=client, server=server, reporter=report.reporter),
    )
