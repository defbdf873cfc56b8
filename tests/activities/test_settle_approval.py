"""Approval and signature settled against the rows: who may approve, what is signed, from when to when it runs."""

import copy
from datetime import date
from typing import Any

import pytest

from activities import activation
from db import content
from schemas.engine import Event, Opening, Recorded
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at, facts, rules, sha
from tests.activities.test_settle_review import MEMBERS, consolidate, convene, in_review, opinion
from tests.kept import kept

UMBRELLA = "umbrella:KE:P-KE-0001:KE-2023"
PARTNER = "partner:KE:P-KE-0001"
PCA = sha("the PCA")
REFUSAL: dict[str, Any] = {"comment": "c", "message_to_partner": "m", "reason_code": "budget"}


@kept
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


@kept
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


@kept
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


# On the fast path -----------------------------------------------------------------------------------------------------------------

COORDINATOR = ("mz.027", "global_emergency_coordinator")


async def aside(desk: Desk, first: str = "2026-03-17", last: str = "2026-04-30") -> None:
    """The head of office steps aside on these days."""
    who = {"actor": "mz.027", "role": "global_emergency_coordinator", "at": at("2026-03-12")}
    days = {"first": date.fromisoformat(first), "last": date.fromisoformat(last)}
    await activation.step_aside(desk.pool, "MOZ-L2-2026-01", **days, **who)


async def test_whoever_approves_names_every_check_that_is_postponed(desk: Desk) -> None:
    case = await fp.in_approval(desk)
    done = await fp.approve(desk, case, seen=["profile"])
    await fp.nothing_changed(desk, case, done, "deferrals_not_seen")
    assert "hact, psea" in done.findings[0].message
    assert "name all of it" in done.findings[0].next_step
    assert await desk.told(case, "approval.given") == []
    await fp.nothing_changed(desk, case, await fp.approve(desk, case, seen=[]), "deferrals_not_seen", attempts=2)
    fp.taken(await fp.approve(desk, case))


async def test_a_check_that_was_met_meanwhile_need_not_be_named(desk: Desk) -> None:
    case = await fp.in_approval(desk)
    await desk.pool.execute("UPDATE element SET source = 'own' WHERE subject = $1 AND element = 'psea'", fp.PARTNER)
    fp.taken(await fp.approve(desk, case, seen=["profile", "hact"]))


async def test_on_the_fast_path_the_head_of_office_approves_any_amount_and_the_regional_director_is_informed(desk: Desk) -> None:
    case = await fp.in_approval(desk)
    await desk.pool.execute('UPDATE "case" SET rate = 10 WHERE subject = $1', case)  # US$ 2,673,500.00
    fp.taken(await fp.approve(desk, case))
    assert await desk.told(case, "approval.informed") == [{"role": "regional_director", "amount_usd": "2673500.00"}]
    fp.taken(await fp.approve(desk, case, "pca", last=True))
    assert (await desk.case(case))["status"] == "in_signature", "it does not stop the case"


async def test_up_to_two_million_nobody_is_informed(desk: Desk) -> None:
    case = await fp.in_approval(desk)
    await desk.pool.execute('UPDATE "case" SET rate = 13.3675 WHERE subject = $1', case)  # US$ 2,000,000.00
    fp.taken(await fp.approve(desk, case))
    assert await desk.told(case, "approval.informed") == []


@pytest.mark.parametrize("what", ["document", "pca"])
async def test_while_the_head_of_office_has_stepped_aside_the_coordinator_approves(desk: Desk, what: str) -> None:
    case = await fp.in_approval(desk)
    await aside(desk)
    done = await fp.approve(desk, case, what)
    await fp.nothing_changed(desk, case, done, "step_aside_in_force")
    assert done.findings[0].next_step == "The global emergency coordinator decides."
    fp.taken(await fp.approve(desk, case, what, *COORDINATOR))
    (told,) = await desk.told(case, "approval.given")
    assert told["authority"] == "global_emergency_coordinator"


