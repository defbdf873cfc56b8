"""The programme document settled against the rows: turns, versions, acceptances, submission."""

import copy
from typing import Any

from db import content
from schemas.engine import Event, Opening, Recorded, Task
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at, facts, rules
from tests.activities.test_settle_vetting import clear, cleared, conclude, vetted
from tests.kept import kept

KE = "partner:KE:P-KE-0001"
SUBMISSION = [
    Event(type="review.submitted", data={"round": 1}),
    Event(type="case.status_changed", data={"to": "in_review", "trigger": "submit_for_review"}),
]


@kept
async def drafting(desk: Desk, intake: dict[str, Any] | None = None) -> str:
    """The case of C1 after its clearance, version 1 stored, the office's turn open."""
    case = await vetted(desk, intake)
    await cleared(desk)
    await conclude(desk, "clear", clear())
    await desk.ask(case, at("2026-02-27", "10:01"))
    moved = await desk.system(
        case,
        "case",
        "vetted",
        at("2026-02-27", "10:02"),
        [Event(type="case.status_changed", data={"to": "drafting", "trigger": "conclude_vetting"})],
    )
    assert not moved.refused, moved.findings
    stored = await desk.system(
        case, "document", "start", at("2026-02-27", "10:03"), [Event(type="document.version_stored", data={"version": 1, "side": "office"})]
    )
    assert not stored.refused, stored.findings
    return case


async def turn(desk: Desk, case: str, kind: str, nth: int, when: str) -> Task:
    (task,) = await desk.open(case, "document", at(when, "07:00"), Opening(kind=kind, whom=f"turn-{nth}"))
    return task


async def standing(desk: Desk, case: str) -> str:
    return str((await desk.case(case))["document_sha256"])


async def accept(desk: Desk, case: str, side: str, nth: int, sha256: str, when: str = "2026-03-02") -> Recorded:
    kind, actor, role = ("office_turn", "ke.001", "focal_point") if side == "office" else ("partner_turn", "ke.p03", "partner_focal_point")
    opens = [Opening(kind="submit_for_review", whom=f"turn-{nth}", optional="both")]
    event = Event(type="document.accepted", data={"side": side}, take=["sha256"])
    return await desk.decide(
        await turn(desk, case, kind, nth, when),
        actor,
        role,
        "accept",
        at(when),
        [event],
        subject=case,
        opens=opens,
        data={"sha256": sha256},
    )


async def submitted(desk: Desk, case: str, when: str = "2026-03-03") -> Recorded:
    """Both have accepted what stands; the budget owner submits."""
    digest = await standing(desk, case)
    assert not (await accept(desk, case, "partner", 1, digest)).refused
    (task,) = (await accept(desk, case, "office", 2, digest)).tasks
    return await desk.decide(task, "ke.003", "budget_owner", "submit", at(when), SUBMISSION, subject=case, data={"no_double_funding": True})


async def test_the_first_version_is_the_document_as_submitted(desk: Desk) -> None:
    case = await drafting(desk)
    row = await desk.case(case)
    assert (row["document_version"], str(row["office_total_usd"])) == (1, "467300.85")
    version = await desk.row("document_version", case, version=1)
    assert version is not None
    assert (str(version["office_cash"]), str(version["management_share"])) == ("53072000.00", "15.8883")
    body = await content.get(desk.pool, row["document_sha256"])
    assert body is not None


async def test_one_acceptance_moves_the_court_and_two_open_the_submission(desk: Desk) -> None:
    case = await drafting(desk)
    digest = await standing(desk, case)
    first = await accept(desk, case, "partner", 1, digest)
    assert (first.left_out, first.tasks) == (["both"], [])
    second = await accept(desk, case, "office", 2, digest)
    assert [task.kind for task in second.tasks] == ["submit_for_review"]


async def test_accepting_another_version_than_the_one_that_stands_is_refused(desk: Desk) -> None:
    case = await drafting(desk)
    done = await accept(desk, case, "partner", 1, "0" * 64)
    assert rules(done.findings) == {"not_the_current_version"}


