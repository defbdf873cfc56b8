"""What a verdict or a message carries beside its comment: one strict model each, named for what is said.

Strict throughout: an unknown field is named and refused, and a field is only ever added as optional. Documents are referred to by
id and SHA-256 and were uploaded before; people by opaque actor id. Amounts are Decimal units of the document's currency, at most
two decimals; dates are days of the office's own calendar. This module holds no rule that needs a fact of the case: those are
`policy` and the recording transaction.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from schemas.base import Currency, Sha256, Strict
from schemas.intake import Amount, Country, Identifier, Modality, Rating, Reference
from schemas.office import Function, Role

Line = Annotated[str, Field(min_length=1, max_length=2000)]
Note = Annotated[str, Field(max_length=20_000)]
Element = Literal["declaration", "conflict_of_interest", "red_flag", "registration", "profile", "core_values", "psea", "hact"]
Gate = Literal["before_approval", "before_signature", "before_start", "before_cash", "by_date"]
Ground = Literal[
    "convenience", "breach", "inability", "force_majeure", "ethics", "sanctions", "safeguarding", "data_breach", "not_commenced",
    "lost_funding", "insolvency",
]  # fmt: skip
Opinion8 = Literal["strongly_agree", "agree", "disagree", "strongly_disagree"]
Standard = Annotated[int, Field(ge=1, le=3, description="1 absent, 2 progressing, 3 adequate")]
ProfileQuestion = Literal["q1", "q2", "q3", "q4", "q5"]

_SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def _example(**fields: Any) -> ConfigDict:
    """The model's configuration with one example: shown in its JSON Schema, validated by the tests."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


class NoData(Strict):
    """Nothing beside comment and message."""

    model_config = _example()


# --- parts that several share -----------------------------------------------------------------------------------------


class Evidence(Strict):
    """A document uploaded before, by its hash."""

    model_config = _example(document="certificate.pdf", sha256=_SHA, kind="certificate")

    document: str = Field(min_length=1, max_length=300, description="id or file name of the document")
    sha256: Sha256
    kind: str = Field(default="other", max_length=60, description="kind of evidence, such as certificate, report, minutes, letter")


Documents = Annotated[tuple[Evidence, ...], Field(description="documents uploaded before")]


class Condition(Strict):
    """A condition of clearance, review or approval."""

    model_config = _example(
        text="Supervision plan agreed with the district", owner_role="focal_point", due="2026-04-30", gate="before_cash"
    )

    text: Line = Field(description="what must be done, in words for its owner")
    owner_role: Role = Field(description="role that must meet it")
    due: date | None = Field(default=None, description="day by which it must be met; required for gate by_date")
    gate: Gate = Field(description="what stays shut until it is met")


class Deferral(Strict):
    """A check postponed with a due date; never dropped."""

    model_config = _example(element="psea", reason="No assessor reaches the district before the roads open")

    element: Element
    reason: Line


class FaceLine(Strict):
    """An amount for one line of the budget."""

    model_config = _example(activity="1.1.1", amount="320000.00")

    activity: Identifier = Field(description="budget line: activity, M1 to M3, or H for support cost")
    amount: Amount = Field(description="units of the document's currency")


class EstimateLine(Strict):
    """One item of the itemised cost estimate: number x price."""

    model_config = _example(activity="1.1.1", item="Screening kits", unit="kit", number="40", price="8000.00")

    activity: Identifier
    item: Line
    unit: str = Field(min_length=1, max_length=60, description="unit of measure")
    number: Amount = Field(description="how many units")
    price: Amount = Field(description="price of one unit, in the document's currency")


