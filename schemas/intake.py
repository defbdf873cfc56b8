"""The intake message: one programme document as a submitting system or person sends it, with the facts it relies on.

Strict throughout: an unknown field is named and refused. Facts that few senders know are optional and have a default; a default
that was used is listed by the importer in `assumed_facts`. Amounts are Decimal units of `document.currency`, at most two
decimals. Periods count from the start of the document (1 = the first three months). This module holds no rule: what is refused
at the door is said by `policy.eligibility`.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from schemas.base import Currency, Sha256, Strict
from schemas.findings import Finding

Amount = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=2)]
Percent = Annotated[Decimal, Field(ge=0, le=100, max_digits=9, decimal_places=6)]
Reference = Annotated[str, Field(pattern=r"^[A-Z0-9]+([-/][A-Z0-9]+)*$", max_length=60)]
Identifier = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9:._@/-]*$")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2 code")]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]
Text = Annotated[str, Field(max_length=20_000)]

Instrument = Literal["auto", "pca_with_document", "document_under_pca", "pca_only", "contingency_document", "contingency_activation"]
TrackName = Literal["standard", "emergency"]
PartnerType = Literal[
    "international_ngo", "national_ngo", "cbo", "academic", "red_cross_red_crescent", "un_agency", "government", "private_sector", "unknown"
]
Rating = Literal["low", "medium", "significant", "high", "not_required"]
Modality = Literal["direct_cash_transfer", "reimbursement", "direct_payment"]


class Leader(Strict):
    """A person who leads or governs the partner: screened, never put into a history."""

    name: str = Field(min_length=1, max_length=200, description="full name as in the registration")
    role: str = Field(default="", description="office held, such as director or chair")
    born: int | None = Field(default=None, ge=1900, le=2100, description="year of birth, to tell namesakes apart")
    nationality: str = Field(default="", description="ISO 3166-1 alpha-2 code, empty if unknown")


class Officer(Strict):
    """A person authorised to bind the partner (PCA 1.1)."""

    actor: Identifier = Field(description="opaque actor id, such as ke.chebet")
    name: str = Field(min_length=1, max_length=200)
    email: Email | None = Field(default=None, description="the listed address; an e-mail signature must come from it")
    title: str = Field(default="")


class Registration(Strict):
    """The certificate of registration in the country."""

    number: str = Field(min_length=1)
    authority: str = Field(default="")
    issued_on: date | None = None
    expires_on: date | None = Field(default=None, description="last day of validity; none if it does not expire")
    sha256: Sha256 | None = Field(default=None, description="hash of the uploaded certificate")


class Declaration(Strict):
    """A partner declaration already signed (GTC 4.1): eight statements, all yes."""

    signed_by: Identifier
    signed_on: date
    sha256: Sha256 | None = None
    answers: tuple[bool, ...] = Field(default=(True,) * 8, min_length=8, max_length=8)
    conflicts: tuple[str, ...] = ()


class Profile(Strict):
    """A verification of the partner's profile, our own or another UN agency's."""

    verified_on: date
    agency: str = Field(default="", description="another agency whose verification is reused; empty: this organisation")
    reference: str = ""
    signed_partnership: bool = Field(default=False, description="the agency has a signed partnership there, which reuse needs")


class CoreValues(Strict):
    """Headquarters' assessment of an international CSO."""

    assessed_on: date
    result: Literal["positive", "negative"] = "positive"


class Psea(Strict):
    """A PSEA assessment: the rating, or the total of the six standards (6 to 18)."""

    score: int | None = Field(default=None, ge=6, le=18)
    rating: Literal["low", "moderate", "high"] | None = None
    assessed_on: date
    agency: str = ""


class Hact(Strict):
    """A HACT rating in validity or expired."""

    rating: Rating
    method: Literal["micro_v1", "micro_v2", "simplified_checklist", "high_risk_assumed", "low_risk_assumed", "other"] = "micro_v2"
    assessed_on: date
    agency: str = ""


class Vendor(Strict):
    """The partner as vendor, and the account: by reference, never the number itself."""

    vendor_number: str = Field(min_length=1)
    account_ref: Identifier = Field(description="reference of the account in the vault of bank data")
    account_holder: str = ""
    currency: Currency | None = None
    bank_country: str = ""
    confirmed: bool = Field(default=False, description="confirmed by two people before")