async def test_new_content_is_the_next_version_and_clears_both_acceptances(desk: Desk) -> None:
    case = await drafting(desk)
    await accept(desk, case, "partner", 1, await standing(desk, case))
    changed = copy.deepcopy(facts("C1")["document"])
    changed["exit_strategy"] = "The county takes over."
    reference = await content.put(desk.pool, changed)
    event = Event(type="document.sent", take=["version", "sha256"])
    done = await desk.decide(
        await turn(desk, case, "office_turn", 2, "2026-03-03"),
        "ke.001",
        "focal_point",
        "send_to_partner",
        at("2026-03-03"),
        [event],
        subject=case,
        data={"version": 2, "sha256": reference.sha256},
    )
    assert not done.refused, done.findings
    version = await desk.row("document_version", case, version=2)
    assert version is not None
    assert version["changed"] == ["exit_strategy"]
    assert await desk.row("acceptance", case) is None


async def test_a_version_that_the_record_does_not_hold_is_refused(desk: Desk) -> None:
    case = await drafting(desk)
    event = Event(type="document.sent", take=["version", "sha256"])
    done = await desk.decide(
        await turn(desk, case, "office_turn", 1, "2026-03-02"),
        "ke.001",
        "focal_point",
        "send_to_partner",
        at("2026-03-02"),
        [event],
        subject=case,
        data={"version": 2, "sha256": "1" * 64},
    )
    assert rules(done.findings) == {"version_unknown"}


async def test_a_wrong_version_number_is_refused_with_the_right_one(desk: Desk) -> None:
    case = await drafting(desk)
    event = Event(type="document.sent", take=["version", "sha256"])
    done = await desk.decide(
        await turn(desk, case, "office_turn", 1, "2026-03-02"),
        "ke.001",
        "focal_point",
        "send_to_partner",
        at("2026-03-02"),
        [event],
        subject=case,
        data={"version": 4, "sha256": await standing(desk, case)},
    )
    assert [(finding.rule, finding.next_step) for finding in done.findings] == [("wrong_version", "Name version 1.")]


async def test_the_currency_never_changes(desk: Desk) -> None:
    case = await drafting(desk)
    changed = copy.deepcopy(facts("C1")["document"]) | {"currency": "USD"}
    reference = await content.put(desk.pool, changed)
    event = Event(type="document.sent", take=["version", "sha256"])
    done = await desk.decide(
        await turn(desk, case, "office_turn", 1, "2026-03-02"),
        "ke.001",
        "focal_point",
        "send_to_partner",
        at("2026-03-02"),
        [event],
        subject=case,
        data={"version": 2, "sha256": reference.sha256},
    )
    assert "currency_changed" in rules(done.findings)


async def test_the_partners_first_act_begins_clock_b(desk: Desk) -> None:
    case = await drafting(desk)
    event = Event(type="document.returned", take=["version", "sha256"])
    digest = await standing(desk, case)
    done = await desk.decide(
        await turn(desk, case, "partner_turn", 1, "2026-03-02"),
        "ke.p03",
        "partner_focal_point",
        "return_to_office",
        at("2026-03-02"),
        [event],
        subject=case,
        data={"version": 1, "sha256": digest, "changes": "see remarks"},
    )
    assert not done.refused, done.findings
    assert (await desk.case(case))["first_partner_act"] == at("2026-03-02")
    assert [told["first"] for told in await desk.told(case, "document.returned")] == [True]


async def test_a_management_share_above_the_limit_is_told_at_acceptance(desk: Desk) -> None:
    intake = facts("C1")
    document = intake["document"]
    document["management"][0]["office_cash"] = "15280000.00"
    document["support_cost"] = {"percent": "7.0", "amount": "4172000.00", "first_quarter": "688100.00"}
    for name in ("office_cash", "office_total"):
        document.pop(name, None)
    case = await drafting(desk, intake)
    done = await accept(desk, case, "office", 1, await standing(desk, case))
    assert not done.refused
    assert [(finding.rule, finding.severity) for finding in done.findings] == [("management_share_above_limit", "warning")]


async def test_amount_and_track_say_which_review_it_is(desk: Desk) -> None:
    case = await drafting(desk)
    done = await submitted(desk, case)
    assert not done.refused, done.findings
    assert done.view is not None
    assert done.view.status == "in_review"
    review = await desk.row("review", case, round=1)
    assert review is not None
    assert review["kind"] == "committee"
    assert await desk.begin(case, "review", at("2026-03-03")) == {"kind": "committee", "quorum": 3, "functions": ["finance", "programme"]}


async def test_an_incomplete_document_is_refused_with_every_fault_at_once(desk: Desk) -> None:
    intake = facts("C1")
    document = intake["document"]
    document["risks"], document["visits"] = [], []
    document["flags"] = {"children": True}
    document["template_deviations"] = ["7.2"]
    document["outputs"][0]["programme_output"] = ""
    case = await drafting(desk, intake)
    done = await submitted(desk, case)
    assert done.refused
    assert rules(done.findings) >= {"no_risks", "no_visits", "annex_missing", "output_not_linked", "deviation_open"}
    assert (await desk.case(case))["status"] == "drafting"


