"""Delegations: whether one person may act for another in a role on a day.

A delegation covers named roles between two dates, goes to the same authority or a higher one, must have been accepted, and is not passed
on. Signing for the office needs it in writing. Delegate and principal count as one person, which `policy.segregation` looks after.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from policy.ladder import acts_for
from schemas.findings import Finding
from schemas.office import DelegationEntry, Office, Person

SOURCE = "delegations of the office"
PARTNER = "partner_"


def _refusal(rule: str, message: str, next_step: str) -> Finding:
    return Finding(rule=rule, message=message, path="$.on_behalf_of", source=SOURCE, next_step=next_step)


def _entry(rule: str, message: str, field: str, next_step: str) -> Finding:
    return Finding(rule=rule, message=message, path=f"$.{field}", source=SOURCE, next_step=next_step)


def check(
    entries: Iterable[DelegationEntry], *, delegate: str, principal: str, role: str, day: date, signing: bool = False
) -> list[Finding]:
    """Why `delegate` may not act for `principal` in `role` on `day` (a local date); none if one entry allows it.

    Of several entries between the two the one with the fewest objections speaks.
    """
    between = [entry for entry in entries if entry.delegate == delegate and entry.principal == principal]
    if not between:
        return [
            _refusal("no_delegation", f"{principal} has not delegated to {delegate}.", "Enter the delegation, or the principal decides.")
        ]
    return min((_objections(entry, role, day, signing) for entry in between), key=len)


def _objections(entry: DelegationEntry, role: str, day: date, signing: bool) -> list[Finding]:
    found: list[Finding] = []
    if role not in entry.roles:
        found.append(_refusal("delegation_other_role", f"The delegation does not cover {role}.", "The principal decides."))
    if not entry.since <= day <= entry.until:
        found.append(
            _refusal(
                "delegation_not_in_force",
                f"The delegation runs from {entry.since} to {entry.until}.",
                "The principal decides or extends it.",
            )
        )
    if not entry.accepted:
        found.append(_refusal("delegation_not_accepted", "The delegate has not accepted.", "The delegate accepts first."))
    if signing and not entry.sign:
        found.append(
            _refusal("delegation_not_written", "Signing needs a written delegation.", "The principal signs, or delegates in writing.")
        )
    return found


def delegates(entries: Iterable[DelegationEntry], principal: str, role: str, day: date) -> tuple[str, ...]:
    """Who may act for `principal` in `role` on `day`, in the order of the file."""
    return tuple(
        dict.fromkeys(
            entry.delegate for entry in entries if entry.principal == principal and not _objections(entry, role, day, signing=False)
        )
    )


def covered(entry: DelegationEntry, office: Office, day: date) -> DelegationEntry:
    """The delegation with the roles that are still delegated on `day`: the principal holds them, the delegate the same or a higher one."""
    people = office.person(entry.principal), office.person(entry.delegate)
    roles = tuple(role for role in entry.roles if _has(people[0], role, day, day) and _has(people[1], role, day, day, higher=True))
    return entry.model_copy(update={"roles": roles})


def _has(person: Person | None, role: str, first: date, last: date, *, higher: bool = False) -> bool:
    """Whether one grant gives the role, or with `higher` one above it on the ladder, on both days and so on all between."""
    return person is not None and any(
        (acts_for(grant.role, (role,)) if higher else grant.role == role) and grant.in_force(first) and grant.in_force(last)
        for grant in person.roles
    )


def check_new(entry: DelegationEntry, others: Sequence[DelegationEntry], office: Office, day: date) -> list[Finding]:
    """Why a delegation cannot be entered on `day` beside the `others` that stand; all reasons."""
    found: list[Finding] = []
    principal, delegate = office.person(entry.principal), office.person(entry.delegate)
    period = f"from {entry.since} to {entry.until}"
    found += [
        _entry("unknown_actor", f"Office {office.iso2} does not know {actor}.", field, "Correct the id.")
        for field, actor, person in (("principal", entry.principal, principal), ("delegate", entry.delegate, delegate))
        if person is None
    ]
    if entry.delegate == entry.principal:
        found.append(_entry("delegation_to_self", "Nobody delegates to himself.", "delegate", "Name another person."))
    if entry.until < entry.since:
        found.append(_entry("delegation_dates", "The delegation ends before it begins.", "to", "Correct the dates."))
    elif entry.until < day:
        found.append(_entry("delegation_past", f"{entry.until} has passed.", "to", "Name a later day."))
    found += [
        _entry("delegation_role_not_held", f"{entry.principal} does not hold {role} {period}.", "roles", "Delegate only what is held.")
        for role in entry.roles
        if principal and not _has(principal, role, entry.since, entry.until)
    ]
    found += [
        _entry(
            "delegation_authority",
            f"{entry.delegate} holds neither {role} nor a higher role {period}.",
            "delegate",
            "Name a person of the same authority or a higher one.",
        )
        for role in entry.roles
        if delegate and not _has(delegate, role, entry.since, entry.until, higher=True)
    ]
    found += [
        _entry("delegation_across_sides", "Office and partner do not act for each other.", "delegate", "Name a person of the same side.")
        for role in entry.roles
        if role.startswith(PARTNER) != any(grant.role.startswith(PARTNER) for grant in (delegate.roles if delegate else ()))
        and delegate is not None
    ][:1]
    beside = [
        other for other in others if set(other.roles) & set(entry.roles) and other.since <= entry.until and entry.since <= other.until
    ]
    if any(other.delegate == entry.principal for other in beside):
        found.append(_entry("delegation_chain", "What was delegated is not passed on.", "principal", "The first principal delegates anew."))
    if any(other.principal == entry.delegate for other in beside):
        found.append(
            _entry("delegation_chain", f"{entry.delegate} has delegated that role himself.", "delegate", "Name somebody who is there.")
        )
    found += [
        _entry(
            "delegation_overlap",
            f"{other.delegate} acts for {entry.principal} from {other.since} to {other.until} already.",
            "from",
            "End that delegation first, or choose other days or roles.",
        )
        for other in beside
        if other.principal == entry.principal
    ]
    return found
