"""Rows of the peers' acceptance list (eTools, UNPP) that only the record can show, each by its number; docs/acceptance.md says which.

What the rules alone decide is in tests/policy/test_acceptance.py. Where our answer differs from the peers', the test says ours.
"""

import copy
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from activities import versions
from activities.intake import Refused, Taken, read, take
from policy import document, signature
from schemas.engine import Batch, Event, Opening, Recorded
from schemas.messages import Message
from schemas.payloads import SetUpVendor
from tests.acceptance.attempts import approved, in_review, signed, undone
from tests.activities import test_settle_cash as money
from tests.activities import test_settle_document as drafts
from tests.activities import test_settle_review as review
from tests.activities.desk import EXAMPLES, Desk, at, facts, rules
from tests.activities.test_screen import listed
from tests.activities.test_settle_approval import PARTNER, UMBRELLA, approve, in_approval, in_signature, objects, sign
from tests.activities.test_settle_case import activate, made
from tests.activities.test_settle_vetting import LB, cleared, conclude, vetted
from tests.policy.facts import STANDARD, raw_document
from tests.policy.facts import intake as plain_intake

SAID = {"comment": "c", "message_to_partner": "m", "reason_code": "other"}


def another(**changes: Any) -> dict[str, Any]:
    """A second submission like C1."""
    return facts("C1") | {"source_reference": "another", "reference": "KEN/2026/0099", "submitted_on": "2026-02-23"} | changes


# A. Vetting ---------------------------------------------------------------------------------------------------------------------------


def test_a15_a_vendor_is_not_set_up_without_its_number_or_its_name() -> None:
    whole = {
        "vendor_number": "1",
        "account_ref": "A",
        "account_holder": "N",
        "currency": "KES",
        "bank_country": "KE",
        "checked_how": "letter",
    }
    SetUpVendor.model_validate(whole)
    for name in ("vendor_number", "account_holder"):
        with pytest.raises(ValidationError, match=name):
            SetUpVendor.model_validate({key: value for key, value in whole.items() if key != name})


async def test_a16_a_partner_that_is_blocked_gets_no_signature_and_no_cash_and_its_people_are_heard_no_more(desk: Desk) -> None:
    case = await in_signature(desk)
    statement = "INSERT INTO block (id, subject, scope, cause, since) VALUES ('b', $1, 'all', 'vendor_block', $2)"
    async with undone(desk) as (attempt, conn):
        await conn.execute(statement, PARTNER, at("2026-04-02"))
        done = await sign(attempt, case, "partner", "2026-04-07")
        assert rules(done.findings) == {"signature_blocked"}
    await desk.pool.execute("UPDATE submission SET facts = jsonb_set(facts, '{partner,officers}', '[]'), facts_sha256 = 'x'")
    assert rules((await sign(desk, case, "partner", "2026-04-07")).findings) & {"unknown_actor", "wrong_role"}


@pytest.mark.parametrize(("expires", "told"), [("2027-06-30", 1), ("2027-12-31", 0)])
async def test_a18_an_assessment_is_owed_anew_only_where_a_live_document_outlasts_it(desk: Desk, expires: str, told: int) -> None:
    intake = facts("C1")
    intake["partner"]["registration"]["expires_on"] = expires
    await signed(desk, intake)
    rows = await desk.pool.fetch("SELECT id FROM obligation WHERE kind = 'assessment_renewal'")
    assert len(rows) == told


# B. PCA -------------------------------------------------------------------------------------------------------------------------------


async def test_b1_a_second_pca_of_the_same_partner_and_programme_is_refused(desk: Desk) -> None:
    await in_signature(desk)
    for state in ("draft", "signed", "suspended"):
        await desk.pool.execute("UPDATE umbrella SET status = $1", state)
        refused = await take(desk.pool, another(instrument="pca_with_document"), at=at("2026-02-23"))
        assert isinstance(refused, Refused)
        assert {finding.rule for finding in refused.findings if finding.severity == "refusal"} == {"pca_exists"}
    taken = await take(desk.pool, another(), at=at("2026-02-23"))
    assert isinstance(taken, Taken), "and without asking for one it goes under the PCA that stands"


async def test_b6_a_pca_is_not_terminated_without_its_document(desk: Desk) -> None:
    await signed(desk, facts("C1"))
    bare = await desk.system(UMBRELLA, "umbrella", "end", at("2026-06-01"), [Event(type="umbrella.terminated")])
    assert rules(bare.findings) == {"termination_document"}
    event = Event(type="umbrella.terminated", data={"document_sha256": "0" * 64, "ground": "breach"})
    assert not (await desk.system(UMBRELLA, "umbrella", "end", at("2026-06-01"), [event])).refused


