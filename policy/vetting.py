"""Vetting as a ledger of elements: which a partner needs, how long each holds, what may be reused or deferred, when clearance stands.

A case asks for a clearance level: `full` (standard) or `emergency`. The standard track never uses an assumed or deferred element,
but for a high HACT rating assumed by the head of office (PCA 8.9(b)). Screening, declaration, conflict of interest and red flag
are never deferred. Facts and a day in; the ledger itself is kept by the record.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from policy import hact, psea
from policy.calendar import add_months, add_years
from policy.pack import Pack
from schemas.base import Tolerant
from schemas.findings import Finding
from schemas.intake import Partner

Level = Literal["full", "emergency"]
Source = Literal["own", "reused", "assumed", "deferred", "intake"]

TASKS: Mapping[str, str] = {
    "declaration": "sign_partner_declaration",
    "registration": "provide_registration",
    "profile": "verify_partner_profile",
    "core_values": "assess_core_values",
    "psea": "assess_psea",
    "hact": "assess_hact",
    "red_flag": "weigh_partner_flag",
    "conflict_of_interest": "resolve_conflict_of_interest",
    "screening": "dispose_screening_hit",
}
"""Element to the task that closes it."""

ELEMENTS: Mapping[str, str] = {task: element for element, task in TASKS.items()}

OBLIGATIONS: Mapping[str, str] = {
    "registration": "registration_certificate",
    "profile": "partner_verification",
    "core_values": "core_values_assessment",
    "psea": "psea_assessment",
    "hact": "hact_assessment",
}
"""Element to the obligation that its deferral creates."""

OF_THE_MOMENT = frozenset({"screening", "conflict_of_interest", "red_flag"})
"""Elements without a validity of their own: run or looked at again by themselves; they never limit a clearance."""

NEGATIVE = frozenset({"negative", "not_verified", "declined", "not_provided", "blocked", "blocking"})


class Element(Tolerant):
    """One line of the ledger. `rating` is the result of PSEA or HACT; `valid_until` the last day of validity, None: no end."""

    element: str
    result: str
    source: Source = "own"
    agency: str = ""
    assessed_on: date | None = None
    valid_until: date | None = None
    rating: str = ""

    @property
    def positive(self) -> bool:
        return self.result not in NEGATIVE

    def in_force(self, day: date) -> bool:
        """Positive and not expired on `day`."""
        return self.positive and (self.valid_until is None or day <= self.valid_until)


def valid_until(element: str, since: date, pack: Pack) -> date | None:
    """Last day of validity of an assessment made on `since`; None for elements that hold until something happens."""
    years = {"profile": "vetting.profile_years", "core_values": "vetting.core_values_years"}
    if element in years:
        return add_years(since, pack[years[element]])
    if element == "psea":
        return psea.valid_until(since, pack)
    if element == "hact":
        return hact.valid_until(since, pack)
    return None


def required(
    partner: Partner, planned_cash_year_usd: Decimal, pack: Pack, *, psea_reasons: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """The elements this partner needs, in the order of the ledger.

    Core values only of an international CSO; PSEA in the country of a national one, of an international one for a reason;
    HACT above the threshold of planned cash in the HACT year.
    """
    left: set[str] = set()
    if not partner.international:
        left.add("core_values")
    if not psea.country_assessment_needed(international=partner.international, reasons=psea_reasons, pack=pack):
        left.add("psea")
    if not hact.needed(planned_cash_year_usd, pack):
        left.add("hact")
    return tuple(element for element in pack["vetting.elements"] if element not in left)


def from_intake(partner: Partner, pack: Pack, *, pca_end: date | None = None) -> tuple[Element, ...]:
    """The lines that the facts of an intake support. A verification of another UN entity counts only with a signed partnership."""
    found: list[Element] = []

    def add(element: str, result: str, on: date, **more: Any) -> None:
        source: Source = "reused" if more.get("agency") else "intake"
        ends = more.pop("valid_until", None) or valid_until(element, on, pack)
        found.append(Element(element=element, result=result, source=source, assessed_on=on, valid_until=ends, **more))

    if partner.declaration is not None and all(partner.declaration.answers):
        add("declaration", "signed", partner.declaration.signed_on, valid_until=pca_end)
    if partner.registration is not None:
        certificate = partner.registration
        found.append(
            Element(
                element="registration",
                result="provided",
                source="intake",
                assessed_on=certificate.issued_on,
                valid_until=certificate.expires_on,
            )
        )
    if partner.profile is not None and (not partner.profile.agency or partner.profile.signed_partnership):
        add("profile", "verified", partner.profile.verified_on, agency=partner.profile.agency)
    if partner.core_values is not None:
        add("core_values", partner.core_values.result, partner.core_values.assessed_on)
    if partner.psea is not None:
        rating = partner.psea.rating or (psea.band(partner.psea.score, pack) if partner.psea.score is not None else "")
        if rating:
            add("psea", "rated", partner.psea.assessed_on, agency=partner.psea.agency, rating=rating)
    if partner.hact is not None and partner.hact.rating != "not_required":
        add("hact", "rated", partner.hact.assessed_on, agency=partner.hact.agency, rating=partner.hact.rating)
    return tuple(found)


@dataclass(frozen=True)
class Outcome:
    """What a verdict of a vetting task puts into the ledger; `element` None: nothing, for the reasons in `findings`."""

    element: Element | None
    findings: tuple[Finding, ...] = ()


def check_reuse(element: str, *, assessed_on: date, day: date, pack: Pack, signed_partnership: bool = True) -> list[Finding]:
    """Why another UN entity's result cannot be used; all reasons."""
    found: list[Finding] = []
    if element not in pack["vetting.reusable"]:
        found.append(
            pack.finding(
                "not_reusable",
                f"{element.replace('_', ' ')} of another entity is not taken over.",
                of="vetting.reusable",
                path="$.verdict",
                next_step="Assess it here.",
            )
        )
    if element == "profile" and not signed_partnership:
        found.append(
            pack.finding(
                "no_signed_partnership",
                "The entity has no signed partnership there.",
                of="vetting.reusable",
                path="$.data.signed_partnership",
                next_step="Verify the profile here.",
            )
        )
    ends = valid_until(element, assessed_on, pack)
    if ends is not None and day > ends:
        found.append(
            pack.finding(
                "expired",
                f"The result of {assessed_on} was valid until {ends}.",
                of=f"vetting.{element}_years",
                path="$.data",
                next_step="Assess it anew.",
            )
        )
    return found