class Face(Strict):
    """FACE, the request half (column E): one period, one line a budget line."""

    model_config = _example(
        period=1,
        modality="direct_cash_transfer",
        currency="KES",
        lines=[{"activity": "1.1.1", "amount": "320000.00"}],
        estimate=[{"activity": "1.1.1", "item": "Screening kits", "unit": "kit", "number": "40", "price": "8000.00"}],
        account_ref="ACC-KE-0001",
    )

    period: int = Field(ge=1, le=60, description="period asked for, counted from the start")
    modality: Modality
    currency: Currency
    lines: tuple[FaceLine, ...] = Field(min_length=1)
    estimate: tuple[EstimateLine, ...] = Field(default=(), description="itemised cost estimate; adds up to the lines, activity by activity")
    account_ref: Identifier | None = Field(default=None, description="reference of the account named in the PCA")
    vendor: Identifier | None = Field(default=None, description="vendor to be paid, for a direct payment")


class Member(Strict):
    """A member of the committee, and why he or she sits there."""

    model_config = _example(person="ke.021", function="finance", section="finance")

    person: Identifier
    function: Function
    section: str = Field(min_length=1, max_length=80, description="section of the office, as in the office file")


class ReviewAnswers(Strict):
    """The eight questions of the review (eTools InterventionReviewQuestionnaire)."""

    model_config = _example(**{f"q{number}": "agree" for number in range(1, 9)})

    q1: Opinion8 = Field(description="partnership rather than procurement; both contribute")
    q2: Opinion8 = Field(description="selection shows comparative advantage and value for money")
    q3: Opinion8 = Field(description="earlier relations with the organisation or the UN were positive")
    q4: Opinion8 = Field(description="relevant to the country programme, sector workplan or humanitarian plan")
    q5: Opinion8 = Field(description="results framework guided by monitoring and evaluation feedback")
    q6: Opinion8 = Field(description="gender, equity and sustainability considered")
    q7: Opinion8 = Field(description="budget follows value for money, management cost within the office's limit")
    q8: Opinion8 = Field(description="supply issues considered")


class SignedObject(Strict):
    """One signature on one object."""

    model_config = _example(
        object="document", reference="KEN/2026/0007", sha256=_SHA, signed_on="2026-04-07", method="electronic", signed_by="ke.p.officer"
    )

    object: Literal["pca", "document", "data_processing", "construction_conditions", "vehicle_loan"]
    reference: Reference | None = Field(default=None, description="reference of the object; none: the case's, or its PCA's")
    sha256: Sha256 = Field(description="hash of what was signed; for the document, the hash that both sides accepted")
    signed_on: date = Field(description="day of the signature; never in the future")
    method: Literal["electronic", "scan", "email"]
    signed_by: Identifier | None = Field(default=None, description="who signed, where another person records it; none: the one who decides")


class ReservationLine(Strict):
    model_config = _example(grant="SC240012", amount="21000000.00", expires_on="2027-12-31")

    grant: Identifier
    amount: Amount = Field(description="of this grant, in the currency of the reservation")
    expires_on: date | None = Field(default=None, description="last day on which the grant may be spent")


class IndicatorResult(Strict):
    model_config = _example(indicator="1.1.a", value="5400")

    indicator: Identifier
    value: Annotated[str, Field(max_length=60)] = Field(description="value reached in the period, in the indicator's unit")
    remark: Note = ""


class AcceptedLine(Strict):
    """What a reviewer accepts of one reported line: accepted + rejected is the expenditure reported (column B)."""

    model_config = _example(activity="1.1.1", accepted="310000.00", rejected="10000.00", reason="Recoverable VAT")

    activity: Identifier
    accepted: Amount = Field(description="column C")
    rejected: Amount = Field(description="B - C")
    reason: Note = Field(default="", description="why rejected; required where anything is")


class HactAnswer(Strict):
    """One question of an assessment."""

    model_config = _example(question="1.1", answer=2, key=True)

    question: Annotated[str, Field(min_length=1, max_length=40)]
    answer: Annotated[int, Field(ge=1, le=4)] | None = Field(description="1 low, 2 medium, 3 significant, 4 high; null: not applicable")
    key: bool = Field(default=False, description="a key question, weighted in the version 1 questionnaire")


# --- A. track and vetting ---------------------------------------------------------------------------------------------


