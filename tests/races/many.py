"""Many of the same: a state of the record that was made once, for as many other partners and cases as there are races."""

from collections.abc import Mapping
from typing import cast

import asyncpg

from db.audit import PROJECTIONS
from db.events import chained

TABLES = (*PROJECTIONS, "submission", "receipt")


async def multiplied(pool: asyncpg.Pool, names: Mapping[str, str], count: int) -> None:
    """Copy what the record holds under other names: `{"KEN/2026/0007": "KEN/2026/1{n:06}"}`. Hashes of content are those of the original.

    Every chain is chained anew under its new name, so that the copies verify and rebuild like what they are copies of. A table whose rows
    name none of the `names` is left alone.
    """
    async with pool.acquire() as borrowed, borrowed.transaction():
        conn = cast("asyncpg.Connection", borrowed)
        await conn.execute("SET LOCAL statement_timeout = 0")
        new = [[form.format(n=n) for form in names.values()] for n in range(count)]
        for table in TABLES:
            columns = ", ".join(
                f'"{row["attname"]}"'
                for row in await conn.fetch(
                    "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped "
                    "AND attgenerated = '' AND attidentity = ''",
                    f'public."{table}"',
                )
            )
            await _copied(conn, table, columns, list(names), new)
        await _chains(conn, list(names), new)
    await pool.execute("ANALYZE")  # else Postgres plans for the one that there was


async def _copied(conn: asyncpg.Connection, table: str, columns: str, old: list[str], new: list[list[str]]) -> None:
    replaced = "r::text"
    for nth in range(len(old)):
        replaced = f"replace({replaced}, ($1::text[])[{nth + 1}], n[{nth + 1}])"
    names = "SELECT string_to_array(v, '|') AS n FROM unnest($2::text[]) v"
    await conn.execute(
        f'INSERT INTO "{table}" ({columns}) SELECT {columns} FROM (SELECT (jsonb_populate_record(NULL::"{table}", ({replaced})::jsonb)).* '
        f'FROM (SELECT to_jsonb(t) AS r FROM "{table}" t) r, ({names}) v WHERE r::text ~ array_to_string($1::text[], $3::text)) t',
        old, ["|".join(one) for one in new], "|",
    )  # fmt: skip


async def _chains(conn: asyncpg.Connection, old: list[str], new: list[list[str]]) -> None:
    events = [
        row
        for row in await conn.fetch("SELECT subject, sequence, type, at, body, recorded_at FROM event ORDER BY position")
        if any(name in row["subject"] for name in old)
    ]
    heads, records = [], []
    for forms in new:
        last: dict[str, tuple[int, str]] = {}
        for row in events:
            subject, body = row["subject"], row["body"]
            for name, form in zip(old, forms, strict=True):
                subject, body = subject.replace(name, form), body.replace(name, form)
            previous = last.get(subject, (0, ""))[1]
            digest = chained(previous, subject, row["sequence"], body)
            last[subject] = (row["sequence"], digest)
            records.append((subject, row["sequence"], row["type"], row["at"], body, previous, digest, row["recorded_at"]))
        heads += [(subject, *head) for subject, head in last.items()]
    await conn.copy_records_to_table("stream", records=heads, columns=["subject", "sequence", "hash"])
    await conn.copy_records_to_table(
        "event", records=records, columns=["subject", "sequence", "type", "at", "body", "previous", "hash", "recorded_at"]
    )