@pytest.mark.parametrize("side", ["partner", "office"])
async def test_b9_g6_a_signature_dated_tomorrow_is_refused(desk: Desk, side: str) -> None:
    case = await in_signature(desk)
    for which in ((0,), (1,), (0, 1)):  # the PCA, the document, both
        async with undone(desk) as (attempt, _):
            given = await objects(desk, case, "2026-04-07")
            for index in which:
                given[index]["signed_on"] = "2026-04-08"
            done = await sign(attempt, case, side, "2026-04-07", given)
            assert rules(done.findings) == {"signed_in_future"}
            assert len(done.findings) == len(which)


async def test_b10_an_intake_without_a_country_programme_is_refused(desk: Desk) -> None:
    intake = another()
    del intake["programme"]
    refused = await take(desk.pool, intake, at=at("2026-02-23"))
    assert isinstance(refused, Refused)
    assert [finding.path for finding in refused.findings] == ["$.programme"]


@pytest.mark.parametrize(
    ("actor", "role"), [("ke.002", "partnership_manager"), ("ke.001", "focal_point"), ("ke.006", "authorised_officer")]
)
async def test_b12_a_pca_is_approved_by_the_head_of_office_and_by_nobody_else(desk: Desk, actor: str, role: str) -> None:
    case = await in_approval(desk)
    done = await approve(desk, case, "pca", actor, role)
    assert rules(done.findings) & {"wrong_role", "above_authority"}
    assert await desk.told(case, "approval.given") == []


@pytest.mark.parametrize(
    ("actor", "role"), [("ke.006", "authorised_officer"), ("ke.001", "focal_point"), ("ke.p01", "partner_authorised_officer")]
)
async def test_b13_only_the_head_of_office_signs_for_the_office(desk: Desk, actor: str, role: str) -> None:
    case = await in_signature(desk)
    done = await sign(desk, case, "office", "2026-04-07", actor=actor, role=role)
    assert "wrong_role" in rules(done.findings)
    assert await desk.told(UMBRELLA, "signature.recorded") == []


async def test_b15_a_suspended_pca_stops_every_document_under_it_and_lifting_it_lets_them_go_on(desk: Desk) -> None:
    case = await money.checked(desk, await money.active(desk))
    event = Event(type="umbrella.suspended", take=["scope", "until"])
    said = SAID | {"data": {"scope": "all"}, "stage": "umbrella"}
    done = await desk.tell(UMBRELLA, "suspend", "ke.002", "partnership_manager", at("2026-05-30"), [event], **said)
    assert not done.refused, done.findings
    assert done.look_again == ["pca.KE.KEN-2026-0007"]
    assert {"blocked", "pca_not_signed"} <= rules((await money.release(desk, case)).findings)
    assert (await desk.case(case))["status"] == "active", "a stop stands beside the status, it does not replace it"
    lift = Event(type="umbrella.lifted", take=["block"])
    done = await desk.tell(
        UMBRELLA, "lift", "ke.008", "head_of_office", at("2026-05-31"), [lift], comment="Settled", data={}, stage="umbrella"
    )
    assert not done.refused, done.findings
    assert not (await money.release(desk, case)).refused


async def test_b16_a_programme_that_moves_leaves_a_signed_pca_as_it_was_signed(desk: Desk) -> None:
    await signed(desk, facts("C1"))
    text = (EXAMPLES / "offices" / "KE.toml").read_text()
    raw = versions.tomllib.loads(text.replace("end = 2027-12-31", "end = 2028-12-31").replace('version = "2026-01"', 'version = "moved"'))
    await versions.load_office(desk.pool, raw)
    umbrella = await desk.row("umbrella", UMBRELLA)
    assert umbrella is not None
    assert umbrella["end_on"] == date(2027, 12, 31), "longer is an amendment that both sign"


async def test_b22_a_pca_ends_by_itself_once_its_programme_is_over_and_not_a_day_before(desk: Desk) -> None:
    await signed(desk, facts("C1"))
    ended = [Event(type="umbrella.ended")]
    async with undone(desk) as (attempt, conn):
        await conn.execute("UPDATE umbrella SET status = 'draft'")
        assert rules((await attempt.system(UMBRELLA, "umbrella", "end", at("2028-01-01"), ended)).findings) == {"not_allowed"}
    early = await desk.system(UMBRELLA, "umbrella", "end", at("2027-12-31", "20:59"), ended)
    assert rules(early.findings) == {"programme_over"}
    assert not (await desk.system(UMBRELLA, "umbrella", "end", at("2027-12-31", "21:00"), ended)).refused


# C. Document --------------------------------------------------------------------------------------------------------------------------


