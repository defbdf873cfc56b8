"""Obligations and conditions settled against the rows: created once, due, overdue with consequences, met; each lifts only its own."""

from typing import Any

from schemas.engine import Event, Opening, Recorded
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at, rules, sha
from tests.activities.test_deferrals import rated
from tests.activities.test_settle_approval import PARTNER, in_signature, objects, sign, signed
from tests.activities.test_settle_cash import paid, report

ORIGINAL = "KEN/2026/0007:signed_original"
FACE = "KEN/2026/0007:quarterly_face:1"


async def owing(desk: Desk) -> str:
    """C1, signed by e-mail: the original is owed."""
    case = await in_signature(desk)
    by_mail = [item | {"method": "email"} for item in await objects(desk, case, "2026-04-07")]
    await sign(desk, case, "partner", "2026-04-07", by_mail)
    assert not (await sign(desk, case, "office", "2026-04-09", last=True)).refused
    return case


async def overdue(desk: Desk, subject: str, obligation: str, level: int = 0, when: str = "2026-09-01") -> Recorded:
    event = Event(type="obligation.overdue", data={"obligation": obligation, "level": level})
    return await desk.system(subject, "obligations", f"overdue:{level}", at(when), [event])


async def decide(
    desk: Desk,
    subject: str,
    kind: str,
    obligation: str,
    verdict: str,
    actor: str,
    role: str,
    event: str,
    when: str = "2026-05-20",
    **said: Any,
) -> Recorded:
    opening = Opening(kind=kind, whom=f"{obligation} {verdict}-{desk.keys}", roles=[role])
    (task,) = await desk.open(subject, "obligations", at(when, "07:00"), opening)
    happened = Event(type=event, data={"obligation": obligation}, take=["documents", "until"])
    return await desk.decide(task, actor, role, verdict, at(when), [happened], subject=subject, **said)


async def standing(desk: Desk, subject: str) -> set[str]:
    rows = await desk.pool.fetch("SELECT scope FROM block WHERE subject = $1 AND lifted_at IS NULL", subject)
    return {row["scope"] for row in rows}


async def state(desk: Desk, obligation: str) -> tuple[str, bool]:
    row = await desk.pool.fetchrow("SELECT state, overdue FROM obligation WHERE id = $1", obligation)
    assert row is not None
    return row["state"], row["overdue"]


async def evidence(desk: Desk, case: str) -> Recorded:
    data = {"documents": [{"document": "scan.pdf", "sha256": sha("scan"), "kind": "scan"}]}
    return await decide(
        desk, case, "meet_obligation", ORIGINAL, "submit_evidence", "ke.001", "focal_point", "obligation.evidence_submitted", data=data
    )


async def test_an_overdue_obligation_stops_what_its_consequence_names(desk: Desk) -> None:
    case = await owing(desk)
    done = await overdue(desk, case, ORIGINAL, when="2026-05-11")
    assert not done.refused, done.findings
    assert await state(desk, ORIGINAL) == ("open", True)
    assert await standing(desk, case) == {"amendment"}
    assert {one["consequence"] for one in await desk.told(case, "obligation.consequence_applied")} == {"escalate", "block_amendment"}
    assert done.view is not None


async def test_evidence_that_another_person_accepts_meets_it_and_lifts_its_stop_alone(desk: Desk) -> None:
    case = await owing(desk)
    await overdue(desk, case, ORIGINAL, when="2026-05-11")
    await desk.pool.execute(
        "INSERT INTO block (id, subject, scope, cause, since) VALUES ('x', $1, 'amendment', 'another', $2)", case, at("2026-05-01")
    )
    assert not (await evidence(desk, case)).refused
    done = await decide(desk, case, "check_obligation_evidence", ORIGINAL, "accept", "ke.002", "partnership_manager", "obligation.met")
    assert not done.refused, done.findings
    assert await state(desk, ORIGINAL) == ("met", False)
    rows = await desk.pool.fetch("SELECT id FROM block WHERE subject = $1 AND lifted_at IS NULL", case)
    assert [row["id"] for row in rows] == ["x"]
    assert done.look_again == ["pca.KE.KEN-2026-0007"]


async def test_what_is_met_is_neither_overdue_nor_decided_again(desk: Desk) -> None:
    case = await owing(desk)
    await evidence(desk, case)
    await decide(desk, case, "check_obligation_evidence", ORIGINAL, "accept", "ke.002", "partnership_manager", "obligation.met")
    assert rules((await overdue(desk, case, ORIGINAL)).findings) == {"obligation_closed"}
    assert rules((await evidence(desk, case)).findings) == {"obligation_closed"}