async def test_annexes_and_deviations_are_asked_for_and_settled(desk: Desk) -> None:
    intake = facts("C1")
    intake["document"]["flags"] = {"children": True}
    intake["document"]["template_deviations"] = ["7.2"]
    case = await drafting(desk, intake)
    begun = await desk.begin(case, "document", at("2026-02-27", "11:00"))
    assert (begun["annexes"], begun["deviations"]) == (["children"], ["7.2"])
    annex, clause = await desk.open(
        case,
        "document",
        at("2026-02-27", "11:00"),
        Opening(kind="attach_annex", whom="children"),
        Opening(kind="clear_clause_deviation", whom="7.2"),
    )
    event = Event(type="document.annex_attached", data={"annex": "children", "verdict": "attach"}, take=["sha256"])
    wrong = {"annex": "vehicle_loan", "document": "a.pdf", "sha256": "2" * 64}
    assert rules(
        (await desk.decide(annex, "ke.001", "focal_point", "attach", at("2026-03-02"), [event], subject=case, data=wrong)).findings
    ) == {"other_annex"}
    right = wrong | {"annex": "children"}
    assert not (await desk.decide(annex, "ke.001", "focal_point", "attach", at("2026-03-02"), [event], subject=case, data=right)).refused
    event = Event(type="clause.deviation_settled", data={"clause": "7.2", "verdict": "clear"})
    assert not (await desk.decide(clause, "ke.015", "legal_officer", "clear", at("2026-03-02"), [event], subject=case)).refused
    done = await submitted(desk, case)
    assert not done.refused, done.findings


async def test_unlocking_clears_the_acceptances(desk: Desk) -> None:
    case = await drafting(desk)
    digest = await standing(desk, case)
    await accept(desk, case, "partner", 1, digest)
    (task,) = (await accept(desk, case, "office", 2, digest)).tasks
    event = Event(type="document.unlocked", data={"why": "unlock"})
    done = await desk.decide(task, "ke.003", "budget_owner", "unlock", at("2026-03-03"), [event], subject=case, comment="one more change")
    assert not done.refused, done.findings
    assert await desk.row("acceptance", case) is None
    assert (await desk.told(case, "document.unlocked"))[0]["by"] == "office"


async def test_what_is_no_document_is_refused_with_its_faults(desk: Desk) -> None:
    case = await drafting(desk)
    reference = await content.put(desk.pool, {"title": "only a title"})
    event = Event(type="document.sent", take=["version", "sha256"])
    task = await turn(desk, case, "office_turn", 1, "2026-03-02")
    data = {"version": 2, "sha256": reference.sha256}
    done = await desk.decide(task, "ke.001", "focal_point", "send_to_partner", at("2026-03-02"), [event], subject=case, data=data)
    assert "missing_field" in rules(done.findings)


async def test_a_clause_may_be_cleared_with_a_text_or_refused(desk: Desk) -> None:
    intake = facts("C1")
    intake["document"]["template_deviations"] = ["7.2", "8.1"]
    case = await drafting(desk, intake)
    one, other = await desk.open(
        case, "document", at("2026-02-27", "11:00"), *(Opening(kind="clear_clause_deviation", whom=clause) for clause in ("7.2", "8.1"))
    )
    event = Event(type="clause.deviation_settled", data={"clause": "7.2", "verdict": "clear_with_changes"})
    done = await desk.decide(
        one,
        "ke.015",
        "legal_officer",
        "clear_with_changes",
        at("2026-03-02"),
        [event],
        subject=case,
        comment="c",
        data={"text": "as agreed"},
    )
    assert not done.refused, done.findings
    event = Event(type="clause.deviation_settled", data={"clause": "8.1", "verdict": "refuse"})
    assert not (await desk.decide(other, "ke.015", "legal_officer", "refuse", at("2026-03-02"), [event], subject=case, comment="c")).refused
    assert rules((await submitted(desk, case)).findings) == {"deviation_refused"}