async def office_turn(desk: Desk, case: str, actor: str, role: str, nth: int = 1, day: str = "2026-03-02") -> Recorded:
    """The office's move: the version that stands goes to the partner."""
    (task,) = await desk.open(case, "document", at("2026-03-02", "07:00"), Opening(kind="office_turn", whom=f"turn-{nth}"))
    event = Event(type="document.sent", take=["version", "sha256"])
    row = await desk.case(case)
    data = {"version": row["document_version"], "sha256": row["document_sha256"]}
    return await desk.decide(task, actor, role, "send_to_partner", at(day), [event], subject=case, data=data)


@pytest.mark.parametrize(
    ("actor", "role", "rule"),
    [
        ("ke.p03", "partner_focal_point", "wrong_role"),
        ("ke.p03", "focal_point", "unknown_actor"),
        ("nobody", "focal_point", "unknown_actor"),
    ],
)
async def test_c2_the_partner_and_strangers_write_no_document_of_the_office(desk: Desk, actor: str, role: str, rule: str) -> None:
    case = await drafts.drafting(desk)
    assert rules((await office_turn(desk, case, actor, role)).findings) == {rule}
    assert await desk.told(case, "document.sent") == []


async def test_c5_a_document_under_a_pca_needs_one_that_stands(desk: Desk) -> None:
    refused = await take(desk.pool, another(instrument="document_under_pca"), at=at("2026-02-23"))
    assert isinstance(refused, Refused)
    assert rules(refused.findings) == {"no_pca"}


def test_c15_a_document_is_not_shortened_below_the_periods_that_its_activities_use() -> None:
    shortened = plain_intake(document={"end": "2026-08-31"}).document
    assert set(rules(document.content(shortened, "simplified", STANDARD))) == {"activity_outside_document"}


async def test_c18_the_partner_writes_in_its_own_court_only_and_never_once_it_is_submitted(desk: Desk) -> None:
    case = await drafts.drafting(desk)
    row = await desk.case(case)
    data = {"version": row["document_version"], "sha256": row["document_sha256"], "changes": "see remarks"}
    event = Event(type="document.returned", take=["version", "sha256"])
    who = ("ke.p03", "partner_focal_point")
    (theirs,) = await desk.open(case, "document", at("2026-03-02", "07:00"), Opening(kind="office_turn", whom="turn-1"))
    done = await desk.decide(theirs, *who, "accept", at("2026-03-02"), subject=case, data={"sha256": data["sha256"]})
    assert rules(done.findings) == {"wrong_role"}
    (own,) = await desk.open(case, "document", at("2026-03-02", "07:00"), Opening(kind="partner_turn", whom="turn-2"))
    accepted = Event(type="document.accepted", data={"side": "partner"}, take=["sha256"])
    for status in ("in_review", "in_approval", "in_signature", "signed", "active", "ended"):
        async with undone(desk) as (attempt, conn):
            await conn.execute('UPDATE "case" SET status = $1', status)
            for verdict, told in (("return_to_office", event), ("accept", accepted)):
                said = {"data": data if verdict == "return_to_office" else {"sha256": data["sha256"]}}
                done = await attempt.decide(own, *who, verdict, at("2026-06-02"), [told], subject=case, **said)
                assert rules(done.findings) == {"not_drafting"}, "even where a task was left open"
    assert not (await desk.decide(own, *who, "return_to_office", at("2026-03-02"), [event], subject=case, data=data)).refused


def test_c20_one_document_has_no_output_and_no_line_twice() -> None:
    raw = raw_document()
    raw["outputs"].append(copy.deepcopy(raw["outputs"][0]))
    raw["support_cost"] = {}
    found = document.content(plain_intake(document=raw).document, "simplified", STANDARD)
    assert [finding.path for finding in found if finding.rule == "named_twice"] == [
        "$.document.outputs[2].id",
        "$.document.outputs[2].activities[0].id",
    ]


async def correct(desk: Desk, case: str, actor: str, role: str, fields: dict[str, str]) -> Recorded:
    (task,) = await desk.open(case, "review", at("2026-03-03", "11:00"), Opening(kind="prepare_review"))
    event = Event(type="review.corrected", take=["fields"])
    return await desk.decide(
        task, actor, role, "correct_clerical", at("2026-03-04"), [event], subject=case, keep_open=True, comment="c", data={"fields": fields}
    )


async def test_c23_a_title_is_corrected_by_the_secretary_only_and_the_attempt_of_another_is_told(desk: Desk) -> None:
    case = await in_review(desk, facts("C1"))
    before = (await desk.case(case))["document_sha256"]
    assert rules((await correct(desk, case, "ke.001", "focal_point", {"title": "New"})).findings) == {"wrong_role"}
    assert (await desk.case(case))["document_sha256"] == before
    (told,) = await desk.told(case, "decision.refused")
    assert told["rules"] == ["wrong_role"]