async def test_evidence_in_time_keeps_the_consequence_waiting_but_not_for_ever(desk: Desk) -> None:
    case = await owing(desk)
    await evidence(desk, case)
    done = await overdue(desk, case, ORIGINAL, when="2026-05-11")
    assert rules(done.findings) == {"evidence_in"}
    assert await standing(desk, case) == set()
    begun = await desk.begin(case, "obligations", at("2026-05-12"))
    (one,) = [item for item in begun["open"] if item["id"] == ORIGINAL]
    assert one["evidence_in"] is True
    (grace,) = one["moments"]
    assert (grace["does"], grace["level"]) == ("overdue", 10)
    late = await overdue(desk, case, ORIGINAL, level=10, when="2026-05-18")
    assert not late.refused, late.findings
    assert await standing(desk, case) == {"amendment"}


async def test_an_extension_lifts_until_its_date_and_is_limited(desk: Desk) -> None:
    case = await owing(desk)
    await overdue(desk, case, ORIGINAL, when="2026-05-11")
    head = ("ke.008", "head_of_office", "obligation.extended")
    far = await decide(desk, case, "decide_obligation", ORIGINAL, "extend", *head, comment="c", data={"until": "2026-07-09"})
    assert rules(far.findings) == {"extension_too_long"}
    done = await decide(desk, case, "decide_obligation", ORIGINAL, "extend", *head, comment="c", data={"until": "2026-06-05"})
    assert not done.refused, done.findings
    assert await standing(desk, case) == set()
    assert await state(desk, ORIGINAL) == ("open", False)
    again = await decide(desk, case, "decide_obligation", ORIGINAL, "extend", *head, comment="c", data={"until": "2026-06-30"})
    assert rules(again.findings) == {"second_extension"}


async def test_only_the_regional_director_writes_off(desk: Desk) -> None:
    case = await owing(desk)
    await overdue(desk, case, ORIGINAL, when="2026-05-11")
    event = "obligation.written_off"
    head = await decide(desk, case, "decide_obligation", ORIGINAL, "write_off", "ke.008", "head_of_office", event, comment="c")
    assert rules(head.findings) == {"above_authority"}
    done = await decide(desk, case, "decide_obligation", ORIGINAL, "write_off", "ke.023", "regional_director", event, comment="c")
    assert not done.refused, done.findings
    assert await state(desk, ORIGINAL) == ("written_off", False)
    assert await standing(desk, case) == set()


async def test_an_unreported_period_stops_the_instalment_and_after_six_months_all_cash(desk: Desk) -> None:
    case = await paid(desk)
    assert not (await overdue(desk, case, FACE)).refused
    assert await standing(desk, case) == {"instalment"}
    assert not (await overdue(desk, case, FACE, level=1, when="2027-03-01")).refused
    assert await standing(desk, case) == {"instalment", "cash"}
    assert not (await report(desk, case)).refused
    assert await standing(desk, case) == set()


async def test_a_renewal_is_the_partners_and_reaches_its_cases(desk: Desk) -> None:
    case = await in_signature(desk)
    await desk.pool.execute("UPDATE element SET valid_until = '2026-11-30' WHERE subject = $1 AND element = 'registration'", PARTNER)
    await sign(desk, case, "partner", "2026-04-07")
    done = await sign(desk, case, "office", "2026-04-09", last=True)
    assert {start.id for start in done.starts} >= {"pca.partner.P-KE-0001.KE.obligations"}
    row = await desk.row("obligation", PARTNER)
    assert row is not None
    assert (row["kind"], row["owner_role"], row["cases"]) == ("assessment_renewal", "partner_focal_point", [case])
    begun = await desk.begin(PARTNER, "obligations", at("2026-04-10"))
    assert [moment["does"] for moment in begun["open"][0]["moments"]] == ["notice_90", "notice_60", "notice_30", "overdue"]
    late = await overdue(desk, PARTNER, row["id"], when="2026-12-01")
    assert late.look_again == ["pca.KE.KEN-2026-0007"]
    assert await standing(desk, PARTNER) == {"signature", "amendment"}


# Conditions -----------------------------------------------------------------------------------------------------------------------