async def test_an_annex_that_is_not_needed_is_settled_too(desk: Desk) -> None:
    intake = facts("C1")
    intake["document"]["flags"] = {"children": True, "vehicles": True}
    intake["document"]["annexes"] = [{"annex": "vehicle_loan", "document": "loan.pdf", "sha256": "3" * 64}]
    case = await drafting(desk, intake)
    assert await desk.row("annex", case, annex="vehicle_loan") is not None
    begun = await desk.begin(case, "document", at("2026-02-27", "11:00"))
    assert begun["annexes"] == ["children"]
    (task,) = await desk.open(case, "document", at("2026-02-27", "11:00"), Opening(kind="attach_annex", whom="children"))
    event = Event(type="document.annex_attached", data={"annex": "children", "verdict": "not_needed"}, take=["sha256"])
    done = await desk.decide(task, "ke.003", "budget_owner", "not_needed", at("2026-03-02"), [event], subject=case, comment="no children")
    assert not done.refused, done.findings
    assert not (await submitted(desk, case)).refused


async def test_a_submission_before_both_have_accepted_is_refused_for_each_side(desk: Desk) -> None:
    case = await drafting(desk)
    (task,) = await desk.open(case, "document", at("2026-03-02"), Opening(kind="submit_for_review", whom="turn-1"))
    done = await desk.decide(
        task, "ke.003", "budget_owner", "submit", at("2026-03-03"), SUBMISSION, subject=case, data={"no_double_funding": True}
    )
    assert [finding.message for finding in done.findings if finding.rule == "same_hash_accepted"] == [
        "The office has not accepted version 1.",
        "The partner has not accepted version 1.",
    ]


async def test_a_direct_selection_without_its_reason_is_told(desk: Desk) -> None:
    intake = facts("C1")
    intake["selection"] = {"kind": "direct"}
    done = await submitted(desk, await drafting(desk, intake))
    assert not done.refused
    assert "selection_not_justified" in rules(done.findings)


async def test_invariant_9_a_document_until_the_year_9999_is_refused_never_an_exception(desk: Desk) -> None:
    case = await drafting(desk)
    reference = await content.put(desk.pool, copy.deepcopy(facts("C1")["document"]) | {"end": "9999-12-31"})
    event = Event(type="document.sent", take=["version", "sha256"])
    task = await turn(desk, case, "office_turn", 1, "2026-03-02")
    data = {"version": 2, "sha256": reference.sha256}
    done = await desk.decide(task, "ke.001", "focal_point", "send_to_partner", at("2026-03-02"), [event], subject=case, data=data)
    assert rules(done.findings) == {"date_out_of_reach"}


async def test_a_deviation_that_stands_already_is_not_opened_again_by_the_next_version(desk: Desk) -> None:
    intake = facts("C1")
    intake["document"]["template_deviations"] = ["12.1"]
    case = await drafting(desk, intake)
    changed = copy.deepcopy(intake["document"]) | {"exit_strategy": "The county takes over.", "template_deviations": ["12.1", "13.2"]}
    reference = await content.put(desk.pool, changed)
    done = await desk.decide(
        await turn(desk, case, "office_turn", 1, "2026-03-02"),
        "ke.001",
        "focal_point",
        "send_to_partner",
        at("2026-03-02"),
        [Event(type="document.sent", take=["version", "sha256"])],
        subject=case,
        data={"version": 2, "sha256": reference.sha256},
    )
    assert not done.refused, done.findings
    assert [told["clause"] for told in await desk.told(case, "clause.deviation_opened")] == ["12.1", "13.2"]


# Accepted on behalf ---------------------------------------------------------------------------------------------------------------


async def test_the_office_accepts_for_a_partner_that_asked_in_writing_and_says_so_for_ever(desk: Desk) -> None:
    case = await fp.drafting(desk)
    _, offices = await fp.sent(desk, case)
    (turn,) = fp.taken(await fp.on_behalf(desk, case, offices)).tasks
    assert turn.kind == "office_turn", "the office's own acceptance is still to come"
    (told,) = await desk.told(case, "document.accepted")
    assert (told["side"], told["on_behalf"], len(told["evidence"])) == ("partner", True, 1)
    owed = await desk.row("obligation", case, kind="partner_acceptance_record")
    assert owed is not None
    assert (owed["owner_role"], owed["state"], owed["due_at"]) == ("partner_authorised_officer", "open", None)
    (created,) = await desk.told(case, "obligation.created")
    assert created["reason"] == "asked_in_writing"