@pytest.mark.parametrize("fields", [{"currency": "USD"}, {"modalities[0]": "direct_payment"}, {"document_type": "simplified"}])
async def test_c24_neither_currency_nor_modality_nor_type_changes_once_both_have_accepted(desk: Desk, fields: dict[str, str]) -> None:
    case = await in_review(desk, facts("C1"))
    assert rules((await correct(desk, case, "ke.004", "committee_secretary", fields)).findings) & {"not_clerical", "no_such_field"}


# D. Reports ---------------------------------------------------------------------------------------------------------------------------


async def test_d2_a_document_that_names_no_reports_owes_one_for_each_paid_quarter(desk: Desk) -> None:
    assert "reporting" not in facts("C1")["document"]
    case = await money.paid(desk)
    assert await desk.pool.fetchval("SELECT count(*) FROM period WHERE subject = $1", case) == 6
    row = await desk.row("report", case)
    assert row is not None
    assert (row["period"], row["due"], row["state"]) == (1, date(2026, 8, 31), "due")


# E. Acceptance and courts -------------------------------------------------------------------------------------------------------------


async def test_e2_the_partner_accepts_once_and_the_case_stays_a_draft(desk: Desk) -> None:
    case = await drafts.drafting(desk)
    digest = await drafts.standing(desk, case)
    assert not (await drafts.accept(desk, case, "partner", 1, digest)).refused
    row = await desk.case(case)
    assert (row["status"], row["first_partner_act"]) == ("drafting", at("2026-03-02"))
    task = await desk.task(case, "partner_turn", "turn-1", stage="document")
    event = Event(type="document.accepted", data={"side": "partner"}, take=["sha256"])
    again = await desk.decide(
        task, "ke.p03", "partner_focal_point", "accept", at("2026-03-03"), [event], subject=case, data={"sha256": digest}
    )
    assert rules(again.findings) == {"task_closed"}


async def test_e3_on_the_standard_track_nobody_accepts_on_the_partners_behalf(desk: Desk) -> None:
    case = await drafts.drafting(desk)
    (task,) = await desk.open(case, "document", at("2026-03-02", "07:00"), Opening(kind="office_turn", whom="turn-1"))
    done = await desk.decide(task, "ke.001", "focal_point", "accept_on_behalf", at("2026-03-20"), subject=case, comment="c")
    assert rules(done.findings) == {"wrong_verdict"}


async def test_e5_e6_after_a_return_both_accept_again_and_the_first_day_stays(desk: Desk) -> None:
    case, tasks = await review.convened(desk)
    for member in ("ke.016", "ke.017", "ke.018"):
        await review.opinion(desk, case, tasks[member], "return")
    done = await review.consolidate(desk, case, "return", items=["Baseline"])
    assert not done.refused, done.findings
    assert await desk.row("acceptance", case) is None
    digest = await drafts.standing(desk, case)
    for side, nth in (("partner", 3), ("office", 4)):
        assert not (await drafts.accept(desk, case, side, nth, digest, when="2026-03-12")).refused
    row = await desk.case(case)
    assert (row["status"], row["first_partner_act"]) == ("drafting", at("2026-03-02"))


async def test_e8_a_turn_is_given_away_once(desk: Desk) -> None:
    case = await drafts.drafting(desk)
    assert not (await office_turn(desk, case, "ke.001", "focal_point")).refused
    task = await desk.task(case, "office_turn", "turn-1", stage="document")
    row = await desk.case(case)
    data = {"version": row["document_version"], "sha256": row["document_sha256"]}
    again = await desk.decide(task, "ke.001", "focal_point", "send_to_partner", at("2026-03-03"), subject=case, data=data)
    assert rules(again.findings) == {"task_closed"}
    assert len(await desk.told(case, "document.sent")) == 1


# F. Review ----------------------------------------------------------------------------------------------------------------------------


async def test_f3_a_document_that_only_one_side_accepted_is_not_submitted(desk: Desk) -> None:
    case = await drafts.drafting(desk)
    await drafts.accept(desk, case, "partner", 1, await drafts.standing(desk, case))
    (task,) = await desk.open(case, "document", at("2026-03-02", "11:00"), Opening(kind="submit_for_review", whom="turn-1"))
    said = {"data": {"no_double_funding": True}}
    done = await desk.decide(task, "ke.003", "budget_owner", "submit", at("2026-03-03"), drafts.SUBMISSION, subject=case, **said)
    assert rules(done.findings) == {"same_hash_accepted"}
    assert await desk.row("review", case) is None