RESULTS: Mapping[str, str] = {
    "sign": "signed",
    "decline": "declined",
    "provide": "provided",
    "explain": "explained",
    "cannot_provide": "not_provided",
    "verified": "verified",
    "not_verified": "not_verified",
    "positive": "positive",
    "negative": "negative",
    "accept_risk": "accepted",
    "block": "blocked",
    "mitigated": "mitigated",
    "blocking": "blocking",
    "defer": "deferred",
    "assume_low_capacity": "assumed",
    "assume_high": "assumed",
    "not_required": "not_required",
    "false_positive": "cleared",
    "agree": "cleared",
    "true_match": "blocked",
}
"""Verdict to the result in the ledger; a verdict not named is `rated`."""


@dataclass(frozen=True)
class _Facts:
    """What a verdict is judged by."""

    element: str
    data: Mapping[str, Any]
    on: date
    day: date
    pack: Pack
    pca_end: date | None


_Judged = tuple[dict[str, Any], list[Finding]]
"""What a verdict changes in its ledger line, and what stands against it."""


def _reuse(facts: _Facts) -> _Judged:
    partnership = bool(facts.data.get("signed_partnership", True))
    rating = str(facts.data.get("rating", ""))
    result = "rated" if rating else "verified" if facts.element == "profile" else "positive"
    found = check_reuse(facts.element, assessed_on=facts.on, day=facts.day, pack=facts.pack, signed_partnership=partnership)
    return {"source": "reused", "rating": rating, "result": result}, found


