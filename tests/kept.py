"""Arrangements that many tests begin with are made once a session; whoever asks again gets their rows copied back.

To take a case to its signature is a thousand statements, to copy the rows that they left is one.
"""

import copy
import functools
import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, Protocol, TypeVar, cast

import asyncpg

P = ParamSpec("P")
T = TypeVar("T")
_numbers = itertools.count(1)

TABLES = """
    SELECT c.relname AS name, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname !~ '^_?yoyo'
      AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    GROUP BY c.relname
"""
FRESH = "SELECT NOT EXISTS (SELECT FROM event) AND (SELECT count(*) FROM versioned) = (SELECT count(*) FROM before.versioned)"


class Arranged(Protocol):
    """What the arrangement is made with: the desk, which says where its database is administered."""

    pool: asyncpg.Pool
    keys: int
    tracks: dict[str, str]


class Keeper:
    """Where the rows are copied to and from: the superuser's address of the record of the test, set by the fixture `record_url`."""

    url = ""
    made: dict[tuple[str, ...], tuple[str, Any, int, dict[str, str]]] = {}

    @classmethod
    async def keep(cls) -> str:
        """Copy every row to a schema of its own; its name."""
        schema = f"kept_{next(_numbers)}"
        conn = await asyncpg.connect(cls.url)
        try:
            tables = await conn.fetch(TABLES)
            copies = [f'CREATE TABLE {schema}."{t["name"]}" AS SELECT {t["columns"]} FROM public."{t["name"]}"' for t in tables]
            await conn.execute(";".join([f"CREATE SCHEMA {schema}", *copies]))
        finally:
            await conn.close()
        return schema

    @classmethod
    async def give_back(cls, schema: str) -> None:
        """The record is as it was when these rows were kept."""
        conn = await asyncpg.connect(cls.url)
        try:
            await conn.execute("SET session_replication_role = replica")  # no trigger, no foreign key: the rows have passed them all
            statements = []
            for t in await conn.fetch(TABLES):
                statements.append(f'DELETE FROM public."{t["name"]}"')
                statements.append(
                    f'INSERT INTO public."{t["name"]}" ({t["columns"]}) OVERRIDING SYSTEM VALUE SELECT * FROM {schema}."{t["name"]}"'
                )
            await conn.execute(";".join(statements))
        finally:
            await conn.close()


@contextmanager
def afresh() -> Iterator[None]:
    """What is arranged within is made anew, and not kept: the test has changed what it is made of."""
    url, Keeper.url = Keeper.url, ""
    try:
        yield
    finally:
        Keeper.url = url


def kept(arrange: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """For an arrangement whose first argument is the desk. Made anew where the test has done something before."""

    @functools.wraps(arrange)
    async def once(*args: P.args, **kwargs: P.kwargs) -> T:
        desk, *more = cast("tuple[Arranged, ...]", args)
        if not Keeper.url or desk.keys or not await desk.pool.fetchval(FRESH):
            return await arrange(*args, **kwargs)
        name = (arrange.__module__, arrange.__qualname__, repr(more), repr(sorted(kwargs.items())))
        if name not in Keeper.made:
            result = await arrange(*args, **kwargs)
            Keeper.made[name] = await Keeper.keep(), copy.deepcopy(result), desk.keys, dict(desk.tracks)
            return result
        schema, result, desk.keys, tracks = Keeper.made[name]
        desk.tracks = dict(tracks)
        await Keeper.give_back(schema)
        return cast("T", copy.deepcopy(result))

    return once