async def test_f4_a_submission_gives_one_review_of_the_kind_that_the_amount_says(desk: Desk) -> None:
    case = await in_review(desk, facts("C1"))
    row = await desk.case(case)
    assert (row["status"], row["review_submitted_at"]) == ("in_review", at("2026-03-03"))
    made_of = await desk.pool.fetch("SELECT round, kind FROM review WHERE subject = $1", case)
    assert [tuple(one) for one in made_of] == [(1, "committee")]
    task = await desk.task(case, "submit_for_review", "turn-2", stage="document")
    said = {"data": {"no_double_funding": True}}
    again = await desk.decide(task, "ke.003", "budget_owner", "submit", at("2026-03-04"), drafts.SUBMISSION, subject=case, **said)
    assert rules(again.findings) == {"task_closed"}


async def test_f6_a_document_submitted_again_has_a_second_review_and_the_first_is_kept(desk: Desk) -> None:
    case, tasks = await review.convened(desk)
    for member in ("ke.016", "ke.017", "ke.018"):
        await review.opinion(desk, case, tasks[member], "return")
    await review.consolidate(desk, case, "return", items=["Baseline"])
    digest = await drafts.standing(desk, case)
    for side, nth in (("partner", 3), ("office", 4)):
        await drafts.accept(desk, case, side, nth, digest, when="2026-03-12")
    events = [
        Event(type="review.submitted", data={"round": 2}),
        Event(type="case.status_changed", data={"to": "in_review", "trigger": "submit_for_review", "round": 2}),
    ]
    (task,) = await desk.open(case, "document", at("2026-03-12", "11:00"), Opening(kind="submit_for_review", whom="turn-4"), round=2)
    data = {"no_double_funding": True}
    done = await desk.decide(task, "ke.003", "budget_owner", "submit", at("2026-03-13"), events, subject=case, data=data)
    assert not done.refused, done.findings
    rows = await desk.pool.fetch("SELECT round, result FROM review WHERE subject = $1 ORDER BY round", case)
    assert [tuple(row) for row in rows] == [(1, "returned"), (2, None)]
    assert (await desk.case(case))["round"] == 2
    assert await desk.pool.fetchval("SELECT count(*) FROM opinion WHERE subject = $1 AND round = 1", case) == 3


@pytest.mark.parametrize(("actor", "rule"), [("ke.008", "wrong_role"), ("ke.016", "wrong_role")])
async def test_f7_only_the_overall_approver_of_the_review_concludes_it(desk: Desk, actor: str, rule: str) -> None:
    case, tasks = await review.convened(desk)
    for member in ("ke.016", "ke.017", "ke.018"):
        await review.opinion(desk, case, tasks[member])
    assert rules((await review.consolidate(desk, case, "not_recommend", actor=actor)).findings) & {rule, "not_candidate"}


async def send_back(desk: Desk, case: str, actor: str, role: str, **said: Any) -> Recorded:
    (task,) = await desk.open(case, "review", at("2026-03-03", "11:00"), Opening(kind="prepare_review"))
    events = [
        Event(type="review.concluded", data={"round": 1, "result": "returned", "verdict": "return"}),
        Event(type="case.status_changed", data={"to": "drafting", "trigger": "return"}),
        Event(type="document.unlocked", data={"why": "returned"}),
    ]
    return await desk.decide(task, actor, role, "return", at("2026-03-04"), events, subject=case, data={"items": ["a"]}, **said)


@pytest.mark.parametrize(("actor", "role"), [("ke.001", "focal_point"), ("ke.002", "partnership_manager"), ("ke.016", "committee_member")])
async def test_f9_only_the_secretary_sends_a_review_back(desk: Desk, actor: str, role: str) -> None:
    case = await in_review(desk, facts("C1"))
    assert rules((await send_back(desk, case, actor, role, **SAID)).findings) == {"wrong_role"}


async def test_f10_a_review_is_sent_back_with_a_comment_and_a_message_to_the_partner(desk: Desk) -> None:
    case = await in_review(desk, facts("C1"))
    bare = await send_back(desk, case, "ke.004", "committee_secretary")
    assert rules(bare.findings) == {"comment_required", "message_required", "reason_required"}
    assert not (await send_back(desk, case, "ke.004", "committee_secretary", **SAID)).refused
    assert (await desk.case(case))["status"] == "drafting"


async def test_f12_a_recommendation_moves_the_case_to_its_approval_once(desk: Desk) -> None:
    case, tasks = await review.convened(desk)
    for member in ("ke.016", "ke.017", "ke.018"):
        await review.opinion(desk, case, tasks[member])
    assert not (await review.consolidate(desk, case, "recommend")).refused
    row = await desk.row("review", case, round=1)
    assert row is not None
    assert ((await desk.case(case))["status"], row["concluded_at"]) == ("in_approval", at("2026-03-10"))
    task = await desk.task(case, "consolidate_recommendation", stage="review")
    again = await desk.decide(task, "ke.005", "overall_approver", "recommend", at("2026-03-11"), subject=case, data={})
    assert rules(again.findings) == {"task_closed"}


