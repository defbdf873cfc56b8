"""Delegations: whether one person may act for another in a role on a day.

A delegation covers named roles between two dates, must have been accepted, and is not passed on. Signing for the office needs it
in writing. Delegate and principal count as one person, which `policy.segregation` looks after.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from schemas.findings import Finding
from schemas.office import DelegationEntry, Office

SOURCE = "office file, delegations"
PARTNER = "partner_"


def _refusal(rule: str, message: str, next_step: str) -> Finding:
    return Finding(rule=rule, message=message, path="$.on_behalf_of", source=SOURCE, next_step=next_step)


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


def check_new(entry: DelegationEntry, others: Sequence[DelegationEntry], office: Office) -> list[Finding]:
    """Why a delegation cannot be entered; all reasons."""
    found: list[Finding] = []
    principal, delegate = office.person(entry.principal), office.person(entry.delegate)
    found += [
        _refusal("unknown_actor", f"Office {office.iso2} does not know {actor}.", "Correct the id.")
        for actor, person in ((entry.principal, principal), (entry.delegate, delegate))
        if person is None
    ]
    if entry.delegate == entry.principal:
        found.append(_refusal("delegation_to_self", "Nobody delegates to himself.", "Name another person."))
    if entry.until < entry.since:
        found.append(_refusal("delegation_dates", "The delegation ends before it begins.", "Correct the dates."))
    held = {grant.role for grant in principal.roles if grant.in_force(entry.since)} if principal else set()
    found += [
        _refusal("delegation_role_not_held", f"{entry.principal} does not hold {role} on {entry.since}.", "Delegate only what is held.")
        for role in entry.roles
        if principal and role not in held
    ]
    found += [
        _refusal("delegation_across_sides", "Office and partner do not act for each other.", "Name a person of the same side.")
        for role in entry.roles
        if role.startswith(PARTNER) != any(grant.role.startswith(PARTNER) for grant in (delegate.roles if delegate else ()))
        and delegate is not None
    ][:1]
    if any(
        other.delegate == entry.principal
        and set(other.roles) & set(entry.roles)
        and other.since <= entry.until
        and entry.since <= other.until
        for other in others
    ):
        found.append(_refusal("delegation_chain", "What was delegated is not passed on.", "The first principal delegates anew."))
    return found
