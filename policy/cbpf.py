"""OCHA ProjectSummary rows as intake facts: what a Country-Based Pooled Fund approved, read as one programme document a row.

Pure and deterministic: the same file, day and options give the same facts; every choice the file leaves open is made by a hash of the
project or partner code and is named in `assumed_facts`. A file is read whole or not at all, with each fault and its line. Nothing of a
row is ever merged by name, no figure is repaired beyond rounding to cents, and the fund's own decision (its approval date) is never
taken for ours. Source of the mapping: casebook 4; of the data: OCHA CBPF, CC BY. Amounts are US$.
"""

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal, TypeVar

from policy import calendar, ladder
from policy.budget import percent, totals
from policy.cbpf_office import office_file, roster
from policy.pack import Pack
from policy.rates import cents
from schemas.findings import Finding, refusals
from schemas.intake import Intake
from schemas.office import ActivationFacts, Office

SOURCE = "cbpf"
HEADER = (
    "PFId", "AllNm", "PrjCode", "OPSCodeAgg", "EmgAgg", "AllYr", "AllSrc", "OrgNm", "OrgTypeId", "PrjTitle", "AStrDt", "AEndDt", "PrjDur",
    "PrgBdg", "BgdDC", "BdgSC", "PrjSubDt", "BenAgg", "PrjGM", "PrjStsNm", "PrjStsId", "PrjStsCode", "PartCode", "ApprDt",
)  # fmt: skip
"""The file's own spelling: `BgdDC` and `BdgSC` differ."""

FUNDS_FILE = "MstPooledFund.csv"
FUNDS_HEADER = ("PFId", "PFName", "PFAbbrv", "PFLat", "PFLong", "PFCountryCode", "MAAgent", "AAgent", "IsPublic", "ParentPFId")

OverTwelve = Literal["standard", "refuse"]
T = TypeVar("T")


class Unreadable(Exception):
    """The file is not an OCHA ProjectSummary file; nothing of it was taken. `faults` says each line and what was expected."""

    def __init__(self, faults: Iterable[Finding]) -> None:
        self.faults = list(faults)
        super().__init__("; ".join(f"{fault.path}: {fault.message}" for fault in self.faults))


@dataclass(frozen=True)
class Fund:
    """A pooled fund, with the country whose office takes its cases."""

    id: str
    name: str
    abbreviation: str
    country: str


@dataclass(frozen=True)
class Row:
    """One approved project, as the file says it, parsed. `line` is where it begins."""

    line: int
    code: str
    fund: Fund
    allocation: str
    year: int
    reserve: bool
    organisation: str
    organisation_type: int
    title: str
    start: date
    end: date
    duration: str
    budget: Decimal
    direct: Decimal
    support: Decimal
    submitted: datetime
    approved: datetime
    men: int
    women: int
    boys: int
    girls: int
    gender: str
    partner: str


@dataclass(frozen=True)
class Mapped:
    """A row as an intake, with what was found on the way: refusals (not to be submitted) and warnings. `rows_of_partner`: how many rows of
    the file its partner has."""

    row: Row
    intake: Intake
    findings: tuple[Finding, ...]
    rows_of_partner: int = 1

    @property
    def refused(self) -> list[Finding]:
        return refusals(list(self.findings))


# Reading --------------------------------------------------------------------------------------------------------------------------


def read(path: Path) -> tuple[Row, ...]:
    """The rows of a ProjectSummary file, in the order of import: by submission, then code. The masters lie beside it.

    Raises Unreadable with every fault: wrong encoding, wrong header, truncated row, a value that is none; OSError as it comes.
    """
    funds = read_funds(path.parent / FUNDS_FILE)
    faults: list[Finding] = []
    rows: list[Row] = []
    lines: dict[str, int] = {}
    for line, cells in _table(path, HEADER, faults):
        row = _row(line, dict(zip(HEADER, cells, strict=True)), funds, faults)
        if row is None:
            continue
        if row.code in lines:
            faults.append(
                _fault("repeated_row", line, f"{row.code} stands here again, first on line {lines[row.code]}", "one row a project")
            )
        lines.setdefault(row.code, line)
        rows.append(row)
    if faults:
        raise Unreadable(faults)
    return tuple(sorted(rows, key=lambda row: (row.submitted, row.code)))


