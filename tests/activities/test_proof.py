"""Decisions that cannot be forged: what of a proof the record takes, what it refuses and how it keeps that."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import asyncpg
import pytest
import pytest_asyncio

from activities import proof, versions
from activities.proof import EndedBefore, NoSuchKey, faults
from activities.record import Recorder
from db import audit, content
from policy import pack as packs
from schemas.engine import Batch, Event, Opening, Recorded, Task
from schemas.messages import Decision, Message
from tests.activities.desk import Desk, at, facts, rules
from tests.signing import SIGNER, SINCE
from worker.signing import Signer, new_key

REFERENCE = "KEN/2026/0007"
CASE = f"case:{REFERENCE}"
ANNEX = f"{REFERENCE}:document:1:attach_annex:children"
RELEASE = f"{REFERENCE}:cash:1:release_cash:1"
STRANGER = Signer.of(new_key())
"""A key that no record knows."""

SAID = Decision(task=ANNEX, actor="ke.003", role="budget_owner", verdict="not_needed", key="d1", comment="none in it")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY: dict[str, Any] = {
    "key_id": SIGNER.key_id, "public_key": SIGNER.public_key, "valid_from": SINCE, "valid_to": None, "void_from": None
}  # fmt: skip


# The judgement -------------------------------------------------------------------------------------------------------------------


def judged(said: Decision | Message, key: dict[str, Any] | None = KEY, *, to: str = REFERENCE, now: datetime = NOW) -> list[str]:
    """What is wrong with it, as sentences."""
    assert said.proof is not None
    found = faults(said, said.proof, key, to=to, now=now)
    assert {finding.rule for finding in found} <= {"signature_invalid"}
    return [finding.message for finding in found]


SIGNED = SIGNER.sign(SAID, to=REFERENCE, at=NOW)


def test_a_proof_of_what_was_said_holds() -> None:
    assert judged(SIGNED) == []


CHANGES: dict[str, Any] = {
    "actor": "ke.008", "role": "head_of_office", "verdict": "attach", "task": RELEASE, "key": "d2", "on_behalf_of": "ke.008",
    "reason_code": "other", "comment": "another comment", "message_to_partner": "a text", "data": {"amount": "1.00"},
    "sent_at": NOW - timedelta(minutes=1),
}  # fmt: skip


@pytest.mark.parametrize("field", CHANGES)
def test_whatever_is_changed_afterwards_the_signature_is_of_another_text(field: str) -> None:
    (why,) = judged(SIGNED.model_copy(update={field: CHANGES[field]}))
    assert "another text" in why


def test_a_message_to_another_case_or_of_another_kind_is_another_text() -> None:
    note = SIGNER.sign(Message(kind="hold", actor="ke.001", role="focal_point", key="m1"), to=REFERENCE, at=NOW)
    assert judged(note) == []
    assert len(judged(note, to="KEN/2026/0008")) == len(judged(note.model_copy(update={"kind": "resume"}))) == 1


def test_a_key_that_the_record_does_not_know_proves_nothing() -> None:
    assert judged(STRANGER.sign(SAID, to=REFERENCE, at=NOW), None) == ["The record knows no such key."]


def test_a_known_key_id_on_the_signature_of_another_key_proves_nothing() -> None:
    forged = STRANGER.sign(SAID, to=REFERENCE, at=NOW)
    assert forged.proof is not None
    forged = forged.model_copy(update={"proof": forged.proof.model_copy(update={"key_id": SIGNER.key_id})})
    (why,) = judged(forged)
    assert "another key" in why


@pytest.mark.parametrize("signature", ["", "AAAA", "no base64!", "é", "A" * 88])
def test_a_signature_that_is_none_is_refused(signature: str) -> None:
    assert SIGNED.proof is not None
    assert len(judged(SIGNED.model_copy(update={"proof": SIGNED.proof.model_copy(update={"signature": signature})}))) == 1


MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"valid_from": NOW}, ""),
        ({"valid_from": NOW + MOMENT}, "not valid yet"),
        ({"valid_to": NOW}, ""),
        ({"valid_to": NOW - MOMENT}, "retired"),
        ({"void_from": NOW + MOMENT}, ""),
        ({"void_from": NOW}, "revoked"),
        ({"void_from": NOW - timedelta(days=30), "valid_to": NOW + timedelta(days=30)}, "revoked"),
    ],
)
def test_a_key_signs_from_its_first_to_its_last_moment(changed: dict[str, Any], why: str) -> None:
    found = judged(SIGNED, KEY | changed)
    assert len(found) == bool(why)
    assert why in "".join(found)


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (NOW + timedelta(minutes=10), ""),
        (NOW - timedelta(minutes=10), ""),
        (NOW + timedelta(minutes=10) + MOMENT, "later"),
        (NOW - timedelta(minutes=10) - MOMENT, "earlier"),
    ],
)
def test_it_is_recorded_within_ten_minutes_of_signing_either_way(now: datetime, why: str) -> None:
    found = judged(SIGNED, now=now)
    assert len(found) == bool(why)
    assert why in "".join(found)


def test_a_moment_without_a_zone_is_refused() -> None:
    assert SIGNED.proof is not None
    naive = SIGNED.proof.model_copy(update={"signed_at": NOW.replace(tzinfo=None)})
    assert judged(SIGNED.model_copy(update={"proof": naive})) == ["The moment of signing has no time zone."]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    ended = KEY | {"valid_to": NOW - timedelta(days=1), "void_from": NOW - timedelta(days=2)}
    assert len(judged(SIGNED.model_copy(update={"actor": "ke.008"}), ended, now=NOW + timedelta(hours=1))) == 4


# The record ----------------------------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="session")
async def record(desk: Desk) -> Recorder:
    """Case C1 with two open tasks: one that may be decided unsigned, and one of money."""
    case = await desk.taken(facts("C1"), at("2026-02-16", "07:00"))
    assert case == CASE
    await desk.open(case, "document", at("2026-03-02"), Opening(kind="attach_annex", whom="children"))
    await desk.open(case, "cash", at("2026-03-02"), Opening(kind="release_cash", whom="1"))
    return desk.recorder


async def say(record: Recorder, said: Decision | Message, *events: Event, **more: Any) -> Recorded:
    common: dict[str, Any] = {"subject": CASE, "at": at("2026-03-02"), "workflow": "w", "events": list(events)} | more
    if isinstance(said, Decision):
        kind = said.task.split(":")[3]
        stage = said.task.split(":")[1]
        batch = Batch(key=said.receipt, stage=stage, decision=said, task=Task(id=said.task, kind=kind), **common)
    else:
        batch = Batch(key=said.receipt(REFERENCE), stage="case", message=said, **common)
    return await record.record(batch)


async def kept(record: Recorder, name: str) -> dict[str, Any]:
    """The data of the only event of that type."""
    (row,) = await record.pool.fetch("SELECT data -> 'data' AS d FROM event WHERE type = $1", name)
    return cast("dict[str, Any]", row["d"])


async def test_a_decision_whose_proof_holds_is_recorded_as_signed(record: Recorder) -> None:
    assert not (await say(record, SIGNER.sign(SAID, to=REFERENCE))).refused
    told = await kept(record, "decision.counted")
    assert (told["signed"], told["key_id"]) == (True, SIGNER.key_id)
    assert await record.pool.fetchval("SELECT signed FROM decision") is True


async def test_the_signed_text_can_be_made_again_from_what_the_record_keeps(record: Recorder) -> None:
    await say(record, SIGNER.sign(SAID, to=REFERENCE))
    request = await record.pool.fetchval("SELECT request FROM receipt WHERE key = $1", SAID.receipt)
    said = Decision.model_validate(request)
    assert said.proof is not None
    assert faults(said, said.proof, KEY, to=REFERENCE, now=said.proof.signed_at) == []


FORGED = {
    "another text": lambda: SIGNER.sign(SAID, to=REFERENCE).model_copy(update={"comment": "another comment"}),
    "an unknown key": lambda: STRANGER.sign(SAID, to=REFERENCE),
    "another case": lambda: SIGNER.sign(SAID, to="KEN/2026/0008"),
    "signed too long ago": lambda: SIGNER.sign(SAID, to=REFERENCE, at=datetime.now(UTC) - timedelta(minutes=11)),
    "signed in time to come": lambda: SIGNER.sign(SAID, to=REFERENCE, at=datetime.now(UTC) + timedelta(minutes=11)),
    "of another task": lambda: SAID.model_copy(
        update={"proof": SIGNER.sign(SAID.model_copy(update={"task": RELEASE}), to=REFERENCE).proof}
    ),
}


@pytest.mark.parametrize("how", FORGED)
async def test_a_proof_that_does_not_hold_is_refused_and_the_attempt_kept(record: Recorder, how: str) -> None:
    """Also where the pack would have taken it without any proof: what claims to be signed has to be."""
    forged = FORGED[how]()
    answer = await say(record, forged, Event(type="document.annex_attached", data={"annex": "children"}))
    assert (answer.refused, rules(answer.findings)) == (True, {"signature_invalid"})
    told = await kept(record, "decision.refused")
    assert (told["signed"], told["key_id"], told["signed_at"], told["rules"]) == (False, None, None, ["signature_invalid"])
    assert await record.pool.fetchval("SELECT state FROM task WHERE id = $1", ANNEX) == "open"
    assert await record.pool.fetchval("SELECT count(*) FROM event WHERE type = 'document.annex_attached'") == 0
    assert await audit.verify(record.pool) == []


async def test_a_proof_that_does_not_hold_does_not_hide_what_else_is_wrong(record: Recorder) -> None:
    wrong = SAID.model_copy(update={"actor": "ke.009", "role": "finance_officer"})
    assert rules((await say(record, STRANGER.sign(wrong, to=REFERENCE))).findings) == {"signature_invalid", "wrong_role"}


async def test_a_refusal_finds_its_way_to_a_person_without_secrets(record: Recorder) -> None:
    (found,) = (await say(record, STRANGER.sign(SAID, to=REFERENCE))).findings
    assert (found.path, bool(found.next_step)) == ("$.proof.key_id", True)
    assert STRANGER.key_id not in found.message


async def test_a_key_ends_when_it_is_retired_and_is_void_from_when_it_is_revoked(record: Recorder) -> None:
    now = datetime.now(UTC)
    await proof.retire(record.pool, SIGNER.key_id, now - timedelta(minutes=2))
    before = SIGNER.sign(SAID, to=REFERENCE, at=now - timedelta(minutes=3))
    assert rules((await say(record, SIGNER.sign(SAID.model_copy(update={"key": "after"}), to=REFERENCE, at=now))).findings) == {
        "signature_invalid"
    }
    await proof.revoke(record.pool, SIGNER.key_id, now - timedelta(minutes=3))
    assert "signature_invalid" in rules((await say(record, before)).findings)
    earlier = SIGNER.sign(SAID.model_copy(update={"key": "earlier"}), to=REFERENCE, at=now - timedelta(minutes=4))
    assert not (await say(record, earlier)).refused


async def test_a_key_registered_later_does_not_vouch_for_before(record: Recorder) -> None:
    said = STRANGER.sign(SAID, to=REFERENCE)
    assert await proof.register(record.pool, STRANGER.public_key, since=datetime.now(UTC))
    assert rules((await say(record, said)).findings) == {"signature_invalid"}
    assert not (await say(record, STRANGER.sign(SAID.model_copy(update={"key": "d2"}), to=REFERENCE))).refused


# Without a signature -------------------------------------------------------------------------------------------------------------

MONEY = Decision(
    task=RELEASE, actor="ke.007", role="authorised_officer", verdict="release", key="d", data={"amount": "1.00", "value_date": "2026-03-03"}
)


async def test_what_the_pack_allows_may_come_unsigned_and_is_marked(record: Recorder) -> None:
    assert not (await say(record, SAID)).refused
    told = await kept(record, "decision.counted")
    assert (told["signed"], told["key_id"]) == (False, None)
    assert await record.pool.fetchval("SELECT signed FROM decision") is False


async def test_money_without_a_signature_is_refused_and_the_attempt_kept(record: Recorder) -> None:
    assert "unsigned" in rules((await say(record, MONEY)).findings)
    told = await kept(record, "decision.refused")
    assert (told["signed"], "unsigned" in told["rules"]) == (False, True)
    assert "unsigned" not in rules((await say(record, SIGNER.sign(MONEY.model_copy(update={"key": "e"}), to=REFERENCE))).findings)


async def test_a_record_without_any_key_takes_no_money_decision(record: Recorder) -> None:
    conn = await asyncpg.connect(_superuser())
    try:
        await conn.execute("SET session_replication_role = replica; DELETE FROM signing_key")
    finally:
        await conn.close()
    assert await proof.keys(record.pool) == []
    assert "unsigned" in rules((await say(record, MONEY)).findings)
    assert "signature_invalid" in rules((await say(record, SIGNER.sign(MONEY.model_copy(update={"key": "e"}), to=REFERENCE))).findings)


def _superuser() -> str:
    from tests.kept import Keeper

    return Keeper.url


async def test_an_allowed_kind_in_a_role_that_is_not_allowed_is_refused(record: Recorder) -> None:
    said = SAID.model_copy(update={"actor": "ke.008", "role": "head_of_office"})
    assert "unsigned" in rules((await say(record, said)).findings)


async def test_the_pack_that_the_case_pinned_counts(record: Recorder) -> None:
    """A later edition that takes nothing unsigned changes nothing for a case of before; one that pinned it is judged by it."""
    text = packs.load("standard-2026-01").text
    strict = "\n".join(line for line in text.splitlines() if not line.startswith('"unsigned.'))
    strict = strict.replace('id = "standard-2026-01"', 'id = "standard-2026-02"').replace(
        "effective_on = 2026-01-01", "effective_on = 2026-02-20"
    )
    loaded = await versions.load_pack(record.pool, strict)
    assert not (await say(record, SAID, at=at("2026-03-02"))).refused
    await record.pool.execute(
        """UPDATE "case" SET packs = jsonb_set(packs, '{standard}', jsonb_build_object('version', $1::text, 'sha256', $2::text))""",
        loaded.version, loaded.sha256,
    )  # fmt: skip
    note = Message(kind="note", task=RELEASE, actor="ke.001", role="focal_point", key="m", data={"text": "seen"})
    assert rules((await say(record, note)).findings) == {"unsigned"}


async def test_a_message_is_signed_marked_and_refused_in_the_same_way(record: Recorder) -> None:
    note = Message(kind="note", task=ANNEX, actor="ke.001", role="focal_point", key="m1", data={"text": "seen"})
    hold = Message(kind="cancel", actor="ke.004", role="committee_secretary", key="m2", data={"justification": "x"})
    assert not (await say(record, note)).refused
    assert not (await say(record, SIGNER.sign(note.model_copy(update={"key": "m3"}), to=REFERENCE))).refused
    assert rules((await say(record, STRANGER.sign(note.model_copy(update={"key": "m4"}), to=REFERENCE))).findings) == {"signature_invalid"}
    assert "unsigned" in rules((await say(record, hold)).findings)
    rows = await record.pool.fetch(
        "SELECT type, data -> 'data' AS d FROM event WHERE type IN ('message.counted', 'message.refused') ORDER BY position"
    )
    assert [(row["type"], row["d"]["key"], row["d"]["signed"]) for row in rows] == [
        ("message.counted", "m1", False), ("message.counted", "m3", True),
        ("message.refused", "m4", False), ("message.refused", "m2", False),
    ]  # fmt: skip


# The nonce -----------------------------------------------------------------------------------------------------------------------


async def test_the_same_again_gives_the_first_answer_whatever_its_proof(record: Recorder) -> None:
    first = SIGNER.sign(SAID, to=REFERENCE)
    await say(record, first)
    for again in (first, SAID, STRANGER.sign(SAID, to=REFERENCE), SIGNER.sign(SAID, to=REFERENCE, at=NOW)):
        answer = await say(record, again)
        assert (answer.refused, answer.repeated) == (False, True)
    assert await record.pool.fetchval("SELECT count(*) FROM decision") == 1


async def test_a_key_used_before_does_not_carry_another_decision_however_well_it_is_signed(record: Recorder) -> None:
    await say(record, SIGNER.sign(SAID, to=REFERENCE))
    other = SIGNER.sign(SAID.model_copy(update={"comment": "something else"}), to=REFERENCE)
    assert rules((await say(record, other)).findings) == {"key_reused"}
    told = await kept(record, "decision.refused")
    assert (told["rules"], told["signed"]) == (["key_reused"], True)


async def test_what_the_workflow_refused_is_kept_with_what_its_proof_was_worth(record: Recorder) -> None:
    from schemas.findings import Finding

    no = [Finding(rule="task_closed", message="It is closed.")]
    for key, signer in (("a", SIGNER), ("b", STRANGER)):
        await say(record, signer.sign(SAID.model_copy(update={"key": key}), to=REFERENCE), refused=no)
    rows = await record.pool.fetch("SELECT data -> 'data' AS d FROM event WHERE type = 'decision.refused' ORDER BY position")
    assert [(row["d"]["key"], row["d"]["signed"]) for row in rows] == [("a", True), ("b", False)]


async def test_a_rebuild_and_an_audit_need_no_key(record: Recorder) -> None:
    await say(record, SIGNER.sign(SAID, to=REFERENCE))
    await say(record, MONEY)
    await proof.revoke(record.pool, SIGNER.key_id, SINCE)
    assert await audit.verify(record.pool) == []
    assert await audit.rebuild_check(record.pool) == []
    assert await record.pool.fetchval("SELECT signed FROM decision WHERE counted") is True


# The keys ------------------------------------------------------------------------------------------------------------------------


async def test_a_key_that_is_known_is_not_registered_again(pool: asyncpg.Pool) -> None:
    await proof.retire(pool, SIGNER.key_id, SINCE + timedelta(days=1))
    assert not await proof.register(pool, SIGNER.public_key)
    (key,) = [key for key in await proof.keys(pool) if key["key_id"] == SIGNER.key_id]
    assert (key["state"], key["valid_from"], key["valid_to"]) == ("retired", SINCE, SINCE + timedelta(days=1))


async def test_what_was_ended_is_ended_earlier_and_never_later(pool: asyncpg.Pool) -> None:
    day = timedelta(days=1)
    await proof.retire(pool, SIGNER.key_id, SINCE + 2 * day)
    await proof.retire(pool, SIGNER.key_id, SINCE + day)
    await proof.revoke(pool, SIGNER.key_id, SINCE + 2 * day)
    for change in (proof.retire, proof.revoke):
        with pytest.raises(EndedBefore):
            await change(pool, SIGNER.key_id, SINCE + 3 * day)
    with pytest.raises(EndedBefore, match="begins later"):
        await proof.retire(pool, SIGNER.key_id, SINCE - day)
    with pytest.raises(NoSuchKey):
        await proof.revoke(pool, STRANGER.key_id, SINCE)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM signing_key",
        "TRUNCATE signing_key",
        "UPDATE signing_key SET public_key = decode(repeat('00', 32), 'hex')",
        "UPDATE signing_key SET valid_from = '2000-01-01'",
        "INSERT INTO signing_key (key_id, public_key, valid_from) VALUES ('0123456789abcdef', '\\x00', now())",
    ],
)
async def test_the_database_itself_keeps_every_key(pool: asyncpg.Pool, statement: str) -> None:
    with pytest.raises((asyncpg.RestrictViolationError, asyncpg.CheckViolationError)):
        await pool.execute(statement)


async def test_what_counted_under_a_revoked_key_since_then_is_told(record: Recorder) -> None:
    start = datetime.now(UTC)
    await say(record, SIGNER.sign(SAID, to=REFERENCE))
    text = await content.put(record.pool, {"text": "seen"})
    note = Message(kind="note", task=RELEASE, actor="ke.001", role="focal_point", key="m", data=text)
    await say(record, SIGNER.sign(note, to=REFERENCE, at=start - timedelta(minutes=5)))
    told = await proof.revoke(record.pool, SIGNER.key_id, start)
    assert [(row["subject"], row["said"], row["verdict"], row["actor"]) for row in told] == [(CASE, ANNEX, "not_needed", "ke.003")]


async def test_the_engines_own_role_may_read_keys_and_change_none(pool: asyncpg.Pool) -> None:
    if not await pool.fetchval("SELECT true FROM pg_roles WHERE rolname = 'pca_app'"):
        pytest.skip("the embedded owner may not create roles")
    rights = {
        right: await pool.fetchval("SELECT has_table_privilege('pca_app', 'signing_key', $1)", right)
        for right in ("SELECT", "INSERT", "UPDATE", "DELETE")
    }
    assert rights == {"SELECT": True, "INSERT": False, "UPDATE": False, "DELETE": False}
