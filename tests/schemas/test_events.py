"""The catalogue of events, and the CloudEvent in which one leaves the engine."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from schemas.events import EVENTS, CloudEvent, EventType

BODY = {
    "type": "review.submitted",
    "at": "2026-03-17T08:00:00Z",
    "actor": {"id": "ke.005", "role": "budget_owner", "on_behalf_of": None},
    "stage": "document",
    "round": 1,
    "track": "standard",
    "pack": {"version": "standard-2026-01", "sha256": "0" * 64},
    "cause": {"kind": "decision", "id": "KEN/2026/0007:document:1:submit_for_review:d1"},
    "clock": "",
    "data": {"round": 1, "review_kind": "committee"},
}


def test_every_row_of_the_casebook_has_its_events():
    assert {event.number for event in EVENTS.values()} - {0} == set(range(1, 79))


@pytest.mark.parametrize("event", EVENTS.values(), ids=lambda event: event.name)
def test_a_name_is_a_noun_and_what_happened_to_it(event: EventType):
    assert re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)*", event.name)


def test_the_partner_sees_nothing_of_screening_opinions_and_allegations():
    hidden = (
        "screening.",
        "allegation.",
        "partner.",
        "review.opinion_given",
        "review.convened",
        "review.reformed",
        "review.member_recused",
    )
    assert {event.partner for name, event in EVENTS.items() if name.startswith(hidden)} == {"no"}


def test_what_stops_money_or_waits_for_a_signature_is_told_at_once():
    urgent = {event.number for event in EVENTS.values() if event.urgent}
    assert urgent == {13, 26, 32, 41, 44, 54, 55, 56, 61, 65, 68, 69}


def test_an_event_of_a_case_leaves_under_the_reference_of_the_case():
    sent = CloudEvent.of("case:KEN/2026/0007", 12, BODY)
    assert (sent.subject, sent.type, sent.sequence, sent.track) == ("KEN/2026/0007", "pca.review.submitted.v1", "12", "standard")


def test_an_event_of_a_partner_keeps_its_whole_subject():
    assert CloudEvent.of("partner:KE:P-KE-0001", 1, BODY).subject == "partner:KE:P-KE-0001"


def test_no_two_events_of_the_record_leave_under_one_id():
    assert len({CloudEvent.of(subject, number, BODY).id for subject in ("case:A/1", "case:A/2") for number in (1, 2)}) == 4


def test_an_event_survives_json():
    sent = CloudEvent.of("case:KEN/2026/0007", 12, BODY)
    assert CloudEvent.model_validate_json(sent.model_dump_json()) == sent


def test_an_attribute_the_engine_does_not_know_is_refused():
    with pytest.raises(ValidationError):
        CloudEvent.model_validate(CloudEvent.of("case:A/1", 1, BODY).model_dump() | {"priority": "high"})


APPLY = sorted((Path(__file__).resolve().parents[2] / "db" / "sql" / "apply").glob("*.sql"))
STATEMENTS = {
    name: body
    for path in APPLY
    for name, body in re.findall(r"^-- name: (\S+)\n(.*?)(?=^-- name: |\Z)", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_what_the_record_reads_of_an_event_stands_in_the_catalogue(name: str):
    read = set(re.findall(r"e\.d\s*->>?\s*'(\w+)'", STATEMENTS[name]))
    assert read <= set(EVENTS[name].keys)
