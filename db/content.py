"""Content by its hash: comments, messages, data, document versions ("put, then decide"), and the facts of a case as taken.

Content is never changed and never deleted here. What is sealed is returned only to who asks for sealed content by name; which roles
may is decided by the caller. Nothing of this may go into a workflow's history.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import asyncpg
from pydantic import BaseModel

from schemas.intake import Document, Intake
from schemas.messages import ContentRef


def _plain(value: Any) -> Any:
    """What JSON lacks, as text: amounts and moments keep every digit."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no place in the record")


def canonical(value: Any) -> str:
    """The one text of a value: sorted keys, no spaces, no escapes. Floats are refused: amounts are Decimal and written as text."""
    return json.dumps(value, default=_plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256(body: str | bytes) -> str:
    return hashlib.sha256(body.encode() if isinstance(body, str) else body).hexdigest()


async def put(
    conn: asyncpg.Connection | asyncpg.Pool, body: Any, *, sealed: bool = False, by: str = "", media_type: str = ""
) -> ContentRef:
    """Keep a text, bytes, or a value (as canonical JSON) and return its reference. Putting it twice keeps it once.

    The same content put sealed once stays sealed.
    """
    if isinstance(body, bytes):
        raw, kind = body, "application/octet-stream"
    elif isinstance(body, str):
        raw, kind = body.encode(), "text/plain"
    else:
        raw, kind = canonical(body).encode(), "application/json"
    reference = ContentRef(sha256=sha256(raw), size=len(raw))
    await conn.execute(
        "INSERT INTO content (sha256, size, media_type, sealed, body, put_by) VALUES ($1, $2, $3, $4, $5, $6) "
        "ON CONFLICT (sha256) DO UPDATE SET sealed = true WHERE excluded.sealed AND NOT content.sealed",
        reference.sha256, reference.size, media_type or kind, sealed, raw, by,
    )  # fmt: skip
    return reference


async def get(conn: asyncpg.Connection | asyncpg.Pool, digest: str, *, sealed: bool = False) -> bytes | None:
    """The content of that hash, or None; sealed content only if asked for as such."""
    row = await conn.fetchrow("SELECT body, sealed FROM content WHERE sha256 = $1", digest)
    if row is None or (row["sealed"] and not sealed):
        return None
    return bytes(row["body"])


_intakes: dict[str, Intake] = {}
_INTAKES_KEPT = 500


async def intake(conn: asyncpg.Connection | asyncpg.Pool, reference: str) -> Intake:
    """The facts of a case as taken. Raises LookupError if none has that reference."""
    digest = await conn.fetchval("SELECT facts_sha256 FROM submission WHERE reference = $1", reference)
    if digest is None:
        raise LookupError(f"the record has no submission {reference}")
    if digest not in _intakes:
        # facts never change once taken, so they are read and parsed once per process
        facts = await conn.fetchval("SELECT facts FROM submission WHERE reference = $1", reference)
        if len(_intakes) >= _INTAKES_KEPT:
            _intakes.pop(next(iter(_intakes)))
        _intakes[digest] = Intake.model_validate(facts)
    return _intakes[digest]


async def document(conn: asyncpg.Connection | asyncpg.Pool, reference: str, digest: str | None) -> Document:
    """The version of a case's document with that hash; without one, the document as submitted. For rules only, never to be shown.

    Raises LookupError if the content is not there: another version never takes its place.
    """
    if digest is None:
        return (await intake(conn, reference)).document
    body = await get(conn, digest, sealed=True)  # a version stays one even where somebody sealed the same bytes
    if body is None:
        raise LookupError(f"the record does not hold the document {digest} of {reference}")
    return Document.model_validate_json(body)
