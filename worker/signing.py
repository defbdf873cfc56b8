"""Signing what people say: an Ed25519 private key from a PEM file, and the proof that it puts on a decision or message.

Who holds the key vouches that the actor said it, so only what has authenticated the actor may hold it. The worker never needs one: it
verifies with public keys of the record (`activities/proof.py`). A private key is never logged, shown or put into the record.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from activities.proof import key_id_of
from schemas.messages import Decision, Message, Proof
from schemas.proof import signed_text

Said = TypeVar("Said", Decision, Message)


class KeyUnreadable(ValueError):
    """The file holds no Ed25519 key in PEM form, or may not be read."""


def new_key() -> bytes:
    """A new private key as PEM (PKCS 8, not encrypted)."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True)
class Signer:
    """Signs with one key."""

    key: Ed25519PrivateKey

    @classmethod
    def of(cls, pem: bytes) -> Self:
        """From the PEM text of a private key. Errors: `KeyUnreadable`."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyUnreadable("no private key in PEM form, or an encrypted one") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyUnreadable("a private key, but not an Ed25519 one")
        return cls(key)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """From a file, as `PCA_SIGNING_KEY` names it. Errors: `KeyUnreadable`, which names the file."""
        try:
            return cls.of(Path(path).read_bytes())
        except OSError as error:
            raise KeyUnreadable(f"{path}: {error.strerror}") from error
        except KeyUnreadable as error:
            raise KeyUnreadable(f"{path}: {error}") from error

    @property
    def public_key(self) -> bytes:
        """32 bytes, as the record keeps it."""
        return self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def public_pem(self) -> bytes:
        """As a file that `pca keys add` reads."""
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def key_id(self) -> str:
        return key_id_of(self.public_key)

    def sign(self, said: Said, *, to: str, at: datetime | None = None) -> Said:
        """The same with a proof, and with the moment at which it was said. `to` as in `signed_text`; `at`: now, by the wall clock."""
        moment = (at or datetime.now(UTC)).astimezone(UTC)
        proof = Proof(key_id=self.key_id, signed_at=moment, signature="")
        said = said.model_copy(update={"sent_at": said.sent_at or moment})
        signature = base64.b64encode(self.key.sign(signed_text(said, proof, to=to).encode())).decode()
        return said.model_copy(update={"proof": proof.model_copy(update={"signature": signature})})


def public_key(pem: bytes) -> bytes:
    """The 32 bytes of a public key in PEM form. Errors: `KeyUnreadable`."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        hint = "; this looks like a private key, which the record never needs" if b"PRIVATE KEY" in pem else ""
        raise KeyUnreadable(f"no public key in PEM form{hint}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnreadable("a public key, but not an Ed25519 one")
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
