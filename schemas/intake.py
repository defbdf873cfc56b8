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
    name: str = Field(min_length=1, max_length=200, description="full name")
    email: Email | None = Field(default=None, description="the listed address; an e-mail signature must come from it")
    title: str = Field(default="", description="office held, such as director")


class Registration(Strict):
    """The certificate of registration in the country."""

    number: str = Field(min_length=1, description="number of the certificate")
    authority: str = Field(default="", description="who issued it")
    issued_on: date | None = Field(default=None, description="day of issue")
    expires_on: date | None = Field(default=None, description="last day of validity; none if it does not expire")
    sha256: Sha256 | None = Field(default=None, description="hash of the uploaded certificate")


class Declaration(Strict):
    """A partner declaration already signed (GTC 4.1): eight statements, all yes."""

    signed_by: Identifier = Field(description="actor who signed for the partner")
    signed_on: date = Field(description="day of the signature")
    sha256: Sha256 | None = Field(default=None, description="hash of the signed declaration")
    answers: tuple[bool, ...] = Field(
        default=(True,) * 8, min_length=8, max_length=8, description="the eight statements, in order; all must be yes"
    )
    conflicts: tuple[str, ...] = Field(default=(), description="conflicts of interest disclosed")


class Profile(Strict):
    """A verification of the partner's profile, our own or another UN agency's."""

    verified_on: date = Field(description="day of the verification")
    agency: str = Field(default="", description="another agency whose verification is reused; empty: this organisation")
    reference: str = Field(default="", description="the agency's reference of it")
    signed_partnership: bool = Field(default=False, description="the agency has a signed partnership there, which reuse needs")


class CoreValues(Strict):
    """Headquarters' assessment of an international CSO."""

    assessed_on: date = Field(description="day of headquarters' result")
    result: Literal["positive", "negative"] = Field(default="positive", description="what headquarters found")


class Psea(Strict):
    """A PSEA assessment: the rating, or the total of the six standards (6 to 18)."""

    score: int | None = Field(default=None, ge=6, le=18, description="total of the six standards, 6 to 18")
    rating: Literal["low", "moderate", "high"] | None = Field(default=None, description="risk rating, where no score is known")
    assessed_on: date = Field(description="day of the assessment")
    agency: str = Field(default="", description="another UN entity that assessed; empty: this organisation")


class Hact(Strict):
    """A HACT rating in validity or expired."""

    rating: Rating = Field(description="risk rating")
    method: Literal["micro_v1", "micro_v2", "simplified_checklist", "high_risk_assumed", "low_risk_assumed", "other"] = Field(
        default="micro_v2", description="how it was assessed"
    )
    assessed_on: date = Field(description="day of the assessment")
    agency: str = Field(default="", description="another UN entity that assessed; empty: this organisation")


class Vendor(Strict):
    """The partner as vendor, and the account: by reference, never the number itself."""

    vendor_number: str = Field(min_length=1, description="number in the ERP")
    account_ref: Identifier = Field(description="reference of the account in the vault of bank data")
    account_holder: str = Field(default="", description="name of the account's holder; screened")
    currency: Currency | None = Field(default=None, description="currency of the account")
    bank_country: str = Field(default="", description="ISO 3166-1 alpha-2 code of the bank's country")
    confirmed: bool = Field(default=False, description="confirmed by two people before")


class StandingPca(Strict):
    """A PCA that is in force before the engine knew the partner."""

    reference: Reference = Field(description="reference of the PCA")
    programme: str | None = Field(default=None, description="country programme; none: the programme of this intake")
    signed_on: date = Field(description="day of the later signature")
    start: date = Field(description="first day in force")
    end: date = Field(description="last day in force")
    officers: tuple[Identifier, ...] = Field(default=(), description="actors listed as authorised officers; empty: those of the partner")
    account_ref: Identifier | None = Field(default=None, description="account named in the PCA; none: the vendor's")


class StandingClearance(Strict):
    """A clearance that the office gave before the engine knew the partner."""

    level: Literal["full", "emergency"] = Field(default="full", description="level granted")
    granted_on: date = Field(description="day it was granted")
    valid_until: date | None = Field(default=None, description="none: by the elements' own validity")
    limiting_element: str = Field(default="", description="element that ends it")


