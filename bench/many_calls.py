"""Many calls of thirty days, made up within PostgreSQL: `fill`.

Numbers that call often and numbers that call once, trunks with most of all calls and phones with a few, failures with
their findings; a day at a time, each loaded before its indexes are built. And calls that go on, as many as where a
hundred a second begin.
"""

import sys
from datetime import datetime, timedelta
from typing import Final

DAYS: Final = 30
SUBSCRIBERS: Final = 2_000_000
TRUNKS: Final = 200
GOING_ON: Final = 20_000  # at most one of a hundred
_SEED: Final = 0.506

# One call of a day. `n` counts within the day, {first} to {last} are its microseconds.
_CALLS: Final = """
INSERT INTO {leaf} (
    day, key, incarnation, call_id, discriminator, partition, import_id, shelf, open, status, first_us, last_us,
    messages, retransmissions, hops, anomalies, severity, codes, version, from_uri, to_uri, caller, callee, state,
    acked, answered_us, ended_us, setup_ms, pdd_ms, duration_ms, user_agent)
SELECT {day}, key, 1, digest || '@' || caller_host, '', n % 64, 0,
    {day}, false, CASE state WHEN 'ended' THEN 200 WHEN 'cancelled' THEN 487 ELSE 486 END, begun_us,
    begun_us + talk_us + 3000000, CASE state WHEN 'ended' THEN 14 ELSE 8 END, 0,
    '\\x040a00000113c404cb00710513c4', '',
    CASE WHEN code = '' THEN '' ELSE 'major' END,
    CASE WHEN code = '' THEN '' ELSE ' ' || code || ' ' END, begun_us, 'sip:+4219' || caller || '@example.com',
    'sip:+4219' || callee || '@example.com', caller_host || ':5060', callee_host || ':5060', state, state = 'ended',
    CASE state WHEN 'ended' THEN begun_us + 3000000 END, begun_us + 3000000 + talk_us, 3000, 1500,
    CASE state WHEN 'ended' THEN talk_us / 1000 END, 'Phone 1.0'
FROM (
    SELECT n, digest, ('x' || substr(digest, 1, 15))::bit(60)::bigint AS key,
        lpad(trunc(power(a, 3) * {subscribers})::int::text, 8, '0') AS caller,
        lpad(trunc(power(b, 3) * {subscribers})::int::text, 8, '0') AS callee,
        CASE WHEN c < 0.7 THEN '198.51.100.' || (trunc(power(d, 2) * {trunks})::int)
             ELSE '10.' || (n % 200) || '.' || trunc(c * 250)::int || '.' || trunc(d * 250)::int END AS caller_host,
        '203.0.113.' || (trunc(power(e, 2) * {trunks})::int) AS callee_host,
        CASE WHEN f < 0.7 THEN 'ended' WHEN f < 0.85 THEN 'cancelled' ELSE 'failed' END AS state,
        CASE WHEN f < 0.85 THEN '' WHEN f < 0.999 THEN 'rejected' ELSE 'missing-ack' END AS code,
        {first} + trunc((n + a) * {span} / {count})::bigint AS begun_us,
        CASE WHEN f < 0.7 THEN trunc(-ln(1 - b) * 120000000)::bigint ELSE 0 END AS talk_us
    FROM (
        SELECT n, md5('{day}/' || n) AS digest, random() AS a, random() AS b, random() AS c, random() AS d,
            random() AS e, random() AS f FROM generate_series(0, {count} - 1) AS n
    ) AS dice
) AS made
"""
_FINDINGS: Final = """
INSERT INTO {leaf} (kind, day, key, incarnation, import_id, shelf, code, subject, severity, state, at_us, evidence,
    told, variant)
SELECT 'call', day, key, 1, 0, shelf, trim(codes), '', severity, 'confirmed', last_us, '\\x9101', '{told}', ''
FROM {calls} WHERE codes <> ''
"""
# Calls of the last day once more, begun one after the other until now.
_GOING_ON: Final = """
INSERT INTO monitor_call (
    day, key, incarnation, call_id, discriminator, partition, import_id, shelf, open, status, first_us, last_us,
    messages, retransmissions, hops, anomalies, severity, codes, version, from_uri, to_uri, caller, callee, state,
    acked, answered_us, ended_us, setup_ms, pdd_ms, duration_ms, user_agent)
SELECT day, key, 2, call_id, discriminator, partition, import_id, {open}, true, 200, begun_us, begun_us + 3000000,
    10, 0, hops, '', '', '', begun_us, from_uri, to_uri, caller, callee, 'answered',
    true, begun_us + 3000000, NULL, 3000, 1500, NULL, user_agent
FROM (
    SELECT *, {until} - (row_number() OVER ()) * 10000 AS begun_us
    FROM monitor_call_{day} WHERE state = 'ended' LIMIT {count}
) AS like_them
"""


def fill(calls: int, until: datetime, days: int = DAYS) -> None:
    """Make about so many calls in the days before `until`, a midnight. Django is set up."""
    from django.db import connection

    from monitor.packed import pack_prose
    from monitor.services import shelves
    from monitor.shelf import OPEN

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT setseed({_SEED})")
        for back in range(days, 0, -1):
            day = until - timedelta(days=back)
            number = int(f"{day:%Y%m%d}")
            for table, statement in (("monitor_call", _CALLS), ("monitor_findingrow", _FINDINGS)):
                leaf = f"{table}_{number}"
                cursor.execute(f"DROP TABLE IF EXISTS {leaf}")
                cursor.execute(f"CREATE TABLE {leaf} (LIKE {table} INCLUDING DEFAULTS)")
                values = {
                    "leaf": leaf,
                    "calls": f"monitor_call_{number}",
                    "day": number,
                    "count": max(1, calls // days),
                    "first": int(day.timestamp()) * 1_000_000,
                    "span": 86_400_000_000,
                    "subscribers": SUBSCRIBERS,
                    "trunks": TRUNKS,
                    "told": f"\\x{pack_prose(('', 'made up', '')).hex()}",
                }
                cursor.execute(statement.format(**values))
                for index in shelves.searched(table, leaf):
                    cursor.execute(index)
                cursor.execute(
                    f"ALTER TABLE {table} ATTACH PARTITION {leaf} FOR VALUES FROM ({number}) TO ({number + 1})"
                )
            print(f"  {day:%Y-%m-%d}", file=sys.stderr, flush=True)
        until_us, last = int(until.timestamp()) * 1_000_000, f"{until - timedelta(days=1):%Y%m%d}"
        count = min(GOING_ON, calls // 100)
        cursor.execute(_GOING_ON.format(open=OPEN, until=until_us, day=last, count=count))