class StandingPca(Strict):
    """A PCA that is in force before the engine knew the partner."""

    reference: Reference
    programme: str | None = Field(default=None, description="country programme; none: the programme of this intake")
    signed_on: date
    start: date
    end: date
    officers: tuple[Identifier, ...] = ()
    account_ref: Identifier | None = None


class StandingClearance(Strict):
    """A clearance that the office gave before the engine knew the partner."""

    level: Literal["full", "emergency"] = "full"
    granted_on: date
    valid_until: date | None = Field(default=None, description="none: by the elements' own validity")
    limiting_element: str = ""


class Partner(Strict):
    """The partner in the country, with the assessments the sender knows of."""

    id: Identifier = Field(description="opaque id of the partner in this country", examples=["P-KE-0001"])
    legal_name: str = Field(min_length=1, max_length=300)
    former_names: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    type: PartnerType
    origin: Literal["national", "international"] = "national"
    leaders: tuple[Leader, ...] = ()
    board: tuple[Leader, ...] = ()
    officers: tuple[Officer, ...] = Field(default=(), description="authorised officers")
    focal_points: tuple[Officer, ...] = Field(default=(), description="partner_focal_point actors")
    account_holder: str = ""
    sub_partners: tuple[str, ...] = ()
    headquarters_verified: bool | None = Field(default=None, description="for a branch: its headquarters is verified")
    blocked: bool = Field(default=False, description="blocked as vendor or by a red flag")
    registration: Registration | None = None
    declaration: Declaration | None = None
    profile: Profile | None = None
    core_values: CoreValues | None = None
    psea: Psea | None = None
    no_contact_with_beneficiaries: bool = False
    hact: Hact | None = None
    planned_cash_year_usd: Decimal | None = Field(default=None, ge=0, description="US$, other live and pending documents, HACT year")
    vendor: Vendor | None = None
    standing_clearance: StandingClearance | None = None
    pca: StandingPca | None = None

    @property
    def international(self) -> bool:
        return self.origin == "international" or self.type == "international_ngo"


class Selection(Strict):
    """How the partner was selected."""

    kind: Literal["open", "direct"]
    call: str = Field(default="", description="reference of the call, for an open selection")
    score: Decimal | None = Field(default=None, ge=0, le=100)
    reason_code: Literal[
        "",
        "known_expertise",
        "local_presence",
        "innovative_approach",
        "time_constraints_or_criticality",
        "strengthening_civil_society",
        "retention",
        "other",
    ] = Field(default="", description="coded reason, for a direct selection")
    text: Text = ""
    matrix_sha256: Sha256 | None = None


class Indicator(Strict):
    id: Identifier
    title: str = Field(min_length=1, max_length=500)
    unit: Literal["number", "percent"] = "number"
    baseline: Decimal | None = Field(default=None, description="none: unknown, which is allowed when said")
    baseline_unknown: bool = Field(default=False, description="the baseline is unknown and will be measured")
    target: Decimal | None = None


class Activity(Strict):
    id: Identifier = Field(examples=["1.1.1"])
    title: str = Field(min_length=1, max_length=500)
    periods: tuple[Annotated[int, Field(ge=1, le=60)], ...] = Field(
        default=(), description="periods counted from the start, 1 is the first"
    )
    office_cash: Amount = Decimal(0)
    partner_cash: Amount = Decimal(0)
    first_quarter: Amount | None = Field(default=None, description="office cash of the first period; none: spread evenly over `periods`")
    by_period: tuple[Amount, ...] | None = Field(default=None, description="office cash of each period, from the first")
    active: bool = True


class Output(Strict):
    id: Identifier = Field(examples=["1.1"])
    title: str = Field(min_length=1, max_length=500)
    programme_output: str = Field(default="", description="code of the country-programme output it serves")
    indicators: tuple[Indicator, ...] = ()
    activities: tuple[Activity, ...] = ()


class ManagementLine(Strict):
    id: Literal["M1", "M2", "M3"]
    kind: Literal["in_country", "operational", "planning"]
    title: str = ""
    office_cash: Amount = Decimal(0)
    partner_cash: Amount = Decimal(0)
    first_quarter: Amount | None = None


class SupportCost(Strict):
    """Support cost for organisational capacity (PCA 6.2)."""

    percent: Percent = Decimal(0)
    amount: Amount = Decimal(0)
    first_quarter: Amount | None = None


class Supplies(Strict):
    office: Amount = Field(default=Decimal(0), description="supplies given by the office, in kind")
    partner_in_kind: Amount = Field(default=Decimal(0), description="valued contribution of the partner, in kind")


