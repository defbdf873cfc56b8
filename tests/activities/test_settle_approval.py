"""Approval and signature settled against the rows: who may approve, what is signed, from when to when it runs."""

import copy
from typing import Any

import pytest

from db import content
from schemas.engine import Event, Opening, Recorded
from tests.activities.desk import Desk, at, facts, rules, sha
from tests.activities.test_settle_review import MEMBERS, consolidate, convene, in_review, opinion

UMBRELLA = "umbrella:KE:P-KE-0001:KE-2023"
PARTNER = "partner:KE:P-KE-0001"
PCA = sha("the PCA")
REFUSAL: dict[str, Any] = {"comment": "c", "message_to_partner": "m", "reason_code": "budget"}


async def in_approval(desk: Desk, verdict: str = "recommend", conditions: list[dict[str, str]] | None = None) -> str:
    """The case of C1 after its committee, which recommends it (or not)."""
    case, task = await in_review(desk)
    done = await convene(desk, case, task, MEMBERS)
    for opened in done.tasks:
        assert not (await opinion(desk, case, opened)).refused
    data: dict[str, Any] = {"conditions": conditions} if conditions else {}
    if conditions or verdict != "recommend":
        data["departs_because"] = "caution"
    done = await consolidate(desk, case, "recommend_with_conditions" if conditions else verdict, **data)
    assert not done.refused, done.findings
    return case


async def approve(
    desk: Desk, case: str, what: str, actor: str, role: str, *, last: bool = False, when: str = "2026-04-01", **said: Any
) -> Recorded:
    kind = f"approve_{what}"
    (task,) = await desk.open(case, "approval", at(when, "07:00"), Opening(kind=kind))
    events = [Event(type="approval.given", data={"object": what, "round": 1}, take=["conditions", "deferrals_seen"])]
    if last:
        events.append(Event(type="case.status_changed", data={"to": "in_signature", "trigger": "approve"}))
    await desk.screen(case, at(when, "07:30"), "before_approval")
    return await desk.decide(task, actor, role, "approve", at(when), events, subject=case, **said)


async def in_signature(desk: Desk, conditions: list[dict[str, str]] | None = None) -> str:
    case = await in_approval(desk, conditions=conditions)
    first = await approve(desk, case, "document", "ke.006", "authorised_officer")
    assert not first.refused, first.findings
    second = await approve(desk, case, "pca", "ke.008", "head_of_office", last=True)
    assert not second.refused, second.findings
    return case


async def objects(desk: Desk, case: str, day: str, **changed: Any) -> list[dict[str, Any]]:
    """What each side of C1 signs: the PCA and the document."""
    document = {"object": "document", "sha256": (await desk.case(case))["document_sha256"], "signed_on": day, "method": "electronic"}
    return [{"object": "pca", "sha256": PCA, "signed_on": day, "method": "electronic"}, document | changed]


def signing(optional: str = "signed") -> list[Event]:
    return [
        Event(type="umbrella.signed", subject=UMBRELLA, optional=optional),
        Event(type="document.signed", optional=optional),
        Event(type="case.status_changed", data={"to": "signed", "trigger": "last_signature"}, optional=optional),
    ]


async def sign(
    desk: Desk,
    case: str,
    side: str,
    day: str,
    given: list[dict[str, Any]] | None = None,
    *,
    last: bool = False,
    actor: str = "",
    role: str = "",
) -> Recorded:
    kind = {"partner": "sign_as_partner", "office": "sign_for_office"}[side]
    who = {"partner": ("ke.p01", "partner_authorised_officer"), "office": ("ke.008", "head_of_office")}[side]
    (task,) = await desk.open(case, "approval", at("2026-04-01", "14:00"), Opening(kind=kind))
    events = [Event(type="signature.recorded", data={"side": side}, each="objects"), *(signing() if last else [])]
    data = {"objects": given if given is not None else await objects(desk, case, day)}
    return await desk.decide(task, actor or who[0], role or who[1], "sign", at(day, "12:00"), events, subject=case, data=data)