@pytest.mark.parametrize(("first", "last"), [("2026-03-18", "2026-04-30"), ("2026-03-12", "2026-03-16")], ids=["not_yet", "no_longer"])
async def test_outside_its_days_a_step_aside_changes_nothing(desk: Desk, first: str, last: str) -> None:
    case = await fp.in_approval(desk)
    await aside(desk, first, last)
    by_coordinator = await fp.approve(desk, case, "document", *COORDINATOR)
    assert by_coordinator.refused
    assert rules(by_coordinator.findings) <= {"wrong_role", "above_authority"}
    assert await desk.told(case, "approval.given") == []
    fp.taken(await fp.approve(desk, case))


@pytest.mark.parametrize(("first", "last"), [("2026-03-17", "2026-03-17")])
async def test_a_step_aside_counts_on_its_first_and_last_day(desk: Desk, first: str, last: str) -> None:
    case = await fp.in_approval(desk)
    await aside(desk, first, last)
    assert rules((await fp.approve(desk, case)).findings) == {"step_aside_in_force"}
    fp.taken(await fp.approve(desk, case, "document", *COORDINATOR))


async def test_the_coordinator_signs_for_the_office_while_the_head_has_stepped_aside(desk: Desk) -> None:
    case = await fp.in_signature(desk)
    await aside(desk, "2026-03-18")
    fp.taken(await fp.sign(desk, case, "partner", "2026-03-18"))
    head = await fp.sign(desk, case, "office", "2026-03-19", last=True)
    await fp.nothing_changed(desk, case, head, "step_aside_in_force")
    done = fp.taken(await fp.sign(desk, case, "office", "2026-03-19", last=True, actor=COORDINATOR[0], role=COORDINATOR[1]))
    assert done.left_out == []
    assert (await desk.case(case))["status"] == "signed"


async def test_without_a_step_aside_the_coordinator_signs_nothing(desk: Desk) -> None:
    case = await fp.in_signature(desk)
    done = await fp.sign(desk, case, "office", "2026-03-18", actor=COORDINATOR[0], role=COORDINATOR[1])
    await fp.nothing_changed(desk, case, done, "wrong_role")


async def test_who_accepted_on_the_partners_behalf_never_approves(desk: Desk) -> None:
    case = await fp.in_approval(desk)
    await fp.office(desk, "mz.001", [{"role": "focal_point"}, {"role": "head_of_office"}])
    await fp.nothing_changed(desk, case, await fp.approve(desk, case, actor="mz.001"), "recorder_approves")


async def test_who_recommended_alone_never_approves(desk: Desk) -> None:
    case = await fp.in_approval(desk)
    await fp.office(desk, "mz.017", [{"role": "head_of_office"}])
    await fp.nothing_changed(desk, case, await fp.approve(desk, case, actor="mz.017"), "reviewer_approves")


# The PCA is suspended, or whoever carries it leaves -------------------------------------------------------------------------------


async def suspended(desk: Desk, *, status: str = "suspended") -> None:
    await desk.pool.execute("UPDATE umbrella SET status = $2 WHERE subject = $1", fp.UMBRELLA, status)
    await desk.pool.execute(
        "INSERT INTO block (id, subject, scope, cause, since) VALUES ('s', $1, 'all', 'suspension', $2)", fp.UMBRELLA, at("2026-03-17")
    )


async def test_a_document_is_not_signed_under_a_suspended_pca(desk: Desk) -> None:
    """Bad input: a document signed under a suspended PCA."""
    case = await fp.in_signature(desk)
    await suspended(desk)
    done = await fp.sign(desk, case, "partner", "2026-03-18")
    assert "signature_blocked" in rules(done.findings)
    assert await desk.row("signature", case) is None
    assert (await desk.case(case))["status"] == "in_signature"
    assert len(await desk.told(case, "decision.refused")) == 1


async def test_a_pca_suspended_between_the_two_signatures_keeps_the_document_from_being_signed(desk: Desk) -> None:
    """Bad input: a document signed under a suspended PCA, its last signature."""
    case = await fp.in_signature(desk)
    fp.taken(await fp.sign(desk, case, "partner", "2026-03-18"))
    await suspended(desk)
    done = await fp.sign(desk, case, "office", "2026-03-19", last=True)
    assert "signature_blocked" in rules(done.findings)
    assert (await desk.case(case))["status"] == "in_signature"
    assert await desk.told(case, "document.signed") == []