async def condition(desk: Desk, verdict: str, actor: str, role: str, *, gate: str = "before_cash", due: str = "") -> tuple[str, Recorded]:
    spec = {"text": "Supervision plan", "owner_role": "focal_point", "gate": gate} | ({"due": due} if due else {})
    case = await signed(desk, [spec])
    identity = await desk.pool.fetchval("SELECT id FROM condition WHERE subject = $1", case)
    (task,) = await desk.open(
        case, "obligations", at("2026-04-10"), Opening(kind="meet_condition", whom=identity, roles=["focal_point", role])
    )
    event = Event(type="condition.met" if verdict == "met" else "condition.waived", data={"condition": identity})
    said = {"comment": "c"} if verdict == "waive" else {"data": {"evidence": [{"document": "p", "sha256": sha("p"), "kind": "plan"}]}}
    return case, await desk.decide(task, actor, role, verdict, at("2026-04-20"), [event], subject=case, **said)


async def closed(desk: Desk, case: str) -> str:
    row = await desk.row("condition", case)
    assert row is not None
    return str(row["state"])


async def test_its_owner_meets_a_condition_and_the_case_looks_again(desk: Desk) -> None:
    case, done = await condition(desk, "met", "ke.001", "focal_point")
    assert not done.refused, done.findings
    assert await closed(desk, case) == "met"
    assert done.look_again == ["pca.KE.KEN-2026-0007"]


async def test_only_who_set_a_condition_waives_it(desk: Desk) -> None:
    case, done = await condition(desk, "waive", "ke.001", "focal_point")
    assert rules(done.findings) == {"setter_only"}
    assert await closed(desk, case) == "open"


async def test_who_set_it_waives_it(desk: Desk) -> None:
    case, done = await condition(desk, "waive", "ke.005", "overall_approver")
    assert not done.refused, done.findings
    assert await closed(desk, case) == "waived"


async def test_a_condition_with_a_date_is_an_obligation_met_with_it(desk: Desk) -> None:
    case, done = await condition(desk, "met", "ke.001", "focal_point", gate="by_date", due="2026-06-30")
    assert not done.refused, done.findings
    row = await desk.row("obligation", case, kind="review_condition")
    assert row is not None
    assert (row["state"], row["due_at"]) == ("met", at("2026-06-30", "14:00"))


async def test_the_stage_begins_with_what_is_open(desk: Desk) -> None:
    case = await signed(desk, [{"text": "Supervision plan", "owner_role": "focal_point", "gate": "before_cash"}])
    begun = await desk.begin(case, "obligations", at("2026-04-10"))
    assert (begun["open"], [item["roles"] for item in begun["conditions"]]) == ([], [["focal_point", "overall_approver"]])


async def test_a_task_about_nothing_the_record_knows_is_refused(desk: Desk) -> None:
    case = await signed(desk)
    done = await decide(
        desk, case, "meet_obligation", "x", "submit_evidence", "ke.001", "focal_point", "obligation.evidence_submitted", data={}
    )
    assert rules(done.findings) == {"obligation_unknown"}
    (task,) = await desk.open(case, "obligations", at("2026-04-10"), Opening(kind="meet_condition", whom="x", roles=["focal_point"]))
    event = Event(type="condition.met", data={"condition": "x"})
    unknown = await desk.decide(task, "ke.001", "focal_point", "met", at("2026-04-20"), [event], subject=case, data={"evidence": []})
    assert rules(unknown.findings) == {"condition_unknown"}


async def test_an_extension_to_a_day_that_has_passed_is_refused(desk: Desk) -> None:
    case = await owing(desk)
    head = ("ke.008", "head_of_office", "obligation.extended")
    done = await decide(
        desk, case, "decide_obligation", ORIGINAL, "extend", *head, when="2026-06-30", comment="c", data={"until": "2026-05-29"}
    )
    assert rules(done.findings) == {"date_passed"}


async def test_refused_evidence_leaves_the_obligation_open(desk: Desk) -> None:
    case = await owing(desk)
    await evidence(desk, case)
    refused = "obligation.evidence_refused"
    done = await decide(desk, case, "check_obligation_evidence", ORIGINAL, "refuse", "ke.002", "partnership_manager", refused, comment="c")
    assert not done.refused, done.findings
    assert await state(desk, ORIGINAL) == ("open", False)


async def test_an_assessment_that_comes_meets_the_duty_to_renew_it(desk: Desk) -> None:
    case = await in_signature(desk)
    await desk.pool.execute("UPDATE element SET valid_until = '2026-11-30' WHERE subject = $1 AND element = 'psea'", PARTNER)
    await sign(desk, case, "partner", "2026-04-07")
    await sign(desk, case, "office", "2026-04-09", last=True)
    (task,) = await desk.open(PARTNER, "vetting", at("2026-10-01"), Opening(kind="assess_psea", whom="again"))
    data = {f"s{n}": 3 for n in range(1, 7)} | {"assessed_on": "2026-10-01", "evidence": []}
    event = Event(type="vetting.element_recorded", data={"element": "psea", "verdict": "rate"}, take=[*data])
    done = await desk.decide(task, "ke.014", "assurance_officer", "rate", at("2026-10-02"), [event], subject=PARTNER, data=data)
    assert not done.refused, done.findings
    row = await desk.row("obligation", PARTNER)
    assert row is not None
    assert (row["kind"], row["state"]) == ("assessment_renewal", "met")