class FalsePositive(Strict):
    model_config = _example(hit="P-LB-0001:un:QDi.001:ab12", differing_facts=["year of birth", "nationality"], evidence=[])

    hit: str = Field(min_length=1, max_length=200, description="id of the hit")
    differing_facts: tuple[Line, ...] = Field(min_length=1, description="which facts tell the person from the listed one")
    evidence: Documents = ()


class TrueMatch(Strict):
    model_config = _example(hit="P-LB-0001:un:QDi.001:ab12", evidence=[])

    hit: str = Field(min_length=1, max_length=200, description="id of the hit")
    evidence: Documents = ()


class EscalateHit(Strict):
    model_config = _example(to="headquarters")

    to: Literal["headquarters"] = "headquarters"


class SignDeclaration(Strict):
    """The partner declaration: eight statements, all yes (GTC 4.1). A no is a `decline`."""

    model_config = _example(
        document="declaration.pdf", sha256=_SHA, signed_by="ke.p.officer", signed_on="2026-02-18", answers=[True] * 8, conflicts=[]
    )

    document: str = Field(min_length=1, max_length=300)
    sha256: Sha256
    signed_by: Identifier = Field(description="officer who signed")
    signed_on: date
    answers: Annotated[tuple[Literal[True], ...], Field(min_length=8, max_length=8)] = Field(description="the eight statements")
    conflicts: tuple[Line, ...] = Field(default=(), description="conflicts of interest disclosed")


class ProvideRegistration(Strict):
    model_config = _example(number="NGO/1998/042", authority="NGO Board", issued_on="2024-05-02", expires_on="2027-05-01", document=_SHA)

    number: str = Field(min_length=1, max_length=100)
    authority: str = Field(min_length=1, max_length=200, description="who issued the certificate")
    issued_on: date
    expires_on: date | None = Field(default=None, description="last day of validity; none if it does not expire")
    document: Sha256 = Field(description="hash of the uploaded certificate")


class ProfileVerified(Strict):
    """The five questions of the profile verification, each true if it comes out right; verified only if all do."""

    model_config = _example(q1=True, q2=True, q3=True, q4=True, q5=True)

    q1: Literal[True] = Field(description="valid, unexpired registration certificate of the right authority")
    q2: Literal[True] = Field(description="mandate and mission consistent with the UN")
    q3: Literal[True] = Field(description="mechanisms against fraud, corruption and exploitation, and to safeguard beneficiaries")
    q4: Literal[True] = Field(description="no other observation that poses an unacceptable risk")
    q5: Literal[True] = Field(description="no flagged observation that poses an unacceptable risk")
    branch_of: Identifier | None = Field(default=None, description="headquarters, for a branch of an international CSO")
    headquarters_verified: bool | None = Field(default=None, description="for a branch: must be true")


class ProfileNotVerified(Strict):
    model_config = _example(failed=["q1", "q3"])

    failed: tuple[ProfileQuestion, ...] = Field(min_length=1, description="questions that did not come out right")


class ReuseVerification(Strict):
    model_config = _example(agency="UNHCR", reference="UNPP-4711", verified_on="2025-06-30", signed_partnership=True)

    agency: str = Field(min_length=1, max_length=80, description="UN entity that verified")
    reference: str = Field(min_length=1, max_length=100)
    verified_on: date
    signed_partnership: bool = Field(description="the entity has a signed partnership there, which reuse needs")


class CoreValuesPositive(Strict):
    model_config = _example(assessed_on="2024-01-15", document=_SHA)

    assessed_on: date
    document: Sha256 = Field(description="hash of headquarters' result")


class ReuseAssessment(Strict):
    model_config = _example(agency="UNHCR", reference="UNPP-4711", assessed_on="2025-06-30")

    agency: str = Field(min_length=1, max_length=80, description="UN entity that assessed")
    reference: str = Field(default="", max_length=100)
    assessed_on: date