def _defer(facts: _Facts) -> _Judged:
    return {"source": "deferred", "valid_until": add_months(facts.day, facts.pack["vetting.deferral_months"])}, []


def _assume(facts: _Facts) -> _Judged:
    until = add_months(facts.day, facts.pack["vetting.deferral_months"])
    return {"source": "assumed", "rating": str(facts.pack[f"{facts.element}.assumed"]), "valid_until": until}, []


def _no_contact(_facts: _Facts) -> _Judged:
    return {"rating": hact.PSEA_RISK["no_contact_with_beneficiaries"]}, []


def _not_required(facts: _Facts) -> _Judged:
    planned = Decimal(str(facts.data["planned_cash_year_usd"]))
    found = [
        facts.pack.finding(
            "hact_needed",
            f"US$ {planned:,.2f} is above the threshold.",
            of="hact.threshold_usd",
            path="$.data.planned_cash_year_usd",
            next_step="Rate, reuse a rating or have high risk assumed.",
        )
    ]
    changes = {"rating": "not_required", "valid_until": hact.year(facts.day, facts.pack)[1]}
    return changes, found if hact.needed(planned, facts.pack) else []


def _rate_psea(facts: _Facts) -> _Judged:
    scores = {name: facts.data[name] for name in psea.STANDARDS if name in facts.data}
    found = psea.check(scores)
    return {} if found else {"rating": psea.rate(scores, facts.pack)[1]}, found


def _rate_hact(facts: _Facts) -> _Judged:
    answers = [hact.Answer(item["answer"], bool(item.get("key"))) for item in facts.data["answers"]]
    found = hact.check(answers)
    return {} if found else {"rating": hact.rate(str(facts.data["method"]), answers, facts.pack).rating}, found


def _certificate(facts: _Facts) -> _Judged:
    ends = facts.data.get("expires_on")
    found = [
        Finding(
            rule="registration_expired",
            message=f"The certificate expired on {ends}.",
            path="$.data.expires_on",
            source="UNPP verification, question 1",
            next_step="Provide a certificate valid today.",
        )
    ]
    return {"valid_until": ends}, found if ends is not None and facts.day > ends else []


def _declare(facts: _Facts) -> _Judged:
    found = [
        Finding(
            rule="declaration_incomplete",
            message="Every statement of the declaration must be affirmed.",
            path="$.data.answers",
            source="GTC 4.1",
            next_step="Affirm all statements, or decline.",
        )
    ]
    return {"valid_until": facts.pca_end}, [] if all(facts.data.get("answers", (False,))) else found


def _verify(facts: _Facts) -> _Judged:
    return {}, check_profile(facts.data)


def _accept_risk(facts: _Facts) -> _Judged:
    return {"valid_until": facts.data.get("expires_on")}, []


JUDGES: Mapping[tuple[str, str], Callable[[_Facts], _Judged]] = {
    ("sign_partner_declaration", "sign"): _declare,
    ("provide_registration", "provide"): _certificate,
    ("provide_registration", "explain"): _defer,
    ("verify_partner_profile", "verified"): _verify,
    ("verify_partner_profile", "reuse"): _reuse,
    ("verify_partner_profile", "defer"): _defer,
    ("assess_core_values", "reuse"): _reuse,
    ("assess_core_values", "defer"): _defer,
    ("assess_psea", "rate"): _rate_psea,
    ("assess_psea", "reuse"): _reuse,
    ("assess_psea", "no_contact_with_beneficiaries"): _no_contact,
    ("assess_psea", "assume_low_capacity"): _assume,
    ("assess_hact", "rate"): _rate_hact,
    ("assess_hact", "reuse"): _reuse,
    ("assess_hact", "not_required"): _not_required,
    ("assess_hact", "assume_high"): _assume,
    ("weigh_partner_flag", "accept_risk"): _accept_risk,
}
"""Task kind and verdict to what is looked at beside the result; a pair not listed is its result and nothing else."""


