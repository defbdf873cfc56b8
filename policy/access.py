"""Who may see and do what: one table of actions and roles, and the one question put to it.

A role counts in the office in which it is held and in no other; `api.caller.Caller.may` says which roles those are. The partner's people
see their own organisation's cases in that country only, and of them what casebook 6 shows (`policy/partner_view.py`); a row that names
their roles opens the door, it does not widen that view. What a person may *do* is judged again by the record, against the office file
and the task: the table is never narrower than the record (but for what is sealed, which only its own roles read, and so decide), and
nothing here replaces it.

Actions of tasks and messages are made from the catalogue: `decide("release_cash")`, `say("hold")`, `see_sealed("weigh_partner_flag")`.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from policy.ladder import STEP_ASIDE_ROLE, acts_for
from schemas.tasks import ANYONE, CATALOGUE, DELEGATE, MESSAGES, PARTNER_ROLES, ROLES, SUBMITTER, Kind, MessageKind

# --- the names of actions ---------------------------------------------------------------------------------------------

SEE_REGISTER = "register.see"
EXPORT_REGISTER = "register.export"
SEE_CASE = "case.see"
SEE_INTERNAL = "case.see_internal"
SEE_CONFIDENTIAL = "case.see_confidential"
SEE_DOCUMENT = "document.see"
SEE_TASK = "task.see"
SEE_DECISION = "decision.see"
SEE_OBLIGATION = "obligation.see"
SEE_LEDGER = "ledger.see"
SEE_EVENT = "event.see"
SEE_PARTNER = "partner.see"
SEE_OVERVIEW = "overview.see"
SEE_ACTIVATION = "activation.see"
DECLARE_ACTIVATION = "activation.declare"
SUBMIT_INTAKE = "intake.submit"
SEE_REJECTED = "intake.see_rejected"
RESUBMIT = "intake.resubmit"
ENTER_DELEGATION = "delegation.enter"
MANAGE_WEBHOOKS = "webhook.manage"
SEE_DEAD_LETTERS = "dead_letter.see"
SEND_AGAIN = "dead_letter.send_again"
MANAGE_API_KEYS = "api_key.manage"


def decide(kind: str) -> str:
    """The action of deciding a task of that kind (`schemas.tasks.CATALOGUE`)."""
    return f"decide.{kind}"


def say(message: str) -> str:
    """The action of saying that message (`schemas.tasks.MESSAGES`)."""
    return f"say.{message}"


def see_sealed(name: str) -> str:
    """The action of reading what was said in a sealed kind of task or message."""
    return f"sealed.{name}"


# --- who --------------------------------------------------------------------------------------------------------------

INTAKE, READ, WEBHOOKS = "scope:intake", "scope:read", "scope:webhooks"
SCOPES: Mapping[str, str] = MappingProxyType({"intake": INTAKE, "read": READ, "webhooks": WEBHOOKS})
"""What an API key may be made for; a machine holds these in its offices as a person holds roles."""

NAMED = "named"
"""Whom an open task of the case names, wherever he holds his role: offices lend each other committee members."""

FUNCTIONS: Mapping[str, str] = MappingProxyType(
    {
        NAMED: "whom an open task of the case names, of any office",
        SUBMITTER: "who submitted the case",
        INTAKE: "a machine with a key for intake",
        READ: "a machine with a key for reading",
        WEBHOOKS: "a machine with a key for webhooks",
    }
)
"""Who may act without holding a role of the office file; given to `allows` beside the roles."""

OFFICE = ROLES - PARTNER_ROLES
PARTNER_ACTING = PARTNER_ROLES - {"partner_viewer"}
EVERYBODY = OFFICE | PARTNER_ROLES | {NAMED, READ}
INSIDE = OFFICE | {READ}
BY_CASE = frozenset({"committee_member", "overall_approver"})
"""Functions given per case: a task may name for them somebody of another office."""
STAGES = ("vetting", "document", "review", "approval", "cash", "case")
"""The five stages, and what belongs to none of them: case, partner, office."""
_STAGE = dict(zip("ABCDEF", STAGES, strict=True))
_FROM_STATUS = {
    "received": "vetting", "vetting": "vetting", "drafting": "document", "in_review": "review", "in_approval": "approval",
    "in_signature": "approval", "signed": "cash", "active": "cash", "ended": "cash",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One action: what it is, in which stages it arises, whose roles may."""

    action: str
    what: str
    roles: frozenset[str]
    stages: tuple[str, ...] = STAGES
    note: str = ""


def serves(role: str, wanted: Collection[str]) -> bool:
    """Whether `role` may act where `wanted` may: the same, a higher one of the ladder, or the partner's officer for its focal point."""
    return acts_for(role, wanted) or (role == "partner_authorised_officer" and "partner_focal_point" in wanted)


def _serving(wanted: Collection[str]) -> frozenset[str]:
    """Every role that may act where `wanted` may; also the coordinator, to whom a head of office may have stepped aside."""
    found = {role for role in ROLES if serves(role, wanted)}
    return frozenset(found | ({STEP_ASIDE_ROLE} if "head_of_office" in wanted else set()) | ({NAMED} if found & BY_CASE else set()))


# --- the table --------------------------------------------------------------------------------------------------------