async def signed(desk: Desk, conditions: list[dict[str, str]] | None = None) -> str:
    """C1, signed by both sides."""
    case = await in_signature(desk, conditions)
    first = await sign(desk, case, "partner", "2026-04-07")
    assert not first.refused, first.findings
    second = await sign(desk, case, "office", "2026-04-09", last=True)
    assert not second.refused, second.findings
    assert second.left_out == [], second.findings
    return case


async def test_the_first_approval_leaves_the_case_and_the_last_moves_it(desk: Desk) -> None:
    case = await in_approval(desk)
    assert not (await approve(desk, case, "document", "ke.006", "authorised_officer")).refused
    assert (await desk.case(case))["status"] == "in_approval"
    done = await approve(desk, case, "pca", "ke.008", "head_of_office", last=True)
    assert (done.findings, (await desk.case(case))["status"]) == ([], "in_signature")
    given = await desk.told(case, "approval.given")
    assert [(one["object"], one["authority"], one["amount_usd"]) for one in given] == [
        ("document", "authorised_officer", "467300.85"),
        ("pca", "head_of_office", "467300.85"),
    ]


async def test_the_pca_is_the_head_of_offices(desk: Desk) -> None:
    case = await in_approval(desk)
    done = await approve(desk, case, "pca", "ke.006", "authorised_officer")
    assert rules(done.findings) & {"above_authority", "wrong_role"}


async def test_against_a_negative_recommendation_the_next_higher_authority_decides_with_a_reason(desk: Desk) -> None:
    case = await in_approval(desk, "not_recommend")
    done = await approve(desk, case, "document", "ke.006", "authorised_officer")
    assert rules(done.findings) == {"above_authority", "against_recommendation"}
    done = await approve(desk, case, "document", "ke.008", "head_of_office", comment="The need is urgent.")
    assert not done.refused, done.findings


async def test_nobody_approves_while_a_condition_before_approval_is_open(desk: Desk) -> None:
    case = await in_approval(desk, conditions=[{"text": "Site list", "owner_role": "focal_point", "gate": "before_approval"}])
    done = await approve(desk, case, "document", "ke.006", "authorised_officer")
    assert rules(done.findings) == {"conditions_before_approval"}


async def test_nobody_approves_on_an_old_screening(desk: Desk) -> None:
    case = await in_approval(desk)
    (task,) = await desk.open(case, "approval", at("2026-06-01", "07:00"), Opening(kind="approve_document"))
    event = Event(type="approval.given", data={"object": "document", "round": 1})
    done = await desk.decide(task, "ke.006", "authorised_officer", "approve", at("2026-06-01"), [event], subject=case)
    assert rules(done.findings) == {"screening_not_fresh"}


async def test_the_approvers_conditions_become_conditions_of_the_case_without_their_text(desk: Desk) -> None:
    case = await in_approval(desk)
    conditions = [
        {"text": "Supervision plan agreed", "owner_role": "focal_point", "gate": "before_cash"},
        {"text": "District list", "owner_role": "focal_point", "gate": "by_date", "due": "2026-05-29"},
    ]
    done = await approve(desk, case, "document", "ke.006", "authorised_officer", data={"conditions": conditions})
    assert not done.refused, done.findings
    told = await desk.told(case, "condition.set")
    assert [(one["gate"], one["set_by"], one["text_sha256"]) for one in told] == [
        ("before_cash", "ke.006", sha("Supervision plan agreed")),
        ("by_date", "ke.006", sha("District list")),
    ]
    obligation = await desk.row("obligation", case, kind="approval_condition")
    assert obligation is not None
    assert obligation["due_at"] == at("2026-05-29", "14:00")
    assert [start.workflow for start in done.starts] == ["Obligations"]
    assert "Supervision" not in str(await desk.told(case, "approval.given"))


async def test_a_return_names_the_round_and_how_much_is_asked_for(desk: Desk) -> None:
    case = await in_approval(desk)
    (task,) = await desk.open(case, "approval", at("2026-04-01", "07:00"), Opening(kind="approve_document"))
    events = [
        Event(type="approval.returned", data={"object": "document"}, take=["items"]),
        Event(type="document.unlocked", data={"why": "return"}),
        Event(type="case.status_changed", data={"to": "drafting", "trigger": "return"}),
    ]
    done = await desk.decide(
        task, "ke.006", "authorised_officer", "return", at("2026-04-01"), events, subject=case, data={"items": ["a", "b"]}, **REFUSAL
    )
    assert not done.refused, done.findings
    assert await desk.told(case, "approval.returned") == [{"object": "document", "round": 1, "items": 2}]


