"""The intake message and the office file: strict, with a usable place for every fault."""

import json
from datetime import date
from decimal import Decimal

import pytest
from pydantic import BaseModel, ValidationError

from schemas.intake import Intake, faults, json_path
from schemas.office import Office, Rates, RoleGrant
from tests.policy.facts import office, raw_intake


def found(raw: object) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        Intake.model_validate_json(json.dumps(raw, default=str))
    return {finding.path: finding.rule for finding in faults(caught.value)}


def test_the_example_in_the_schema_is_a_valid_intake():
    (example,) = Intake.model_json_schema()["examples"]
    taken = Intake.model_validate_json(json.dumps(example))
    assert taken.reference == "KEN/2026/0007"
    assert taken.instrument == "auto"
    assert Intake.model_validate_json(taken.model_dump_json()) == taken


def test_every_fault_is_named_with_its_json_path():
    raw = raw_intake()
    raw["document"]["outputs"][0]["activities"][0]["office_cash"] = "12.345"
    raw["document"]["colour"] = "blue"
    raw["document"]["currency"] = "kes"
    del raw["partner"]["legal_name"]
    raw["reference"] = "ken 7"
    assert found(raw) == {
        "$.document.outputs[0].activities[0].office_cash": "invalid_value",
        "$.document.colour": "unknown_field",
        "$.document.currency": "invalid_value",
        "$.partner.legal_name": "missing_field",
        "$.reference": "invalid_value",
    }


def test_a_path_is_written_as_json_path():
    assert json_path(("document", "outputs", 0, "activities", 1, "office_cash")) == "$.document.outputs[0].activities[1].office_cash"
    assert json_path(()) == "$"


@pytest.mark.parametrize("reference", ["KEN/2026/0007", "BGD/PCA2024/0317", "MOZ-L2-2026-01", "A"])
def test_references_are_capitals_and_digits_in_groups(reference: str):
    assert Intake.model_validate(raw_intake(reference=reference)).reference == reference


@pytest.mark.parametrize("reference", ["ken/1", "KEN//1", "/KEN", "KEN/", "KEN.1", "K" * 61])
def test_other_references_are_refused(reference: str):
    assert found(raw_intake(reference=reference)) == {"$.reference": "invalid_value"}


def test_amounts_are_exact_decimals():
    taken = Intake.model_validate_json(json.dumps(raw_intake(document={"supplies": {"office": 0.1}})))
    assert taken.document.supplies.office == Decimal("0.1")


def test_negative_amounts_are_refused():
    assert found(raw_intake(document={"supplies": {"office": -1}})) == {"$.document.supplies.office": "invalid_value"}


def test_an_intake_cannot_be_changed():
    taken = Intake.model_validate(raw_intake())
    with pytest.raises(ValidationError):
        taken.office = "MZ"  # type: ignore[misc]


def test_a_role_is_in_force_on_its_first_and_last_day():
    grant = RoleGrant.model_validate({"role": "head_of_office", "from": "2026-01-01", "to": "2026-12-31"})
    assert [grant.in_force(day) for day in (date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1))] == [
        False,
        True,
        True,
        False,
    ]
    assert RoleGrant(role="ops").in_force(date(1999, 1, 1))


def test_an_office_knows_its_people_and_programmes():
    known = office()
    assert known.person("ke.head") is not None
    assert known.person("nobody") is None
    assert known.programme("KE-2023") is not None
    assert known.programme("KE-1999") is None


def test_an_office_file_survives_its_own_json():
    known = office()
    assert Office.model_validate_json(known.model_dump_json(by_alias=True)) == known
    assert Office.model_validate_json(known.model_dump_json()) == known


def test_a_rate_is_positive_and_of_a_month():
    with pytest.raises(ValidationError):
        Rates.model_validate({"months": {"2026-13": {"KES": "1"}}})
    with pytest.raises(ValidationError):
        Rates.model_validate({"months": {"2026-01": {"KES": "0"}}})


@pytest.mark.parametrize("model", [Intake, Office, Rates])
def test_every_field_is_described(model: type[BaseModel]):
    schema = model.model_json_schema()
    bare = [
        f"{name}.{field}"
        for name, part in {model.__name__: schema, **schema["$defs" if "$defs" in schema else "properties"]}.items()
        for field, told in part.get("properties", {}).items()
        if "description" not in told
    ]
    assert bare == []
    assert all(part.get("description") for part in schema.get("$defs", {}).values())