async def test_obligations_of_a_play_start_on_its_clock(desk: Desk) -> None:
    case = await in_signature(desk)
    await desk.pool.execute("""INSERT INTO clock (name, "offset") VALUES ('play', interval '-3 days')""")
    event = Event(
        type="obligation.created",
        data={"obligation": f"{PARTNER}:risk_acceptance_expiry", "kind": "risk_acceptance_expiry", "due_at": None, "cases": [case]},
    )
    done = await desk.system(PARTNER, "vetting", "flag", at("2026-04-10"), [event], clock="play")
    assert not done.refused, done.findings
    (start,) = done.starts
    assert (start.input.view.clock.name, start.input.view.clock.offset.days) == ("play", -3)


async def test_a_report_meets_the_duty_of_its_own_period_alone(desk: Desk) -> None:
    case = await paid(desk)
    second = {"obligation": "KEN/2026/0007:quarterly_face:2", "kind": "quarterly_face", "what": "2", "due_at": None, "cases": [case]}
    created = await desk.system(case, "cash", "second", at("2026-09-01"), [Event(type="obligation.created", data=second)])
    assert not created.refused, created.findings
    assert not (await report(desk, case)).refused
    assert await state(desk, FACE) == ("met", False)
    assert await state(desk, second["obligation"]) == ("open", False)


async def test_an_assessment_leaves_the_duty_to_renew_another_one(desk: Desk) -> None:
    case = await in_signature(desk)
    await desk.pool.execute(
        "UPDATE element SET valid_until = '2026-11-30' WHERE subject = $1 AND element IN ('psea', 'registration')", PARTNER
    )
    await sign(desk, case, "partner", "2026-04-07")
    await sign(desk, case, "office", "2026-04-09", last=True)
    (task,) = await desk.open(PARTNER, "vetting", at("2026-10-01"), Opening(kind="assess_psea", whom="again"))
    data = {f"s{n}": 3 for n in range(1, 7)} | {"assessed_on": "2026-10-01", "evidence": []}
    event = Event(type="vetting.element_recorded", data={"element": "psea", "verdict": "rate"}, take=[*data])
    done = await desk.decide(task, "ke.014", "assurance_officer", "rate", at("2026-10-02"), [event], subject=PARTNER, data=data)
    assert not done.refused, done.findings
    rows = await desk.pool.fetch("SELECT id, state FROM obligation WHERE subject = $1 AND kind = 'assessment_renewal' ORDER BY id", PARTNER)
    assert [(row["id"].split(":")[2], row["state"]) for row in rows] == [("psea", "met"), ("registration", "open")]


async def test_a_refused_extension_leaves_the_day_and_its_consequence(desk: Desk) -> None:
    case = await owing(desk)
    await overdue(desk, case, ORIGINAL, when="2026-05-11")
    (task,) = await desk.open(case, "obligations", at("2026-05-20", "07:00"), Opening(kind="decide_obligation", whom=ORIGINAL))
    done = await desk.decide(task, "ke.008", "head_of_office", "refuse", at("2026-05-20"), subject=case, comment="c")
    assert not done.refused, done.findings
    assert await state(desk, ORIGINAL) == ("open", True)
    assert await standing(desk, case) == {"amendment"}


async def test_neither_owner_nor_setter_meets_no_condition(desk: Desk) -> None:
    case, done = await condition(desk, "met", "ke.002", "partnership_manager")
    assert rules(done.findings) == {"wrong_role"}
    assert await closed(desk, case) == "open"


async def test_a_condition_that_is_met_is_not_met_again(desk: Desk) -> None:
    case, done = await condition(desk, "met", "ke.001", "focal_point")
    assert not done.refused, done.findings
    identity = await desk.pool.fetchval("SELECT id FROM condition WHERE subject = $1", case)
    opening = Opening(kind="meet_condition", whom=f"{identity} again", roles=["focal_point"])
    (task,) = await desk.open(case, "obligations", at("2026-04-21"), opening)
    event = Event(type="condition.met", data={"condition": identity})
    again = await desk.decide(task, "ke.001", "focal_point", "met", at("2026-04-22"), [event], subject=case, data={"evidence": []})
    assert rules(again.findings) == {"condition_closed"}


# Of a partner, on the fast path ---------------------------------------------------------------------------------------------------