class RatePsea(Strict):
    """The six PSEA core standards (UN common assessment)."""

    model_config = _example(s1=3, s2=2, s3=2, s4=2, s5=3, s6=2, assessed_on="2026-02-24", evidence=[])

    s1: Standard = Field(description="organisational policy")
    s2: Standard = Field(description="management and human-resource systems")
    s3: Standard = Field(description="mandatory training")
    s4: Standard = Field(description="reporting")
    s5: Standard = Field(description="assistance and referral")
    s6: Standard = Field(description="investigations")
    assessed_on: date
    country_reason: Literal["", "decentralized", "sea_allegation", "policy_not_implemented", "high_risk_context"] = Field(
        default="", description="why an international CSO is assessed in the country"
    )
    evidence: Documents = ()


class ReusePsea(Strict):
    model_config = _example(agency="UNFPA", rating="moderate", assessed_on="2025-09-01")

    agency: str = Field(min_length=1, max_length=80)
    rating: Literal["low", "moderate", "high"] = Field(description="risk rating")
    assessed_on: date
    reference: str = Field(default="", max_length=100)


class RateHact(Strict):
    model_config = _example(
        method="micro_v2",
        answers=[{"question": "1.1", "answer": 2}, {"question": "1.2", "answer": 1}],
        assessed_on="2026-02-25",
        firm="Example Audit LLP",
    )

    method: Literal["micro_v1", "micro_v2", "simplified_checklist"]
    answers: tuple[HactAnswer, ...] = Field(min_length=1)
    assessed_on: date
    firm: str = Field(default="", max_length=200, description="who assessed")


class ReuseHact(Strict):
    model_config = _example(agency="UNDP", rating="medium", assessed_on="2025-03-01")

    agency: str = Field(min_length=1, max_length=80)
    rating: Rating
    assessed_on: date
    reference: str = Field(default="", max_length=100)


class HactNotRequired(Strict):
    model_config = _example(planned_cash_year_usd="64000.00")

    planned_cash_year_usd: Amount = Field(description="US$ planned for the partner in the HACT year, October to September")


class AssumeHigh(Strict):
    model_config = _example(assessment_planned_on="2026-06-01")

    assessment_planned_on: date


class AcceptRisk(Strict):
    model_config = _example(mitigation="Monthly cash counts", owner="risk_officer", expires_on="2026-12-31")

    mitigation: Line
    owner: Role = Field(description="role that owns the mitigation")
    expires_on: date = Field(description="last day on which the risk is accepted")


class MitigateConflict(Strict):
    model_config = _example(measures="The person takes no part in selection and review")

    measures: Line


class SetUpVendor(Strict):
    """The partner as vendor. The account by its reference in the vault of bank data, never the number itself."""

    model_config = _example(
        vendor_number="2500123456",
        account_ref="ACC-KE-0001",
        account_holder="Example Child Nutrition Network",
        currency="KES",
        bank_country="KE",
        checked_how="bank letter",
    )

    vendor_number: Identifier
    account_ref: Identifier
    account_holder: str = Field(min_length=1, max_length=300)
    currency: Currency
    bank_country: Country
    checked_how: str = Field(min_length=1, max_length=300, description="how holder and account were checked")


class ConfirmAccount(Strict):
    model_config = _example(called_back_on="2026-03-03", person="finance manager of the partner")

    called_back_on: date = Field(description="day on which the partner was called back on a number known before")
    person: str = Field(min_length=1, max_length=200, description="who confirmed on the partner's side")


class ProvideInformation(Strict):
    model_config = _example(items=["Policy against fraud, adopted 3 March 2026"], documents=[])

    items: tuple[Line, ...] = Field(min_length=1, description="answers to the items asked for, in order")
    documents: Documents = ()


class ClearWithConditions(Strict):
    model_config = _example(
        conditions=[{"text": "Fraud policy adopted", "owner_role": "partner_focal_point", "due": "2026-05-01", "gate": "before_cash"}]
    )

    conditions: tuple[Condition, ...] = Field(min_length=1)


