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

    role: Role
    functions: tuple[Function, ...] = ()
    section: str = ""
    since: date | None = Field(default=None, alias="from")
    until: date | None = Field(default=None, alias="to")

    def in_force(self, day: date) -> bool:
        """Whether the role may be used on `day` (a local date of the office)."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


class Person(Strict):
    actor: Identifier = Field(description="opaque actor id")
    name: str
    email: Email | None = None
    roles: tuple[RoleGrant, ...] = ()


class DelegationEntry(Strict):
    """Absence cover: the delegate acts for the principal in the named roles."""

    model_config = ConfigDict(populate_by_name=True)

    principal: Identifier
    delegate: Identifier
    roles: tuple[Role, ...]
    since: date = Field(alias="from")
    until: date = Field(alias="to")
    accepted: bool = True
    sign: bool = Field(default=False, description="written delegation to sign for the office")


class LadderStep(Strict):
    """Who approves up to which office total, in US$."""

    role: Role
    up_to_usd: Decimal | None = Field(default=None, description="inclusive; none: no limit")


class ManagementLimit(Strict):
    percent: Decimal = Field(default=Decimal("25"), ge=0, le=100, description="of the office total")
    hard: bool = Field(default=False, description="refused when above, not only found")


class CountryProgramme(Strict):
    id: Identifier
    start: date
    end: date
    outputs: tuple[str, ...] = ()


class OfficeGrant(Strict):
    id: Identifier
    donor: str = ""
    currency: Currency = "USD"
    amount: Decimal | None = None
    expires_on: date | None = None


class Target(Strict):
    """Where the office shows another agreement target than the pack (working days)."""

    signature_days: int | None = None


class Office(Strict):
    """One office, one version."""

    iso2: Country
    iso3: str = Field(pattern=r"^[A-Z]{3}$")
    name: str
    time_zone: str = Field(description="IANA zone", examples=["Africa/Nairobi"])
    weekend: tuple[Weekday, ...] = Field(default=(5, 6), max_length=6, description="0 Monday to 6 Sunday")
    holidays: tuple[date, ...] = Field(default=(), description="days off beside the calendar's")
    working_exceptions: tuple[date, ...] = Field(default=(), description="calendar holidays on which the office works")
    calendar: str | None = Field(default=None, description="code for the holidays library; none: no public holidays", examples=["MZ"])
    currency: Currency
    sections: tuple[str, ...] = ()
    people: tuple[Person, ...] = ()
    delegations: tuple[DelegationEntry, ...] = ()
    roster: tuple[Identifier, ...] = Field(default=(), description="emergency reviewers, in order")
    ladder: tuple[LadderStep, ...] = Field(default=(), description="empty: the pack's")
    management_limit: ManagementLimit = ManagementLimit()
    programmes: tuple[CountryProgramme, ...] = ()
    grants: tuple[OfficeGrant, ...] = ()
    languages: tuple[str, ...] = ("en",)
    regional_office: str = ""
    effective_on: date | None = None
    version: str = "1"

    def person(self, actor: str) -> Person | None:
        """The person of that actor id, if the office knows one."""
        return next((person for person in self.people if person.actor == actor), None)

    def programme(self, identifier: str) -> CountryProgramme | None:
        return next((programme for programme in self.programmes if programme.id == identifier), None)


Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
UnitsPerUsd = Annotated[Decimal, Field(gt=0, description="units of the currency for one US$")]


class Rates(Strict):
    """UN operational rates: month to currency to units per US$."""

    version: str = "1"
    source: str = Field(default="", examples=["UN operational rates of exchange"])
    months: dict[Month, dict[Currency, UnitsPerUsd]] = Field(examples=[{"2026-02": {"KES": "129.30"}}])


class ActivationFacts(Strict):
    """What the rules read of an emergency activation."""

    reference: Reference
    level: Literal["L1", "L2", "L3"]
    offices: tuple[Country, ...]
    areas: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    valid_from: date
    valid_to: date
    revoked_on: date | None = None
    step_aside_from: date | None = None
    step_aside_to: date | None = None
    roster: tuple[Identifier, ...] = ()
    declared_by: Identifier | None = None