async def test_a_turn_is_missed_only_when_its_day_has_passed(desk: Desk) -> None:
    case = await fp.drafting(desk)
    partners, offices = await fp.sent(desk, case)
    assert partners.due == at("2026-03-16", "15:00")
    early = await fp.on_behalf(desk, case, offices, "2026-03-16", "15:00", because="turn_missed")
    await fp.nothing_changed(desk, case, early, "turn_not_missed")
    assert early.findings[0].next_step == "It is due on 2026-03-16."
    assert await desk.row("acceptance", case) is None
    fp.taken(await fp.on_behalf(desk, case, offices, "2026-03-16", "15:01", because="turn_missed"))


async def test_an_acceptance_on_behalf_needs_evidence_and_a_person_of_the_partner(desk: Desk) -> None:
    case = await fp.drafting(desk)
    _, offices = await fp.sent(desk, case)
    bare = await fp.on_behalf(desk, case, offices, evidence=[])
    await fp.nothing_changed(desk, case, bare, "invalid_data")
    assert bare.findings[0].path == "$.data.evidence"
    stranger = await fp.on_behalf(desk, case, offices, partner_person="mz.001")
    await fp.nothing_changed(desk, case, stranger, "unknown_actor", attempts=2)
    assert await desk.row("acceptance", case) is None
    assert await desk.row("obligation", case) is None


async def test_only_the_version_that_stands_is_accepted_on_behalf(desk: Desk) -> None:
    case = await fp.drafting(desk)
    _, offices = await fp.sent(desk, case)
    await fp.nothing_changed(desk, case, await fp.on_behalf(desk, case, offices, sha256="0" * 64), "not_the_current_version")
    assert await desk.row("obligation", case) is None


async def test_while_it_is_the_partners_turn_the_office_may_do_nothing_else(desk: Desk) -> None:
    case = await fp.drafting(desk)
    _, offices = await fp.sent(desk, case)
    event = Event(type="document.accepted", data={"side": "office"}, take=["sha256"])
    done = await desk.decide(
        offices, "mz.001", "focal_point", "accept", at("2026-03-13"), [event], subject=case, data={"sha256": await fp.sha_of(desk, case)}
    )
    await fp.nothing_changed(desk, case, done, "partners_turn")


async def test_where_the_partner_has_no_turn_it_has_missed_none(desk: Desk) -> None:
    case = await fp.drafting(desk)
    task = await desk.task(case, "office_turn", "turn-1", "document")
    done = await fp.on_behalf(desk, case, task, because="turn_missed")
    assert rules(done.findings) >= {"turn_not_missed"}
    assert next(found for found in done.findings if found.rule == "turn_not_missed").next_step == "Send it first."


async def test_on_the_standard_track_nobody_accepts_on_behalf(desk: Desk) -> None:
    case = await drafting(desk)
    task = await turn(desk, case, "office_turn", 1, "2026-03-02")
    evidence = [{"document": "m.eml", "sha256": "1" * 64, "kind": "email"}]
    data = {"sha256": await standing(desk, case), "partner_person": "ke.p03", "because": "asked_in_writing", "evidence": evidence}
    done = await desk.decide(
        task, "ke.001", "focal_point", "accept_on_behalf", at("2026-03-02"), subject=case, data=data, comment="By telephone."
    )
    await fp.nothing_changed(desk, case, done, "wrong_verdict")


async def test_the_urgency_of_a_review_by_one_person_is_given_in_writing(desk: Desk) -> None:
    case = await fp.drafting(desk)
    _, offices = await fp.sent(desk, case)
    (task,) = fp.taken(await fp.on_behalf(desk, case, offices)).tasks
    silent = await fp.submit(desk, case, task, urgency=" ")
    assert rules(silent.findings) & {"urgency_required", "invalid_data"}
    assert (await desk.case(case))["status"] == "drafting"
    by_focal_point = await desk.decide(
        task, "mz.001", "focal_point", "accept_and_submit", at("2026-03-13", "13:00"), fp.SUBMISSION, subject=case,
        data={"sha256": await fp.sha_of(desk, case), "no_double_funding": True, "urgency": "Cholera."},
    )  # fmt: skip
    assert rules(by_focal_point.findings) == {"wrong_role"}
    fp.taken(await fp.submit(desk, case, task))
    assert (await desk.case(case))["status"] == "in_review"


async def test_the_fast_path_does_not_wait_for_the_clearance_to_submit(desk: Desk) -> None:
    case = await fp.drafting(desk)
    await desk.pool.execute("UPDATE clearance SET state = 'refused' WHERE subject = $1", fp.PARTNER)
    _, offices = await fp.sent(desk, case)
    (task,) = fp.taken(await fp.on_behalf(desk, case, offices)).tasks
    fp.taken(await fp.submit(desk, case, task))
