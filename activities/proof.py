"""Whether a proof holds, and which keys there are: the binding check of the recording transaction.

A key in the record, valid at the moment of signing; the signature over the one text of what was said; the wall clock of this host near
that moment. Nothing of it is read at a replay or a rebuild: the event says that the record verified it. A practice clock never counts
here: people sign in real time. No private key is ever seen by this module.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import asyncpg
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from db.sql import queries
from schemas.engine import Batch
from schemas.findings import Finding
from schemas.messages import Decision, Message, Proof
from schemas.names import owner_of
from schemas.proof import signed_text

SQL = queries("signing")
NEAR = timedelta(minutes=10)
"""How far the moment of signing may lie from the recording host's clock, either way."""

Key = Mapping[str, Any]
"""A row of `signing_key`."""


@dataclass(frozen=True)
class Checked:
    """What the record found of the proof of one write; nothing, where there was none."""

    signed: bool = False
    findings: tuple[Finding, ...] = ()
    proof: Proof | None = None

    @property
    def told(self) -> dict[str, Any]:
        """What the event says of it. A proof that does not hold is not told: anybody can write anything into one."""
        kept = self.proof if self.signed else None
        return {
            "signed": self.signed,
            "key_id": kept and kept.key_id,
            "signed_at": kept and kept.signed_at.astimezone(UTC).isoformat(),
        }


async def check(conn: asyncpg.Connection, batch: Batch) -> Checked:
    """The proof of the batch's decision or message against the keys of the record."""
    said = batch.decision or batch.message
    if said is None or said.proof is None:
        return Checked()
    key = await conn.fetchrow(SQL["find"], said.proof.key_id)
    found = faults(said, said.proof, key, to=owner_of(batch.subject), now=datetime.now(UTC))
    return Checked(signed=not found, findings=tuple(found), proof=said.proof)


def faults(said: Decision | Message, proof: Proof, key: Key | None, *, to: str, now: datetime) -> list[Finding]:
    """Everything that is wrong with a proof, `signature_invalid` each time. `to` as in `signed_text`; `now`: the wall clock, UTC."""
    at = proof.signed_at
    if at.tzinfo is None:
        return [_invalid("The moment of signing has no time zone.", "signed_at")]
    found = []
    if abs(now - at) > NEAR:
        late = "later" if now > at else "earlier"
        minutes = NEAR.total_seconds() / 60
        found.append(_invalid(f"It was recorded more than {minutes:.0f} minutes {late} than it was signed.", "signed_at", AGAIN))
    if key is None:
        return [*found, _invalid("The record knows no such key.", "key_id", "Register the key: `pca keys add`.")]
    if at < key["valid_from"]:
        found.append(_invalid("The key was not valid yet when it signed this.", "key_id"))
    if key["valid_to"] is not None and at > key["valid_to"]:
        found.append(_invalid("The key had been retired when it signed this.", "key_id", "Sign with the key in use: `pca keys list`."))
    if key["void_from"] is not None and at >= key["void_from"]:
        found.append(_invalid("The key was revoked: what it signed since is void.", "key_id", "Sign with the key in use: `pca keys list`."))
    if not _signs(bytes(key["public_key"]), proof.signature, signed_text(said, proof, to=to)):
        found.append(_invalid("The signature is of another text, or made with another key.", "signature"))
    return found


AGAIN = "Say it again under a new key; see that the clocks of both hosts are right."


def _invalid(message: str, field: str, next_step: str = "Say it again; see `pca doctor`.") -> Finding:
    return Finding(rule="signature_invalid", message=message, path=f"$.proof.{field}", next_step=next_step)


def _signs(public_key: bytes, signature: str, text: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(base64.b64decode(signature, validate=True), text.encode())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


# The keys -------------------------------------------------------------------------------------------------------------------------


def key_id_of(public_key: bytes) -> str:
    """The id of a public key (32 bytes): the beginning of its hash, so that nobody has to choose one."""
    return sha256(public_key).hexdigest()[:16]


async def register(conn: asyncpg.Connection | asyncpg.Pool, public_key: bytes, *, since: datetime | None = None, note: str = "") -> bool:
    """Take the signatures of that key from `since` (now) on; False if it was known, and then nothing is changed: ended stays ended."""
    status: str = await conn.execute(SQL["add"], key_id_of(public_key), public_key, since, note)
    return status.endswith(" 1")


async def keys(conn: asyncpg.Connection | asyncpg.Pool) -> list[dict[str, Any]]:
    """Every key, the newest first, with its state now: `valid`, `not_yet`, `retired` or `void`."""
    now = datetime.now(UTC)
    return [{**row, "state": state_of(row, now)} for row in await conn.fetch(SQL["list"])]


def state_of(key: Key, now: datetime) -> str:
    """What a signature of this moment would be worth."""
    if key["void_from"] is not None and now >= key["void_from"]:
        return "void"
    if key["valid_to"] is not None and now > key["valid_to"]:
        return "retired"
    return "valid" if now >= key["valid_from"] else "not_yet"


class NoSuchKey(LookupError):
    """The record has no such signing key; `pca keys list` shows those there are."""


class EndedBefore(Exception):
    """A key that has been ended stays ended: its end can only be moved to an earlier moment."""


async def retire(conn: asyncpg.Connection | asyncpg.Pool, key_id: str, at: datetime) -> None:
    """What the key signs after `at` no longer counts. Errors: `NoSuchKey`, `EndedBefore`."""
    await _end(conn, "retire", key_id, at)


async def revoke(conn: asyncpg.Connection | asyncpg.Pool, key_id: str, since: datetime) -> list[dict[str, Any]]:
    """What the key signed from `since` on is void; what of it has counted already, which only people can judge.

    Errors: `NoSuchKey`, `EndedBefore`.
    """
    await _end(conn, "revoke", key_id, since)
    return [dict(row) for row in await conn.fetch(SQL["counted_since"], key_id, since)]


async def _end(conn: asyncpg.Connection | asyncpg.Pool, how: str, key_id: str, at: datetime) -> None:
    try:
        known = await conn.fetchval(SQL[how], key_id, at)
    except asyncpg.RestrictViolationError as error:
        raise EndedBefore(f"key {key_id} was ended before that moment already") from error
    except asyncpg.CheckViolationError as error:
        raise EndedBefore(f"key {key_id} begins later than that; revoke it, if what it signed is void") from error
    if known is None:
        raise NoSuchKey(f"no signing key {key_id}")