async def test_f13_every_member_has_an_opinion_to_give_from_the_moment_of_being_named(desk: Desk) -> None:
    case, tasks = await review.convened(desk)
    assert sorted(tasks) == ["ke.016", "ke.017", "ke.018", "ke.019"]
    states = await desk.pool.fetch("SELECT whom, state FROM task WHERE subject = $1 AND kind = 'give_opinion'", case)
    assert {row["state"] for row in states} == {"open"}


async def test_f16_an_opinion_that_was_given_is_not_asked_for_again(desk: Desk) -> None:
    case, tasks = await review.convened(desk)
    await review.opinion(desk, case, tasks["ke.016"])
    assert rules((await review.opinion(desk, case, tasks["ke.016"], "return")).findings) == {"task_closed"}
    rows = await desk.pool.fetch("SELECT member, verdict FROM opinion WHERE subject = $1", case)
    assert [tuple(row) for row in rows] == [("ke.016", "recommend")]


async def test_f18_no_message_makes_a_review(desk: Desk) -> None:
    case = await drafts.drafting(desk)
    for kind in ("review", "submit_for_review", "convene"):
        message = Message(kind=kind, actor="ke.003", role="budget_owner", key="m")
        done = await desk.recorder.record(
            Batch(key=message.receipt("KEN/2026/0007"), subject=case, stage="case", at=at("2026-03-03"), message=message)
        )
        assert rules(done.findings) == {"unknown_message"}
    assert await desk.row("review", case) is None


# G. Signature, activation, ending ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["draft", "suspended", "terminated"])
async def test_g1_nothing_is_signed_under_a_pca_that_is_not(desk: Desk, status: str) -> None:
    case = await in_signature(desk)
    async with undone(desk) as (attempt, conn):
        await conn.execute("UPDATE umbrella SET status = $1, carrier = NULL, officers = ARRAY['ke.p01']", status)
        move = [Event(type="case.status_changed", data={"to": "signed", "trigger": "last_signature"})]
        done = await attempt.system(case, "approval", "signed", at("2026-04-01", "15:00"), move)
        assert "umbrella_signed" in rules(done.findings)


async def test_g4_a_flag_asks_for_its_annex(desk: Desk) -> None:
    """eTools takes the flags without the attachment: a quirk we refuse."""
    intake = facts("C1")
    intake["document"]["flags"] = {"children": True, "construction": True}
    case = await drafts.drafting(desk, intake)
    done = await drafts.submitted(desk, case)
    assert rules(done.findings) == {"annex_missing"}
    assert len(done.findings) == 2


def test_g7_a_start_before_the_later_signature_is_moved_to_it() -> None:
    """eTools refuses such dates; here the later signature is the start, whatever was asked for."""
    found = signature.document(
        requested_start=date(2026, 1, 1),
        requested_end=date(2026, 12, 31),
        signatures=[date(2026, 4, 9), date(2026, 4, 7)],
        pca_start=date(2026, 1, 1),
        pca_end=date(2027, 12, 31),
    )
    assert (found.start, found.findings) == (date(2026, 4, 9), ())


async def test_g9_g10_a_document_becomes_active_on_its_start_under_a_signed_pca_with_funds(desk: Desk) -> None:
    case = await signed(desk, facts("C1"))
    await money.reserve(desk, case)
    for statement, day, rule in (
        ("UPDATE umbrella SET status = 'suspended'", "2026-06-01", "umbrella_signed"),
        ("SELECT 1", "2026-05-31", "start_reached"),
        ("DELETE FROM reservation", "2026-06-01", "reservation"),
    ):
        async with undone(desk) as (attempt, conn):
            await conn.execute(statement)
            done = await activate(attempt, case, day)
            assert rules(done.findings) == {rule}
            assert await conn.fetchval('SELECT status FROM "case" WHERE subject = $1', case) == "signed"
    assert (await activate(desk, case, "2026-06-01")).left_out == []


async def test_g12_a_reservation_tells_the_signed_case_to_look_and_it_becomes_active(desk: Desk) -> None:
    intake = facts("C1")
    intake["document"]["start"] = "2026-04-10"
    case = await signed(desk, intake)
    done = await money.reserve(desk, case)
    assert done.look_again == ["pca.KE.KEN-2026-0007"]
    assert (await activate(desk, case, "2026-04-15")).left_out == []
    assert (await desk.case(case))["status"] == "active"


async def test_g13_a_reservation_before_the_signature_is_kept_and_moves_nothing(desk: Desk) -> None:
    case = await approved(desk, facts("C1"))
    assert not (await money.reserve(desk, case)).refused
    assert (await activate(desk, case, "2026-06-01")).refused
    assert (await desk.case(case))["status"] == "in_signature"
    assert await desk.row("reservation", case) is not None