class Risk(Strict):
    type: Literal["social_environmental", "financial", "operational", "organizational", "political", "strategic", "security"]
    text: str = ""
    mitigation: str = ""


class Ratings(Strict):
    gender: Literal["none", "marginal", "significant", "principal"] | None = None
    equity: Literal["none", "marginal", "significant", "principal"] | None = None
    sustainability: Literal["none", "marginal", "significant", "principal"] | None = None


class Flags(Strict):
    personal_data: bool = False
    children: bool = False
    construction: bool = False
    vehicles: bool = False
    research: bool = False


class ReportPeriod(Strict):
    start: date
    end: date
    due: date


class Reporting(Strict):
    kind: Literal["quarterly", "humanitarian"] = "quarterly"
    periods: tuple[ReportPeriod, ...] = Field(default=(), description="explicit periods; empty: one each three months from the start")
    frequency: Literal["quarterly", "monthly"] = "quarterly"


class Visit(Strict):
    period: int = Field(ge=1, le=60)
    number: int = Field(ge=1, le=50)


class Annex(Strict):
    annex: Literal["data_processing_agreement", "children", "construction_conditions", "vehicle_loan", "research_ethics", "other"]
    document: str
    sha256: Sha256


class Protocol(Strict):
    """Activation protocol of a contingency document."""

    trigger: Text = ""
    ceiling: Amount | None = Field(default=None, description="office total, in the document's currency")
    months: int | None = Field(default=None, ge=1, le=24, description="longest duration")


class Document(Strict):
    """The programme document: results, budget, dates."""

    title: str = Field(min_length=1, max_length=500)
    type: Literal["auto", "programme_document", "simplified"] = Field(
        default="auto", description="wanted type; resolved by amount and purpose"
    )
    language: str = Field(default="en", pattern=r"^[a-z]{2}$")
    sector: str = Field(min_length=1)
    section: str = Field(default="", description="submitting section of the office; empty: the sector")
    areas: tuple[str, ...] = Field(default=(), description="coded areas")
    start: date | None = Field(default=None, description="requested start; none only for a contingency document")
    end: date | None = None
    if_late: Literal["keep_end", "keep_duration"] = "keep_end"
    currency: Currency
    outputs: tuple[Output, ...] = ()
    management: tuple[ManagementLine, ...] = Field(default=(), max_length=3)
    support_cost: SupportCost = SupportCost()
    supplies: Supplies = Supplies()
    office_cash: Amount | None = Field(default=None, description="stated total; when given it must add up within 0.01")
    office_total: Amount | None = None
    partner_total: Amount | None = None
    partner_contribution: Text = Field(default="", description="non-financial contribution in words")
    contribution_types: tuple[str, ...] = ()
    risks: tuple[Risk, ...] = ()
    ratings: Ratings = Ratings()
    flags: Flags = Flags()
    exit_strategy: Text = ""
    sunset_on: date | None = None
    strategy: Text = ""
    reporting: Reporting = Reporting()
    visits: tuple[Visit, ...] = ()
    modalities: tuple[Modality, ...] = ("direct_cash_transfer", "reimbursement")
    annexes: tuple[Annex, ...] = ()
    template_deviations: tuple[str, ...] = Field(default=(), description="clauses that differ from the certified template")
    protocol: Protocol | None = Field(default=None, description="contingency document only")
    confidential: bool = False


class RelationshipTest(Strict):
    """Partnership or procurement (seed 1): four answers."""

    joint_objective: bool = True
    partner_contributes: bool = True
    scope_by_office_alone: bool = False
    excluded_service: str = Field(default="", description="a service a PCA may not be used for, such as printing; empty: none")


class Grant(Strict):
    grant: Identifier
    amount: Amount | None = None
    expires_on: date | None = None


class Workplan(Strict):
    reference: str = ""
    approved_on: date | None = None


class PriorSuspension(Strict):
    had: bool = False
    text: Text = ""


class Beneficiaries(Strict):
    """People to be reached, as counted by the sender."""

    men: int = Field(default=0, ge=0)
    women: int = Field(default=0, ge=0)
    boys: int = Field(default=0, ge=0)
    girls: int = Field(default=0, ge=0)


