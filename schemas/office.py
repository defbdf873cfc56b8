"""The office file: people, roles, calendar, ladder and programmes of one country office, and the exchange rates by month.

Versioned data with an effective date, like the packs: a case pins the version it was taken in under. It holds names and e-mail
addresses and therefore never goes into a workflow's history; what a stage needs of it comes as opaque actor ids.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from schemas.base import Currency, Strict
from schemas.intake import Country, Email, Identifier, Reference

Role = Literal[
    "focal_point",
    "partnership_manager",
    "budget_owner",
    "committee_secretary",
    "committee_member",
    "committee_chair",
    "authorised_officer",
    "head_of_office",
    "regional_director",
    "global_emergency_coordinator",
    "finance_officer",
    "vendor_officer",
    "risk_officer",
    "assurance_officer",
    "legal_officer",
    "auditor",
    "ops",
    "partner_focal_point",
    "partner_authorised_officer",
    "partner_viewer",
    "overall_approver",
]
Function = Literal["programme", "finance", "supply", "monitoring", "legal"]
Weekday = Annotated[int, Field(ge=0, le=6, description="0 Monday to 6 Sunday")]


class RoleGrant(Strict):
    """One role of one person, with its dates (both inclusive; none is open)."""

    model_config = ConfigDict(populate_by_name=True)

    role: Role = Field(description="role held")
    functions: tuple[Function, ...] = Field(default=(), description="functions in the committee")
    section: str = Field(default="", description="section for which it is held")
    since: date | None = Field(default=None, alias="from", description="first day; none: always")
    until: date | None = Field(default=None, alias="to", description="last day; none: open")

    def in_force(self, day: date) -> bool:
        """Whether the role may be used on `day` (a local date of the office)."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


class Person(Strict):
    """One person who may act."""

    actor: Identifier = Field(description="opaque actor id")
    name: str = Field(description="full name")
    email: Email | None = Field(default=None, description="address")
    roles: tuple[RoleGrant, ...] = Field(default=(), description="roles held")


class DelegationEntry(Strict):
    """Absence cover: the delegate acts for the principal in the named roles."""

    model_config = ConfigDict(populate_by_name=True)

    principal: Identifier = Field(description="actor who is absent")
    delegate: Identifier = Field(description="actor who acts")
    roles: tuple[Role, ...] = Field(description="roles covered")
    since: date = Field(alias="from", description="first day")
    until: date = Field(alias="to", description="last day")
    accepted: bool = Field(default=True, description="the delegate has accepted")
    sign: bool = Field(default=False, description="written delegation to sign for the office")


class LadderStep(Strict):
    """Who approves up to which office total, in US$."""

    role: Role = Field(description="who approves")
    up_to_usd: Decimal | None = Field(default=None, description="inclusive; none: no limit")


class ManagementLimit(Strict):
    """The office's limit of the management share."""

    percent: Decimal = Field(default=Decimal("25"), ge=0, le=100, description="of the office total")
    hard: bool = Field(default=False, description="refused when above, not only found")


class CountryProgramme(Strict):
    """One country programme of the office."""

    id: Identifier = Field(description="id used in intakes")
    start: date = Field(description="first day")
    end: date = Field(description="last day")
    outputs: tuple[str, ...] = Field(default=(), description="codes of its outputs")


class OfficeGrant(Strict):
    """One grant of the office."""

    id: Identifier = Field(description="grant number")
    donor: str = Field(default="", description="who gives it")
    currency: Currency = Field(default="USD", description="currency of the grant")
    amount: Decimal | None = Field(default=None, description="units of `currency`")
    expires_on: date | None = Field(default=None, description="last day on which it may be spent")


class Office(Strict):
    """One office, one version."""

    iso2: Country
    iso3: str = Field(pattern=r"^[A-Z]{3}$", description="ISO 3166-1 alpha-3 code, first part of the engine's references")
    name: str = Field(description="name of the country")
    time_zone: str = Field(description="IANA zone", examples=["Africa/Nairobi"])
    weekend: tuple[Weekday, ...] = Field(default=(5, 6), max_length=6, description="0 Monday to 6 Sunday")
    holidays: tuple[date, ...] = Field(default=(), description="days off beside the calendar's")
    working_exceptions: tuple[date, ...] = Field(default=(), description="calendar holidays on which the office works")
    calendar: str | None = Field(default=None, description="code for the holidays library; none: no public holidays", examples=["MZ"])
    currency: Currency = Field(description="local currency")
    sections: tuple[str, ...] = Field(default=(), description="sections of the office")
    people: tuple[Person, ...] = Field(default=(), description="everyone who may act, of the office and beside it")
    delegations: tuple[DelegationEntry, ...] = Field(default=(), description="absence cover")
    roster: tuple[Identifier, ...] = Field(default=(), description="emergency reviewers, in order")
    ladder: tuple[LadderStep, ...] = Field(default=(), description="empty: the pack's")
    management_limit: ManagementLimit = Field(default=ManagementLimit(), description="limit of the management share")
    programmes: tuple[CountryProgramme, ...] = Field(default=(), description="country programmes")
    grants: tuple[OfficeGrant, ...] = Field(default=(), description="grants of the office")
    languages: tuple[str, ...] = Field(default=("en",), description="ISO 639-1 codes of working languages")
    regional_office: str = Field(default="", description="region it belongs to")
    effective_on: date | None = Field(default=None, description="day from which this version counts")
    version: str = Field(default="1", description="version of this file")

    def person(self, actor: str) -> Person | None:
        """The person of that actor id, if the office knows one."""
        return next((person for person in self.people if person.actor == actor), None)

    def programme(self, identifier: str) -> CountryProgramme | None:
        return next((programme for programme in self.programmes if programme.id == identifier), None)


Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
UnitsPerUsd = Annotated[Decimal, Field(gt=0, description="units of the currency for one US$")]


class Rates(Strict):
    """UN operational rates: month to currency to units per US$."""

    version: str = Field(default="1", description="version of the table")
    source: str = Field(default="", examples=["UN operational rates of exchange"], description="where the rates come from")
    months: dict[Month, dict[Currency, UnitsPerUsd]] = Field(
        examples=[{"2026-02": {"KES": "129.30"}}], description="month to currency to units for one US$"
    )


class ActivationFacts(Strict):
    """What the rules read of an emergency activation."""

    reference: Reference = Field(description="reference of the activation")
    level: Literal["L1", "L2", "L3"] = Field(description="level declared")
    offices: tuple[Country, ...] = Field(description="offices covered")
    areas: tuple[str, ...] = Field(default=(), description="areas covered; empty: all")
    sectors: tuple[str, ...] = Field(default=(), description="sectors covered; empty: all")
    valid_from: date = Field(description="first day")
    valid_to: date = Field(description="last day")
    revoked_on: date | None = Field(default=None, description="day of revocation, if revoked")
    step_aside_from: date | None = Field(default=None, description="first day of step-aside, if any")
    step_aside_to: date | None = Field(default=None, description="last day of step-aside")
    roster: tuple[Identifier, ...] = Field(default=(), description="reviewers, in order")
    declared_by: Identifier | None = Field(default=None, description="actor who declared it")