class Partner(Strict):
    """The partner in the country, with the assessments the sender knows of."""

    id: Identifier = Field(description="opaque id of the partner in this country", examples=["P-KE-0001"])
    legal_name: str = Field(min_length=1, max_length=300, description="legal name as registered; screened")
    former_names: tuple[str, ...] = Field(default=(), description="earlier legal names; screened")
    aliases: tuple[str, ...] = Field(default=(), description="other names in use; screened")
    type: PartnerType = Field(description="what kind of organisation; only a civil society organisation can hold a PCA")
    origin: Literal["national", "international"] = Field(
        default="national", description="national, or branch of an international organisation"
    )
    leaders: tuple[Leader, ...] = Field(default=(), description="heads and directors; screened")
    board: tuple[Leader, ...] = Field(default=(), description="members of the board; screened")
    officers: tuple[Officer, ...] = Field(default=(), description="authorised officers")
    focal_points: tuple[Officer, ...] = Field(default=(), description="partner_focal_point actors")
    account_holder: str = Field(default="", description="holder of the account, if not the partner; screened")
    sub_partners: tuple[str, ...] = Field(default=(), description="names of sub-partners; screened")
    headquarters_verified: bool | None = Field(default=None, description="for a branch: its headquarters is verified")
    blocked: bool = Field(default=False, description="blocked as vendor or by a red flag")
    registration: Registration | None = Field(default=None, description="certificate; none: the partner is asked")
    declaration: Declaration | None = Field(default=None, description="partner declaration already signed; none: it is asked for")
    profile: Profile | None = Field(default=None, description="verification of the profile; none: it is verified")
    core_values: CoreValues | None = Field(default=None, description="headquarters' assessment, of an international organisation")
    psea: Psea | None = Field(default=None, description="PSEA assessment known; none: it is assessed")
    no_contact_with_beneficiaries: bool = Field(default=False, description="the partner never meets beneficiaries")
    hact: Hact | None = Field(default=None, description="HACT rating known; none: it is assessed where needed")
    planned_cash_year_usd: Decimal | None = Field(default=None, ge=0, description="US$, other live and pending documents, HACT year")
    vendor: Vendor | None = Field(default=None, description="the partner as vendor; none: it is set up")
    standing_clearance: StandingClearance | None = Field(default=None, description="clearance given before the engine knew the partner")
    pca: StandingPca | None = Field(default=None, description="PCA in force before the engine knew the partner")

    @property
    def international(self) -> bool:
        return self.origin == "international" or self.type == "international_ngo"


class Selection(Strict):
    """How the partner was selected."""

    kind: Literal["open", "direct"] = Field(description="open call, or direct selection")
    call: str = Field(default="", description="reference of the call, for an open selection")
    score: Decimal | None = Field(default=None, ge=0, le=100, description="score in the call, 0 to 100")
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
    text: Text = Field(default="", description="reason in words, for a direct selection")
    matrix_sha256: Sha256 | None = Field(default=None, description="hash of the evaluation matrix")


class Indicator(Strict):
    """How one output is measured."""

    id: Identifier = Field(description="id within the document")
    title: str = Field(min_length=1, max_length=500, description="what is counted")
    unit: Literal["number", "percent"] = Field(default="number", description="number, or percent")
    baseline: Decimal | None = Field(default=None, description="none: unknown, which is allowed when said")
    baseline_unknown: bool = Field(default=False, description="the baseline is unknown and will be measured")
    target: Decimal | None = Field(default=None, description="value aimed at, in the unit")


class Activity(Strict):
    """One activity, which is one budget line."""

    id: Identifier = Field(examples=["1.1.1"], description="id within the document, output first")
    title: str = Field(min_length=1, max_length=500, description="what is done")
    periods: tuple[Annotated[int, Field(ge=1, le=60)], ...] = Field(
        default=(), description="periods counted from the start, 1 is the first"
    )
    office_cash: Amount = Field(default=Decimal(0), description="office cash, units of the document's currency")
    partner_cash: Amount = Field(default=Decimal(0), description="partner cash, units of the document's currency")
    first_quarter: Amount | None = Field(default=None, description="office cash of the first period; none: spread evenly over `periods`")
    by_period: tuple[Amount, ...] | None = Field(default=None, description="office cash of each period, from the first")
    active: bool = Field(default=True, description="false once deactivated: counts in no sum")


class Output(Strict):
    """One result of the document."""

    id: Identifier = Field(examples=["1.1"], description="id within the document")
    title: str = Field(min_length=1, max_length=500, description="the result in one sentence")
    programme_output: str = Field(default="", description="code of the country-programme output it serves")
    indicators: tuple[Indicator, ...] = Field(default=(), description="how the result is measured; at least one before review")
    activities: tuple[Activity, ...] = Field(default=(), description="what is done for it")


class ManagementLine(Strict):
    """One of the three standard lines of programme management."""

    id: Literal["M1", "M2", "M3"] = Field(description="line id")
    kind: Literal["in_country", "operational", "planning"] = Field(
        description="in-country staff; operational costs; planning, monitoring, evaluation and communication"
    )
    title: str = Field(default="", description="what it pays")
    office_cash: Amount = Field(default=Decimal(0), description="office cash, units of the document's currency")
    partner_cash: Amount = Field(default=Decimal(0), description="partner cash, units of the document's currency")
    first_quarter: Amount | None = Field(default=None, description="office cash of the first period; none: spread evenly")