class ClearWithDeferrals(Strict):
    model_config = _example(deferrals=[{"element": "psea", "reason": "No assessor reaches the district yet"}])

    deferrals: tuple[Deferral, ...] = Field(min_length=1)


class RequestInformation(Strict):
    model_config = _example(items=["Renewed registration certificate"], court="partner")

    items: tuple[Line, ...] = Field(min_length=1, description="what is missing, in words for the partner")
    court: Literal["partner"] = Field(default="partner", description="who holds the case until it answers")


# --- B. programme document --------------------------------------------------------------------------------------------


class SendVersion(Strict):
    """A version sent to the other side: the last one, or new content that was put into the record before."""

    model_config = _example(version=1, sha256=_SHA)

    version: int = Field(ge=1, description="number of the version; new content is the next number")
    sha256: Sha256 = Field(description="hash of the content of the version")


class ReturnVersion(SendVersion):
    model_config = _example(version=2, sha256=_SHA, changes="Targets of output 1.1 lowered")

    changes: Note = Field(default="", description="what changed and why, in words for the other side")


class AcceptVersion(Strict):
    model_config = _example(sha256=_SHA)

    sha256: Sha256 = Field(description="hash of the version accepted")


class AcceptOnBehalf(Strict):
    """The office accepts for the partner: asked in writing, or the partner's turn has passed. Never a signature."""

    model_config = _example(
        sha256=_SHA,
        partner_person="mz.p.focal",
        because="asked_in_writing",
        evidence=[{"document": "mail.eml", "sha256": _SHA, "kind": "email"}],
    )

    sha256: Sha256
    partner_person: Identifier = Field(description="person of the partner for whom it is accepted")
    because: Literal["asked_in_writing", "turn_missed"]
    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1)]


class SubmitForReview(Strict):
    model_config = _example(no_double_funding=True, selection_evidence=[], prior_suspension="", joint_review_ref="")

    no_double_funding: Literal[True] = Field(description="the costs are not funded by another document")
    selection_evidence: Documents = ()
    prior_suspension: Note = Field(default="", description="earlier suspension of the partner, and what came of it")
    joint_review_ref: str = Field(default="", max_length=100, description="joint review relied on, if any")
    urgency: Note = Field(default="", description="urgency in writing, for review by one person (emergency)")


class AcceptAndSubmit(SubmitForReview):
    model_config = _example(sha256=_SHA, no_double_funding=True, urgency="Rains begin in ten days")

    sha256: Sha256 = Field(description="hash of the version accepted")


class AttachAnnex(Strict):
    model_config = _example(annex="data_processing_agreement", document="dpa.pdf", sha256=_SHA)

    annex: Literal["data_processing_agreement", "children", "construction_conditions", "vehicle_loan", "research_ethics", "other"]
    document: str = Field(min_length=1, max_length=300)
    sha256: Sha256


class ClearWithChanges(Strict):
    model_config = _example(text="Clause 7.2 as agreed with the partner's counsel")

    text: Note = Field(min_length=1, description="the clause as cleared")


class SubmitActivation(Strict):
    """Activation of a contingency document within its protocol."""

    model_config = _example(
        letter=_SHA,
        trigger_met="Signal 3 raised on 18 July",
        start="2026-07-21",
        end="2026-10-20",
        budget_version=2,
        targets="As annexed",
        reports=[],
    )

    letter: Sha256 = Field(description="hash of the activation letter")
    trigger_met: Line
    start: date
    end: date
    budget_version: int = Field(ge=1)
    targets: Note = ""
    reports: tuple[date, ...] = Field(default=(), description="due days of reports")


# --- C. committee review ----------------------------------------------------------------------------------------------


class Convene(Strict):
    model_config = _example(
        members=[
            {"person": "ke.021", "function": "finance", "section": "finance"},
            {"person": "ke.022", "function": "programme", "section": "health"},
            {"person": "ke.023", "function": "supply", "section": "supply"},
        ],
        overall_approver="ke.020",
        meeting_on="2026-03-24",
    )

    members: tuple[Member, ...] = Field(min_length=1)
    overall_approver: Identifier = Field(description="who consolidates the recommendation")
    meeting_on: date | None = Field(default=None, description="day of the meeting; none for a review without one")


