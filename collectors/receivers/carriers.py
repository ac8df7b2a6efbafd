"""What carries other packets, by the names that `--tunnels` has for it, and how a filter knows it."""

from typing import Final

PROTOCOLS: Final[dict[str, tuple[int, ...]]] = {"ip": (4, 41), "gre": (47,), "etherip": (97,), "mpls-in-ip": (137,)}
PORTS: Final[dict[str, tuple[int, ...]]] = {
    "vxlan": (4789, 4790, 8472),
    "geneve": (6081,),
    "tzsp": (37008,),
    "gtp": (2152,),
    "l2tp": (1701,),
}
ETHER_TYPES: Final[dict[str, tuple[int, ...]]] = {
    "vlan": (0x8100, 0x88A8, 0x9100, 0x9200, 0x88E7),  # below the first tag, which the kernel takes off
    "mpls": (0x8847, 0x8848),
    "pppoe": (0x8864,),
}
TUNNELS: Final = (*ETHER_TYPES, *PROTOCOLS, *PORTS)