async def test_both_sides_sign_pca_and_document_and_the_later_signature_counts(desk: Desk) -> None:
    case = await signed(desk)
    row = await desk.case(case)
    assert (row["status"], str(row["signed_on"]), str(row["start_on"]), str(row["end_on"])) == (
        "signed",
        "2026-04-09",
        "2026-06-01",
        "2027-11-30",
    )
    umbrella = await desk.row("umbrella", UMBRELLA)
    assert umbrella is not None
    assert (umbrella["status"], str(umbrella["start_on"]), str(umbrella["end_on"]), umbrella["officers"]) == (
        "signed",
        "2026-04-09",
        "2027-12-31",
        ["ke.p01", "ke.p02"],
    )
    authorised = await desk.row("authorised", case)
    assert authorised is not None
    assert (str(authorised["amount"]), str(authorised["drawn"])) == ("53072000.00", "0.00")
    assert await desk.pool.fetchval("SELECT count(*) FROM period WHERE subject = $1", case) == 6
    (told,) = await desk.told(case, "document.signed")
    assert told["days_a"] == 38


async def test_a_side_signs_all_its_objects_at_once(desk: Desk) -> None:
    case = await in_signature(desk)
    given = (await objects(desk, case, "2026-04-07"))[1:]
    done = await sign(desk, case, "partner", "2026-04-07", given)
    assert rules(done.findings) == {"objects_missing"}


async def test_every_fault_of_a_signature_is_told_at_once(desk: Desk) -> None:
    case = await in_signature(desk)
    given = await objects(desk, case, "2026-04-08", sha256=sha("another text"), signed_by="ke.p03")
    given[0]["signed_on"] = "2026-03-02"
    done = await sign(desk, case, "partner", "2026-04-07", given)
    assert rules(done.findings) == {"other_hash", "signed_in_future", "officer_not_listed", "back_dated"}


async def test_the_focal_point_records_a_signed_file_naming_who_signed(desk: Desk) -> None:
    case = await in_signature(desk)
    given = [item | {"signed_by": "ke.p02", "method": "scan"} for item in await objects(desk, case, "2026-04-07")]
    done = await sign(desk, case, "partner", "2026-04-07", given, actor="ke.001", role="focal_point")
    assert not done.refused, done.findings
    row = await desk.row("signature", case, object="document")
    assert row is not None
    assert (row["signed_by"], row["recorded_by"], row["method"]) == ("ke.p02", "ke.001", "scan")


async def test_flags_ask_for_more_to_be_signed_unless_it_is_annexed(desk: Desk) -> None:
    case = await in_signature(desk)
    changed = copy.deepcopy(facts("C1")["document"])
    changed["flags"] = {"personal_data": True}
    digest = (await content.put(desk.pool, changed)).sha256
    await desk.pool.execute('UPDATE "case" SET document_sha256 = $2 WHERE subject = $1', case, digest)
    done = await sign(desk, case, "partner", "2026-04-07")
    assert rules(done.findings) == {"objects_missing"}
    both = [
        *await objects(desk, case, "2026-04-07"),
        {"object": "data_processing", "sha256": PCA, "signed_on": "2026-04-07", "method": "scan"},
    ]
    done = await sign(desk, case, "partner", "2026-04-07", both)
    assert not done.refused, done.findings


async def test_an_object_is_signed_once_a_side_and_a_stop_bars_every_signature(desk: Desk) -> None:
    case = await in_signature(desk)
    await desk.pool.execute(
        "INSERT INTO block (id, subject, scope, cause, since) VALUES ('x', $1, 'signature', 'an obligation', $2)", PARTNER, at("2026-04-01")
    )
    twice = await objects(desk, case, "2026-04-07")
    done = await sign(desk, case, "partner", "2026-04-07", [*twice, twice[0]])
    assert rules(done.findings) == {"object_not_to_sign", "signature_blocked"}


