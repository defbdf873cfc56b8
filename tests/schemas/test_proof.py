"""The text that is signed: one form, with everything in it that was said."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from schemas.canonical import canonical, sha256
from schemas.messages import ContentRef, Decision, Message, Proof
from schemas.proof import VERSION, signed_text

TASK = "KEN/2026/0007:approval:1:approve_document"
AT = datetime(2026, 3, 20, 9, 30, tzinfo=UTC)
PROOF = Proof(key_id="0123456789abcdef", signed_at=AT, signature="")
DECISION = Decision(task=TASK, actor="ke.010", role="authorised_officer", verdict="approve", key="d1")
MESSAGE = Message(kind="hold", actor="ke.001", role="focal_point", key="m1")

OTHER: dict[str, Any] = {
    "actor": "ke.011", "role": "head_of_office", "key": "d2", "on_behalf_of": "ke.012", "comment": "No.", "message_to_partner": "No.",
    "reason_code": "fraud", "data": {"amount": "1.00"}, "sent_at": AT, "task": f"{TASK}:again", "verdict": "return", "kind": "resume",
}  # fmt: skip
"""Another value for each field that there is."""


def text(said: Decision | Message, **changed: Any) -> str:
    return signed_text(said.model_copy(update=changed), PROOF, to="KEN/2026/0007")


@pytest.mark.parametrize("said", [DECISION, MESSAGE], ids=["decision", "message"])
def test_every_field_that_can_be_said_is_signed(said: Decision | Message):
    fields = set(type(said).model_fields) - {"proof"}
    assert fields <= OTHER.keys(), "a new field wants another value here"
    texts = {text(said), *(text(said, **{name: OTHER[name]}) for name in fields)}
    assert len(texts) == len(fields) + 1


def test_whose_it_is_which_key_and_when_are_signed():
    proofs = [PROOF, *(PROOF.model_copy(update=change) for change in ({"key_id": "f" * 16}, {"signed_at": AT + timedelta(microseconds=1)}))]
    assert len({signed_text(DECISION, proof, to=to) for proof in proofs for to in ("KEN/2026/0007", "KEN/2026/0008")}) == 6
    assert signed_text(DECISION, PROOF.model_copy(update={"signature": "x"}), to="a") == signed_text(DECISION, PROOF, to="a")


def test_the_text_is_what_it_was_when_the_version_was_made():
    """A change of this text is another version: signatures that are kept would not verify any more."""
    assert VERSION == "pca-said-1"
    assert text(DECISION, data={"deferrals_seen": []}) == (
        'pca-said-1\n{"actor":"ke.010","data":"91e08448551f2705b4a22ddecc5acc3219dd7ebd196077f8ed36c4b2a0ef28e1","key":"d1",'
        '"key_id":"0123456789abcdef","role":"authorised_officer","says":"decision","signed_at":"2026-03-20T09:30:00.000000+00:00",'
        '"task":"KEN/2026/0007:approval:1:approve_document","to":"KEN/2026/0007","verdict":"approve"}'
    )


@pytest.mark.parametrize(("field", "value"), [("comment", "Büro"), ("message_to_partner", "x"), ("data", {"b": None, "a": ["ü"]})])
def test_a_text_typed_by_hand_is_the_same_text_when_it_was_put_first(field: str, value: Any):
    put = ContentRef(sha256=sha256(value if isinstance(value, str) else canonical(value)), size=1)
    assert text(DECISION, **{field: value}) == text(DECISION, **{field: put})


def test_the_same_moment_in_another_zone_is_the_same_text():
    east = PROOF.model_copy(update={"signed_at": AT.astimezone(timezone(timedelta(hours=3)))})
    assert signed_text(DECISION, east, to="a") == signed_text(DECISION, PROOF, to="a")


def test_it_is_the_same_after_a_journey_as_json():
    said = Decision.model_validate_json(DECISION.model_copy(update={"sent_at": AT, "data": {"n": 1}}).model_dump_json())
    assert text(said) == text(DECISION, sent_at=AT, data={"n": 1})


def test_a_decision_and_a_message_never_share_a_text():
    message = Message(kind="approve", task=TASK, actor="ke.010", role="authorised_officer", key="d1")
    assert text(message) != text(DECISION)
    assert '"says":"message"' in text(message)
