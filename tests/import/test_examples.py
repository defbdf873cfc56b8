"""The example cases are whole and consistent: messages fit their models, people may do what their play has them do, figures add up."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from activities import sanctions
from embedded import player
from policy import cash, document, hact, obligations, pack, psea, screening, segregation
from policy.budget import one_decimal, totals
from policy.calendar import Calendar, add_months, periods
from policy.cash import Ceiling
from policy.eligibility import Door, appraise, at_the_door
from policy.instrument import UmbrellaState
from schemas.findings import refusals
from schemas.intake import Document, Intake
from schemas.office import ActivationFacts, Office, Rates
from schemas.tasks import CATALOGUE

EXAMPLES = Path(__file__).parents[2] / "examples"
CASES = ("C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8")
FAST = ("C3", "C4", "C5", "C8")
VARIANTS = ("C3-withdrawn", "C4-carrier", "C5-above-ceiling")
ACTIVATIONS = ("MOZ-L2-2026-01", "PHL-L2-2026-02", "UKR-L3-2026-01")
PACKS = {found.track: found for found in map(pack.parse, pack.shipped())}
STANDARD, EMERGENCY = PACKS["standard"], PACKS["emergency"]
RECORDED_HERE = {"C4": "draft", "C4-carrier": "draft"}
"""Cases that find a PCA that the engine itself has opened."""


def toml(name: str) -> dict[str, Any]:
    return tomllib.loads((EXAMPLES / name).read_text(encoding="utf-8"))


@cache
def intake(name: str) -> Intake:
    """The intake of a play, or the file of that name."""
    file = f"intake/{name}.json" if name == "C6-un-agency" else play(name)["intake"]
    return Intake.model_validate_json((EXAMPLES / file).read_text(encoding="utf-8"))


@cache
def play(case: str) -> dict[str, Any]:
    return toml(f"plays/variants/{case}.toml" if case in VARIANTS else f"plays/{case}.toml")


@cache
def activation(reference: str) -> ActivationFacts:
    """What the rules read of an activation file."""
    declared = toml(f"activations/{reference}.toml")
    aside = declared.get("step_aside", {})
    fields = {
        name: declared[name]
        for name in ("reference", "level", "offices", "areas", "sectors", "valid_from", "valid_to", "roster", "declared_by")
    }
    return ActivationFacts(**fields, step_aside_from=aside.get("from"), step_aside_to=aside.get("to"))


def track(case: str) -> pack.Pack:
    """The pack of the track that the case ends on."""
    return PACKS[expected(case)["track"]]


@cache
def office(iso2: str) -> Office:
    return Office.model_validate(toml(f"offices/{iso2}.toml"))


@cache
def expected(case: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLES / "expected.json").read_text(encoding="utf-8"))[case]
    return found


def steps(case: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = play(case)["step"]
    return found


def decisions(case: str) -> Iterator[dict[str, Any]]:
    yield from (step for step in steps(case) if "task" in step and "tell" not in step)


def kind(step: dict[str, Any]) -> str:
    return str(step["task"]).partition(":")[0]


def final_document(case: str) -> Document:
    """The last version that the play puts, or the one of the intake."""
    put = [step["document"] for step in decisions(case) if "document" in step]
    return Document.model_validate_json((EXAMPLES / put[-1]).read_text(encoding="utf-8")) if put else intake(case).document


def filled(value: Any) -> Any:
    """Data as it is sent, with any hash for what the player fills in."""
    match value:
        case dict():
            return {name: filled(item) for name, item in value.items()}
        case list():
            return [filled(item) for item in value]
        case date():
            return value.isoformat()
        case str() if value.startswith("@"):
            return "0" * 64
    return value


def door(asked: Intake, umbrella: str = "") -> Door:
    stands = cast("UmbrellaState", umbrella or ("signed" if asked.partner.pca else "none"))
    relied_on = activation(asked.activation) if asked.activation else None
    return Door(office(asked.office), Rates.model_validate(toml("rates.toml")), activation=relied_on, umbrella=stands)


@pytest.mark.parametrize("case", [*CASES, *VARIANTS])
def test_the_door_takes_the_case(case: str) -> None:
    asked = intake(case)
    assert refusals(at_the_door(asked, door(asked, RECORDED_HERE.get(case, "")), PACKS[asked.track])) == []


@pytest.mark.parametrize("case", ["C3", "C4", "C5", "C8"])
def test_the_instrument_is_resolved_as_the_casebook_says(case: str) -> None:
    asked = intake(case)
    found = appraise(asked, door(asked, RECORDED_HERE.get(case, "")), PACKS[asked.track]).instrument
    assert (found.instrument, found.carries) == (expected(case)["instrument"], expected(case)["carries_umbrella"])


def test_without_its_activation_a_fast_case_is_refused() -> None:
    assert [finding.rule for finding in refusals(at_the_door(intake("C3"), replace(door(intake("C3")), activation=None), EMERGENCY))] == [
        "no_activation"
    ]


def test_the_sibling_of_c6_is_refused_at_the_door_for_its_type_alone() -> None:
    asked = intake("C6-un-agency")
    assert [finding.rule for finding in refusals(at_the_door(asked, door(asked), STANDARD))] == ["partner_type_not_cso"]


@pytest.mark.parametrize("case", CASES)
def test_the_amounts_are_those_of_the_casebook(case: str) -> None:
    last = intake(case).model_copy(update={"document": final_document(case)})
    found, sums, wanted = appraise(last, door(last), PACKS[last.track]), totals(last.document), expected(case)
    assert (sums.office_total, sums.office_cash) == (Decimal(wanted["office_total"]), Decimal(wanted["office_cash"]))
    assert (str(found.office_total_usd), str(found.office_cash_usd)) == (wanted["office_total_usd"], wanted["office_cash_usd"])
    shares = (one_decimal(sums.management_share), one_decimal(sums.partner_share))
    assert shares == (Decimal(wanted["management_share"]), Decimal(wanted["partner_share"]))


@pytest.mark.parametrize("case", ["C1", "C2", "C3", "C4", "C5", "C7", "C8"])
def test_the_document_that_is_submitted_lacks_nothing_of_its_track(case: str) -> None:
    last = intake(case).model_copy(update={"document": final_document(case)})
    which = appraise(last, door(last), PACKS[last.track]).kind
    attached = frozenset(step["task"].partition(":")[2] for step in decisions(case) if kind(step) == "attach_annex")
    assert which is not None
    assert document.content(last.document, which, track(case)) + document.missing_annexes(last.document, attached) == []


@pytest.mark.parametrize("case", FAST)
def test_what_the_fast_track_leaves_out_is_owed_and_nothing_else(case: str) -> None:
    asked = intake(case)
    owed = any(row["kind"] == "document_completion" for row in expected(case)["obligations"])
    assert bool(document.left_out(asked.document, "simplified_humanitarian", EMERGENCY)) is owed


@pytest.mark.parametrize(("case", "amount", "rule"), [("C3", "9416000.00", "cash.cap_percent"), ("C4", "3195000.00", "cash.floor_usd")])
def test_the_first_payment_is_capped_while_a_check_is_postponed(case: str, amount: str, rule: str) -> None:
    assert capped(case) == Ceiling(Decimal(amount), capped=True, rule=rule)
    assert expected(case)["payments"][0]["amount"] == amount


def test_the_first_payment_of_c8_is_40_percent_and_that_of_c5_all_that_is_needed() -> None:
    assert capped("C8").amount == Decimal("35524000.00") == Decimal(expected("C8")["payments"][0]["amount"])
    assert need("C5") == Decimal("12315700.00") == Decimal(expected("C5")["payments"][0]["amount"])


def need(case: str) -> Decimal:
    last = final_document(case)
    assert last.start is not None
    assert last.end is not None
    return cash.need(last, 1, len(periods(last.start, last.end)))


def capped(case: str) -> Ceiling:
    asked = intake(case)
    rate = Rates.model_validate(toml("rates.toml")).months[f"{asked.submitted_on:%Y-%m}"][asked.document.currency]
    return cash.first_ceiling(need(case), totals(asked.document).office_cash, deferred=True, rate=rate, pack=EMERGENCY)


@pytest.mark.parametrize(("case", "asked"), [("C3", "13246600.00"), ("C4", "3568450.00"), ("C8", "41970750.00")])
def test_the_need_is_asked_for_first_and_refused(case: str, asked: str) -> None:
    faces = [step for step in decisions(case) if kind(step) == "request_cash"]
    sums = [sum(Decimal(line["amount"]) for line in step["data"]["face"]["lines"]) for step in faces]
    assert [step.get("refused") for step in faces] == ["above_ceiling", None]
    assert sums == [need(case), Decimal(expected(case)["payments"][0]["amount"])]
    assert need(case) == Decimal(asked)


@pytest.mark.parametrize("case", ["C3", "C4", "C5", "C8"])
def test_no_line_of_a_fast_request_is_above_its_need_and_each_is_estimated(case: str) -> None:
    last = final_document(case)
    budgeted = cash.plan(last, 2)[0]
    for step in (step for step in decisions(case) if kind(step) == "request_cash"):
        face = step["data"]["face"]
        lines = {line["activity"]: Decimal(line["amount"]) for line in face["lines"]}
        estimate = {line["activity"]: Decimal(line["number"]) * Decimal(line["price"]) for line in face["estimate"]}
        assert estimate == lines
        assert all(amount <= budgeted[line] for line, amount in lines.items())


def test_the_second_document_makes_the_partners_planned_cash_of_the_year_477230() -> None:
    cash_of_both = sum((totals(intake(case).document).office_cash for case in ("C3", "C4")), Decimal(0))
    assert (cash_of_both / Decimal("63.90")).quantize(Decimal(1)) == Decimal(477230)


@pytest.mark.parametrize("reference", ACTIVATIONS)
def test_an_activation_is_declared_by_whom_its_level_asks_for_three_months_at_most(reference: str) -> None:
    declared = toml(f"activations/{reference}.toml")
    facts = activation(reference)
    people = {person.actor: {grant.role for grant in person.roles} for person in office(facts.offices[0]).people}
    assert declared["role"] == {"L1": "head_of_office", "L2": "regional_director", "L3": "global_emergency_coordinator"}[facts.level]
    assert declared["role"] in people[declared["declared_by"]]
    assert (
        declared["declared_on"] <= facts.valid_from < facts.valid_to < add_months(facts.valid_from, EMERGENCY["activation.longest_months"])
    )
    assert all("committee_member" in people[actor] for actor in facts.roster)


@pytest.mark.parametrize("case", [*FAST, *VARIANTS])
def test_the_play_names_the_activation_that_its_case_relies_on(case: str) -> None:
    named = toml(play(case)["activation"])["reference"]
    declared = [step["data"]["activation"] for step in steps(case) if step.get("tell") == "declare_emergency"]
    assert [named] == (declared or [intake(case).activation])


@pytest.mark.parametrize(
    ("case", "kind_", "due"),
    [
        ("C3", "committee_ratification", date(2026, 4, 30)),
        ("C4", "committee_ratification", date(2026, 5, 5)),
        ("C8", "committee_ratification", date(2026, 11, 13)),
        ("C3", "document_completion", date(2026, 6, 19)),
        ("C3", "hact_assessment", date(2026, 6, 19)),
        ("C4", "document_completion", date(2026, 6, 24)),
        ("C8", "hact_assessment", date(2027, 1, 4)),
        ("C3", "signed_original", date(2026, 4, 18)),
        ("C3", "first_assurance_visit", date(2026, 6, 24)),
        ("C4", "first_assurance_visit", date(2026, 6, 29)),
        ("C8", "first_assurance_visit", date(2027, 1, 8)),
        ("C3", "activation_end_decision", date(2026, 6, 22)),
        ("C8", "activation_end_decision", date(2027, 1, 1)),
    ],
)
def test_obligations_fall_due_as_the_pack_says(case: str, kind_: str, due: date) -> None:
    calendar, wanted = Calendar.of(office(intake(case).office), EMERGENCY), expected(case)
    anchors = {
        "last_signature": date.fromisoformat(wanted["signed_on"]),
        "first_signature": date.fromisoformat(wanted["signed_on"]),
        "first_payment": date.fromisoformat(wanted["payments"][0]["paid_on"]),
        "activation_end": activation(toml(play(case)["activation"])["reference"]).valid_to,
    }
    assert obligations.due(kind_, anchors, calendar, EMERGENCY) == due
    assert [row["due"] for row in wanted["obligations"] if row["kind"] == kind_] == [due.isoformat()]


def test_the_partners_obligations_of_c4_are_those_of_c3() -> None:
    of_the_partner = ("partner_verification", "psea_assessment", "hact_assessment")
    first, second = ([row for row in expected(case)["obligations"] if row["kind"] in of_the_partner] for case in ("C3", "C4"))
    assert first == second
    assert len(first) == 3


def test_plays_of_one_clock_are_merged_by_moment_and_the_first_comes_first() -> None:
    plays = [player.read(EXAMPLES / "plays" / f"{case}.toml") for case in ("C8", "C4", "C3")]
    assert [[one.case for one in group] for group in player.together(plays)] == [["C8"], ["C3", "C4"]]
    acts = player._in_order(player.together(plays)[1])
    assert [(act.on, act.at) for act in acts] == sorted((act.on, act.at) for act in acts)
    assert [act.play.case for act in acts if act.what is None] == ["C3", "C4"]
    assert isinstance(acts[0].what, dict)


def test_the_psea_answers_of_c3_are_12_and_its_micro_assessment_is_significant() -> None:
    rated = {kind(step): step["data"] for step in decisions("C3") if step["verdict"] == "rate"}
    assert psea.rate({name: rated["assess_psea"][name] for name in psea.STANDARDS}, EMERGENCY) == (12, "moderate")
    assert (
        hact.rate("micro_v2", [hact.Answer(item["answer"]) for item in rated["assess_hact"]["answers"]], EMERGENCY).rating == "significant"
    )


def test_the_variant_of_c5_is_above_the_ceiling_of_its_protocol() -> None:
    above, within = intake("C5-above-ceiling").document, intake("C5").document
    assert within.protocol == above.protocol
    assert within.protocol is not None
    assert totals(within).office_total < (within.protocol.ceiling or 0) < totals(above).office_total == Decimal("20400000.00")


def test_management_of_the_first_text_of_c7_is_31_percent() -> None:
    assert one_decimal(totals(intake("C7").document).management_share) == Decimal("31.0")


@pytest.mark.parametrize("case", [*CASES, *VARIANTS])
def test_every_decision_fits_the_catalogue(case: str) -> None:
    for step in decisions(case):
        verdict = CATALOGUE[kind(step)].verdicts[step["verdict"]]
        verdict.model.model_validate_json(json.dumps(filled(step.get("data", {}))))
        assert verdict.on(expected(case)["track"]), step
        assert not verdict.comment or step.get("comment"), step
        assert not verdict.message or (step.get("message") and step.get("reason_code")), step


@pytest.mark.parametrize("case", [*CASES, *VARIANTS])
def test_everybody_holds_the_role_acted_in(case: str) -> None:
    partner = intake(case).partner
    held = {(person.actor, grant.role) for person in office(intake(case).office).people for grant in person.roles}
    held |= {(person.actor, "partner_authorised_officer") for person in partner.officers}
    held |= {(person.actor, "partner_focal_point") for person in partner.focal_points}
    assert {(step["who"], step["role"]) for step in steps(case) if "who" in step} <= held


@pytest.mark.parametrize("case", [*CASES, *VARIANTS])
def test_duties_are_segregated_except_where_the_play_expects_a_refusal(case: str) -> None:
    acts = [segregation.Act(actor=intake(case).submitter, kind="submit_case")]
    for step in decisions(case):
        whom = step["task"].partition(":")[2]
        found = segregation.objections(acts, step["who"], kind(step), step["verdict"], role=step["role"], whom=whom)
        if "refused" not in step:
            assert found == [], step
            acts.append(segregation.Act(actor=step["who"], role=step["role"], kind=kind(step), verdict=step["verdict"], whom=whom))


@pytest.mark.parametrize("case", [*CASES, *VARIANTS])
def test_the_steps_are_in_order_and_on_working_days(case: str) -> None:
    calendar = Calendar.of(office(intake(case).office), STANDARD)
    moments = [(step["on"], step["at"]) for step in steps(case)]
    assert moments == sorted(moments)
    assert all(calendar.is_working_day(day) for day, _ in moments)


@pytest.mark.parametrize("case", [*CASES, *VARIANTS])
def test_the_play_is_of_the_case_it_names(case: str) -> None:
    asked, told = intake(case), play(case)
    assert (told["case"], told["reference"], told["begins"]) == (case, asked.reference, asked.submitted_on)
    assert told["reference"] == expected(case)["reference"]


@pytest.mark.parametrize("case", [*CASES, *VARIANTS])
def test_refusals_of_the_play_are_those_expected(case: str) -> None:
    refused = [{"kind": kind(step) if "task" in step else "intake", "rule": step["refused"]} for step in steps(case) if "refused" in step]
    assert refused == expected(case)["refused"]


@pytest.mark.parametrize("case", ["C1", "C2", "C7"])
def test_the_first_request_is_the_first_quarter_of_the_budget_line_by_line(case: str) -> None:
    last = final_document(case)
    wanted: dict[str, Decimal | None] = {line.id: line.first_quarter for output in last.outputs for line in output.activities}
    wanted |= {line.id: line.first_quarter for line in last.management}
    face = next(step for step in decisions(case) if kind(step) == "request_cash")["data"]["face"]
    asked = {line["activity"]: Decimal(line["amount"]) for line in face["lines"]}
    assert asked == wanted | {"H": last.support_cost.first_quarter}
    estimated: dict[str, Decimal] = {}
    for line in face["estimate"]:
        estimated[line["activity"]] = estimated.get(line["activity"], Decimal(0)) + Decimal(line["number"]) * Decimal(line["price"])
    assert estimated == asked
    assert sum(asked.values()) == Decimal(expected(case)["payments"][0]["amount"])


@pytest.mark.parametrize("case", ["C1", "C2", "C3", "C4", "C7"])
def test_the_report_comes_out_as_expected(case: str) -> None:
    lines = next(step for step in decisions(case) if kind(step) == "submit_report")["data"]["lines"]
    reviews = [step["data"]["lines"] for step in decisions(case) if step["verdict"] == "accept_in_part"]
    b = sum(Decimal(line["amount"]) for line in lines)
    c = sum(Decimal(line["accepted"]) for line in reviews[0]) if reviews else b
    wanted = expected(case)["reports"][0]
    assert (b, c, Decimal(wanted["a"]) - c) == (Decimal(wanted["b"]), Decimal(wanted["c"]), Decimal(wanted["d"]))


@pytest.mark.parametrize(("case", "days"), [("C1", 38), ("C2", 17), ("C3", 6), ("C4", 7), ("C7", 66), ("C8", 19)])
def test_clock_a_runs_from_submission_to_the_later_signature(case: str, days: int) -> None:
    calendar = Calendar.of(office(intake(case).office), STANDARD)
    signed = max(step["on"] for step in decisions(case) if kind(step) in ("sign_as_partner", "sign_for_office"))
    assert calendar.working_days(intake(case).submitted_on, signed) == days == expected(case)["clocks"]["a"]


def test_the_partner_of_c7_holds_its_text_for_24_working_days() -> None:
    calendar = Calendar.of(office("PE"), STANDARD)
    turns = [step for step in decisions("C7") if kind(step) in ("office_turn", "partner_turn")]
    held = sum(calendar.working_days(one["on"], other["on"]) for one, other in pairwise(turns) if kind(other) == "partner_turn")
    assert held == expected("C7")["holder_days"]["partner"]


def hits(case: str, edition: str = "example-list") -> list[Decimal]:
    listed = sanctions.parse((EXAMPLES / "sanctions" / f"{edition}.xml").read_bytes())
    entries = [screening.Entry(entry.entry, listed.name, tuple(name.latin for name in entry.names)) for entry in listed.entries]
    return [hit.score for hit in screening.screen(screening.names_of(intake(case)), entries, STANDARD)]


@pytest.mark.parametrize("case", ["C1", "C2", "C3", "C4", "C5", "C7", "C8"])
def test_nobody_of_the_other_cases_is_like_anyone_on_the_list(case: str) -> None:
    assert hits(case) == []


def test_the_director_of_c6_is_093_like_one_person_on_the_list() -> None:
    assert hits("C6") == [Decimal("0.93")]


@pytest.mark.parametrize("case", CASES)
def test_the_list_of_16_november_names_one_person_like_a_board_member_of_c8_and_nobody_else_anew(case: str) -> None:
    before, after = hits(case), hits(case, "update-2026-11-16")
    assert after == ([Decimal("0.91")] if case == "C8" else before)


def test_the_later_edition_of_the_list_keeps_every_entry_of_the_first() -> None:
    first, later = (
        sanctions.parse((EXAMPLES / "sanctions" / f"{name}.xml").read_bytes()) for name in ("example-list", "update-2026-11-16")
    )
    assert {entry.entry for entry in first.entries} < {entry.entry for entry in later.entries}
    assert (first.name, later.effective) == (later.name, date(2026, 11, 16))
