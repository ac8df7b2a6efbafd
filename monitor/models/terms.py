"""The terms by which PostgreSQL finds records: who is named in them, which hosts their messages came from, findings.

Of both URIs the last nine characters of the user (a number is found however its country is written), of both
addresses the host, as "192.0.2.1:" or "[2001:db8::1]:", and codes as "!rejected". They are a function of the
columns and take no room in rows. Partitions have an index of them, but for that of what goes on, where each
change would cost. SQLite, for smaller installations, looks at the columns.
"""

from typing import Final

FUNCTION: Final = "offhook_terms"
SUFFIX: Final = 9  # characters of a user
# Two URIs and two addresses of each table, and the codes.
COLUMNS: Final = {
    "monitor_call": ("from_uri", "to_uri", "caller", "callee", "codes"),
    "monitor_registration": ("aor", "contact", "client", "registrar", "codes"),
    "monitor_transaction": ("from_uri", "to_uri", "client", "server", "codes"),
}


def term_of(code: str) -> str:
    """The term of a finding's code."""
    return f"!{code}"


def function() -> str:
    """The statement that makes the function."""
    terms = [f"right(lower(split_part(split_part(uri{n}, '@', 1), ':', 2)), {SUFFIX})" for n in (1, 2)]
    terms += [f"rtrim(right(address{n}, 60), '0123456789')" for n in (1, 2)]
    return (
        f"CREATE FUNCTION {FUNCTION}(uri1 text, uri2 text, address1 text, address2 text, codes text) RETURNS text[] "
        f"LANGUAGE sql IMMUTABLE PARALLEL SAFE "
        f"RETURN ARRAY[{', '.join(terms)}] || string_to_array(replace(codes, ' ', ' !'), ' ')"
    )


def index(table: str, leaf: str) -> str:
    """The statement that makes the index of a partition of a table."""
    return f"CREATE INDEX {leaf}_terms ON {leaf} USING gin ({FUNCTION}({', '.join(COLUMNS[table])}))"