class CorrectClerical(Strict):
    model_config = _example(fields={"title": "Early-childhood home visits in 14 districts"})

    fields: dict[str, Annotated[str, Field(max_length=2000)]] = Field(
        min_length=1, description="field of the document to its corrected value; only those the pack lists"
    )


class ReturnItems(Strict):
    model_config = _example(items=["Baseline of indicator 1.1.2 is missing"])

    items: tuple[Line, ...] = Field(default=(), description="what must change, one by one")


class GiveOpinion(Strict):
    model_config = _example(answers={f"q{number}": "agree" for number in range(1, 9)}, no_conflict=True)

    answers: ReviewAnswers
    no_conflict: Literal[True] = Field(description="no conflict of interest in this case; with one: recuse")


class GiveOpinionWithConditions(GiveOpinion):
    model_config = _example(
        answers={f"q{number}": "agree" for number in range(1, 9)},
        no_conflict=True,
        conditions=[{"text": "Supervision plan", "owner_role": "focal_point", "due": "2026-04-30", "gate": "before_cash"}],
    )

    conditions: tuple[Condition, ...] = Field(min_length=1)


class AnswerQuestion(Strict):
    model_config = _example(text="The radio series is in Quechua and Aymara.", documents=[])

    text: Note = Field(min_length=1)
    documents: Documents = ()


class ReplaceMembers(Strict):
    """The committee after the change: new members beside those who stay."""

    model_config = _example(members=[{"person": "pe.027", "function": "supply", "section": "supply"}])

    members: tuple[Member, ...] = Field(min_length=1, description="members added; each is asked for an opinion")


class Consolidate(Strict):
    """Counts are computed, never typed. A departure goes only towards more caution."""

    model_config = _example(departs_because="")

    departs_because: Note = Field(default="", description="why the recommendation is more cautious than the count; required if it is")


class ConsolidateWithConditions(Consolidate):
    model_config = _example(
        conditions=[{"text": "Supervision plan", "owner_role": "focal_point", "due": "2026-04-30", "gate": "before_cash"}]
    )

    conditions: tuple[Condition, ...] = Field(default=(), description="conditions accepted; empty: all those of the opinions")


class ConsolidateReturn(Consolidate):
    model_config = _example(items=["Baseline of indicator 1.1.2 is missing"])

    items: tuple[Line, ...] = Field(default=(), description="what must change, one by one")


class MeetCondition(Strict):
    model_config = _example(evidence=[{"document": "plan.pdf", "sha256": _SHA, "kind": "plan"}])

    evidence: Documents = ()


class RatifyWithConditions(Strict):
    model_config = _example(
        conditions=[{"text": "Second visit by May", "owner_role": "assurance_officer", "due": "2026-05-31", "gate": "by_date"}]
    )

    conditions: tuple[Condition, ...] = Field(min_length=1)


# --- D. approval, signature, funds ------------------------------------------------------------------------------------


class ApproveDocument(Strict):
    model_config = _example(deferrals_seen=[], conditions=[])

    deferrals_seen: tuple[Element, ...] = Field(
        default=(), description="deferred elements that the approver has seen; on the emergency track all of them"
    )
    conditions: tuple[Condition, ...] = ()


class Activate(Strict):
    model_config = _example(letter_sha256=_SHA)

    letter_sha256: Sha256 = Field(description="hash of the letter that is signed")


class Sign(Strict):
    model_config = _example(
        objects=[
            {"object": "pca", "sha256": _SHA, "signed_on": "2026-04-07", "method": "electronic"},
            {"object": "document", "sha256": _SHA, "signed_on": "2026-04-07", "method": "electronic"},
        ]
    )

    objects: tuple[SignedObject, ...] = Field(min_length=1, description="every object this side has to sign")