# H. Funds -----------------------------------------------------------------------------------------------------------------------------


async def test_h1_a_reservation_of_another_document_is_refused(desk: Desk) -> None:
    case = await signed(desk, facts("C1"))
    await desk.pool.execute(
        "INSERT INTO reservation VALUES ('case:KEN/2026/0099', 'FR-1', '2500317', 'KES', 5, '[]', $1)", at("2026-04-10")
    )
    done = await money.reserve(desk, case)
    assert rules(done.findings) == {"reservation_used"}


async def test_h4_h5_a_reservation_names_the_partners_own_vendor_number(desk: Desk) -> None:
    case = await signed(desk, facts("C1"))
    assert rules((await money.reserve(desk, case, vendor_number="9")).findings) == {"other_vendor"}


async def test_h7_funds_of_an_expired_grant_are_not_reserved(desk: Desk) -> None:
    """eTools attaches an expired reservation: a quirk we refuse."""
    case = await signed(desk, facts("C1"))
    lines = [{"grant": "SC-1", "amount": "21000000.00", "expires_on": "2026-04-14"}]
    assert rules((await money.reserve(desk, case, lines=lines)).findings) == {"grant_expired"}


async def test_h8_the_same_reservation_said_twice_is_reserved_once(desk: Desk) -> None:
    case = await signed(desk, facts("C1"))
    (task,) = await desk.open(case, "cash", at("2026-04-10"), Opening(kind="reserve_funds"))
    lines = [{"grant": "SC-1", "amount": "5.00", "expires_on": "2027-12-31"}]
    data = {"number": "FR-1", "vendor_number": "2500317", "currency": "KES", "amount": "5.00", "lines": lines}
    event = Event(type="funds.reserved", take=list(data))
    said = {"data": data, "key": "same"}
    answers = [
        await desk.decide(task, "ke.009", "finance_officer", "reserve", at("2026-04-15"), [event], subject=case, **copy.deepcopy(said))
        for _ in range(2)
    ]
    assert [(done.refused, done.repeated) for done in answers] == [(False, False), (False, True)]
    assert await desk.pool.fetchval("SELECT sum(amount) FROM reservation") == 5


# J. Stopping and ending early -------------------------------------------------------------------------------------------------------------