def record(kind: str, verdict: str, data: Mapping[str, Any], day: date, pack: Pack, *, pca_end: date | None = None) -> Outcome:
    """The ledger line of a verdict on a vetting task, scored and with its validity; or all that stands against it.

    `data` are the verdict's validated data as plain values (dates as `date`); `day` is the office's date of the decision.
    """
    element = ELEMENTS[kind]
    on = next((data[name] for name in ("assessed_on", "verified_on", "signed_on", "issued_on") if data.get(name)), day)
    judge = JUDGES.get((kind, verdict))
    changes, findings = judge(_Facts(element, data, on, day, pack, pca_end)) if judge else ({}, [])
    result = RESULTS.get(verdict, "rated")
    line = Element.model_validate(
        {
            "element": element,
            "result": result,
            "agency": str(data.get("agency", "")),
            "assessed_on": on,
            "valid_until": None if result in NEGATIVE else valid_until(element, on, pack),
        }
        | changes
    )
    if on > day:
        findings.append(
            Finding(
                rule="date_in_future", message=f"{on} is in the future.", path="$.data", source="vetting", next_step="Correct the date."
            )
        )
    elif not findings and line.positive and not line.in_force(day):
        message = f"The result was valid until {line.valid_until}."
        findings.append(Finding(rule="expired", message=message, path="$.data", source="vetting", next_step="Assess it anew."))
    return Outcome(None, tuple(findings)) if findings else Outcome(line)


def check_profile(data: Mapping[str, Any]) -> list[Finding]:
    """All five questions must come out right, and a branch comes after its headquarters."""
    found = [
        Finding(
            rule="profile_question",
            message=f"Question {name} did not come out right.",
            path=f"$.data.{name}",
            source="UNPP verification (UNPP-S)",
            next_step="Decide not_verified and name what failed.",
        )
        for name in ("q1", "q2", "q3", "q4", "q5")
        if data.get(name) is not True
    ]
    if data.get("branch_of") and data.get("headquarters_verified") is not True:
        found.append(
            Finding(
                rule="headquarters_not_verified",
                message="A branch is verified only after its headquarters.",
                path="$.data.headquarters_verified",
                source="UNPP verification (UNPP-S)",
                next_step="Wait for the headquarters' verification.",
            )
        )
    return found


@dataclass(frozen=True)
class Need:
    """One element that stands in the way of a level: missing, expired, negative or only deferred."""

    element: str
    task: str
    state: Literal["missing", "expired", "negative", "assumed", "deferred"]
    deferrable: bool


def needs(
    elements: Iterable[str], ledger: Iterable[Element], level: Level, day: date, pack: Pack, *, high_assumed_by_head: bool = False
) -> tuple[Need, ...]:
    """What a clearance level still needs, in the order given.

    Level full takes no assumed or deferred element, but for a high HACT rating that the head of office assumed. Elements of the
    moment (screening, flags, conflicts) count only when a negative line stands.
    """
    lines = {line.element: line for line in ledger}
    found: list[Need] = []
    for element in elements:
        line = lines.get(element)
        state: Literal["missing", "expired", "negative", "assumed", "deferred"] | None = None
        if line is None:
            state = None if element in OF_THE_MOMENT else "missing"
        elif not line.positive:
            state = "negative"
        elif not line.in_force(day):
            state = "expired"
        elif level == "full" and line.source in ("assumed", "deferred"):
            accepted = element == "hact" and line.source == "assumed" and high_assumed_by_head
            state = None if accepted else "assumed" if line.source == "assumed" else "deferred"
        if state is not None:
            found.append(Need(element, TASKS[element], state, element in pack["vetting.deferrable"]))
    return tuple(found)


@dataclass(frozen=True)
class Clearance:
    """A standing clearance: its last day, the element that limits it, the elements only assumed or deferred."""

    level: Level
    valid_until: date | None
    limiting_element: str
    deferred: tuple[str, ...]


def clearance(elements: Iterable[str], ledger: Iterable[Element], level: Level) -> Clearance:
    """What the ledger's lines of these elements make of a clearance that was granted; the first to end limits it."""
    wanted = set(elements)
    lines = [line for line in ledger if line.element in wanted]
    deferred = tuple(line.element for line in lines if line.source in ("assumed", "deferred"))
    ends = [
        (line.valid_until, line.element)
        for line in lines
        if line.valid_until is not None and line.element not in OF_THE_MOMENT and line.element not in deferred
    ]
    if not ends:
        return Clearance(level, None, "", deferred)
    until, limiting = min(ends)
    return Clearance(level, until, limiting, deferred)