class Reserve(Strict):
    model_config = _example(
        number="FR-2026-0815",
        vendor_number="2500123456",
        currency="KES",
        amount="21000000.00",
        lines=[{"grant": "SC240012", "amount": "21000000.00", "expires_on": "2027-12-31"}],
    )

    number: Identifier = Field(description="number of the reservation; serves one document")
    vendor_number: Identifier
    currency: Currency
    amount: Amount = Field(description="units of `currency`; the sum of the lines")
    lines: tuple[ReservationLine, ...] = Field(min_length=1)


# --- E. cash ----------------------------------------------------------------------------------------------------------


class SubmitRequest(Strict):
    """A cash request on FACE, signed by a listed officer."""

    model_config = _example(
        face={
            "period": 1,
            "modality": "direct_cash_transfer",
            "currency": "KES",
            "lines": [{"activity": "1.1.1", "amount": "320000.00"}],
            "estimate": [{"activity": "1.1.1", "item": "Screening kits", "unit": "kit", "number": "40", "price": "8000.00"}],
            "account_ref": "ACC-KE-0001",
        },
        certified=True,
        sha256=_SHA,
        signed_by="ke.p.officer",
        signed_on="2026-05-25",
    )

    face: Face
    certified: Literal[True] = Field(description="the request matches the workplan and the itemised estimate")
    sha256: Sha256 = Field(description="hash of the signed form")
    signed_by: Identifier = Field(description="officer listed in the PCA")
    signed_on: date


class ReduceLines(Strict):
    model_config = _example(lines=[{"activity": "1.1.1", "amount": "300000.00"}])

    lines: tuple[FaceLine, ...] = Field(min_length=1, description="every line as reduced")


class PassRequest(Strict):
    model_config = _example(coding="WBS 2420/A0/06/881")

    coding: str = Field(default="", max_length=300, description="account coding")


class ReleaseCash(Strict):
    model_config = _example(amount="320000.00", value_date="2026-06-01")

    amount: Amount = Field(description="units of the document's currency; what programme and finance let through")
    value_date: date = Field(description="day on which the bank should pay")


class Until(Strict):
    model_config = _example(until="2026-06-30")

    until: date = Field(description="last day, included")


class Recover(Strict):
    model_config = _example(amount="12000.00")

    amount: Amount = Field(description="to be recovered, in the document's currency")


class SubmitReport(Strict):
    """FACE, the report half (column B), with results."""

    model_config = _example(
        lines=[{"activity": "1.1.1", "amount": "318000.00"}],
        refunds="0.00",
        balance="2000.00",
        indicators=[{"indicator": "1.1.a", "value": "2100"}],
        narrative="",
        sha256=_SHA,
        signed_by="ke.p.officer",
        signed_on="2026-09-14",
    )

    lines: tuple[FaceLine, ...] = Field(min_length=1, description="actual expenditure, line by line (column B)")
    refunds: Amount = Field(default=Decimal(0), description="paid back with this report")
    balance: Amount | None = Field(default=None, description="what the partner still holds, as it states it")
    indicators: tuple[IndicatorResult, ...] = ()
    narrative: Note = Field(default="", description="never asked for with a humanitarian report")
    sha256: Sha256 = Field(description="hash of the signed form")
    signed_by: Identifier
    signed_on: date


class AcceptInPart(Strict):
    model_config = _example(lines=[{"activity": "1.1.1", "accepted": "310000.00", "rejected": "8000.00", "reason": "Recoverable VAT"}])

    lines: tuple[AcceptedLine, ...] = Field(min_length=1, description="every reported line")


# --- F. case, partner, office -----------------------------------------------------------------------------------------


class SubmitEvidence(Strict):
    model_config = _example(
        documents=[{"document": "visit.pdf", "sha256": _SHA, "kind": "visit report"}], facts={"visited_on": "2026-07-02"}
    )

    documents: Documents = ()
    facts: dict[str, Annotated[str, Field(max_length=2000)]] = Field(default_factory=dict, description="facts ascertained, name to value")


