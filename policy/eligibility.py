"""The door: everything for which an intake is refused or warned, all reasons at once, and what the record needs to know of it.

Facts of the office, the activation, the umbrella and the partner's obligations are given by the caller; nothing is looked up. A
warning never refuses. What needs a person's judgment is not decided here.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from policy import budget, calendar, document, instrument, rates
from policy.pack import Pack
from schemas.findings import Finding, refusals
from schemas.intake import Intake
from schemas.office import ActivationFacts, CountryProgramme, Office, Rates

CONTINGENCY = "contingency_document"


@dataclass(frozen=True)
class Overdue:
    """An overdue obligation of the partner that bars: new emergency cases, or any new document (`refund`)."""

    kind: str
    due: date
    case: str = ""
    bars: Literal["new_emergency", "new_document"] = "new_emergency"


@dataclass(frozen=True)
class Sibling:
    """Another live or pending document of the same partner, under another reference."""

    reference: str
    title: str
    office_total: Decimal
    currency: str
    start: date | None
    end: date | None


@dataclass(frozen=True)
class Door:
    """What the engine knows beside the intake."""

    office: Office | None
    rates: Rates
    activation: ActivationFacts | None = None
    umbrella: instrument.UmbrellaState = "none"
    umbrella_reference: str = ""
    readmitted: bool = False
    overdue: tuple[Overdue, ...] = ()
    siblings: tuple[Sibling, ...] = ()


@dataclass(frozen=True)
class Appraisal:
    """What an intake amounts to. Values that could not be had (no rate, a refused instrument) are None; then a finding says why."""

    totals: budget.Totals
    rate: Decimal | None
    office_total_usd: Decimal | None
    office_cash_usd: Decimal | None
    kind: document.Kind | None
    instrument: instrument.Resolution
    crosses_programme: bool
    findings: tuple[Finding, ...] = field(default=())

    @property
    def accepted(self) -> bool:
        return not refusals(list(self.findings))


def appraise(intake: Intake, door: Door, pack: Pack) -> Appraisal:
    """The whole of the door: amounts, kind, instrument, and every finding, by the pack of the track asked for."""
    asked = intake.document
    sums = budget.totals(asked)
    units = rates.rate(door.rates, asked.currency, intake.submitted_on) if asked.currency in rates.CURRENCIES else None
    total_usd = None if units is None else rates.to_usd(sums.office_total, units)
    cash_usd = None if units is None else rates.to_usd(sums.office_cash, units)
    which: document.Kind | None = None
    if total_usd is not None or intake.humanitarian:
        which = document.kind(
            humanitarian=intake.humanitarian, office_total_usd=total_usd or Decimal(0), start=asked.start, end=asked.end, pack=pack
        )
    resolution = instrument.resolve(intake.instrument, door.umbrella, door.umbrella_reference, readmitted=door.readmitted)
    programme = door.office.programme(intake.programme) if door.office else None
    findings = [
        *_office(intake, door.office, programme),
        *rates.check(door.rates, asked.currency, intake.submitted_on),
        *_dates(intake, programme),
        *_money(intake, sums, which, door, pack),
        *_relationship(intake, pack),
        *_partner(intake, pack),
        *_emergency(intake, door, which, pack),
        *_obligations(intake, door),
        *resolution.findings,
        *_double_funding(intake, sums, door.siblings),
    ]
    crosses = bool(programme and asked.end and asked.end > programme.end)
    return Appraisal(sums, units, total_usd, cash_usd, which, resolution, crosses, tuple(findings))


def at_the_door(intake: Intake, door: Door, pack: Pack) -> list[Finding]:
    """Every finding of the door."""
    return list(appraise(intake, door, pack).findings)


def _office(intake: Intake, office: Office | None, programme: CountryProgramme | None) -> list[Finding]:
    if office is None:
        return [
            Finding(
                rule="unknown_office",
                message=f"There is no office {intake.office}.",
                path="$.office",
                source="office files",
                next_step="Load its office file, or correct the code.",
            )
        ]
    found: list[Finding] = []
    if programme is None:
        known = ", ".join(item.id for item in office.programmes) or "none"
        found.append(
            Finding(
                rule="unknown_programme",
                message=f"Office {office.iso2} has no country programme {intake.programme}.",
                path="$.programme",
                source=f"office file {office.iso2} {office.version}",
                next_step=f"Known: {known}.",
            )
        )
    for name in ("focal_point", "budget_owner"):
        actor = getattr(intake, name)
        person = office.person(actor) if actor else None
        if actor and (person is None or not any(grant.role == name and grant.in_force(intake.submitted_on) for grant in person.roles)):
            found.append(
                Finding(
                    rule="wrong_role",
                    message=f"{actor} does not hold the role {name} on {intake.submitted_on}.",
                    severity="warning",
                    path=f"$.{name}",
                    source=f"office file {office.iso2} {office.version}",
                    next_step="The partnership manager assigns another person.",
                )
            )
    return found


def _dates(intake: Intake, programme: CountryProgramme | None) -> list[Finding]:
    start, end = intake.document.start, intake.document.end
    found: list[Finding] = []
    if intake.instrument == CONTINGENCY:
        protocol = intake.document.protocol
        if protocol is None or not protocol.trigger.strip() or protocol.ceiling is None or protocol.months is None:
            found.append(
                Finding(
                    rule="no_protocol",
                    message="A contingency document needs an activation protocol with trigger, ceiling and longest duration.",
                    path="$.document.protocol",
                    source="eTools contingency document (ET)",
                    next_step="State it.",
                )
            )
    else:
        found += [
            Finding(
                rule="date_missing",
                message=f"The {name} is missing.",
                path=f"$.document.{name}",
                source="schemas.intake",
                next_step="State it.",
            )
            for name, value in (("start", start), ("end", end))
            if value is None
        ]
    if start and end and end < start:
        found.append(
            Finding(
                rule="end_before_start",
                message=f"The document ends on {end}, before it starts on {start}.",
                path="$.document.end",
                source="eTools document dates (ET)",
                next_step="Correct the dates.",
            )
        )
    if programme and start and start > programme.end:
        found.append(
            Finding(
                rule="outside_programme",
                message=f"The document starts on {start}; the programme ends on {programme.end}.",
                path="$.document.start",
                source="PCA 13.1",
                next_step="Submit under the next country programme.",
            )
        )
    elif programme and end and end > programme.end:
        found.append(
            Finding(
                rule="crosses_programme",
                message=f"The document ends on {end}, after the programme on {programme.end}.",
                severity="warning",
                path="$.document.end",
                source="PCA 13.1; eTools check_pca_required (ET)",
                next_step="A PCA of the next programme must be signed before.",
            )
        )
    return found


def _money(intake: Intake, sums: budget.Totals, which: document.Kind | None, door: Door, pack: Pack) -> list[Finding]:
    if intake.instrument == CONTINGENCY and not sums.total:
        return []
    found = budget.check_names(intake.document) + budget.check_sums(intake.document, pack) + budget.check_support_cost(sums, pack)
    if not sums.office_total:
        found.append(
            pack.finding(
                "budget_zero", "The office contributes nothing.", of="budget.tolerance", path="$.document", next_step="State a budget."
            )
        )
    if which is not None:
        found += budget.check_contribution(intake.document, sums, simplified=which != "programme_document", pack=pack)
    if door.office is not None and door.office.management_limit.hard:
        found += budget.check_management(sums, door.office.management_limit, pack)
    if not intake.no_double_funding:
        found.append(
            Finding(
                rule="double_funding_not_excluded",
                message="The sender does not state that the costs are not funded by another document.",
                severity="warning",
                path="$.no_double_funding",
                source="review form (ANXG)",
                next_step="The budget owner must state it when submitting for review.",
            )
        )
    return found


def _relationship(intake: Intake, pack: Pack) -> list[Finding]:
    test = intake.relationship_test
    reasons: list[tuple[str, str]] = []
    if not test.joint_objective:
        reasons.append(("joint_objective", "There is no joint objective."))
    if not test.partner_contributes:
        reasons.append(("partner_contributes", "The partner contributes nothing to the objective."))
    if test.scope_by_office_alone:
        reasons.append(("scope_by_office_alone", "The office alone defines scope and results."))
    if test.excluded_service:
        reasons.append(("excluded_service", f"A PCA may not be used for {test.excluded_service}."))
    return [
        pack.finding(
            "procurement_in_disguise",
            f"{reason} This is procurement, not partnership.",
            of="eligibility.excluded_services",
            path=f"$.relationship_test.{name}",
            next_step="Use the procurement route.",
        )
        for name, reason in reasons
    ]


def _partner(intake: Intake, pack: Pack) -> list[Finding]:
    found: list[Finding] = []
    kind = intake.partner.type
    if kind == "unknown":
        found.append(
            pack.finding(
                "partner_type_unknown",
                "The type of the partner is not known.",
                of="eligibility.partner_types",
                path="$.partner.type",
                next_step="State which kind of civil society organisation it is.",
            )
        )
    elif kind not in pack["eligibility.partner_types"]:
        found.append(
            pack.finding(
                "partner_type_not_cso",
                f"A {kind.replace('_', ' ')} cannot hold a PCA: only a civil society organisation can.",
                of="eligibility.partner_types",
                path="$.partner.type",
                next_step="Use the instrument for this kind of organisation.",
            )
        )
    if intake.partner.blocked:
        found.append(
            Finding(
                rule="partner_blocked",
                message="The partner is blocked; nothing can be signed until the block is lifted.",
                severity="warning",
                path="$.partner.blocked",
                source="eTools validation (ET)",
                next_step="The risk officer examines the block.",
            )
        )
    selection = intake.selection
    if selection.kind == "open" and not selection.call:
        found.append(_selection("call", "An open selection needs the reference of its call."))
    if selection.kind == "direct" and not selection.reason_code:
        found.append(_selection("reason_code", "A direct selection needs a coded reason."))
    return found


def _selection(name: str, message: str) -> Finding:
    return Finding(
        rule="selection_incomplete",
        message=message,
        severity="warning",
        path=f"$.selection.{name}",
        source="Programme Implementation Procedure (PIP22)",
        next_step="Add it before the review.",
    )


def covers(
    activation: ActivationFacts, *, office: str, day: date, sector: str, areas: tuple[str, ...], submitter: str = ""
) -> list[Finding]:
    """Why an activation does not cover a document submitted on `day`; all reasons. An empty list of areas or sectors means all.

    Who declared it never submits a case under it.
    """
    found: list[Finding] = []

    def not_covered(rule: str, message: str) -> None:
        found.append(
            Finding(
                rule=rule,
                message=message,
                path="$.activation",
                source="emergency procedures (SSOPW)",
                next_step="Submit on the standard track, or have the activation renewed or widened.",
            )
        )

    if not activation.valid_from <= day <= activation.valid_to:
        not_covered(
            "activation_not_valid", f"{activation.reference} is valid from {activation.valid_from} to {activation.valid_to}, not on {day}."
        )
    if activation.revoked_on is not None and activation.revoked_on <= day:
        not_covered("activation_revoked", f"{activation.reference} was revoked on {activation.revoked_on}.")
    if office not in activation.offices:
        not_covered("activation_other_office", f"{activation.reference} does not cover office {office}.")
    if activation.sectors and sector not in activation.sectors:
        not_covered("activation_other_sector", f"{activation.reference} does not cover the sector {sector}.")
    outside = sorted(set(areas) - set(activation.areas)) if activation.areas else []
    if outside:
        not_covered("activation_other_area", f"{activation.reference} does not cover {', '.join(outside)}.")
    if submitter and submitter == activation.declared_by:
        not_covered("declared_by_submitter", f"{submitter} declared {activation.reference} and cannot submit a case under it.")
    return found


def fits_fast_path(which: document.Kind | None, *, humanitarian: bool, start: date | None, end: date | None, pack: Pack) -> list[Finding]:
    """Why a document cannot take the emergency track: it must be humanitarian and simplified."""
    if which is None or which == "simplified_humanitarian":
        return []
    months = pack["document.humanitarian_months"]
    long = humanitarian and bool(start and end and calendar.exceeds_months(start, end, months))
    return [
        pack.finding(
            "not_simplified_humanitarian",
            f"The emergency track takes humanitarian documents of at most {months} months; this one is "
            + ("longer." if long else "not humanitarian."),
            of="document.humanitarian_months",
            path="$.document.end" if long else "$.humanitarian",
            next_step="Submit on the standard track, or shorten the document.",
        )
    ]


def _emergency(intake: Intake, door: Door, which: document.Kind | None, pack: Pack) -> list[Finding]:
    if intake.track != "emergency":
        return []
    found: list[Finding] = []
    if intake.activation is None or door.activation is None:
        found.append(
            Finding(
                rule="no_activation",
                message=f"There is no activation {intake.activation}." if intake.activation else "The emergency track needs an activation.",
                path="$.activation",
                source="emergency procedures (SSOPW)",
                next_step="Name a valid activation, or submit on the standard track.",
            )
        )
    else:
        found += covers(
            door.activation,
            office=intake.office,
            day=intake.submitted_on,
            sector=intake.document.sector,
            areas=intake.document.areas,
            submitter=intake.submitter,
        )
    start, end = intake.document.start, intake.document.end
    return found + fits_fast_path(which, humanitarian=intake.humanitarian, start=start, end=end, pack=pack)


def _obligations(intake: Intake, door: Door) -> list[Finding]:
    return [
        Finding(
            rule="overdue_obligation",
            message=f"The partner's obligation {item.kind} was due on {item.due}" + (f" ({item.case})." if item.case else "."),
            path="$.partner.id",
            source="serial deferral is closed (stages 4)" if item.bars == "new_emergency" else "PCA 11.1",
            next_step="Meet the obligation first.",
        )
        for item in door.overdue
        if item.bars == "new_document" or intake.track == "emergency"
    ]


def _double_funding(intake: Intake, sums: budget.Totals, siblings: tuple[Sibling, ...]) -> list[Finding]:
    start, end = intake.document.start, intake.document.end
    found: list[Finding] = []
    for other in siblings:
        if not (start and end and other.start and other.end) or other.start > end or start > other.end:
            continue
        same_amount = other.currency == intake.document.currency and other.office_total == sums.office_total
        same_title = other.title.casefold().split() == intake.document.title.casefold().split()
        if same_amount or same_title:
            what = " and ".join(name for name, same in (("amount", same_amount), ("title", same_title)) if same)
            found.append(
                Finding(
                    rule="possible_double_funding",
                    message=f"{other.reference} of the same partner overlaps and has the same {what}.",
                    severity="warning",
                    path="$.document",
                    source="review form (ANXG)",
                    next_step="The budget owner states that nothing is funded twice.",
                )
            )
    return found
