"""Importing OCHA ProjectSummary files: what is taken, what is refused, and which line is at fault."""

import os
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from policy import cbpf, pack
from policy.budget import totals
from policy.eligibility import Door, at_the_door
from policy.instrument import UmbrellaState
from schemas.findings import refusals
from schemas.office import Rates

TODAY = date(2026, 11, 21)
"""A Saturday."""
MONDAY = date(2026, 11, 23)
PACKS = {found.track: found for found in map(pack.parse, pack.shipped())}
STANDARD = PACKS["standard"]
RATES = Rates.model_validate({"months": {f"{year}-{month:02d}": {"USD": "1"} for year in (2026, 2027) for month in range(1, 13)}})

FUNDS = "PFId,PFName,PFAbbrv,PFLat,PFLong,PFCountryCode,MAAgent,AAgent,IsPublic,ParentPFId\r\n" + "\r\n".join(
    ["15,Sudan,SUD15,15.5,32.5,SD,OCHA,MPTF,True", "70,Syria Cross border,TUR70,37.0,37.3,XX,OCHA,ERF,True"]
)
CELLS = {
    "PFId": "15", "AllNm": "2025 first allocation", "PrjCode": "CBPF-X-1", "OPSCodeAgg": "", "EmgAgg": "", "AllYr": "2025", "AllSrc": "2",
    "OrgNm": " Example  Relief Society", "OrgTypeId": "1", "PrjTitle": "  Water  for   all ", "AStrDt": "5/1/2025 12:00:00 AM",
    "AEndDt": "4/30/2026 12:00:00 AM", "PrjDur": "12 Months", "PrgBdg": "107000", "BgdDC": "100000", "BdgSC": "",
    "PrjSubDt": "3/10/2025 9:30:00 AM",
    "BenAgg": "10##20##30##40", "PrjGM": "4- Likely to contribute", "PrjStsNm": "", "PrjStsId": "1", "PrjStsCode": "", "PartCode": "411.25",
    "ApprDt": "4/1/2025 1:00:00 PM",
}  # fmt: skip
"""One row, invented."""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of invented rows, each given as the cells that differ from `CELLS`, with the master beside it."""

    def file(*rows: dict[str, str], tail: bytes = b"", header: tuple[str, ...] = cbpf.HEADER) -> Path:
        (tmp_path / cbpf.FUNDS_FILE).write_text(FUNDS, encoding="utf-8")
        lines = [",".join(header), *(",".join({**CELLS, **row}[name] for name in cbpf.HEADER) for row in rows)]
        path = tmp_path / "summary.csv"
        path.write_bytes("\r\n".join(lines).encode() + b"\r\n" + tail)
        return path

    return file


def mapped(path: Path, today: date | None = TODAY) -> tuple[cbpf.Mapped, ...]:
    return cbpf.intakes(cbpf.read(path), today=today)


def faults(path: Path) -> list[tuple[str, str]]:
    with pytest.raises(cbpf.Unreadable) as refused:
        cbpf.read(path)
    return [(fault.rule, fault.path) for fault in refused.value.faults]


# The real files ---------------------------------------------------------------------------------------------------------------------

SHARED = Path(os.environ.get("PCA_SHARED_DATA", Path(__file__).parents[2] / ".." / "shared" / "data")) / "cbpf"
real = pytest.mark.skipif(not SHARED.is_dir(), reason="the OCHA files are not here: set PCA_SHARED_DATA to the folder that holds cbpf/")

COUNTS = {
    2018: {
        "rows": 1455, "refused": 233, "refused_partner_type_not_cso": 226, "refused_partner_type_unknown": 7, "refused_over_12_months": 0,
        "accepted": 1222, "emergency": 351, "standard": 871, "reserve_over_12_months": 14, "open_pca": 603, "under_pca": 619,
        "under_pca_before_first_approval": 182, "standard_to_500000": 634, "standard_to_2000000": 224, "standard_above": 13,
        "emergency_to_500000": 235, "emergency_to_2000000": 113, "emergency_above": 3, "management_share_above_limit": 71,
        "name_masked": 139,
    },
    2025: {
        "rows": 1436, "refused": 68, "refused_partner_type_not_cso": 65, "refused_partner_type_unknown": 3, "refused_over_12_months": 0,
        "accepted": 1368, "emergency": 647, "standard": 721, "reserve_over_12_months": 29, "open_pca": 821, "under_pca": 547,
        "under_pca_before_first_approval": 149, "standard_to_500000": 379, "standard_to_2000000": 307, "standard_above": 35,
        "emergency_to_500000": 358, "emergency_to_2000000": 259, "emergency_above": 30, "management_share_above_limit": 0,
        "name_masked": 224,
    },
}  # fmt: skip


@real
@pytest.mark.parametrize("year", COUNTS)
def test_a_published_file_gives_the_counts_of_the_casebook(year: int) -> None:
    assert cbpf.count(mapped(SHARED / f"ProjectSummaryV2_{year}.csv"), STANDARD) == COUNTS[year]


@real
@pytest.mark.parametrize("year", COUNTS)
def test_the_door_refuses_no_row_of_a_published_file_that_the_import_takes(year: int) -> None:
    rows = mapped(SHARED / f"ProjectSummaryV2_{year}.csv")
    offices = {office.iso2: office for office in cbpf.offices(rows, today=TODAY)}
    known: set[str] = set()
    refused = []
    for item in rows:
        asked = item.intake
        if item.refused:
            continue
        umbrella: UmbrellaState = "draft" if asked.partner.id in known else "none"
        known.add(asked.partner.id)
        active = cbpf.activation([item.row], asked.activation, asked.submitted_on) if asked.activation else None
        door = Door(offices[asked.office], RATES, activation=active, umbrella=umbrella)
        refused += [(item.row.code, finding.rule) for finding in refusals(at_the_door(asked, door, PACKS[asked.track]))]
    assert refused == []


@real
def test_no_row_of_2018_is_above_seven_percent_support_cost() -> None:
    rows = mapped(SHARED / "ProjectSummaryV2_2018.csv")
    assert max(totals(item.intake.document).support_cost_percent for item in rows if not item.refused) == Decimal("7.00")


@real
@pytest.mark.parametrize("year", COUNTS)
def test_every_reserve_row_that_is_taken_names_an_activation_that_covers_it(year: int) -> None:
    rows = mapped(SHARED / f"ProjectSummaryV2_{year}.csv")
    offices = {office.iso2: office for office in cbpf.offices(rows, today=TODAY)}
    fast = [item for item in rows if not item.refused and item.intake.track == "emergency"]
    assert len(fast) == COUNTS[year]["emergency"]
    for reference in {item.intake.activation for item in fast}:
        assert reference is not None
        under = [item for item in fast if item.intake.activation == reference]
        declared = cbpf.declaration([item.row for item in under], reference, MONDAY)
        assert {item.intake.office for item in under} == set(declared["offices"])
        assert date.fromisoformat(declared["valid_from"]) <= MONDAY <= date.fromisoformat(declared["valid_to"])
        declares = offices[declared["offices"][0]].person(declared["declared_by"])
        assert declares is not None
        assert declared["role"] in [grant.role for grant in declares.roles]
        assert declared["declared_by"] not in {item.intake.submitter for item in under}


# One row ----------------------------------------------------------------------------------------------------------------------------


def test_the_submission_day_moves_to_the_day_of_import_and_a_weekend_to_monday(write: Write) -> None:
    (item,) = mapped(write({}))
    assert item.intake.submitted_on == MONDAY
    assert item.intake.document.start is not None
    assert item.intake.document.end is not None
    assert item.intake.document.start - item.row.start == item.intake.document.end - item.row.end == MONDAY - date(2025, 3, 10)


def test_without_shift_the_dates_are_those_of_the_file(write: Write) -> None:
    (item,) = mapped(write({}), today=None)
    assert (item.intake.submitted_on, item.intake.document.start) == (date(2025, 3, 10), date(2025, 5, 1))


def test_the_same_file_gives_the_same_facts(write: Write) -> None:
    path = write({}, {"PrjCode": "CBPF-X-2", "PartCode": "9.5"})
    assert [item.intake.model_dump_json() for item in mapped(path)] == [item.intake.model_dump_json() for item in mapped(path)]


def test_rows_come_in_order_of_submission_then_code(write: Write) -> None:
    path = write({"PrjCode": "B"}, {"PrjCode": "A"}, {"PrjCode": "C", "PrjSubDt": "3/9/2025 11:59:00 PM"})
    assert [item.row.code for item in mapped(path)] == ["C", "A", "B"]


def test_titles_and_names_lose_stray_spaces(write: Write) -> None:
    (item,) = mapped(write({}))
    assert (item.intake.document.title, item.intake.partner.legal_name) == ("Water for all", "Example Relief Society")


def test_the_support_budget_is_management_and_not_the_seven_percent(write: Write) -> None:
    (item,) = mapped(write({"PrgBdg": "107000", "BgdDC": "70000", "BdgSC": "30000"}))
    sums = totals(item.intake.document)
    assert (sums.activities, sums.management, sums.support_cost) == (Decimal(70000), Decimal(30000), Decimal(7000))


def test_without_a_support_budget_fifteen_percent_of_direct_cost_is_management(write: Write) -> None:
    (item,) = mapped(write({}))
    sums = totals(item.intake.document)
    assert (sums.activities, sums.management, sums.support_cost) == (Decimal(85000), Decimal(15000), Decimal(7000))
    assert "document.management" in item.intake.assumed_facts


@pytest.mark.parametrize("amount", ["33333.33", "1234567.89", "0.07"])
def test_no_cent_is_lost_when_an_amount_is_split(amount: str) -> None:
    assert sum(cbpf.split(Decimal(amount), [Decimal("0.4"), Decimal("0.2"), Decimal("0.25"), Decimal("0.15")])) == Decimal(amount)


def test_less_than_a_dollar_of_support_cost_is_rounding(write: Write) -> None:
    (item,) = mapped(write({"PrgBdg": "106800.6", "BgdDC": "94832.95", "BdgSC": "11967.69"}))
    assert totals(item.intake.document).support_cost == 0


@pytest.mark.parametrize("mask", ["National NGO", "International NGO", "Others"])
def test_a_masked_name_is_told_apart_by_the_partner_code(write: Write, mask: str) -> None:
    one, other = mapped(write({"OrgNm": mask}, {"OrgNm": mask, "PrjCode": "CBPF-X-2", "PartCode": "9.5"}))
    assert {one.intake.partner.legal_name, other.intake.partner.legal_name} == {f"{mask} 411.25", f"{mask} 9.5"}
    assert "name_masked" in [finding.rule for finding in one.findings]


@pytest.mark.parametrize("name", ["Qatar Red Crescent Society", "Croix Rouge RDC /Tanganyika", "Croissant-Rouge"])
def test_a_red_cross_or_red_crescent_society_can_hold_a_pca(write: Write, name: str) -> None:
    (item,) = mapped(write({"OrgNm": name, "OrgTypeId": "4"}))
    assert item.intake.partner.type == "red_cross_red_crescent"
    assert not item.refused


@pytest.mark.parametrize(
    ("name", "kind", "rule"), [("World Aid Agency", "3", "partner_type_not_cso"), ("Others", "4", "partner_type_unknown")]
)
def test_an_organisation_that_cannot_hold_a_pca_is_refused(write: Write, name: str, kind: str, rule: str) -> None:
    (item,) = mapped(write({"OrgNm": name, "OrgTypeId": kind}))
    assert [finding.rule for finding in item.refused] == [rule]


def test_a_reserve_row_is_an_emergency_under_its_funds_activation(write: Write) -> None:
    (item,) = mapped(write({"AllSrc": "1"}))
    assert (item.intake.track, item.intake.activation, item.intake.selection.kind) == ("emergency", "CBPF-SUD15-2025", "direct")


def test_a_reserve_row_longer_than_twelve_months_goes_to_the_standard_track(write: Write) -> None:
    (item,) = mapped(write({"AllSrc": "1", "AEndDt": "5/1/2026 12:00:00 AM"}))
    assert item.intake.track == "standard"
    assert "over_12_months" in [finding.rule for finding in item.findings]
    assert not item.refused


def test_a_reserve_row_longer_than_twelve_months_is_refused_on_demand(write: Write) -> None:
    (item,) = cbpf.intakes(cbpf.read(write({"AllSrc": "1", "AEndDt": "5/1/2026 12:00:00 AM"})), today=TODAY, over_12_months="refuse")
    assert [finding.rule for finding in item.refused] == ["over_12_months"]


@pytest.mark.parametrize(("level", "role"), [("L1", "head_of_office"), ("L2", "regional_director"), ("L3", "global_emergency_coordinator")])
def test_a_level_is_declared_by_who_has_its_authority(write: Write, level: cbpf.Level, role: str) -> None:
    (item,) = mapped(write({"AllSrc": "1"}))
    declared = cbpf.declaration([item.row], "CBPF-SUD15-2025", MONDAY, level=level)
    person = cbpf.offices([item], today=TODAY)[0].person(declared["declared_by"])
    assert person is not None
    assert (declared["role"], [grant.role for grant in person.roles]) == (role, [role])


def test_a_row_taken_before_gives_the_same_facts_on_another_day(write: Write) -> None:
    path = write({}, {"PrjCode": "CBPF-X-2"})
    (taken, _), (again, _) = mapped(path), mapped(path, today=date(2027, 2, 3))
    assert again.intake != taken.intake
    assert cbpf.again(again, taken.intake.submitted_on).intake == taken.intake


def test_an_office_can_ratify_what_any_of_its_roster_recommended() -> None:
    office = cbpf.office_file("SD", 2026)
    members = {
        person.actor: set(grant.functions)
        for person in office.people
        for grant in person.roles
        if grant.role == "committee_member" and grant.section != "programme"
    }
    for reviewer in office.roster:
        left = [functions for actor, functions in members.items() if actor != reviewer]
        assert len(left) >= 3
        assert all(any(function in held for held in left) for function in ("finance", "programme"))


def test_the_cross_border_fund_is_taken_by_its_office_for_another_country(write: Write) -> None:
    (item,) = mapped(write({"PFId": "70"}))
    assert (item.intake.office, item.intake.programme, item.intake.document.areas) == ("TR", "SY-CP", ("SY",))
    assert "office_of_fund" in [finding.rule for finding in item.findings]


def test_a_partner_of_several_rows_is_a_vendor_already(write: Write) -> None:
    assert all(item.intake.partner.vendor for item in mapped(write({}, {"PrjCode": "CBPF-X-2"})))
    assert not mapped(write({}))[0].intake.partner.vendor


@pytest.mark.parametrize(
    ("marker", "rating"),
    [
        ("2b- The principal purpose", "principal"),
        ("2a- Significantly", "significant"),
        ("1- The project contributes", "marginal"),
        ("1- Unlikely to contribute", "none"),
        ("4- Not applicable", None),
        ("4- Likely to contribute", "significant"),
        ("", None),
    ],
)
def test_the_two_gender_markers_are_told_apart_by_their_words(write: Write, marker: str, rating: str | None) -> None:
    assert mapped(write({"PrjGM": marker}))[0].intake.document.ratings.gender == rating


def test_a_duration_that_the_dates_contradict_is_a_warning(write: Write) -> None:
    (item,) = mapped(write({"PrjDur": "6 Months"}))
    assert "duration_differs" in [finding.rule for finding in item.findings]
    assert not item.refused


# Files that are none ----------------------------------------------------------------------------------------------------------------


def test_a_file_in_another_encoding_is_refused_with_the_line(write: Write) -> None:
    assert faults(write({}, tail=b"15,Niger\xe9,")) == [("wrong_encoding", "line 3")]


def test_a_byte_order_mark_is_no_fault(write: Write) -> None:
    path = write({})
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(cbpf.read(path)) == 1


def test_a_wrong_header_is_refused_with_what_was_expected(write: Write) -> None:
    path = write({}, header=(*cbpf.HEADER[:14], "BdgDC", *cbpf.HEADER[15:]))
    with pytest.raises(cbpf.Unreadable, match="missing BgdDC; unknown BdgDC; expected PFId,AllNm"):
        cbpf.read(path)


def test_an_empty_file_has_a_wrong_header(write: Write) -> None:
    path = write()
    path.write_bytes(b"")
    assert faults(path) == [("wrong_header", "line 1")]


def test_a_truncated_row_is_refused_with_its_line(write: Write) -> None:
    assert faults(write({}, {"PrjCode": "CBPF-X-2"}, tail=b"15,2025 first")) == [("truncated_row", "line 4")]


def test_a_row_that_ends_inside_quotes_is_refused_with_the_line_it_begins_on(write: Write) -> None:
    assert faults(write({}, tail=b'15,"2025 first')) == [("truncated_row", "line 3")]


def test_every_faulty_cell_of_a_file_is_named_at_once(write: Write) -> None:
    path = write({"PrgBdg": "n/a", "AllSrc": "3"}, {"PrjCode": "CBPF-X-2", "PFId": "999", "BenAgg": "1##2##3"})
    with pytest.raises(cbpf.Unreadable) as refused:
        cbpf.read(path)
    said = [(fault.path, fault.message.partition(" ")[0]) for fault in refused.value.faults]
    assert sorted(said) == [("line 2", "AllSrc"), ("line 2", "PrgBdg"), ("line 3", "BenAgg"), ("line 3", "PFId")]


def test_a_project_that_stands_twice_is_refused(write: Write) -> None:
    assert faults(write({}, {})) == [("repeated_row", "line 3")]