PROFILE = "P-MZ-0031:partner_verification"


async def of_partner(desk: Desk, kind: str, verdict: str, actor: str, role: str, event: str, when: str, **said: Any) -> Recorded:
    """A decision on the obligation of the partner; its stage is the obligations', not the vetting's."""
    from db import content
    from schemas.engine import Batch
    from schemas.messages import Decision

    opening = Opening(kind=kind, whom=f"{PROFILE} {verdict}-{desk.keys}", roles=[role])
    (task,) = await desk.open(fp.PARTNER, "obligations", at(when, "07:00"), opening)
    refs = {name: await content.put(desk.pool, value) for name, value in said.items()}
    decision = Decision(task=task.id, actor=actor, role=role, verdict=verdict, key=f"p{desk.keys}", **refs)
    events = [Event(type=event, data={"obligation": PROFILE}, take=["documents", "until"])]
    batch = Batch(
        key=decision.receipt, subject=fp.PARTNER, stage="obligations", at=at(when), decision=decision, task=task, events=events,
        workflow="w", track="emergency",
    )  # fmt: skip
    return await desk.recorder.record(batch)


async def test_an_extension_of_the_partners_obligation_lifts_for_every_case_until_its_day(desk: Desk) -> None:
    case = await fp.signed(desk)
    fp.taken(await overdue(desk, fp.PARTNER, PROFILE, when="2026-06-20"))
    assert await standing(desk, fp.PARTNER) == {"instalment", "new_emergency"}
    head = ("mz.008", "head_of_office", "obligation.extended", "2026-06-22")
    done = fp.taken(await of_partner(desk, "decide_obligation", "extend", *head, comment="Roads.", data={"until": "2026-07-17"}))
    assert done.look_again == ["pca.MZ.MOZ-2026-0031"]
    assert await standing(desk, fp.PARTNER) == set()
    early = await overdue(desk, fp.PARTNER, PROFILE, when="2026-07-16")
    assert rules(early.findings) == {"not_due"}
    fp.taken(await overdue(desk, fp.PARTNER, PROFILE, when="2026-07-18"))
    assert await standing(desk, fp.PARTNER) == {"instalment", "new_emergency"}
    assert (await desk.case(case))["status"] == "signed"


async def test_a_write_off_lifts_the_stop_but_not_the_cap(desk: Desk) -> None:
    """Written off is not checked: the element stays postponed, and with it what rests on that."""
    await fp.signed(desk)
    fp.taken(await overdue(desk, fp.PARTNER, PROFILE, when="2026-06-20"))
    director = ("mz.023", "regional_director", "obligation.written_off", "2026-06-22")
    fp.taken(await of_partner(desk, "decide_obligation", "write_off", *director, comment="The partner dissolves."))
    assert await standing(desk, fp.PARTNER) == set()
    line = await desk.row("element", fp.PARTNER, element="profile")
    assert line is not None
    assert line["source"] == "deferred"


async def test_what_is_owed_as_an_act_is_met_by_the_act_and_lifts_by_itself(desk: Desk) -> None:
    await fp.signed(desk)
    fp.taken(await overdue(desk, fp.PARTNER, PROFILE, when="2026-06-20"))
    data = {"documents": [{"document": "x.pdf", "sha256": sha("x"), "kind": "letter"}]}
    said = ("mz.p03", "partner_focal_point", "obligation.evidence_submitted", "2026-06-22")
    paper = await of_partner(desk, "meet_obligation", "submit_evidence", *said, data=data)
    assert rules(paper.findings) == {"met_by_an_act"}
    assert await standing(desk, fp.PARTNER) == {"instalment", "new_emergency"}
    fp.taken(await fp.verified(desk, "2026-06-23"))
    assert await standing(desk, fp.PARTNER) == set()
    assert await state(desk, PROFILE) == ("met", False)


async def test_what_has_no_day_yet_has_no_moments_and_a_plan_has_a_second_one(desk: Desk) -> None:
    case = await fp.in_signature(desk)
    begun = await desk.begin(case, "obligations", at("2026-03-18"))
    assert [(one["id"], one["due"], one["moments"]) for one in begun["open"]] == [("MOZ/2026/0031:partner_acceptance_record", None, [])]
    await rated(desk, fp.PARTNER)
    begun = await desk.begin(fp.PARTNER, "obligations", at("2026-06-02", "11:00"))
    (plan,) = [one for one in begun["open"] if "psea_strengthening_plan" in one["id"]]
    assert [(moment["at"][:10], moment["level"]) for moment in plan["moments"]] == [("2026-07-02", 0), ("2026-12-02", 1)]
