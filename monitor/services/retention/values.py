"""What a database says of its tables."""

import msgspec


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One table with its indexes."""

    octets: int  # on disk
    used: int  # of these without the room for reuse
    rows: int
    dead: int = 0  # removed, and their room not free yet
    imported: float = 0.0  # the part of it that came of imports
    packed: tuple[int, int] | None = None  # octets and rows when it had no room for reuse


class Tables(msgspec.Struct, frozen=True):
    """Tables by name, and the whole database: all octets on disk, and those in use."""

    of: dict[str, Table]
    octets: int
    used: int
