"""The text that a proof signs: everything that was said, to whom, when and with which key, in one form.

Signer and record make it by this one function; neither ever signs or verifies anything else. A text of another version has another
first line, so an old signature can never be read as a new one.
"""

from datetime import UTC
from typing import Any

from schemas.canonical import canonical, sha256
from schemas.messages import ContentRef, Decision, Message, Proof

VERSION = "pca-said-1"
TEXTS = ("comment", "message_to_partner", "data")
"""Fields that are signed by the hash under which the record keeps them: typed by hand or put before, they are the same text."""


def signed_text(said: Decision | Message, proof: Proof, *, to: str) -> str:
    """What `proof` is a signature of. `to`: whose task or message it is, as `schemas.names.owner_of` says it.

    Every field that is set is in it, so a field that a later release adds is signed without anybody thinking of it, and the text of what
    does not use that field stays what it was.
    """
    body: dict[str, Any] = said.model_dump(mode="json", exclude={"proof", *TEXTS}, exclude_none=True)
    body |= {name: digest for name in TEXTS if (digest := _digest(getattr(said, name))) is not None}
    body |= {
        "says": "decision" if isinstance(said, Decision) else "message",
        "to": to,
        "key_id": proof.key_id,
        "signed_at": proof.signed_at.astimezone(UTC).isoformat(timespec="microseconds"),
    }
    return f"{VERSION}\n{canonical(body)}"


def _digest(value: ContentRef | str | dict[str, Any] | None) -> str | None:
    """The hash of a text by its characters, of data by their canonical JSON: as content is kept."""
    if value is None or isinstance(value, ContentRef):
        return value.sha256 if value else None
    return sha256(value if isinstance(value, str) else canonical(value))