def read_funds(path: Path) -> Mapping[str, Fund]:
    """The pooled funds by id. Raises Unreadable, OSError."""
    faults: list[Finding] = []
    found = {}
    # The publisher leaves the last column out of most lines of this file.
    for _, cells in _table(path, FUNDS_HEADER, faults, optional=1):
        cell = dict(zip(FUNDS_HEADER, cells, strict=False))
        found[cell["PFId"]] = Fund(
            cell["PFId"], cell["PFName"].strip(), cell["PFAbbrv"].strip(), OFFICE_OF_FUND.get(cell["PFId"], cell["PFCountryCode"].strip())
        )
    if faults:
        raise Unreadable(faults)
    return found


OFFICE_OF_FUND: Mapping[str, str] = {"70": "TR", "89": "MZ", "507": "FJ"}
"""Funds whose country code is none (XX, Syria cross-border), or another country's (Mozambique's LI, South Pacific's LK)."""

CROSS_BORDER: Mapping[str, str] = {"70": "SY"}
"""Fund to the country of the programme, where it is not the office's."""


def _table(path: Path, header: Sequence[str], faults: list[Finding], optional: int = 0) -> list[tuple[int, list[str]]]:
    """Lines and cells of a CSV file in UTF-8. `optional`: how many columns at the end may be left out."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        faults.append(
            _fault("wrong_encoding", line, f"byte 0x{content[error.start]:02X} is no UTF-8", "a file in UTF-8, as OCHA publishes it")
        )
        raise Unreadable(faults) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: list[tuple[int, list[str]]] = []
    begins = 1
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if line == 1:
                _check_header(path, cells, header, faults)
            elif cells and not len(header) - optional <= len(cells) <= len(header):
                faults.append(_fault("truncated_row", line, f"{len(cells)} fields", f"{len(header)} fields, one for each column"))
            elif cells:
                found.append((line, cells))
    except csv.Error as error:
        faults.append(_fault("truncated_row", begins, f"the row does not end: {error}", "quotes that close, and a whole last row"))
    if begins == 1:
        faults.append(_fault("wrong_header", 1, f"{path.name} is empty", ",".join(header)))
    return found


def _check_header(path: Path, cells: Sequence[str], header: Sequence[str], faults: list[Finding]) -> None:
    if tuple(cells) == tuple(header):
        return
    missing = [name for name in header if name not in cells]
    strange = [name for name in cells if name not in header]
    said = "; ".join(
        part
        for part in (
            f"missing {', '.join(missing)}" if missing else "",
            f"unknown {', '.join(strange)}" if strange else "",
            "columns in another order" if not missing and not strange else "",
        )
        if part
    )
    faults.append(_fault("wrong_header", 1, f"{path.name}: {said}", ",".join(header)))
    raise Unreadable(faults)  # no cell of any row can be named


def _fault(rule: str, line: int, message: str, expected: str) -> Finding:
    return Finding(
        rule=rule,
        message=f"{message}; expected {expected}",
        path=f"line {line}",
        source="OCHA CBPF ProjectSummary",
        next_step="Get the file again from the CBPF data hub.",
    )


def _row(line: int, cell: Mapping[str, str], funds: Mapping[str, Fund], faults: list[Finding]) -> Row | None:
    """The row, or None with each cell that could not be read."""
    before = len(faults)

    def value(column: str, parse: Callable[[str], T], expected: str) -> T | None:
        try:
            return parse(cell[column].strip())
        except (ValueError, KeyError, InvalidOperation):
            faults.append(_fault("invalid_value", line, f"{column} is {cell[column][:60]!r}", expected))
            return None

    people = value("BenAgg", _people, "four whole numbers joined by ##")
    parsed: dict[str, Any] = {
        "code": value("PrjCode", _some, "a project code"),
        "fund": value("PFId", funds.__getitem__, f"the id of a fund of {FUNDS_FILE}"),
        "year": value("AllYr", int, "a year"),
        "reserve": value("AllSrc", {"1": True, "2": False}.__getitem__, "1 (Reserve) or 2 (Standard)"),
        "organisation": value("OrgNm", _some, "a name"),
        "organisation_type": value("OrgTypeId", {"1": 1, "2": 2, "3": 3, "4": 4}.__getitem__, "1 to 4"),
        "title": value("PrjTitle", _some, "a title"),
        "start": value("AStrDt", lambda text: _moment(text).date(), "M/D/YYYY h:mm:ss AM"),
        "end": value("AEndDt", lambda text: _moment(text).date(), "M/D/YYYY h:mm:ss AM"),
        "budget": value("PrgBdg", _amount, "US$, zero or more"),
        "direct": value("BgdDC", _amount, "US$, zero or more"),
        "support": value("BdgSC", lambda text: _amount(text or "0"), "US$, zero or more, or nothing"),
        "submitted": value("PrjSubDt", _moment, "M/D/YYYY h:mm:ss AM"),
        "approved": value("ApprDt", _moment, "M/D/YYYY h:mm:ss AM"),
        "partner": value("PartCode", _some, "a partner code"),
    }
    if len(faults) > before or people is None:
        return None
    men, women, boys, girls = people
    return Row(
        line=line, allocation=_spaced(cell["AllNm"]), duration=_spaced(cell["PrjDur"]), gender=_spaced(cell["PrjGM"]),
        men=men, women=women, boys=boys, girls=girls, **parsed,
    )  # fmt: skip


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _some(text: str) -> str:
    if not (said := _spaced(text)):
        raise ValueError
    return said


def _amount(text: str) -> Decimal:
    if not (amount := Decimal(text)).is_finite() or amount < 0:
        raise ValueError
    return cents(amount)


def _moment(text: str) -> datetime:
    """`12/17/2018 11:30:46 AM`: local to the fund, without a zone, so only days are compared."""
    return datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p")  # noqa: DTZ007 (the file gives no zone)


def _people(text: str) -> tuple[int, int, int, int]:
    men, women, boys, girls = (int(part) for part in text.split("##"))
    if min(men, women, boys, girls) < 0:
        raise ValueError
    return men, women, boys, girls


# Choices the file leaves open -------------------------------------------------------------------------------------------------------


def draw(code: str, what: str, of: int = 100) -> int:
    """A number from 0 to `of` - 1, by the code and what it decides: the same for ever, on every machine."""
    return int.from_bytes(hashlib.sha256(f"{what}:{code}".encode()).digest()[:8], "big") % of


MASKS = frozenset({"national ngo", "international ngo", "others"})
RED_CROSS = re.compile(r"red cross|red crescent|croix[ -]rouge|croissant[ -]rouge", re.IGNORECASE)
MANAGEMENT_OF_DIRECT = Decimal("0.15")
MANAGEMENT_SPLIT = (("M1", "in_country", Decimal("0.60")), ("M2", "operational", Decimal("0.25")), ("M3", "planning", Decimal("0.15")))
ACTIVITY_SPLIT = (("1.1.1", Decimal("0.40")), ("1.1.2", Decimal("0.20")), ("1.2.1", Decimal("0.25")), ("1.2.2", Decimal("0.15")))
GENDER: tuple[tuple[str, str], ...] = (
    ("2b-", "principal"), ("2a-", "significant"), ("1- The project", "marginal"), ("0- No signs", "none"),
    ("4- Likely", "significant"), ("3- Likely", "significant"), ("2- Unlikely", "marginal"),
    ("1- Unlikely", "none"), ("0- Does not", "none"),
)  # fmt: skip
"""Beginnings of the two gender markers (2018, and that of 2025) to our rating; anything else is not rated."""

ALWAYS_ASSUMED = (
    "instrument", "programme", "humanitarian", "document.sector", "document.areas", "document.outputs", "document.partner_contribution",
    "document.supplies",
    "document.risks", "document.flags", "document.visits", "document.ratings.equity", "document.ratings.sustainability",
    "partner.declaration", "partner.registration", "partner.leaders", "partner.officers", "partner.profile", "partner.psea", "partner.hact",
    "partner.vendor", "focal_point", "budget_owner", "relationship_test", "confidential",
)  # fmt: skip


def organisation(row: Row) -> tuple[str, str, list[Finding]]:
    """Legal name, partner type, and what there is to say about them. Names are never merged: the code tells partners apart."""
    name = row.organisation
    found: list[Finding] = []
    if name.lower() in MASKS:
        name = f"{name} {row.partner}"
        found.append(
            _found(row, "name_masked", f"The fund publishes no name of {row.partner}.", "OrgNm", "warning", "Ask the fund for the name.")
        )
    if row.organisation_type in (1, 2):
        return name, "national_ngo" if row.organisation_type == 1 else "international_ngo", found
    if row.organisation_type == 4 and RED_CROSS.search(row.organisation):
        return name, "red_cross_red_crescent", found
    if row.organisation_type == 3:
        found.append(
            _found(
                row,
                "partner_type_not_cso",
                "A UN agency cannot hold a PCA.",
                "OrgTypeId",
                "refusal",
                "Use an agreement between UN entities.",
            )
        )
        return name, "un_agency", found
    found.append(
        _found(
            row,
            "partner_type_unknown",
            f"{row.organisation} is neither an NGO nor a Red Cross or Red Crescent society.",
            "OrgTypeId",
            "refusal",
            "Find out what the organisation is.",
        )
    )
    return name, "unknown", found


def _found(row: Row, rule: str, message: str, column: str, severity: Literal["refusal", "warning"], next_step: str) -> Finding:
    return Finding(
        rule=rule, message=message, severity=severity, path=f"line {row.line}, {column}", source=f"cbpf {row.code}", next_step=next_step
    )


def split(amount: Decimal, shares: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """`amount` in cents by shares that add up to one; what rounding leaves goes to the last."""
    parts = [cents(amount * share) for share in shares[:-1]]
    return (*parts, amount - sum(parts, Decimal(0)))


def over_twelve_months(row: Row) -> bool:
    return calendar.exceeds_months(row.start, row.end, 12)


def shifted_by(row: Row, today: date | None) -> timedelta:
    """Whole days by which all dates of the row move, so that it is submitted on `today` (a weekend: on Monday). None: not at all."""
    if today is None:
        return timedelta(0)
    return today + timedelta(days=(7 - today.weekday()) if today.weekday() >= 5 else 0) - row.submitted.date()


# Mapping ----------------------------------------------------------------------------------------------------------------------------


def intake(row: Row, *, today: date | None, rows_of_partner: int = 1, over_12_months: OverTwelve = "standard") -> Mapped:
    """The row as an intake, with refusals and warnings.

    `today` is the day of import (`--shift today`), None leaves the dates (`--shift none`); `rows_of_partner` is how many rows of the
    file are of this partner: with more than one it is a vendor already.
    """
    name, kind, found = organisation(row)
    shift = shifted_by(row, today)
    submitted, start, end = row.submitted.date() + shift, row.start + shift, row.end + shift
    country, actor = row.fund.country, f"{row.fund.country.lower()}."
    emergency = row.reserve and not over_twelve_months(row)
    if row.reserve and not emergency:
        refuse = over_12_months == "refuse"
        found.append(
            _found(
                row,
                "over_12_months",
                "A Reserve project of more than 12 months cannot be a humanitarian simplified document.",
                "AEndDt",
                "refusal" if refuse else "warning",
                "Shorten it." if refuse else "It is taken on the standard track.",
            )
        )
    if row.fund.id in OFFICE_OF_FUND:
        found.append(
            _found(
                row, "office_of_fund", f"{row.fund.name} is taken by the office {country}.", "PFId", "warning", "Nothing, if that is right."
            )
        )
    if (differs := _duration_differs(row)) is not None:
        found.append(
            _found(
                row,
                "duration_differs",
                f"PrjDur says {row.duration}; the dates differ by {differs} days.",
                "PrjDur",
                "warning",
                "Check it.",
            )
        )
    found.append(
        _found(
            row, "no_valued_contribution", "The partner's contribution has no value.", "PrgBdg", "warning", "Value it before the review."
        )
    )
    document, assumed = _document(row, start, end)
    facts: dict[str, Any] = {
        "source": SOURCE,
        "source_reference": row.code,
        "submitted_on": submitted,
        "submitter": f"{actor}022",
        "office": country,
        "programme": programme_id(row),
        "track": "emergency" if emergency else "standard",
        "activation": activation_reference(row.fund, row.year) if emergency else None,
        "humanitarian": True,
        "plan": row.allocation,
        "partner": _partner(row, name, kind, submitted, rows_of_partner),
        "selection": {"kind": "direct", "reason_code": "time_constraints_or_criticality", "text": row.allocation}
        if row.reserve
        else {"kind": "open", "call": row.allocation},
        "document": document,
        "focal_point": f"{actor}001",
        "budget_owner": f"{actor}003",
        "partner_focal_point": f"{SOURCE}.{row.partner}.coordinator",
        "beneficiaries": {"men": row.men, "women": row.women, "boys": row.boys, "girls": row.girls},
        "assumed_facts": (*ALWAYS_ASSUMED, *assumed),
    }
    return Mapped(row, Intake.model_validate(facts), tuple(found), rows_of_partner)


def intakes(rows: Sequence[Row], *, today: date | None, over_12_months: OverTwelve = "standard") -> tuple[Mapped, ...]:
    """All rows of a file as intakes, in their order."""
    of_partner = Counter(row.partner for row in rows)
    return tuple(intake(row, today=today, rows_of_partner=of_partner[row.partner], over_12_months=over_12_months) for row in rows)


def offices(mapped: Sequence[Mapped], *, today: date | None) -> tuple[Office, ...]:
    """The office files that the rows need, by country, with programmes of the year of import (or of the latest allocation)."""
    year = today.year if today else max((item.row.year for item in mapped), default=date.min.year)
    return tuple(office_file(country, year) for country in sorted({item.intake.office for item in mapped}))


def _duration_differs(row: Row) -> int | None:
    """By how many days the stated duration misses the dates, where by more than five; None: it agrees, or says nothing."""
    said = re.fullmatch(r"(?:(\d+) Months?)?,? ?(?:(\d+) Days?)?", row.duration, re.IGNORECASE)
    if said is None or not any(said.groups()):
        return None
    stated = calendar.add_months(row.start, int(said[1] or 0)) + timedelta(days=int(said[2] or 0))
    days = abs((row.end + timedelta(days=1) - stated).days)
    return days if days > 5 else None


def programme_id(row: Row) -> str:
    """The country programme; of a cross-border fund it is another country's than the office's."""
    return f"{CROSS_BORDER.get(row.fund.id, row.fund.country)}-CP"


def activation_reference(fund: Fund, year: int) -> str:
    return f"CBPF-{fund.abbreviation}-{year}"


def activation(rows: Sequence[Row], reference: str, day: date) -> ActivationFacts:
    """The activation of that reference as it is renewed on `day`: L2, three months from the first of the month, no step-aside."""
    offices = sorted({row.fund.country for row in rows if activation_reference(row.fund, row.year) == reference})
    begins = day.replace(day=1)
    return ActivationFacts(
        reference=reference,
        level="L2",
        offices=tuple(offices),
        valid_from=begins,
        valid_to=calendar.add_months(begins, 3) - timedelta(days=1),
        roster=tuple(actor for office in offices for actor in roster(office)),
        declared_by=f"{offices[0].lower()}.023" if offices else None,
    )


Level = Literal["L1", "L2", "L3"]
DECLARES: Mapping[Level, tuple[str, str]] = {
    "L1": ("008", "head_of_office"), "L2": ("023", "regional_director"), "L3": ("027", "global_emergency_coordinator"),
}  # fmt: skip
"""Who declares which level, in the generated office files."""


def declaration(rows: Sequence[Row], reference: str, day: date, *, level: Level = "L2", step_aside: bool = False) -> dict[str, Any]:
    """The activation of that reference as it is declared for rows submitted on `day`: the paper, not yet the record.

    The import declares L2 without a step-aside (casebook 4.2); a play may declare others.
    """
    facts = activation(rows, reference, day)
    number, role = DECLARES[level]
    said = {
        "reference": reference,
        "level": level,
        "offices": list(facts.offices),
        "document": f"Reserve allocation {reference}",
        "valid_from": facts.valid_from.isoformat(),
        "valid_to": facts.valid_to.isoformat(),
        "roster": list(facts.roster),
        "declared_by": f"{facts.offices[0].lower()}.{number}",
        "role": role,
    }
    return said | ({"step_aside": {"from": day.isoformat(), "to": facts.valid_to.isoformat()}} if step_aside else {})


def again(item: Mapped, day: date, *, over_12_months: OverTwelve = "standard") -> Mapped:
    """The row as it was taken before, submitted on `day`: the same content, so that importing it again takes nothing."""
    return intake(item.row, today=day, rows_of_partner=item.rows_of_partner, over_12_months=over_12_months)


def _document(row: Row, start: date, end: date) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The document's facts, and which of them were assumed for this row alone."""
    assumed: tuple[str, ...] = ()
    management, activities = row.support, row.direct
    if not management:
        # 2025 publishes no support budget; without one no management share could be looked at.
        management = cents(row.direct * MANAGEMENT_OF_DIRECT)
        activities = row.direct - management
        assumed = ("document.management",)
    support_cost = row.budget - row.direct - row.support
    if support_cost < 1:
        support_cost = Decimal("0.00")  # seven significant digits: less than a dollar is rounding
    amounts = dict(zip((id_ for id_, _ in ACTIVITY_SPLIT), split(activities, [share for _, share in ACTIVITY_SPLIT]), strict=True))
    periods = tuple(period.number for period in calendar.periods(start, end)) or (1,)
    reached = row.men + row.women + row.boys + row.girls
    share = cents(percent(Decimal(row.women + row.girls), Decimal(reached)))

    def activity(id_: str, title: str) -> dict[str, Any]:
        return {"id": id_, "title": title, "periods": periods, "office_cash": amounts[id_]}

    return {
        "title": row.title[:500],
        "sector": "unspecified",
        "section": "programme",
        "areas": (CROSS_BORDER.get(row.fund.id, row.fund.country),),
        "start": start,
        "end": end,
        "currency": "USD",
        "outputs": [
            {
                "id": "1.1",
                "title": "People in need are assisted",
                "programme_output": "CP-1",
                "indicators": [{"id": "1.1.1", "title": "people reached", "baseline": 0, "target": reached}],
                "activities": [activity("1.1.1", "Assistance"), activity("1.1.2", "Distribution and services")],
            },
            {
                "id": "1.2",
                "title": "Women and girls are reached equally",
                "programme_output": "CP-1",
                "indicators": [
                    {"id": "1.2.1", "title": "share of women and girls", "unit": "percent", "baseline_unknown": True, "target": share}
                ],
                "activities": [activity("1.2.1", "Participation"), activity("1.2.2", "Feedback and follow-up")],
            },
        ],
        "management": [
            {"id": id_, "kind": kind, "office_cash": amount}
            for (id_, kind, _), amount in zip(MANAGEMENT_SPLIT, split(management, [share for *_, share in MANAGEMENT_SPLIT]), strict=True)
        ],
        "support_cost": {"percent": cents(percent(support_cost, activities + management)), "amount": support_cost},
        "partner_contribution": "Staff time and access to communities.",
        "contribution_types": ("non_financial",),
        "risks": [
            {
                "type": "operational",
                "text": "Access to the area is uncertain.",
                "mitigation": "Plans are reviewed with the office every month.",
            },
            {
                "type": "security",
                "text": "The security situation may change.",
                "mitigation": "The partner follows the area's security plan.",
            },
        ],
        "ratings": {
            "gender": next((rating for begins, rating in GENDER if row.gender.startswith(begins)), None),
            "equity": "significant",
            "sustainability": "marginal",
        },
        "exit_strategy": "Services are handed over to local structures where there are any.",
        "reporting": {"kind": "humanitarian"},
        "visits": [{"period": 1, "number": 1}],
    }, assumed