async def test_j2b_nothing_is_suspended_that_is_not_signed_active_or_ended(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    event = [Event(type="case.suspended", take=["scope", "until"])]
    for status in ("vetting", "drafting", "in_review", "in_approval", "in_signature"):
        await made(desk, case, status=status)
        done = await desk.tell(case, "suspend", "ke.002", "partnership_manager", at("2026-03-02"), event, data={"scope": "all"}, **SAID)
        assert rules(done.findings) == {"not_allowed"}
    for status in ("closed", "rejected", "withdrawn", "cancelled", "terminated"):
        await made(desk, case, status=status)
        done = await desk.tell(case, "suspend", "ke.002", "partnership_manager", at("2026-03-02"), event, data={"scope": "all"}, **SAID)
        assert "case_closed" in rules(done.findings)


async def test_j3_a_second_suspension_is_a_stop_of_its_own_and_the_same_one_twice_is_one(desk: Desk) -> None:
    case = await money.active(desk)
    event = [Event(type="case.suspended", take=["scope", "until"])]
    for key in ("a", "a", "b"):
        said = copy.deepcopy(SAID) | {"data": {"scope": "cash"}, "key": key}
        assert not (await desk.tell(case, "suspend", "ke.002", "partnership_manager", at("2026-06-10"), event, **said)).refused
    rows = await desk.pool.fetch("SELECT id FROM block ORDER BY id")
    assert [row["id"].rpartition(":")[2] for row in rows] == ["a", "b"]


async def cancel(desk: Desk, case: str, actor: str, role: str, **data: str) -> Recorded:
    events = [
        Event(type="case.status_changed", data={"to": "cancelled", "trigger": "cancel"}),
        Event(type="case.cancelled", take=["justification"]),
    ]
    return await desk.tell(case, "cancel", actor, role, at("2026-03-02"), events, data=data)


@pytest.mark.parametrize(("actor", "role"), [("ke.002", "partnership_manager"), ("ke.003", "budget_owner"), ("ke.001", "focal_point")])
async def test_j5_only_the_committees_secretary_cancels(desk: Desk, actor: str, role: str) -> None:
    case = await drafts.drafting(desk)
    assert rules((await cancel(desk, case, actor, role, justification="Twice")).findings) == {"wrong_role"}
    assert (await desk.case(case))["status"] == "drafting"


async def test_j6_j8_a_case_is_cancelled_once_with_a_justification_and_then_takes_nothing(desk: Desk) -> None:
    case = await drafts.drafting(desk)
    assert rules((await cancel(desk, case, "ke.004", "committee_secretary")).findings) == {"invalid_data"}
    assert not (await cancel(desk, case, "ke.004", "committee_secretary", justification="Twice")).refused
    assert "case_closed" in rules((await cancel(desk, case, "ke.004", "committee_secretary", justification="Twice")).findings)
    note = await desk.tell(case, "hold", "ke.001", "focal_point", at("2026-03-03"), data={"reason": "flood", "until": "2026-03-20"})
    assert "case_closed" in rules(note.findings)


# L. Time ------------------------------------------------------------------------------------------------------------------------------


async def test_l7_a_document_that_outlasts_its_pca_owes_the_next_one_once(desk: Desk) -> None:
    intake = facts("C1")
    intake["document"] |= {"end": "2028-03-31"}
    case = await signed(desk, intake)
    rows = await desk.pool.fetch("SELECT kind, due_at, owner_role FROM obligation WHERE subject = $1", case)
    assert [tuple(row) for row in rows] == [("new_pca_required", at("2027-12-31", "14:00"), "partnership_manager")]


async def test_l8_a_draft_that_lies_is_reminded_of_and_then_escalated(desk: Desk) -> None:
    case = await drafts.drafting(desk)
    (task,) = await desk.open(case, "document", at("2026-03-02"), Opening(kind="office_turn", whom="turn-1"))
    kinds = [moment.does for moment in task.moments]
    assert "remind" in kinds
    assert "escalate" in kinds
    assert kinds.index("remind") < kinds.index("escalate")


# M. UNPP ------------------------------------------------------------------------------------------------------------------------------


async def test_m3_m9_a_listed_name_is_found_at_once_and_once_and_bars_the_clearance(desk: Desk) -> None:
    await listed(desk)
    case = await desk.taken(facts("C6"))
    await desk.ask(case, at("2026-03-02", "08:01"))
    (hit,) = (await desk.screen(LB, at("2026-03-02", "08:02"))).open_hits
    await listed(desk, "2026-03-05")
    await listed(desk, "2026-03-08")
    for day in ("2026-03-05", "2026-03-06", "2026-03-09"):
        assert (await desk.screen(LB, at(day))).open_hits == [hit]
    assert len(await desk.told(LB, "screening.hit_found")) == 1


@pytest.mark.parametrize(("actor", "role"), [("ke.001", "focal_point"), ("ke.014", "assurance_officer"), ("bd.002", "partnership_manager")])
async def test_m6_a_partner_is_cleared_by_the_partnership_managers_of_its_own_office(desk: Desk, actor: str, role: str) -> None:
    await vetted(desk)
    await cleared(desk)
    (task,) = await desk.open(PARTNER, "vetting", at("2026-02-24"), Opening(kind="conclude_vetting", whom="0"))
    events = [Event(type="clearance.granted", data={"level": "full", "verdict": "clear"})]
    done = await desk.decide(task, actor, role, "clear", at("2026-02-27"), events, subject=PARTNER)
    assert rules(done.findings) & {"wrong_role", "unknown_actor"}
    assert await desk.row("clearance", PARTNER) is None


def test_m14_an_intake_without_a_partner_is_refused() -> None:
    bare = another()
    del bare["partner"]
    found = read(bare)
    assert isinstance(found, list)
    assert [(finding.rule, finding.path) for finding in found] == [("missing_field", "$.partner")]


async def test_m15_a_partner_that_is_not_verified_or_is_locked_is_not_cleared(desk: Desk) -> None:
    intake = facts("C1")
    intake["partner"]["blocked"] = True
    await vetted(desk, intake)
    events = [Event(type="clearance.granted", data={"level": "full", "verdict": "clear"}, take=["conditions"])]
    found = (await conclude(desk, "clear", events)).findings
    assert {"element_negative", "element_missing"} <= rules(found)


async def test_m18_when_the_first_choice_withdraws_the_second_is_taken_under_the_same_call(desk: Desk) -> None:
    case = await desk.taken(facts("C1"))
    events = [
        Event(type="case.status_changed", data={"to": "withdrawn", "trigger": "withdraw"}),
        Event(type="case.withdrawn", take=["reason"]),
    ]
    done = await desk.tell(
        case, "withdraw", "ke.p01", "partner_authorised_officer", at("2026-02-19"), events, data={"reason": "We cannot."}
    )
    assert not done.refused, done.findings
    second = another()
    second["partner"] = {"id": "P-KE-0002", "legal_name": "Second Network", "type": "national_ngo"}
    taken = await take(desk.pool, second, at=at("2026-02-23"))
    assert isinstance(taken, Taken)