class SupportCost(Strict):
    """Support cost for organisational capacity (PCA 6.2)."""

    percent: Percent = Field(default=Decimal(0), description="% of direct office cash, at most 7.00")
    amount: Amount = Field(default=Decimal(0), description="units of the document's currency")
    first_quarter: Amount | None = Field(default=None, description="part of the first period; none: spread evenly")


class Supplies(Strict):
    """Contributions in kind, in the document's currency."""

    office: Amount = Field(default=Decimal(0), description="supplies given by the office, in kind")
    partner_in_kind: Amount = Field(default=Decimal(0), description="valued contribution of the partner, in kind")


class Risk(Strict):
    """One entry of the risk register."""

    type: Literal["social_environmental", "financial", "operational", "organizational", "political", "strategic", "security"] = Field(
        description="kind of risk"
    )
    text: str = Field(default="", description="the risk in words")
    mitigation: str = Field(default="", description="what is done about it")


class Ratings(Strict):
    """Attention to gender, equity and sustainability."""

    gender: Literal["none", "marginal", "significant", "principal"] | None = Field(default=None, description="attention to gender")
    equity: Literal["none", "marginal", "significant", "principal"] | None = Field(default=None, description="attention to equity")
    sustainability: Literal["none", "marginal", "significant", "principal"] | None = Field(
        default=None, description="attention to sustainability"
    )


class Flags(Strict):
    """What calls for an annex."""

    personal_data: bool = Field(default=False, description="personal data are processed: data processing agreement")
    children: bool = Field(default=False, description="activities involve children: annex")
    construction: bool = Field(default=False, description="construction: special conditions")
    vehicles: bool = Field(default=False, description="vehicles are lent: loan agreement")
    research: bool = Field(default=False, description="research: ethics annex")


class ReportPeriod(Strict):
    """One report."""

    start: date = Field(description="first day reported on")
    end: date = Field(description="last day reported on")
    due: date = Field(description="day the report is due")


class Reporting(Strict):
    """The reporting plan."""

    kind: Literal["quarterly", "humanitarian"] = Field(default="quarterly", description="quarterly with narrative, or humanitarian without")
    periods: tuple[ReportPeriod, ...] = Field(default=(), description="explicit periods; empty: one each three months from the start")
    frequency: Literal["quarterly", "monthly"] = Field(default="quarterly", description="how often, where no periods are stated")


class Visit(Strict):
    """Planned programmatic visits of one period."""

    period: int = Field(ge=1, le=60, description="period counted from the start")
    number: int = Field(ge=1, le=50, description="visits planned in it")


class Annex(Strict):
    """One annex attached."""

    annex: Literal["data_processing_agreement", "children", "construction_conditions", "vehicle_loan", "research_ethics", "other"] = Field(
        description="which annex"
    )
    document: str = Field(description="file name or id")
    sha256: Sha256


class Protocol(Strict):
    """Activation protocol of a contingency document."""

    trigger: Text = Field(default="", description="what lets the document be activated, in words")
    ceiling: Amount | None = Field(default=None, description="office total, in the document's currency")
    months: int | None = Field(default=None, ge=1, le=24, description="longest duration")
    signed_on: date | None = Field(default=None, description="day of the later signature, of a document signed before the engine knew it")


