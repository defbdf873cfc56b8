"""The example cases are whole and consistent: messages fit their models, people may do what their play has them do, figures add up."""

import json
import tomllib
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from activities import sanctions
from policy import document, pack, screening, segregation
from policy.budget import one_decimal, totals
from policy.calendar import Calendar
from policy.eligibility import Door, appraise, at_the_door
from policy.instrument import UmbrellaState
from schemas.findings import refusals
from schemas.intake import Document, Intake
from schemas.office import Office, Rates
from schemas.tasks import CATALOGUE

EXAMPLES = Path(__file__).parents[2] / "examples"
CASES = ("C1", "C2", "C6", "C7")
STANDARD = next(found for found in map(pack.parse, pack.shipped()) if found.track == "standard")


def toml(name: str) -> dict[str, Any]:
    return tomllib.loads((EXAMPLES / name).read_text(encoding="utf-8"))


@cache
def intake(name: str) -> Intake:
    return Intake.model_validate_json((EXAMPLES / "intake" / f"{name}.json").read_text(encoding="utf-8"))


@cache
def office(iso2: str) -> Office:
    return Office.model_validate(toml(f"offices/{iso2}.toml"))


@cache
def expected(case: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLES / "expected.json").read_text(encoding="utf-8"))[case]
    return found


