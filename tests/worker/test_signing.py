"""The signer: what it makes is what the record verifies; keys come from files and from nowhere else."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat, PublicFormat

from schemas.messages import Decision, Message
from schemas.proof import signed_text
from worker.signing import KeyUnreadable, Signer, new_key, public_key

DECISION = Decision(task="KEN/2026/0007:cash:1:release_cash", actor="ke.007", role="authorised_officer", verdict="release", key="d1")
AT = datetime(2026, 3, 20, 9, 30, tzinfo=UTC)


def test_a_signature_verifies_with_the_public_key_alone():
    signer = Signer.of(new_key())
    said = signer.sign(DECISION, to="KEN/2026/0007", at=AT)
    assert said.proof is not None
    assert (said.proof.key_id, said.proof.signed_at, said.sent_at) == (signer.key_id, AT, AT)
    signature = base64.b64decode(said.proof.signature)
    signer.key.public_key().verify(signature, signed_text(said, said.proof, to="KEN/2026/0007").encode())


def test_it_signs_by_the_wall_clock_and_keeps_when_it_was_said():
    earlier = AT - timedelta(days=1)
    signer = Signer.of(new_key())
    message = signer.sign(Message(kind="note", actor="a", role="ops", key="k", sent_at=earlier), to="x")
    assert message.proof is not None
    assert message.sent_at == earlier
    assert abs(datetime.now(UTC) - message.proof.signed_at) < timedelta(minutes=1)
    assert (message.kind, message.key) == ("note", "k")


def test_a_key_has_one_id_and_another_key_another(tmp_path: Path):
    pem = new_key()
    file = tmp_path / "key.pem"
    file.write_bytes(pem)
    signer = Signer.load(file)
    assert signer.key_id == Signer.of(pem).key_id != Signer.of(new_key()).key_id
    assert (len(signer.key_id), public_key(signer.public_pem)) == (16, signer.public_key)


def pem_of(key: object, encryption: object = NoEncryption()) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no private key"),
        (b"not a key", "no private key"),
        (pem_of(Ed25519PrivateKey.generate(), BestAvailableEncryption(b"word")), "encrypted"),
        (pem_of(generate_private_key(SECP256R1())), "not an Ed25519"),
        (Signer.of(new_key()).public_pem, "no private key"),
    ],
    ids=["empty", "text", "encrypted", "another algorithm", "public"],
)
def test_what_is_no_key_is_named_with_its_file(tmp_path: Path, content: bytes, why: str):
    file = tmp_path / "key.pem"
    file.write_bytes(content)
    with pytest.raises(KeyUnreadable, match=why) as raised:
        Signer.load(file)
    assert str(file) in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(KeyUnreadable, match=r"none\.pem: No such file"):
        Signer.load(tmp_path / "none.pem")


def test_a_private_key_is_no_public_one():
    with pytest.raises(KeyUnreadable, match="private key, which the record never needs"):
        public_key(new_key())
    other = generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(KeyUnreadable, match="not an Ed25519"):
        public_key(other)
    with pytest.raises(KeyUnreadable, match="no public key"):
        public_key(b"")


def test_a_signer_shows_no_key():
    assert "PRIVATE" not in repr(Signer.of(new_key()))