async def test_a_second_document_is_not_signed_while_its_standing_pca_is_suspended(desk: Desk) -> None:
    """Bad input: a document signed under a suspended PCA; the PCA was signed with another document and suspended by people."""
    await fp.signed(desk)
    second = await fp.fast(desk, "C4")
    stored = [Event(type="document.version_stored", data={"version": 1, "side": "office"})]
    fp.taken(await desk.system(second, "document", "start", at("2026-03-19", "12:00"), stored))
    await desk.pool.execute("UPDATE \"case\" SET status = 'in_signature' WHERE subject = $1", second)
    said: dict[str, Any] = {**REFUSAL, "reason_code": "investigation", "data": {"scope": "all"}}
    event = Event(type="umbrella.suspended", take=["scope", "until"])
    who = ("mz.002", "partnership_manager")
    fp.taken(await desk.tell(fp.UMBRELLA, "suspend", *who, at("2026-03-20"), [event], stage="umbrella", **said))
    (task,) = await desk.open(second, "approval", at("2026-03-20", "11:00"), Opening(kind="sign_as_partner"))
    given = [
        {"object": name, "sha256": await fp.sha_of(desk, second), "signed_on": "2026-03-20", "method": "electronic"}
        for name in ("document", "data_processing")
    ]
    recorded = [Event(type="signature.recorded", data={"side": "partner"}, each="objects")]
    signer = ("mz.p01", "partner_authorised_officer")
    done = await desk.decide(task, *signer, "sign", at("2026-03-20", "12:00"), recorded, subject=second, data={"objects": given})
    await fp.nothing_changed(desk, second, done, "signature_blocked")
    assert done.findings[0].path.startswith(f"{fp.UMBRELLA}:suspension:")
    assert await desk.row("signature", second) is None


async def withdraw(desk: Desk, case: str, when: str) -> Recorded:
    events = [
        Event(type="case.status_changed", data={"to": "withdrawn", "trigger": "withdraw"}),
        Event(type="case.withdrawn", take=["reason"]),
    ]  # fmt: skip
    said = {"data": {"reason": "The area is out of reach."}}
    return await desk.tell(case, "withdraw", "mz.p01", "partner_authorised_officer", at(when, "09:59"), events, **said)


async def test_a_carrying_case_that_is_withdrawn_at_the_moment_of_signature_is_not_signed(desk: Desk) -> None:
    """Bad input: the carrying case withdrawn at the moment of signature; the withdrawal came first."""
    case = await fp.in_signature(desk)
    fp.taken(await fp.sign(desk, case, "partner", "2026-03-18"))
    fp.taken(await withdraw(desk, case, "2026-03-19"))
    done = await fp.sign(desk, case, "office", "2026-03-19", last=True)
    await fp.nothing_changed(desk, case, done, "case_closed")
    assert (await desk.case(case))["status"] == "withdrawn"
    umbrella = await desk.row("umbrella", fp.UMBRELLA)
    assert umbrella is not None
    assert umbrella["status"] != "signed"


async def test_a_case_that_was_signed_at_the_moment_of_its_withdrawal_stays_signed(desk: Desk) -> None:
    """Bad input: the carrying case withdrawn at the moment of signature; the signature came first."""
    case = await fp.signed(desk)
    done = await withdraw(desk, case, "2026-03-19")
    await fp.nothing_changed(desk, case, done, "not_allowed", what="message")
    assert (await desk.case(case))["status"] == "signed"


async def test_when_the_carrier_is_withdrawn_the_next_case_of_the_partner_carries_the_pca(desk: Desk) -> None:
    """Bad input: the carrying case withdrawn at the moment of signature; nothing that waits for the PCA is lost."""
    case = await fp.in_signature(desk)
    second = await fp.fast(desk, "C4")
    fp.taken(await fp.sign(desk, case, "partner", "2026-03-18"))
    fp.taken(await withdraw(desk, case, "2026-03-19"))
    umbrella = await desk.row("umbrella", fp.UMBRELLA)
    assert umbrella is not None
    assert (umbrella["status"], umbrella["carrier"]) == ("draft", second)
    assert (await desk.begin(second, "approval", at("2026-03-19", "11:00")))["carried"] is True
    late = await fp.sign(desk, case, "office", "2026-03-19", last=True)
    await fp.nothing_changed(desk, case, late, "case_closed")