async def test_for_the_office_nobody_signs_in_anothers_name(desk: Desk) -> None:
    case = await in_signature(desk)
    given = [item | {"signed_by": "ke.006"} for item in await objects(desk, case, "2026-04-07")]
    assert rules((await sign(desk, case, "office", "2026-04-07", given)).findings) == {"officer_not_listed"}


async def test_nothing_is_signed_by_itself_while_a_side_has_not_signed(desk: Desk) -> None:
    case = await in_signature(desk)
    await sign(desk, case, "partner", "2026-04-07")
    done = await desk.system(case, "approval", "signed", at("2026-04-08"), signing(""))
    assert rules(done.findings) >= {"both_signatures"}
    alone = await desk.system(case, "approval", "alone", at("2026-04-08"), [Event(type="document.signed")])
    assert rules(alone.findings) == {"signature_missing", "umbrella_signed"}


async def test_both_sides_sign_the_same_pca(desk: Desk) -> None:
    case = await in_signature(desk)
    await sign(desk, case, "partner", "2026-04-07")
    given = await objects(desk, case, "2026-04-09")
    given[0]["sha256"] = sha("another PCA")
    done = await sign(desk, case, "office", "2026-04-09", given, last=True)
    assert rules(done.findings) == {"other_hash"}


async def test_a_condition_before_signature_keeps_both_sides_from_signing(desk: Desk) -> None:
    case = await in_signature(desk, [{"text": "District list", "owner_role": "focal_point", "gate": "before_signature"}])
    done = await sign(desk, case, "partner", "2026-04-07")
    assert rules(done.findings) == {"conditions_before_signature"}


async def test_the_last_signature_waits_for_a_confirmed_account_and_signs_by_itself_then(desk: Desk) -> None:
    case = await in_signature(desk)
    await sign(desk, case, "partner", "2026-04-07")
    gone = await desk.system(
        PARTNER, "vetting", "gone", at("2026-04-08"), [Event(type="vendor.account_changed", data={"result": "refused"})]
    )
    assert not gone.refused, gone.findings
    done = await sign(desk, case, "office", "2026-04-09", last=True)
    assert (done.refused, done.left_out) == (False, ["signed"])
    assert "vendor_confirmed" in rules(done.findings)
    assert (await desk.case(case))["status"] == "in_signature"
    vendor = {"vendor_number": "2500317", "account_ref": "ACC-KE-7731", "account_hash": "h", "currency": "KES", "bank_country": "KE"}
    await desk.system(
        PARTNER,
        "vetting",
        "back",
        at("2026-04-10"),
        [
            Event(type="vendor.account_changed", data=vendor | {"result": "change_asked"}),
            Event(type="vendor.confirmed", data=vendor | {"source": "intake"}),
        ],
    )
    await desk.screen(case, at("2026-04-10"), "before_last_signature")
    late = await desk.system(case, "approval", "signed", at("2026-04-10", "12:00"), signing(""))
    assert not late.refused, late.findings
    assert (await desk.case(case))["status"] == "signed"


async def test_a_signature_by_email_owes_the_original(desk: Desk) -> None:
    case = await in_signature(desk)
    by_mail = [item | {"method": "email"} for item in await objects(desk, case, "2026-04-07")]
    assert not (await sign(desk, case, "partner", "2026-04-07", by_mail)).refused
    done = await sign(desk, case, "office", "2026-04-09", last=True)
    assert not done.refused, done.findings
    row = await desk.row("obligation", case, kind="signed_original")
    assert row is not None
    assert row["due_at"].date().isoformat() == "2026-05-09"


async def test_what_the_stage_begins_with_says_who_carries_the_pca(desk: Desk) -> None:
    case = await in_approval(desk)
    assert await desk.begin(case, "approval", at("2026-04-01")) == {"carried": True, "umbrella": UMBRELLA}


@pytest.mark.parametrize("day", ["2026-07-15"])
async def test_a_late_signature_moves_the_start_and_keeps_the_end(desk: Desk, day: str) -> None:
    case = await in_signature(desk)
    await sign(desk, case, "partner", "2026-04-07")
    await desk.screen(case, at(day, "07:00"), "before_last_signature")
    done = await sign(desk, case, "office", day, last=True)
    assert not done.refused, done.findings
    row = await desk.case(case)
    assert (str(row["start_on"]), str(row["end_on"])) == (day, "2027-11-30")
