"""Segregation of duties across the whole case, as one function of what was done and what is attempted.

Duties exclude each other in pairs, whatever the order in which they are done. A delegate and the principal count as one person.
The stage asks for a quick answer, the recording transaction asks with binding effect; both give the same acts.
"""

from collections.abc import Iterable

from schemas.base import Tolerant
from schemas.findings import Finding

SUBMITTER = "submitter"
REVIEWER = "reviewer"
APPROVER = "approver"
SIGNER = "signer"
RELEASER = "releaser"
BANK = "bank"
HIT = "hit"
FOCAL_POINT = "focal_point"
RECORDER = "recorder"
VETTING = "vetting"


class Act(Tolerant):
    """One decision that counted (or a fact like it: `submit_case` of the intake's submitter, `act_as_focal_point` of an assignment)."""

    actor: str
    role: str = ""
    kind: str
    verdict: str = ""
    whom: str = ""
    on_behalf_of: str = ""
    principal: str = ""
    round: int = 0


DUTIES: dict[str, frozenset[str]] = {
    "submit_case": frozenset({SUBMITTER}),
    "submit_for_review": frozenset({SUBMITTER}),
    "prepare_activation": frozenset({SUBMITTER}),
    "give_opinion": frozenset({REVIEWER}),
    "consolidate_recommendation": frozenset({REVIEWER}),
    "ratify_emergency_review": frozenset({REVIEWER}),
    "approve_pca": frozenset({APPROVER}),
    "approve_document": frozenset({APPROVER}),
    "approve_activation": frozenset({APPROVER}),
    "sign_for_office": frozenset({SIGNER}),
    "release_cash": frozenset({RELEASER}),
    "set_up_vendor": frozenset({BANK}),
    "confirm_bank_account": frozenset({BANK}),
    "dispose_screening_hit": frozenset({HIT}),
    "second_check_hit": frozenset({HIT}),
    "act_as_focal_point": frozenset({FOCAL_POINT}),
    "verify_partner_profile": frozenset({VETTING}),
    "conclude_vetting": frozenset({VETTING}),
}
"""Task kind to the duty it is. `meet_obligation` and its check, and the two steps of bank and hit, are compared by kind below."""

EXCLUDES: dict[tuple[str, str], tuple[str, str]] = {
    (SUBMITTER, REVIEWER): ("submitter_reviews", "Who submitted a document does not review it."),
    (SUBMITTER, APPROVER): ("submitter_approves", "Who submitted a document does not approve it."),
    (REVIEWER, APPROVER): ("reviewer_approves", "Who reviewed a document does not approve it."),
    (REVIEWER, SIGNER): ("reviewer_signs", "Who reviewed a document does not sign it."),
    (APPROVER, RELEASER): ("approver_releases", "Who approved a document does not release its cash."),
    (BANK, RELEASER): ("bank_releases", "Who set up or confirmed the bank account does not release cash."),
    (HIT, FOCAL_POINT): ("hit_focal_point", "Who disposes of a screening hit is not the focal point."),
    (HIT, APPROVER): ("hit_approver", "Who disposes of a screening hit does not approve."),
    (RECORDER, APPROVER): ("recorder_approves", "Who recorded a signature or acted on the partner's behalf does not approve."),
    (RECORDER, RELEASER): ("recorder_releases", "Who recorded a signature or acted on the partner's behalf does not release cash."),
    (VETTING, FOCAL_POINT): ("focal_point_vets", "The focal point of the case does not conclude its vetting."),
}
"""Pairs of duties that one person never holds in one case, either way round."""

PARTNER_ROLES = frozenset({"partner_focal_point", "partner_authorised_officer", "partner_viewer"})

PARTNER_KINDS = frozenset(
    {
        "sign_partner_declaration",
        "provide_registration",
        "provide_vetting_information",
        "partner_turn",
        "sign_as_partner",
        "request_cash",
        "submit_report",
        "answer_notice",
    }
)
"""The partner's own tasks: whoever of the office enters one acts on the partner's behalf."""

SECOND_PERSON = {
    ("set_up_vendor", "confirm_bank_account"): ("second_person_bank", "A second person confirms the bank account."),
    ("dispose_screening_hit", "second_check_hit"): ("second_person_hit", "A second person checks the disposition of a hit."),
    ("meet_obligation", "check_obligation_evidence"): ("owner_verifies", "Who gave the evidence of an obligation does not verify it."),
    ("certify_request", "check_request"): ("second_person_cash", "A second person checks what was certified."),
    ("certify_request", "release_cash"): ("checker_releases", "Who certified or checked a request does not release its cash."),
    ("check_request", "release_cash"): ("checker_releases", "Who certified or checked a request does not release its cash."),
}
"""Pairs of kinds, compared for the same thing (`whom`), that two people do; bank steps are compared whatever `whom` is."""

SOURCE = "segregation of duties (PCA authorised officers, ET; finance emergency procedures, DFAM)"


def _thing(whom: str) -> str:
    """What a task is about, without what tells its second opening from the first (`<hit>:again`, `<obligation> after <key>`,
    `<instalment>-return-<n>`)."""
    return whom.split(" ")[0].split("-return-")[0].removesuffix(":again")


def duties(act: Act) -> frozenset[str]:
    """The duties of one act. A recusal is none; an act for the partner by an office role makes a recorder."""
    if act.verdict == "recuse":
        return frozenset()
    found = set(DUTIES.get(act.kind, ()))
    if act.role == "focal_point":
        found.add(FOCAL_POINT)
    if act.verdict == "accept_on_behalf" or (act.kind in PARTNER_KINDS and act.role not in PARTNER_ROLES):
        found.add(RECORDER)
    if act.kind == "office_turn" and act.verdict == "accept_and_submit":
        found.add(SUBMITTER)
    return frozenset(found)


def persons(act: Act) -> frozenset[str]:
    """Who acts: the actor and whoever the actor stands for."""
    return frozenset(name for name in (act.actor, act.principal, act.on_behalf_of) if name)


def objections(
    acts: Iterable[Act],
    actor: str,
    kind: str,
    verdict: str = "",
    principal: str | None = None,
    *,
    role: str = "",
    whom: str = "",
    on_behalf_of: str = "",
    round: int = 0,  # noqa: A002
) -> list[Finding]:
    """Why `actor` may not do this, given what was done before in the case and the vetting of its partner; each rule once.

    `principal` is whom a delegate stands for. `whom` tells tasks of one kind apart (hit, obligation), `round` rounds of review.
    """
    attempted = Act(
        actor=actor, role=role, kind=kind, verdict=verdict, whom=whom, on_behalf_of=on_behalf_of, principal=principal or "", round=round
    )
    wanted, who = duties(attempted), persons(attempted)
    found: dict[str, str] = {}
    for act in acts:
        if not who & persons(act):
            continue
        held = duties(act)
        for (one, other), (rule, message) in EXCLUDES.items():
            if (one in wanted and other in held) or (other in wanted and one in held):
                found[rule] = message
        for (first, second), (rule, message) in SECOND_PERSON.items():
            if {kind, act.kind} == {first, second} and (first == "set_up_vendor" or _thing(act.whom) == _thing(whom)):
                found[rule] = message
        if kind == act.kind == "give_opinion" and act.round == round and act.whom != whom and "recuse" not in (verdict, act.verdict):
            found["counted_twice"] = "Nobody counts twice in a quorum."
    return [
        Finding(rule=rule, message=message, path="$.actor", source=SOURCE, next_step="Another person decides.")
        for rule, message in found.items()
    ]