OPEN_FOR_ITS_OWNER = frozenset({"meet_obligation", "check_obligation_evidence", "meet_condition"})
"""Kinds that open for whoever owes or verifies: the task itself names the role."""
_ESCALATED: Mapping[str, str] = {"dispose_screening_hit": "head_of_office", "weigh_partner_flag": "head_of_office"}
"""Who decides what the role of the catalogue has passed up."""
_READERS: Mapping[str, frozenset[str]] = {
    "report_allegation": frozenset({"risk_officer", "head_of_office"}),
    "flag_partner": frozenset({"risk_officer", "head_of_office"}),
}
"""Who reads a sealed message; whoever says one does not read the others'."""


def _deciders(kind: Kind) -> frozenset[str]:
    if kind.name in OPEN_FOR_ITS_OWNER:
        return OFFICE - {"auditor"} | PARTNER_ACTING | {NAMED}
    if DELEGATE in kind.decides:
        return OFFICE
    if kind.sealed:
        # strictly its own: the ladder and a step-aside carry authority, not what may be read
        return frozenset({*kind.decides, _ESCALATED.get(kind.name, kind.decides[0])})
    return _serving({*kind.decides, *(role for verdict in kind.verdicts.values() for role in verdict.roles)})


def _sayers(message: MessageKind) -> frozenset[str]:
    if ANYONE in message.who:
        return OFFICE | PARTNER_ACTING | ({NAMED} if message.on_task or message.name == "recuse" else set())
    return _serving(message.who) | (frozenset({SUBMITTER}) & set(message.who))


def _said_in(message: MessageKind) -> tuple[str, ...]:
    if not message.statuses:
        return STAGES
    return tuple(stage for stage in STAGES if stage in {_FROM_STATUS[status] for status in message.statuses})


def _rows() -> Iterator[Row]:
    yield Row(SEE_REGISTER, "find cases in the register", EVERYBODY - {NAMED})
    yield Row(EXPORT_REGISTER, "take the register along as CSV", INSIDE)
    yield Row(SEE_CASE, "see a case: stage, holder, due moments, money", EVERYBODY)
    yield Row(
        SEE_INTERNAL,
        "see comments, opinions, scores and reviewers' names",
        OFFICE - {"ops"} | {NAMED},
        note="never the partner, never a key",
    )
    yield Row(
        SEE_CONFIDENTIAL, "see a reason of the confidential class", frozenset({"risk_officer", "head_of_office", "auditor"}),
        note="sanctions, safeguarding, fraud, investigation; everybody else reads \"confidential\"",
    )  # fmt: skip
    yield Row(SEE_DOCUMENT, "read the document, its versions and differences", EVERYBODY)
    yield Row(SEE_TASK, "see open and decided tasks", EVERYBODY)
    yield Row(SEE_DECISION, "see what was decided", EVERYBODY)
    yield Row(SEE_OBLIGATION, "see obligations", EVERYBODY)
    yield Row(SEE_EVENT, "read the events of a case", EVERYBODY)
    yield Row(SEE_LEDGER, "read the ledger", INSIDE)
    yield Row(SEE_PARTNER, "see the partner with its clearance and exposure", EVERYBODY - {NAMED})
    yield Row(SEE_OVERVIEW, "see the office's overview", INSIDE, ("case",))
    yield Row(SEE_ACTIVATION, "see emergency activations", INSIDE, ("case",))
    yield Row(
        DECLARE_ACTIVATION, "declare, renew, revoke an activation", frozenset({"head_of_office", "regional_director", STEP_ASIDE_ROLE}),
        ("case",), "the level says which of them",
    )  # fmt: skip
    yield Row(
        SUBMIT_INTAKE, "submit an agreement", frozenset({INTAKE, "focal_point", "budget_owner", "partnership_manager", "ops"}), ("case",)
    )
    yield Row(SEE_REJECTED, "see what was refused at the door", frozenset({"ops"}), ("case",))
    yield Row(RESUBMIT, "submit again what was refused", frozenset({"ops"}), ("case",))
    yield Row(ENTER_DELEGATION, "enter or end one's own delegation", OFFICE, ("case",))
    yield Row(MANAGE_WEBHOOKS, "manage subscriptions", frozenset({"ops", WEBHOOKS}), ("case",))
    yield Row(SEE_DEAD_LETTERS, "see deliveries that gave up", frozenset({"ops", WEBHOOKS}), ("case",))
    yield Row(SEND_AGAIN, "send them again", frozenset({"ops", WEBHOOKS}), ("case",))
    yield Row(MANAGE_API_KEYS, "manage API keys", frozenset({"ops"}), ("case",))
    for kind in CATALOGUE.values():
        yield Row(decide(kind.name), f"decide `{kind.name}`", _deciders(kind), (_STAGE[kind.section],), kind.note)
    for message in MESSAGES.values():
        yield Row(say(message.name), f"say `{message.name}`", _sayers(message), _said_in(message), message.note)
    for kind in CATALOGUE.values():
        if kind.sealed:
            yield Row(see_sealed(kind.name), f"read what was said in `{kind.name}`", _deciders(kind), (_STAGE[kind.section],))
    for message in MESSAGES.values():
        if message.sealed:
            yield Row(see_sealed(message.name), f"read what was said as `{message.name}`", _READERS[message.name], _said_in(message))


TABLE: Mapping[str, Row] = MappingProxyType({row.action: row for row in _rows()})
"""Every action by name, in the order of the reference page."""


def elsewhere(holder: str, action: str) -> bool:
    """Whether a holder may do it in an office where nothing is held: only whom an open task of the case names."""
    return holder == NAMED and holder in TABLE[action].roles


def allows(roles: Collection[str], action: str) -> bool:
    """Whether somebody with these roles (in the office concerned) and functions may do it. Raises KeyError for what is no action."""
    return not TABLE[action].roles.isdisjoint(roles)