def _partner(row: Row, name: str, kind: str, day: date, rows: int) -> dict[str, Any]:
    """The partner in its country. Which assessments it has is drawn from its code, one draw an element: 60 % in validity."""
    code, person = row.partner, f"Director of {name}"[:200]
    actor = f"{SOURCE}.{code}"
    facts: dict[str, Any] = {
        "id": f"{SOURCE}:{code}",
        "legal_name": name,
        "type": kind,
        "origin": "international" if kind == "international_ngo" else "national",
        "leaders": [{"name": person, "role": "director"}],
        "officers": [{"actor": f"{actor}.director", "name": person, "email": f"director@p{_plain(code)}.example", "title": "director"}],
        "focal_points": [
            {"actor": f"{actor}.coordinator", "name": f"Coordinator of {name}"[:200], "email": f"office@p{_plain(code)}.example"}
        ],
        "account_holder": name,
        "declaration": {"signed_by": f"{actor}.director", "signed_on": day},
    }
    if kind == "international_ngo":
        facts |= {"headquarters_verified": True, "core_values": {"assessed_on": day - timedelta(days=365)}}
    if draw(code, "registration", 20):
        facts["registration"] = {"number": f"REG-{code}", "authority": "registrar", "expires_on": calendar.add_years(day, 2)}
    if draw(code, "profile") < 60:
        facts["profile"] = {"verified_on": day - timedelta(days=200)}
    if draw(code, "psea") < 60:
        facts["psea"] = {"score": 9 + draw(code, "psea score", 10), "assessed_on": day - timedelta(days=300)}
    if draw(code, "hact") < 60:
        facts["hact"] = {"rating": _hact(draw(code, "hact rating")), "assessed_on": day - timedelta(days=400)}
    if rows > 1:
        facts["vendor"] = {
            "vendor_number": f"25{draw(code, 'vendor', 10**6):06d}-{_plain(code)}",
            "account_ref": f"ACC-{_plain(code)}",
            "account_holder": name,
            "currency": "USD",
            "bank_country": row.fund.country,
            "confirmed": True,
        }
    return facts