class Document(Strict):
    """The programme document: results, budget, dates."""

    title: str = Field(min_length=1, max_length=500, description="title of the document")
    type: Literal["auto", "programme_document", "simplified"] = Field(
        default="auto", description="wanted type; resolved by amount and purpose"
    )
    language: str = Field(default="en", pattern=r"^[a-z]{2}$", description="ISO 639-1 code of its language")
    sector: str = Field(min_length=1, description="sector code, such as nutrition")
    section: str = Field(default="", description="submitting section of the office; empty: the sector")
    areas: tuple[str, ...] = Field(default=(), description="coded areas")
    start: date | None = Field(default=None, description="requested start; none only for a contingency document")
    end: date | None = Field(default=None, description="requested end, the last day; none only for a contingency document")
    if_late: Literal["keep_end", "keep_duration"] = Field(
        default="keep_end", description="if signatures come late: keep the end, or the duration"
    )
    currency: Currency
    outputs: tuple[Output, ...] = Field(default=(), description="results with their activities")
    management: tuple[ManagementLine, ...] = Field(default=(), max_length=3, description="effective and efficient programme management")
    support_cost: SupportCost = Field(default=SupportCost(), description="support cost for organisational capacity")
    supplies: Supplies = Field(default=Supplies(), description="contributions in kind")
    office_cash: Amount | None = Field(default=None, description="stated total; when given it must add up within 0.01")
    office_total: Amount | None = Field(default=None, description="stated total; when given it must add up within 0.01")
    partner_total: Amount | None = Field(default=None, description="stated total; when given it must add up within 0.01")
    partner_contribution: Text = Field(default="", description="non-financial contribution in words")
    contribution_types: tuple[str, ...] = Field(default=(), description="coded kinds of contribution of the partner")
    risks: tuple[Risk, ...] = Field(default=(), description="risk register")
    ratings: Ratings = Field(default=Ratings(), description="not needed for a simplified document that is not humanitarian")
    flags: Flags = Field(default=Flags(), description="what calls for annexes")
    exit_strategy: Text = Field(default="", description="how the partnership ends, in words")
    sunset_on: date | None = Field(default=None, description="day by which the support should have ended")
    strategy: Text = Field(default="", description="implementation strategy in words")
    reporting: Reporting = Field(default=Reporting(), description="reporting plan")
    visits: tuple[Visit, ...] = Field(default=(), description="planned programmatic visits")
    modalities: tuple[Modality, ...] = Field(default=("direct_cash_transfer", "reimbursement"), description="cash modalities intended")
    annexes: tuple[Annex, ...] = Field(default=(), description="annexes already attached")
    template_deviations: tuple[str, ...] = Field(default=(), description="clauses that differ from the certified template")
    protocol: Protocol | None = Field(default=None, description="contingency document only")
    confidential: bool = Field(default=False, description="not to be published")


class RelationshipTest(Strict):
    """Partnership or procurement (seed 1): four answers."""

    joint_objective: bool = Field(default=True, description="both pursue one objective")
    partner_contributes: bool = Field(default=True, description="the partner contributes to it")
    scope_by_office_alone: bool = Field(default=False, description="the office alone defines scope and results, as in procurement")
    excluded_service: str = Field(default="", description="a service a PCA may not be used for, such as printing; empty: none")


class Grant(Strict):
    """One grant foreseen."""

    grant: Identifier = Field(description="grant number")
    amount: Amount | None = Field(default=None, description="units of the document's currency, if known")
    expires_on: date | None = Field(default=None, description="last day on which it may be spent")


class Workplan(Strict):
    """The workplan that the document serves."""

    reference: str = Field(default="", description="reference of the workplan served")
    approved_on: date | None = Field(default=None, description="day of its approval")


class PriorSuspension(Strict):
    """Earlier suspension or termination of the partner."""

    had: bool = Field(default=False, description="the partner was suspended or terminated before")
    text: Text = Field(default="", description="when, why, and what came of it")


class Beneficiaries(Strict):
    """People to be reached, as counted by the sender."""

    men: int = Field(default=0, ge=0, description="number of men")
    women: int = Field(default=0, ge=0, description="number of women")
    boys: int = Field(default=0, ge=0, description="number of boys")
    girls: int = Field(default=0, ge=0, description="number of girls")


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
    instrument: Instrument = Field(default="auto", description="which instrument; auto: resolved against the office's PCA with the partner")
    track: TrackName = Field(default="standard", description="track asked for")
    activation: Reference | None = Field(default=None, description="emergency activation relied on; required on the emergency track")
    humanitarian: bool = Field(default=False, description="serves a humanitarian response")
    plan: str = Field(default="", description="commitment or response plan served")
    partner: Partner = Field(description="the partner in the country")
    selection: Selection = Field(description="how the partner was selected")
    document: Document = Field(description="the programme document")
    activates: Reference | None = Field(default=None, description="contingency document that is activated")
    grants: tuple[Grant, ...] = Field(default=(), description="grants foreseen")
    workplan: Workplan = Field(default=Workplan(), description="workplan served")
    implementing_members: tuple[str, ...] = Field(default=(), description="names of implementing members of a consortium; screened")
    other_un_funding: tuple[str, ...] = Field(default=(), description="other UN entities that fund the partner for this")
    no_double_funding: bool = Field(default=True, description="costs are not already funded by another document")
    prior_suspension: PriorSuspension = Field(default=PriorSuspension(), description="history of suspension")
    relationship_test: RelationshipTest = Field(default=RelationshipTest(), description="partnership or procurement")
    focal_point: Identifier | None = Field(default=None, description="office focal point; none: the office file's for the section")
    alternate_focal_point: Identifier | None = Field(default=None, description="office actor who stands in")
    partner_focal_point: Identifier | None = Field(default=None, description="partner actor; none: the partner's first")
    budget_owner: Identifier | None = Field(default=None, description="office actor; none: the office file's")
    first_request_with_signature: bool = Field(default=False, description="the first cash request comes with the signature")
    beneficiaries: Beneficiaries | None = Field(default=None, description="people to be reached")
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