_EXAMPLE: dict[str, Any] = {
    "source": "portal",
    "source_reference": "CEF-2026-118",
    "reference": "KEN/2026/0007",
    "submitted_on": "2026-02-16",
    "submitter": "ke.nutrition.submitter",
    "office": "KE",
    "programme": "KE-2023",
    "humanitarian": False,
    "partner": {
        "id": "P-KE-0001",
        "legal_name": "Example Child Nutrition Network",
        "type": "national_ngo",
        "leaders": [{"name": "Example Director", "role": "director"}],
        "officers": [{"actor": "ke.partner.officer", "name": "Example Director", "email": "director@example.org", "title": "director"}],
        "registration": {"number": "NGO/1", "authority": "NGO Board", "expires_on": "2027-12-31"},
    },
    "selection": {"kind": "open", "call": "CEF/KEN/2025/041", "score": "84"},
    "document": {
        "title": "Treatment of acute malnutrition",
        "sector": "nutrition",
        "start": "2026-06-01",
        "end": "2027-11-30",
        "currency": "KES",
        "outputs": [
            {
                "id": "1.1",
                "title": "Children with acute malnutrition are found and treated",
                "programme_output": "KE-OUT-2",
                "indicators": [{"id": "1.1.a", "title": "children admitted", "baseline": "0", "target": "6300"}],
                "activities": [
                    {
                        "id": "1.1.1",
                        "title": "Screen and refer",
                        "periods": [1, 2, 3, 4, 5, 6],
                        "office_cash": "1000000.00",
                        "partner_cash": "100000.00",
                        "first_quarter": "200000.00",
                    }
                ],
            }
        ],
        "management": [{"id": "M1", "kind": "in_country", "office_cash": "200000.00", "first_quarter": "40000.00"}],
        "support_cost": {"percent": "7.0", "amount": "84000.00", "first_quarter": "16800.00"},
        "supplies": {"office": "50000.00"},
        "risks": [{"type": "security", "text": "routes", "mitigation": "escort"}],
    },
    "no_double_funding": True,
    "focal_point": "ke.focal",
    "budget_owner": "ke.budget",
}


class Intake(Strict):
    """One programme document, as it is submitted."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    source: Identifier = Field(description="submitting system", examples=["portal", "cbpf"])
    source_reference: str = Field(min_length=1, max_length=200, description="the sender's own reference; unique within the source")
    reference: Reference | None = Field(default=None, description="wanted reference; given if free, else the engine gives one")
    submitted_on: date = Field(description="day of submission in the office's time zone")
    submitter: Identifier = Field(description="actor who submits")
    office: Country
    programme: Identifier = Field(description="country programme of the office")
    instrument: Instrument = "auto"
    track: TrackName = "standard"
    activation: Reference | None = Field(default=None, description="emergency activation relied on; required on the emergency track")
    humanitarian: bool = False
    plan: str = Field(default="", description="commitment or response plan served")
    partner: Partner
    selection: Selection
    document: Document
    activates: Reference | None = Field(default=None, description="contingency document that is activated")
    grants: tuple[Grant, ...] = ()
    workplan: Workplan = Workplan()
    implementing_members: tuple[str, ...] = ()
    other_un_funding: tuple[str, ...] = ()
    no_double_funding: bool = Field(default=True, description="costs are not already funded by another document")
    prior_suspension: PriorSuspension = PriorSuspension()
    relationship_test: RelationshipTest = RelationshipTest()
    focal_point: Identifier | None = Field(default=None, description="office focal point; none: the office file's for the section")
    alternate_focal_point: Identifier | None = None
    partner_focal_point: Identifier | None = None
    budget_owner: Identifier | None = None
    first_request_with_signature: bool = False
    beneficiaries: Beneficiaries | None = None
    assumed_facts: tuple[str, ...] = Field(default=(), description="facts the sender did not give and the importer assumed")


def json_path(location: tuple[int | str, ...]) -> str:
    """A pydantic error location as a JSON path: `('document', 'outputs', 0)` is `$.document.outputs[0]`."""
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def faults(error: ValidationError) -> list[Finding]:
    """Every fault of a payload that does not fit the model, each with its JSON path."""
    return [
        Finding(
            rule="unknown_field"
            if fault["type"] == "extra_forbidden"
            else "missing_field"
            if fault["type"] == "missing"
            else "invalid_value",
            message=fault["msg"],
            path=json_path(fault["loc"]),
            source="schemas.intake",
            next_step="Remove the field or see `pca schema intake`." if fault["type"] == "extra_forbidden" else "See `pca schema intake`.",
        )
        for fault in error.errors(include_url=False, include_context=False)
    ]