class KeepSuspension(Strict):
    model_config = _example(scope="cash", until="2026-09-30")

    scope: Literal["cash", "all"]
    until: date | None = Field(default=None, description="last day, if it ends by itself")


class LiftSuspension(Strict):
    model_config = _example(block="")

    block: str = Field(default="", max_length=200, description="which stop; empty: the one the task or message is about")


class OnGround(Strict):
    model_config = _example(ground="breach")

    ground: Ground = Field(description="ground of the termination (GTC 13)")


class Remedied(Strict):
    model_config = _example(evidence=[{"document": "bank-statement.pdf", "sha256": _SHA, "kind": "statement"}])

    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1)]


class IssueNotice(Strict):
    model_config = _example(ground="breach", notice_days=30, effective_on="2026-08-31", document=_SHA, object="document")

    ground: Ground
    notice_days: int = Field(ge=0, le=365, description="calendar days; 0 where the ground allows it")
    effective_on: date
    document: Sha256 = Field(description="hash of the notice")
    object: Literal["document", "pca"]


class Assign(Strict):
    model_config = _example(person="ke.004")

    person: Identifier = Field(description="actor id")


class ApplyCorrection(Strict):
    model_config = _example(fact="$.partner.registration.expires_on", old="2025-12-31", new="2026-12-31", reopens=["registration"])

    fact: str = Field(min_length=1, max_length=300, description="JSON path in the intake facts")
    old: Any = Field(description="value relied on until now")
    new: Any = Field(description="value from now on")
    reopens: tuple[Element, ...] = Field(default=(), description="vetting elements to be looked at again")


class Convert(Strict):
    model_config = _example(by="2027-03-31")

    by: date = Field(description="day by which the full document must stand")


class Repaired(Strict):
    model_config = _example(how="Sent again after the ERP came back")

    how: Line


# --- messages ---------------------------------------------------------------------------------------------------------


class Withdraw(Strict):
    model_config = _example(reason="The partner no longer works in the district")

    reason: Line
    note: Evidence | None = Field(default=None, description="note of the head of office, where the office withdraws")


class Cancel(Strict):
    model_config = _example(justification="Submitted twice")

    justification: Line


class Hold(Strict):
    model_config = _example(reason="Access to the district is closed", until="2026-03-20")

    reason: Line
    until: date = Field(description="last day of the hold, in the office's calendar")


class Suspend(Strict):
    model_config = _example(scope="cash", until="2026-09-30")

    scope: Literal["cash", "all"]
    until: date | None = Field(default=None, description="last day, if it ends by itself")


class RequestLift(Strict):
    model_config = _example(done="The missing report was handed in", evidence=[])

    done: Line = Field(description="what was done about the cause")
    evidence: Documents = ()
    block: str = Field(default="", max_length=200, description="which stop; empty: every suspension of the case")


class DeclareEmergency(Strict):
    model_config = _example(activation="UKR-L3-2026-01")

    activation: Reference


class Because(Strict):
    model_config = _example(reason="The activation no longer covers the district")

    reason: Line


class CorrectFact(Strict):
    model_config = _example(path="$.partner.registration.expires_on", value="2026-12-31", reason="Misread certificate")

    path: str = Field(min_length=1, max_length=300, description="JSON path in the intake facts")
    value: Any = Field(description="the correct value")
    reason: Line


class Said(Strict):
    model_config = _example(text="We have waited four weeks for the account to be confirmed.")

    text: Note = Field(min_length=1)


class FlagPartner(Strict):
    """UNPP's flags and categories."""

    model_config = _example(type="yellow", category="financial")

    type: Literal["observation", "yellow", "escalated", "red"]
    category: Literal["reputational", "financial", "operational", "compliance", "sea", "safeguarding", "sanctions", "other"]


class AskQuestion(Strict):
    model_config = _example(to="partner_focal_point", question="Which districts does the radio series reach?")

    to: Literal["focal_point", "partner_focal_point"]
    question: Line