def steps(case: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = toml(f"plays/{case}.toml")["step"]
    return found


def decisions(case: str) -> Iterator[dict[str, Any]]:
    yield from (step for step in steps(case) if "task" in step)


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


def door(asked: Intake) -> Door:
    umbrella: UmbrellaState = "signed" if asked.partner.pca else "none"
    return Door(office(asked.office), Rates.model_validate(toml("rates.toml")), umbrella=umbrella)


@pytest.mark.parametrize("case", CASES)
def test_the_door_takes_the_case(case: str) -> None:
    assert refusals(at_the_door(intake(case), door(intake(case)), STANDARD)) == []


def test_the_sibling_of_c6_is_refused_at_the_door_for_its_type_alone() -> None:
    asked = intake("C6-un-agency")
    assert [finding.rule for finding in refusals(at_the_door(asked, door(asked), STANDARD))] == ["partner_type_not_cso"]


@pytest.mark.parametrize("case", CASES)
def test_the_amounts_are_those_of_the_casebook(case: str) -> None:
    last = intake(case).model_copy(update={"document": final_document(case)})
    found, sums, wanted = appraise(last, door(last), STANDARD), totals(last.document), expected(case)
    assert (sums.office_total, sums.office_cash) == (Decimal(wanted["office_total"]), Decimal(wanted["office_cash"]))
    assert (str(found.office_total_usd), str(found.office_cash_usd)) == (wanted["office_total_usd"], wanted["office_cash_usd"])
    shares = (one_decimal(sums.management_share), one_decimal(sums.partner_share))
    assert shares == (Decimal(wanted["management_share"]), Decimal(wanted["partner_share"]))


@pytest.mark.parametrize("case", ["C1", "C2", "C7"])
def test_the_document_that_is_submitted_lacks_nothing(case: str) -> None:
    last = intake(case).model_copy(update={"document": final_document(case)})
    which = appraise(last, door(last), STANDARD).kind
    assert which is not None
    assert document.content(last.document, which, STANDARD) + document.missing_annexes(last.document) == []


def test_management_of_the_first_text_of_c7_is_31_percent() -> None:
    assert one_decimal(totals(intake("C7").document).management_share) == Decimal("31.0")


@pytest.mark.parametrize("case", CASES)
def test_every_decision_fits_the_catalogue(case: str) -> None:
    for step in decisions(case):
        verdict = CATALOGUE[kind(step)].verdicts[step["verdict"]]
        verdict.model.model_validate_json(json.dumps(filled(step.get("data", {}))))
        assert not verdict.comment or step.get("comment"), step
        assert not verdict.message or (step.get("message") and step.get("reason_code")), step


@pytest.mark.parametrize("case", CASES)
def test_everybody_holds_the_role_acted_in(case: str) -> None:
    partner = intake(case).partner
    held = {(person.actor, grant.role) for person in office(intake(case).office).people for grant in person.roles}
    held |= {(person.actor, "partner_authorised_officer") for person in partner.officers}
    held |= {(person.actor, "partner_focal_point") for person in partner.focal_points}
    assert {(step["who"], step["role"]) for step in decisions(case)} <= held


@pytest.mark.parametrize("case", CASES)
def test_duties_are_segregated_except_where_the_play_expects_a_refusal(case: str) -> None:
    acts = [segregation.Act(actor=intake(case).submitter, kind="submit_case")]
    for step in decisions(case):
        whom = step["task"].partition(":")[2]
        found = segregation.objections(acts, step["who"], kind(step), step["verdict"], role=step["role"], whom=whom)
        if "refused" not in step:
            assert found == [], step
            acts.append(segregation.Act(actor=step["who"], role=step["role"], kind=kind(step), verdict=step["verdict"], whom=whom))


@pytest.mark.parametrize("case", CASES)
def test_the_steps_are_in_order_and_on_working_days(case: str) -> None:
    calendar = Calendar.of(office(intake(case).office), STANDARD)
    moments = [(step["on"], step["at"]) for step in steps(case)]
    assert moments == sorted(moments)
    assert all(calendar.is_working_day(day) for day, _ in moments)


@pytest.mark.parametrize("case", CASES)
def test_the_play_is_of_the_case_it_names(case: str) -> None:
    play = toml(f"plays/{case}.toml")
    asked = Intake.model_validate_json((EXAMPLES / play["intake"]).read_text(encoding="utf-8"))
    assert (play["case"], play["reference"], play["begins"]) == (case, asked.reference, asked.submitted_on)
    assert play["reference"] == expected(case)["reference"]


@pytest.mark.parametrize("case", CASES)
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


@pytest.mark.parametrize("case", ["C1", "C2", "C7"])
def test_the_report_comes_out_as_expected(case: str) -> None:
    lines = next(step for step in decisions(case) if kind(step) == "submit_report")["data"]["lines"]
    reviews = [step["data"]["lines"] for step in decisions(case) if step["verdict"] == "accept_in_part"]
    b = sum(Decimal(line["amount"]) for line in lines)
    c = sum(Decimal(line["accepted"]) for line in reviews[0]) if reviews else b
    wanted = expected(case)["reports"][0]
    assert (b, c, Decimal(wanted["a"]) - c) == (Decimal(wanted["b"]), Decimal(wanted["c"]), Decimal(wanted["d"]))


@pytest.mark.parametrize(("case", "days"), [("C1", 38), ("C2", 17), ("C7", 66)])
def test_clock_a_runs_from_submission_to_the_later_signature(case: str, days: int) -> None:
    calendar = Calendar.of(office(intake(case).office), STANDARD)
    signed = max(step["on"] for step in decisions(case) if kind(step) in ("sign_as_partner", "sign_for_office"))
    assert calendar.working_days(intake(case).submitted_on, signed) == days == expected(case)["clocks"]["a"]


def test_the_partner_of_c7_holds_its_text_for_24_working_days() -> None:
    calendar = Calendar.of(office("PE"), STANDARD)
    turns = [step for step in decisions("C7") if kind(step) in ("office_turn", "partner_turn")]
    held = sum(calendar.working_days(one["on"], other["on"]) for one, other in pairwise(turns) if kind(other) == "partner_turn")
    assert held == expected("C7")["holder_days"]["partner"]


def hits(case: str) -> list[Decimal]:
    listed = sanctions.parse((EXAMPLES / "sanctions" / "example-list.xml").read_bytes())
    entries = [screening.Entry(entry.entry, listed.name, tuple(name.latin for name in entry.names)) for entry in listed.entries]
    return [hit.score for hit in screening.screen(screening.names_of(intake(case)), entries, STANDARD)]


@pytest.mark.parametrize("case", ["C1", "C2", "C7"])
def test_nobody_of_the_other_cases_is_like_anyone_on_the_list(case: str) -> None:
    assert hits(case) == []


def test_the_director_of_c6_is_093_like_one_person_on_the_list() -> None:
    assert hits("C6") == [Decimal("0.93")]
