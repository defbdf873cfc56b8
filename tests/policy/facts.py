"""Facts for the tests of the rules: an office, an intake, and the eight budgets of the casebook with what they must come to."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from policy.pack import load
from schemas.findings import Finding
from schemas.intake import Intake
from schemas.office import ActivationFacts, Office, Rates

STANDARD = load("standard-2026-01")
EMERGENCY = load("emergency-2026-01")

D = Decimal


def rules(findings: list[Finding] | tuple[Finding, ...]) -> list[str]:
    """The rule ids, in order."""
    return [finding.rule for finding in findings]


def paths(findings: list[Finding] | tuple[Finding, ...], rule: str) -> list[str]:
    return [finding.path for finding in findings if finding.rule == rule]


@dataclass(frozen=True)
class Case:
    """One budget of the casebook: lines (id, office cash, of it first quarter, partner cash), and the figures it must come to."""

    currency: str
    rate: Decimal
    activities: tuple[tuple[str, int, int, int], ...]
    management: tuple[tuple[int, int, int], ...]
    support: tuple[str, int, str]
    supplies: int
    in_kind: int
    office_cash: str
    first_quarter: str
    office_total: str
    office_total_usd: str
    office_cash_usd: str
    management_share: str
    partner_total: str
    partner_share: str


CASES = {
    "C1": Case(
        "KES", D("129.30"),
        (("1.1.1", 14_820_000, 2_300_000, 900_000), ("1.1.2", 6_480_000, 3_240_000, 450_000), ("1.2.1", 9_760_000, 1_200_000, 0),
         ("1.2.2", 8_940_000, 1_490_000, 600_000)),
        ((5_280_000, 880_000, 720_000), (2_340_000, 390_000, 0), (1_980_000, 330_000, 0)),
        ("7.0", 3_472_000, "688100"), 7_350_000, 1_400_000,
        "53072000", "10518100", "60422000", "467300.85", "410456.30", "15.9", "4070000", "6.3",
    ),
    "C2": Case(
        "BDT", D("122.40"),
        (("1.1.1", 3_960_000, 1_320_000, 240_000), ("1.1.2", 1_140_000, 380_000, 0), ("1.1.3", 780_000, 260_000, 90_000)),
        ((960_000, 320_000, 0), (420_000, 140_000, 0), (240_000, 80_000, 0)), ("5.0", 375_000, "125000"), 1_350_000, 0,
        "7875000", "2625000", "9225000", "75367.65", "64338.24", "17.6", "330000", "3.5",
    ),
    "C3": Case(
        "MZN", D("63.90"),
        (("1.1.1", 7_920_000, 5_280_000, 0), ("1.1.2", 5_060_000, 2_200_000, 0), ("1.2.1", 4_340_000, 2_480_000, 0),
         ("1.3.1", 1_640_000, 820_000, 210_000)),
        ((1_560_000, 780_000, 0), (960_000, 560_000, 0), (520_000, 260_000, 0)), ("7.0", 1_540_000, "866600"), 3_195_000, 0,
        "23540000", "13246600", "26735000", "418388.11", "368388.11", "11.4", "210000", "0.8",
    ),
    "C4": Case(
        "MZN", D("63.90"),
        (("1.1.1", 3_180_000, 1_740_000, 0), ("1.1.2", 1_450_000, 640_000, 0), ("1.2.1", 870_000, 435_000, 80_000)),
        ((640_000, 320_000, 0), (260_000, 150_000, 0), (100_000, 50_000, 0)), ("7.0", 455_000, "233450"), 958_500, 0,
        "6955000", "3568450", "7913500", "123841.94", "108841.94", "12.6", "80000", "1.0",
    ),
    "C5": Case(
        "PHP", D("57.80"),
        (("1.1.1", 5_280_000, 4_400_000, 0), ("1.1.2", 4_920_000, 3_690_000, 0), ("1.2.1", 2_160_000, 1_440_000, 300_000)),
        ((1_380_000, 1_035_000, 0), (840_000, 630_000, 0), (420_000, 315_000, 0)), ("7.0", 1_050_000, "805700"), 2_601_000, 0,
        "16050000", "12315700", "18651000", "322681.66", "277681.66", "14.2", "300000", "1.6",
    ),
    "C6": Case(
        "USD", D("1"),
        (("1.1.1", 62_400, 12_480, 6_000), ("1.1.2", 38_900, 7_780, 3_000)),
        ((14_200, 3_550, 0), (6_300, 1_575, 0), (3_200, 800, 0)), ("7.0", 8_750, "1832.95"), 11_250, 0,
        "133750", "28017.95", "145000", "145000.00", "133750.00", "16.3", "9000", "5.8",
    ),
    "C7": Case(
        "PEN", D("3.72"),
        (("1.1.1", 1_080_000, 120_000, 150_000), ("1.1.2", 312_000, 156_000, 0), ("1.2.1", 426_000, 60_000, 40_000),
         ("1.2.2", 190_000, 38_000, 0)),
        ((352_000, 58_000, 60_000), (128_000, 21_000, 0), (112_000, 16_000, 0)), ("7.0", 182_000, "32830"), 118_000, 0,
        "2782000", "501830", "2900000", "779569.89", "747849.46", "20.4", "250000", "7.9",
    ),
    "C8": Case(
        "UAH", D("41.70"),
        (("1.1.1", 39_680_000, 14_880_000, 0), ("1.1.2", 21_600_000, 16_200_000, 0), ("1.2.1", 9_920_000, 3_720_000, 1_200_000)),
        ((6_240_000, 2_340_000, 800_000), (3_560_000, 1_335_000, 0), (2_000_000, 750_000, 0)), ("7.0", 5_810_000, "2745750"), 6_672_000, 0,
        "88810000", "41970750", "95482000", "2289736.21", "2129736.21", "12.4", "2000000", "2.1",
    ),
}  # fmt: skip

KINDS = ("in_country", "operational", "planning")


def raw_document(case: Case | None = None, **changes: Any) -> dict[str, Any]:
    """A complete document, with the budget of a case or a small one of 100,000 with 7 % support cost."""
    lines = case.activities if case else (("1.1.1", 60_000, 30_000, 5_000), ("1.2.1", 20_000, 5_000, 0))
    management = case.management if case else ((10_000, 2_500, 0), (6_000, 1_500, 0), (4_000, 1_000, 0))
    percent, support, first = case.support if case else ("7.0", 7_000, "2800")
    outputs: dict[str, dict[str, Any]] = {}
    for line, cash, quarter, partner in lines:
        output = line.rpartition(".")[0]
        outputs.setdefault(
            output,
            {
                "id": output,
                "title": f"Output {output}",
                "programme_output": "CP-1",
                "indicators": [{"id": f"{output}.a", "title": "people reached", "baseline": 0, "target": 100}],
                "activities": [],
            },
        )["activities"].append(
            {
                "id": line,
                "title": f"Activity {line}",
                "periods": [1, 2],
                "office_cash": cash,
                "partner_cash": partner,
                "first_quarter": quarter,
            }
        )
    return {
        "title": "Water for two districts",
        "sector": "water",
        "section": "wash",
        "start": "2026-06-01",
        "end": "2026-11-30",
        "currency": case.currency if case else "KES",
        "outputs": list(outputs.values()),
        "management": [
            {"id": f"M{n}", "kind": KINDS[n - 1], "office_cash": cash, "first_quarter": quarter, "partner_cash": partner}
            for n, (cash, quarter, partner) in enumerate(management, start=1)
        ],
        "support_cost": {"percent": percent, "amount": support, "first_quarter": first},
        "supplies": {"office": case.supplies if case else 0, "partner_in_kind": case.in_kind if case else 0},
        "risks": [{"type": "security", "text": "roads", "mitigation": "escort"}],
        "ratings": {"gender": "principal", "equity": "significant", "sustainability": "marginal"},
        "visits": [{"period": 1, "number": 1}],
    } | changes


def raw_intake(
    case: Case | None = None, *, document: dict[str, Any] | None = None, partner: dict[str, Any] | None = None, **changes: Any
) -> Any:
    return {
        "source": "portal",
        "source_reference": "1",
        "submitted_on": "2026-02-16",
        "submitter": "ke.submitter",
        "office": "KE",
        "programme": "KE-2023",
        "partner": {"id": "P-KE-1", "legal_name": "Invented Water Network", "type": "national_ngo"} | (partner or {}),
        "selection": {"kind": "open", "call": "CALL-1"},
        "document": raw_document(case, **(document or {})),
    } | changes


def intake(case: Case | None = None, **changes: Any) -> Intake:
    return Intake.model_validate(raw_intake(case, **changes))


def office(**changes: Any) -> Office:
    return Office.model_validate(
        {
            "iso2": "KE",
            "iso3": "KEN",
            "name": "Kenya",
            "time_zone": "Africa/Nairobi",
            "currency": "KES",
            "programmes": [{"id": "KE-2023", "start": "2023-01-01", "end": "2027-12-31"}],
            "people": [
                {"actor": "ke.focal", "name": "A", "roles": [{"role": "focal_point", "section": "wash"}]},
                {"actor": "ke.head", "name": "B", "roles": [{"role": "head_of_office", "from": "2026-01-01", "to": "2026-12-31"}]},
                {"actor": "ke.deputy", "name": "C", "roles": [{"role": "partnership_manager"}]},
                {"actor": "p.officer", "name": "D", "roles": [{"role": "partner_authorised_officer"}]},
            ],
        }
        | changes
    )


def rate_table(**more: str) -> Rates:
    return Rates.model_validate({"months": {"2026-02": {"KES": "129.30"} | more}})


def activation(**changes: Any) -> ActivationFacts:
    return ActivationFacts.model_validate(
        {
            "reference": "KEN-L2-2026-01",
            "level": "L2",
            "offices": ["KE"],
            "sectors": ["water"],
            "areas": [],
            "valid_from": date(2026, 2, 1),
            "valid_to": date(2026, 4, 30),
        }
        | changes
    )