def check_conclusion(
    elements: Iterable[str],
    ledger: Iterable[Element],
    level: Level,
    day: date,
    pack: Pack,
    *,
    open_hits: int = 0,
    screening_fresh: bool = True,
    deferring: Iterable[str] = (),
    high_assumed_by_head: bool = False,
) -> list[Finding]:
    """Why vetting cannot be concluded `clear` at a level: one finding for each element, and screening; all at once.

    `deferring` are the elements that the conclusion itself defers (emergency); what may not be deferred is refused here.
    """
    found: list[Finding] = []
    deferred = set(deferring)
    wanted = tuple(elements)
    if not screening_fresh:
        found.append(
            _unmet("screening_not_fresh", "The screening is older than allowed, or a newer list exists.", "screening", "Run it again.")
        )
    if open_hits:
        found.append(_unmet("screening_hit", f"{open_hits} screening hit(s) are open.", "screening", "The risk officer disposes of them."))
    found += [
        pack.finding(
            "never_deferred",
            f"{element.replace('_', ' ')} is never deferred on this track.",
            of="vetting.deferrable",
            path="$.data.deferrals",
            next_step="Close the element.",
        )
        for element in sorted(deferred)
        if element not in pack["vetting.deferrable"]
    ]
    for need in needs(wanted, ledger, level, day, pack, high_assumed_by_head=high_assumed_by_head):
        if not (need.element in deferred and need.deferrable and need.state != "negative"):
            message = f"{need.element.replace('_', ' ').capitalize()} is {need.state}."
            found.append(_unmet(f"element_{need.state}", message, need.element, f"Decide {need.task}."))
    return found


def _unmet(rule: str, message: str, element: str, next_step: str) -> Finding:
    return Finding(rule=rule, message=message, path=f"$.elements.{element}", source="stages 4, elements of vetting", next_step=next_step)


def check_deferral(element: str, day: date, pack: Pack, *, last_deferred_on: date | None = None, overdue: bool = False) -> list[Finding]:
    """Why an element cannot be deferred for this partner: never, once in 24 months, and not while a deferred check is overdue."""
    found: list[Finding] = []
    if element not in pack["vetting.deferrable"]:
        found.append(
            pack.finding(
                "never_deferred", f"{element} is never deferred on this track.", of="vetting.deferrable", next_step="Close the element."
            )
        )
    months = pack["vetting.deferral_again_months"]
    if last_deferred_on is not None and day < add_months(last_deferred_on, months):
        found.append(
            pack.finding(
                "deferred_before",
                f"{element} was deferred on {last_deferred_on}; once in {months} months is all.",
                of="vetting.deferral_again_months",
                next_step="Close the element.",
            )
        )
    if overdue:
        found.append(
            pack.finding(
                "overdue_obligation",
                "A deferred check of this partner is overdue.",
                of="vetting.deferrable",
                next_step="Meet the obligation first.",
            )
        )
    return found


def risk(ledger: Iterable[Element], required: Iterable[str], day: date, *, of: Iterable[str] = ("hact", "psea")) -> hact.Risk:
    """The worst-of rating of a partner by its ledger. What is required and missing, expired or unrated counts as high.

    What is not required counts only if a rating stands; with nothing to go by it is low. `of=("hact",)` is the financial risk,
    by which modalities are limited.
    """
    lines = {line.element: line for line in ledger if line.in_force(day) and line.rating}
    needed = set(required)
    ratings: list[str] = []
    for element in of:
        rating = lines[element].rating if element in lines else ""
        if rating and rating != "not_required":
            ratings.append(hact.PSEA_RISK.get(rating, rating) if element == "psea" else rating)
        elif element in needed:
            ratings.append("high")
    return hact.worst(ratings) if ratings else "low"