def _hact(drawn: int) -> str:
    return next(rating for below, rating in ((30, "low"), (70, "medium"), (90, "significant"), (100, "high")) if drawn < below)


def _plain(code: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", code)


# Counting ---------------------------------------------------------------------------------------------------------------------------


def count(mapped: Sequence[Mapped], pack: Pack) -> dict[str, int]:
    """What an import of these rows takes and refuses, before any server is asked; keys in order of the report.

    A partner's first row opens its PCA, so the rows must be in the order of import. `pack` is the standard one: both tracks are counted
    by its ladder, so that they can be compared.
    """
    taken = [item for item in mapped if not item.refused]
    refused = Counter(finding.rule for item in mapped for finding in item.refused)
    opener: dict[str, Row] = {}
    under = [item.row for item in taken if opener.setdefault(item.row.partner, item.row) is not item.row]
    bands = Counter((item.intake.track, _band(item, pack)) for item in taken)
    emergency = sum(item.intake.track == "emergency" for item in taken)
    limit = pack.number("budget.management_limit_percent")
    return {
        "rows": len(mapped),
        "refused": len(mapped) - len(taken),
        "refused_partner_type_not_cso": refused["partner_type_not_cso"],
        "refused_partner_type_unknown": refused["partner_type_unknown"],
        "refused_over_12_months": refused["over_12_months"],
        "accepted": len(taken),
        "emergency": emergency,
        "standard": len(taken) - emergency,
        "reserve_over_12_months": sum(item.row.reserve and item.intake.track == "standard" for item in taken),
        "open_pca": len(taken) - len(under),
        "under_pca": len(under),
        "under_pca_before_first_approval": sum(row.submitted < opener[row.partner].approved for row in under),
        **{f"{track}_{band}": bands[track, band] for track in ("standard", "emergency") for band in BANDS},
        "management_share_above_limit": sum(totals(item.intake.document).management_share > limit for item in taken),
        "name_masked": sum(any(finding.rule == "name_masked" for finding in item.findings) for item in taken),
    }


BANDS = ("to_500000", "to_2000000", "above")
"""By the steps of the ladder, from the lowest."""


def _band(item: Mapped, pack: Pack) -> str:
    """Whose authority the office total needs, as a band of the ladder."""
    return BANDS[ladder.rank(ladder.required(totals(item.intake.document).office_total, ladder.steps(pack)))]
