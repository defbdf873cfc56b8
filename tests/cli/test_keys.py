"""`pca keys`: made, added, retired and revoked, never deleted; and what is said with each of them."""

import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Engine, Pca
from worker.signing import Signer

OLD = "2020-01-01T00:00+00:00"


async def made(engine: Engine, name: str = "key.pem") -> tuple[Path, str]:
    """The private file of a new key, and its id."""
    file = engine.folder / name
    ran = await engine.pca("keys", "new", str(file), "--json")
    assert ran.code == 0, ran
    return file, ran.json["key_id"]


def test_a_new_key_is_readable_by_its_owner_only_and_overwrites_nothing(pca: Pca, tmp_path: Path) -> None:
    ran = pca("keys", "new", "key.pem")
    assert ran.code == 0, ran
    file = tmp_path / "key.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Signer.load(file).key_id in ran.out
    assert "PRIVATE" not in ran.out
    kept = file.read_bytes()
    again = pca("keys", "new", "key.pem")
    assert (again.code, "file_exists" in again.err, file.read_bytes()) == (3, True, kept)
    assert pca("keys", "new", "none/key.pem").code == 2


async def test_a_key_is_added_once_and_listed(engine: Engine) -> None:
    file, key = await made(engine)
    first = await engine.pca("keys", "add", f"{file}.pub", "--note", "intake desk", "--json")
    second = await engine.pca("keys", "add", f"{file}.pub", "--json")
    assert (first.json, second.json) == ({"key_id": key, "added": True}, {"key_id": key, "added": False})
    (row,) = [row for row in (await engine.pca("keys", "list", "--json")).json if row["key_id"] == key]
    assert (row["state"], row["note"], row["valid_to"], row["void_from"]) == ("valid", "intake desk", None, None)
    assert set(row) == {"key_id", "state", "valid_from", "valid_to", "void_from", "note", "added_at"}
    assert key in (await engine.pca("keys", "list")).out


async def test_what_is_no_public_key_is_refused(engine: Engine) -> None:
    file, _ = await made(engine)
    private = await engine.pca("keys", "add", str(file))
    assert (private.code, "private key" in private.err) == (2, True)
    (engine.folder / "text").write_text("hello")
    assert (await engine.pca("keys", "add", str(engine.folder / "text"))).code == 2
    assert (await engine.pca("keys", "add", str(engine.folder / "none"))).code == 2
    assert (await engine.pca("keys", "add", f"{file}.pub", "--from", "soon")).code == 2


async def test_a_key_is_retired_and_revoked_and_never_comes_back(engine: Engine) -> None:
    file, key = await made(engine)
    await engine.pca("keys", "add", f"{file}.pub", "--from", OLD)
    assert (await engine.pca("keys", "retire", key, "--at", "2026-01-01", "--json")).json["key_id"] == key
    later = await engine.pca("keys", "retire", key, "--at", "2026-02-01")
    assert (later.code, "key_ended" in later.err) == (3, True)
    assert (await engine.pca("keys", "revoke", key, "--from", "2025-06-01", "--json")).json["counted_since"] == []
    assert (await engine.pca("keys", "revoke", key, "--from", "2025-07-01")).code == 3
    assert (await engine.pca("keys", "add", f"{file}.pub", "--json")).json["added"] is False
    (row,) = [row for row in (await engine.pca("keys", "list", "--json")).json if row["key_id"] == key]
    assert row["state"] == "void"


async def test_a_key_that_nobody_knows_is_exit_code_4_and_a_revocation_names_its_moment(engine: Engine) -> None:
    assert (await engine.pca("keys", "retire", "0" * 16)).code == 4
    assert (await engine.pca("keys", "revoke", "0" * 16, "--from", "2026-01-01")).code == 4
    assert (await engine.pca("keys", "revoke", "0" * 16)).code == 2


HOLD = ("hold", "--as", "bd.001", "--role", "focal_point", "--data", '{"reason": "flood", "until": "2026-03-20"}', "--json")


async def test_what_is_said_counts_with_a_key_of_the_record_and_without_one_as_the_pack_says(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = await engine.case()
    file, key = await made(engine)
    monkeypatch.setenv("PCA_SIGNING_KEY", str(file))
    unknown = await engine.pca("tell", reference, *HOLD, "--key", "a")
    assert (unknown.code, [f["rule"] for f in unknown.json["findings"]]) == (3, ["signature_invalid"])
    monkeypatch.setenv("PCA_SIGNING_KEY", "")
    unsigned = await engine.pca("tell", reference, *HOLD, "--key", "b")
    assert (unsigned.code, [f["rule"] for f in unsigned.json["findings"]]) == (3, ["unsigned"])
    monkeypatch.setenv("PCA_SIGNING_KEY", str(file))
    await engine.pca("keys", "add", f"{file}.pub")
    assert (await engine.pca("tell", reference, *HOLD, "--key", "c")).code == 0
    revoked = await engine.pca("keys", "revoke", key, "--from", OLD)
    assert (revoked.code, "look at each" in revoked.out, "hold" in revoked.out) == (0, True, True)


async def test_a_key_file_that_cannot_be_read_is_named_before_anything_is_said(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = await engine.case()
    monkeypatch.setenv("PCA_SIGNING_KEY", str(engine.folder / "none.pem"))
    ran = await engine.pca("tell", reference, *HOLD)
    assert (ran.code, "none.pem" in ran.err) == (2, True)
    assert await engine.pool.fetchval("SELECT count(*) FROM event WHERE type LIKE 'message.%'") == 0


async def test_the_doctor_says_what_a_key_is_worth(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def said() -> tuple[str, str]:
        checks = {check["name"]: check for check in (await engine.pca("doctor", "--json")).json["checks"]}
        return checks["signing key"]["state"], checks["signing key"]["found"]

    assert (await said())[0] == "ok"
    file, key = await made(engine)
    monkeypatch.setenv("PCA_SIGNING_KEY", str(file))
    assert await said() == ("fails", f"the record does not know {key}")
    await engine.pca("keys", "add", f"{file}.pub", "--from", OLD)
    assert await said() == ("ok", key)
    await engine.pca("keys", "retire", key)
    assert await said() == ("fails", f"{key} is retired")
    await engine.pca("keys", "revoke", key, "--from", OLD)
    assert await said() == ("fails", f"{key} is void")
    monkeypatch.setenv("PCA_SIGNING_KEY", str(engine.folder / "none.pem"))
    assert (await said())[0] == "fails"
    monkeypatch.setenv("PCA_SIGNING_KEY", "")
    assert (await said())[0] == "warning"


async def test_migrating_registers_the_key_of_the_settings_and_never_revives_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    file, key = await made(engine)
    monkeypatch.setenv("PCA_SIGNING_KEY", str(file))
    for state in ("valid", "retired"):
        assert (await engine.pca("migrate")).code == 0
        (row,) = [row for row in (await engine.pca("keys", "list", "--json")).json if row["key_id"] == key]
        assert row["state"] == state
        if state == "valid":
            await engine.pca("keys", "retire", key)
