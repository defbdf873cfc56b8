"""The catalogue of human tasks, and of the messages that are not tasks: casebook 1 as data.

A task is one wait for a person; its verdicts are those listed here and no others. Who decides, what must be said beside the verdict
and which data it carries stand here; how many days there are, and to whom a late task goes, stand in the policy packs. The
catalogue never decides anything: the stage asks it for a quick answer, the recording transaction for the binding one.

`facts` of a verdict are the fields of its data that the workflow is told, and that therefore stand in a history for years: ids,
codes, hashes and dates only; never a name, a text or an amount.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, get_args

from schemas import payloads as p
from schemas.base import Strict
from schemas.engine import Holder, Track
from schemas.office import Role

Verdicts = Mapping[str, "Verdict"]
Subject = Literal["partner", "case", "umbrella", "office"]
Tracks = Literal["both", "standard", "emergency"]

ROLES: frozenset[str] = frozenset(get_args(Role))
"""Every role of the office file, those of the partner's people among them."""

ANYONE = "anyone"
SUBMITTER = "submitter"
DELEGATE = "delegate"
FUNCTIONS = frozenset({ANYONE, SUBMITTER, DELEGATE})
"""Who may act without it being a role of the office file: anyone at all, who submitted the case, whom a delegation names."""

PARTNER_ROLES = frozenset({"partner_focal_point", "partner_authorised_officer", "partner_viewer"})
"""Roles of people who are not in the office file but in the intake of their case."""


@dataclass(frozen=True)
class Verdict:
    """One answer a task takes.

    `comment`: required (the casebook's *). `message`: a text for the partner and a reason code are required (the casebook's †).
    `closes`: False where the verdict is an answer that leaves its task open. `roles`: instead of the task's, where only some may.
    """

    name: str
    data: type[Strict] | None = None
    comment: bool = False
    message: bool = False
    track: Tracks = "both"
    closes: bool = True
    facts: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    @property
    def model(self) -> type[Strict]:
        """What its data is validated with; `NoData` where it carries none, so that a stray field is named and refused."""
        return self.data or p.NoData

    @property
    def marks(self) -> str:
        """The casebook's marks: * comment required, † message to the partner and reason code required."""
        return ("*" if self.comment else "") + ("†" if self.message else "")

    def on(self, track: Track) -> bool:
        """Whether the track knows this verdict."""
        return self.track in ("both", track)


@dataclass(frozen=True)
class Kind:
    """One kind of task."""

    number: int
    name: str
    section: Literal["A", "B", "C", "D", "E", "F"]
    subject: Subject
    opens: str
    decides: tuple[str, ...]
    holder: Mapping[Track, Holder]
    verdicts: Verdicts
    track: Tracks = "both"
    beside: bool = False
    sealed: bool = False
    blocks: str = ""
    overdue: str = ""
    note: str = ""

    def on(self, track: Track) -> bool:
        """Whether the track knows this kind of task."""
        return self.track in ("both", track)

    def verdicts_on(self, track: Track) -> Verdicts:
        """The verdicts that the track knows."""
        return {name: verdict for name, verdict in self.verdicts.items() if verdict.on(track)}


@dataclass(frozen=True)
class MessageKind:
    """One message that is not a verdict. `who`: roles, or one of FUNCTIONS; `statuses`: of the case, empty where any will do."""

    name: str
    who: tuple[str, ...]
    when: str
    data: type[Strict] | None = None
    comment: bool = False
    message: bool = False
    sealed: bool = False
    statuses: tuple[str, ...] = ()
    on_task: bool = False
    facts: tuple[str, ...] = ()
    note: str = ""

    @property
    def model(self) -> type[Strict]:
        """What its data is validated with."""
        return self.data or p.NoData


def example(model: type[Strict]) -> dict[str, Any]:
    """The example of a payload model, as JSON; it validates (a test says so)."""
    extra = model.model_config.get("json_schema_extra")
    examples = extra.get("examples") if isinstance(extra, dict) else None
    return dict(examples[0]) if isinstance(examples, list) and isinstance(examples[0], dict) else {}


def _verdicts(*verdicts: Verdict) -> Verdicts:
    return MappingProxyType({verdict.name: verdict for verdict in verdicts})


@cache
def _held(holder: Holder) -> Mapping[Track, Holder]:
    return MappingProxyType({"standard": holder, "emergency": holder})


OFFICE, PARTNER, EXTERNAL = _held("office"), _held("partner"), _held("external")
V = Verdict

# --- A. Track and vetting ---------------------------------------------------------------------------------------------

_A = (
    Kind(
        1, "confirm_emergency_track", "A", "case", "an emergency case is taken", ("partnership_manager",), OFFICE,
        _verdicts(V("confirm", track="emergency"), V("to_standard", comment=True, message=True, track="emergency")),
        track="emergency", beside=True, overdue="listed as unconfirmed use",
    ),
    Kind(
        2, "dispose_screening_hit", "A", "partner", "each new hit", ("risk_officer",), OFFICE,
        _verdicts(
            V("false_positive", p.FalsePositive, comment=True, facts=("hit",)),
            V("true_match", p.TrueMatch, comment=True, facts=("hit",)),
            V("escalate", p.EscalateHit, comment=True, closes=False, facts=("to",)),
        ),
        sealed=True, blocks="approval, last signature, every payment of the partner",
        note="an escalated hit may be disposed by head_of_office",
    ),
    Kind(
        3, "second_check_hit", "A", "partner", "false_positive with a score of 0.90 or more, or cash outstanding",
        ("risk_officer", "head_of_office"), OFFICE, _verdicts(V("agree"), V("disagree", comment=True)),
        sealed=True, blocks="approval, last signature, every payment of the partner", note="another person than the one who disposed",
    ),
    Kind(
        4, "sign_partner_declaration", "A", "partner", "no valid declaration", ("partner_authorised_officer",), PARTNER,
        _verdicts(V("sign", p.SignDeclaration, facts=("sha256", "signed_on")), V("decline", comment=True)),
        blocks="conclude_vetting",
    ),
    Kind(
        5, "provide_registration", "A", "partner", "no certificate valid on the day", ("partner_focal_point",), PARTNER,
        _verdicts(
            V("provide", p.ProvideRegistration, facts=("expires_on",)),
            V("explain", comment=True, track="emergency"),
            V("cannot_provide", comment=True),
        ),
        blocks="conclude_vetting",
    ),
    Kind(
        6, "verify_partner_profile", "A", "partner", "vetting starts (emergency: or deferred at its conclusion)",
        ("partnership_manager",), OFFICE,
        _verdicts(
            V("verified", p.ProfileVerified),
            V("not_verified", p.ProfileNotVerified, comment=True, message=True, facts=("failed",)),
            V("reuse", p.ReuseVerification, facts=("verified_on",)),
            V("defer", comment=True, track="emergency"),
        ),
        blocks="conclude_vetting", note="not the case's focal point",
    ),
    Kind(
        7, "assess_core_values", "A", "partner", "international CSO", ("partnership_manager",), EXTERNAL,
        _verdicts(
            V("positive", p.CoreValuesPositive, facts=("assessed_on",)),
            V("negative", comment=True, message=True),
            V("reuse", p.ReuseAssessment, facts=("assessed_on",)),
            V("defer", comment=True, track="emergency"),
        ),
        blocks="conclude_vetting", note="records the result of headquarters",
    ),
    Kind(
        8, "assess_psea", "A", "partner", "no rating in validity", ("assurance_officer",), EXTERNAL,
        _verdicts(
            V("rate", p.RatePsea, facts=("assessed_on",)),
            V("reuse", p.ReusePsea, facts=("assessed_on",)),
            V("no_contact_with_beneficiaries", comment=True),
            V("assume_low_capacity", comment=True, track="emergency"),
        ),
        blocks="conclude_vetting",
    ),
    Kind(
        9, "assess_hact", "A", "partner", "no rating in validity, and planned cash of the year above the threshold",
        ("assurance_officer", "head_of_office"), EXTERNAL,
        _verdicts(
            V("rate", p.RateHact, facts=("assessed_on",)),
            V("reuse", p.ReuseHact, facts=("assessed_on",)),
            V("not_required", p.HactNotRequired),
            V("assume_high", p.AssumeHigh, comment=True, facts=("assessment_planned_on",)),
        ),
        blocks="conclude_vetting", note="assume_high: the roles of the pack's rule hact.assume_high_roles",
    ),
    Kind(
        10, "weigh_partner_flag", "A", "partner", "an observation, yellow or escalated flag is open", ("risk_officer",), OFFICE,
        _verdicts(
            V("accept_risk", p.AcceptRisk, comment=True, facts=("expires_on",)),
            V("escalate", comment=True, closes=False),
            V("block", comment=True, message=True),
        ),
        sealed=True, blocks="conclude_vetting",
    ),
    Kind(
        11, "resolve_conflict_of_interest", "A", "case", "partner or staff discloses one", ("head_of_office", "regional_director"), OFFICE,
        _verdicts(V("mitigated", p.MitigateConflict, comment=True), V("blocking", comment=True, message=True)),
        blocks="approval", note="a conflict of the head of office: regional_director",
    ),
    Kind(
        12, "set_up_vendor", "A", "partner", "no vendor number or account unconfirmed; standard at clearance, emergency at intake",
        ("vendor_officer",), EXTERNAL,
        _verdicts(
            V("set_up", p.SetUpVendor),
            V("mismatch", comment=True, message=True),
            V("need_information", comment=True, message=True),
        ),
        blocks="last signature of a PCA, every payment",
    ),
    Kind(
        13, "confirm_bank_account", "A", "partner", "after set_up_vendor; any change of account", ("finance_officer",), OFFICE,
        _verdicts(V("confirm", p.ConfirmAccount, facts=("called_back_on",)), V("refuse", comment=True)),
        blocks="last signature of a PCA, every payment", note="another person than the one who set it up",
    ),
    Kind(
        14, "provide_vetting_information", "A", "partner", "request_information", ("partner_focal_point",), PARTNER,
        _verdicts(V("provide", p.ProvideInformation), V("cannot_provide", comment=True)),
        overdue="five working days later vetting may conclude on the file",
    ),
    Kind(
        15, "conclude_vetting", "A", "partner", "all elements of the level closed or deferrable", ("partnership_manager",), OFFICE,
        _verdicts(
            V("clear"),
            V("clear_with_conditions", p.ClearWithConditions),
            V("clear_with_deferrals", p.ClearWithDeferrals, comment=True, track="emergency"),
            V("request_information", p.RequestInformation, message=True, facts=("court",)),
            V("reject", comment=True, message=True),
        ),
        blocks="review (standard), approval (emergency)", note="not the case's focal point",
    ),
)  # fmt: skip

# --- B. Programme document --------------------------------------------------------------------------------------------

_B = (
    Kind(
        16, "office_turn", "B", "case", "drafting begins; the partner returns; the review returns", ("focal_point", "budget_owner"), OFFICE,
        _verdicts(
            V("send_to_partner", p.SendVersion, facts=("version", "sha256")),
            V("accept", p.AcceptVersion, facts=("sha256",)),
            V("accept_on_behalf", p.AcceptOnBehalf, comment=True, track="emergency", facts=("sha256", "because")),
            V("accept_and_submit", p.AcceptAndSubmit, track="emergency", facts=("sha256",), roles=("budget_owner",)),
        ),
        overdue="the case shows the office as holder",
    ),
    Kind(
        17, "partner_turn", "B", "case", "sent", ("partner_focal_point",), PARTNER,
        _verdicts(
            V("return_to_office", p.ReturnVersion, facts=("version", "sha256")),
            V("accept", p.AcceptVersion, facts=("sha256",)),
        ),
        overdue="emergency: the office may accept on behalf",
    ),
    Kind(
        18, "attach_annex", "B", "case", "flag personal data, children, construction, vehicles or research",
        ("focal_point", "budget_owner"), OFFICE,
        _verdicts(
            V("attach", p.AttachAnnex, facts=("annex", "sha256")),
            V("not_needed", comment=True, roles=("budget_owner",)),
        ),
        beside=True, blocks="submit_for_review",
    ),
    Kind(
        19, "clear_clause_deviation", "B", "case", "the text differs from the certified template", ("legal_officer", "focal_point"),
        EXTERNAL,
        _verdicts(
            V("clear", roles=("legal_officer",)),
            V("clear_with_changes", p.ClearWithChanges, comment=True, roles=("legal_officer",)),
            V("refuse", comment=True, roles=("legal_officer",)),
            V("use_template", roles=("focal_point",)),
        ),
        beside=True, blocks="submit_for_review, for the touched clause only",
    ),
    Kind(
        20, "submit_for_review", "B", "case", "both accepted one hash", ("budget_owner",), OFFICE,
        _verdicts(V("submit", p.SubmitForReview), V("unlock", comment=True)),
        note="the review kind is computed, never typed",
    ),
    Kind(
        21, "prepare_activation", "B", "case", "contingency route", ("focal_point",), OFFICE,
        _verdicts(
            V("submit", p.SubmitActivation, facts=("letter", "start", "end", "budget_version")),
            V("abandon", comment=True),
        ),
    ),
)  # fmt: skip

# --- C. Committee review ----------------------------------------------------------------------------------------------

_C = (
    Kind(
        22, "prepare_review", "C", "case", "submitted (emergency: only if the roster gives no one)", ("committee_secretary",), OFFICE,
        _verdicts(
            V("convene", p.Convene, facts=("members", "overall_approver", "meeting_on")),
            V("correct_clerical", p.CorrectClerical, comment=True, closes=False),
            V("return", p.ReturnItems, comment=True, message=True),
        ),
    ),
    Kind(
        23, "give_opinion", "C", "case", "one for each member; emergency one; also to ratify", ("committee_member",), OFFICE,
        _verdicts(
            V("recommend", p.GiveOpinion),
            V("recommend_with_conditions", p.GiveOpinionWithConditions),
            V("return", p.GiveOpinion, comment=True, message=True),
            V("not_recommend", p.GiveOpinion, comment=True, message=True),
            V("recuse", comment=True),
        ),
        overdue="two working days later the secretary may replace the member; the opinion is kept",
        note="a disagree among the answers needs a comment",
    ),
    Kind(
        24, "answer_question", "C", "case", "ask", ("focal_point", "partner_focal_point"), OFFICE, _verdicts(V("answer", p.AnswerQuestion)),
        beside=True, overdue="the review stays open, the holder is shown", note="holder is the partner where the partner was asked",
    ),
    Kind(
        25, "reform_committee", "C", "case", "quorum or composition lost", ("committee_secretary",), OFFICE,
        _verdicts(V("replace", p.ReplaceMembers, facts=("members",))),
        blocks="consolidate_recommendation",
    ),
    Kind(
        26, "consolidate_recommendation", "C", "case", "quorum of opinions", ("overall_approver",), OFFICE,
        _verdicts(
            V("recommend", p.Consolidate),
            V("recommend_with_conditions", p.ConsolidateWithConditions),
            V("return", p.ConsolidateReturn, comment=True, message=True),
            V("not_recommend", p.Consolidate, comment=True, message=True),
        ),
        track="standard", note="emergency: the single opinion is the recommendation",
    ),
    Kind(
        27, "meet_condition", "C", "case", "a condition accepted by review or approval", ("overall_approver",), OFFICE,
        _verdicts(V("met", p.MeetCondition), V("waive", comment=True)),
        beside=True, blocks="its gate", overdue="the gate stays shut", note="opens for the owner's role; waive: only who set it",
    ),
    Kind(
        28, "ratify_emergency_review", "C", "case", "emergency: last signature", ("overall_approver",), OFFICE,
        _verdicts(
            V("ratify", track="emergency"),
            V("ratify_with_conditions", p.RatifyWithConditions, track="emergency"),
            V("not_ratify", comment=True, track="emergency"),
        ),
        track="emergency", beside=True, overdue="suspends cash",
        note="after three opinions that ratify; not_ratify opens decide_suspension",
    ),
)  # fmt: skip

# --- D. Approval, signature, funds ------------------------------------------------------------------------------------

_RETURN = V("return", p.ReturnItems, comment=True, message=True)
_REJECT = V("reject", comment=True, message=True)
_LADDER = ("authorised_officer", "head_of_office", "regional_director", "global_emergency_coordinator")

_D = (
    Kind(
        29, "approve_pca", "D", "case", "the case carries a draft PCA; with approve_document",
        ("head_of_office", "global_emergency_coordinator"), OFFICE, _verdicts(V("approve"), _RETURN, _REJECT),
        blocks="the signatures of the PCA",
    ),
    Kind(
        30, "approve_document", "D", "case", "recommendation, or an amendment without review", _LADDER, OFFICE,
        _verdicts(V("approve", p.ApproveDocument, facts=("deferrals_seen",)), _RETURN, _REJECT),
        note="by ladder on the office total; against a negative recommendation the next higher authority, with a reason",
    ),
    Kind(
        31, "approve_activation", "D", "case", "prepare_activation", ("head_of_office", "global_emergency_coordinator"), OFFICE,
        _verdicts(
            V("activate", p.Activate, facts=("letter_sha256",)),
            V("return", comment=True),
            V("refuse", comment=True, message=True),
        ),
    ),
    Kind(
        32, "sign_as_partner", "D", "case", "approved", ("partner_authorised_officer", "focal_point"), PARTNER,
        _verdicts(V("sign", p.Sign), V("request_change", p.ReturnItems, comment=True), V("refuse", comment=True)),
        overdue="after 20 working days head_of_office is asked to keep waiting or withdraw",
        note="focal_point only records a signed file, naming who signed; a signature is never given on behalf",
    ),
    Kind(
        33, "sign_for_office", "D", "case", "approved; either order", ("head_of_office",), OFFICE,
        _verdicts(V("sign", p.Sign), _RETURN),
        note="or a written delegate",
    ),
    Kind(
        34, "reserve_funds", "D", "case", "standard: document approved; emergency: second acceptance or prepare_activation",
        ("finance_officer",), EXTERNAL,
        _verdicts(
            V("reserve", p.Reserve, facts=("number",)),
            V("cannot_reserve", comment=True, closes=False),
            V("top_up", p.Reserve, facts=("number",)),
        ),
        beside=True, blocks="activation and cash",
    ),
)  # fmt: skip

# --- E. Cash ----------------------------------------------------------------------------------------------------------

_SEND_BACK = V("return", comment=True, message=True)
_REPORT_REVIEW = _verdicts(V("accept"), V("accept_in_part", p.AcceptInPart, comment=True, message=True), _SEND_BACK)

_E = (
    Kind(
        35, "request_cash", "E", "case", "first: with the signature; next: 10 working days before a period",
        ("partner_authorised_officer",), PARTNER,
        _verdicts(V("submit", p.SubmitRequest, facts=("sha256", "signed_on")), V("nothing_needed", comment=True)),
    ),
    Kind(
        36, "certify_request", "E", "case", "FACE received", ("budget_owner",), OFFICE,
        _verdicts(V("certify"), V("certify_reduced", p.ReduceLines, comment=True, message=True), _SEND_BACK),
    ),
    Kind(
        37, "check_request", "E", "case", "standard after certify_request; emergency beside it", ("finance_officer",), OFFICE,
        _verdicts(V("pass", p.PassRequest), V("pass_reduced", p.ReduceLines, comment=True, message=True), _SEND_BACK),
    ),
    Kind(
        38, "release_cash", "E", "case", "certified and checked", ("authorised_officer", "head_of_office"), OFFICE,
        _verdicts(V("release", p.ReleaseCash, facts=("value_date",)), V("return", comment=True), V("refuse", comment=True, message=True)),
        overdue="metric: 10 working days from FACE to payment", note="not the approver, not who set up or confirmed the account",
    ),
    Kind(
        39, "decide_report_waiver", "E", "case", "next request while one is unreported", ("head_of_office",), OFFICE,
        _verdicts(
            V("grant", p.Until, comment=True, track="emergency", facts=("until",)),
            V("refuse", comment=True, track="emergency"),
        ),
        track="emergency", overdue="the request stays blocked", note="at most 30 calendar days",
    ),
    Kind(
        40, "resolve_payment_problem", "E", "case", "refused, silent for 2 working days, other amount, twice, not ordered",
        ("finance_officer",), OFFICE,
        _verdicts(
            V("send_again"),
            V("correct_account"),
            V("cancel_payment", comment=True),
            V("recover", p.Recover, comment=True),
            V("accept_difference", comment=True),
        ),
        beside=True, blocks="a second order for the instalment", note="correct_account opens set_up_vendor and confirm_bank_account",
    ),
    Kind(
        41, "submit_report", "E", "case", "end of a paid period", ("partner_authorised_officer",), PARTNER,
        _verdicts(V("submit", p.SubmitReport, facts=("sha256", "signed_on"))),
        blocks="the next instalment; after six months all cash",
    ),
    Kind(42, "review_report_programme", "E", "case", "report in", ("focal_point",), OFFICE, _REPORT_REVIEW),
    Kind(
        43, "review_report_finance", "E", "case", "report in, beside review_report_programme", ("finance_officer",), OFFICE, _REPORT_REVIEW,
        note="the lower of the two counts, line by line",
    ),
)  # fmt: skip

# --- F. Case, partner, office -----------------------------------------------------------------------------------------

_F = (
    Kind(
        44, "meet_obligation", "F", "case", "obligation created", ("partnership_manager",), OFFICE,
        _verdicts(
            V("submit_evidence", p.SubmitEvidence),
            V("ask_extension", p.Until, comment=True, facts=("until",)),
            V("cannot_meet", comment=True),
        ),
        beside=True, blocks="what the obligation's consequence names", overdue="its consequence fires",
        note="opens for the obligation's owner; of the partner or of the case",
    ),
    Kind(
        45, "check_obligation_evidence", "F", "case", "evidence in", ("partnership_manager",), OFFICE,
        _verdicts(V("accept"), V("refuse", comment=True)),
        beside=True, overdue="the consequence stays; it waits 5 working days where the evidence came in time",
        note="opens for the obligation's verifier; another person than the owner",
    ),
    Kind(
        46, "decide_obligation", "F", "case", "extension or write-off asked, or 30 calendar days overdue",
        ("head_of_office", "regional_director"), OFFICE,
        _verdicts(V("extend", p.Until, comment=True, facts=("until",)), V("refuse", comment=True), V("write_off", comment=True)),
        beside=True, note="second extension and write-off: regional_director; at most 30 calendar days",
    ),
    Kind(
        47, "review_hold", "F", "case", "2 working days before a hold ends", ("partnership_manager",), OFFICE,
        _verdicts(V("resume"), V("extend_hold", p.Until, comment=True, facts=("until",))),
        overdue="the hold ends by itself",
    ),
    Kind(
        48, "decide_suspension", "F", "case", "automatic suspension; request to lift; not ratified", ("head_of_office",), OFFICE,
        _verdicts(
            V("keep", p.KeepSuspension, comment=True, message=True, facts=("scope", "until")),
            V("lift", p.LiftSuspension, comment=True, facts=("block",)),
            V("start_termination", p.OnGround, comment=True, facts=("ground",)),
        ),
        overdue="the suspension stays", note="sanctions and safeguarding: with the risk officer's written advice",
    ),
    Kind(
        49, "answer_notice", "F", "case", "notice of suspension, breach or termination sent", ("partner_authorised_officer",), PARTNER,
        _verdicts(V("acknowledge"), V("remedied", p.Remedied), V("contest", comment=True)),
        beside=True, overdue="the notice period runs on",
    ),
    Kind(
        50, "decide_termination", "F", "case", "proposed by either party, or by decide_suspension", ("head_of_office",), OFFICE,
        _verdicts(
            V("issue", p.IssueNotice, comment=True, message=True, facts=("ground", "notice_days", "effective_on", "object")),
            V("refuse", comment=True),
        ),
    ),
    Kind(
        51, "assign_focal_point", "F", "case", "the focal point leaves, loses the role, is absent 10 working days without cover",
        ("partnership_manager",), OFFICE, _verdicts(V("assign", p.Assign, facts=("person",))),
        beside=True, note="the partnership manager is focal point meanwhile",
    ),
    Kind(
        52, "accept_delegation", "F", "office", "delegation entered", (DELEGATE,), OFFICE,
        _verdicts(V("accept"), V("decline", comment=True)),
        overdue="lapses; the principal keeps the tasks",
    ),
    Kind(
        53, "confirm_correction", "F", "case", "correct_fact touches a fact relied on", ("partnership_manager",), OFFICE,
        _verdicts(V("apply", p.ApplyCorrection, facts=("reopens",)), V("refuse", comment=True)),
        beside=True, overdue="the old fact stays in force",
    ),
    Kind(
        54, "decide_at_activation_end", "F", "case", "activation ended; for each open or live case", ("head_of_office",), OFFICE,
        _verdicts(
            V("convert", p.Convert, track="emergency", facts=("by",)),
            V("close", comment=True, track="emergency"),
            V("extend_by_amendment", comment=True, track="emergency"),
            V("finish_as_is", comment=True, track="emergency"),
        ),
        track="emergency", beside=True, overdue="new instalments are blocked", note="finish_as_is at most to the signed end",
    ),
    Kind(
        55, "answer_partner_concern", "F", "case", "the partner raises one", ("partnership_manager",), OFFICE,
        _verdicts(V("answer", message=True), V("escalate", comment=True, closes=False)),
        beside=True, overdue="shown as unanswered", note="about the partnership manager, or escalated: head_of_office",
    ),
    Kind(
        56, "repair_delivery", "F", "office", "ERP, bank file or notice undeliverable after retries", ("ops", "finance_officer"), OFFICE,
        _verdicts(V("resolved", p.Repaired, comment=True), V("cannot_resolve", comment=True)),
        beside=True, overdue="the case shows it; the payment waits", note="amounts: finance_officer",
    ),
)  # fmt: skip

CATALOGUE: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in (*_A, *_B, *_C, *_D, *_E, *_F)})
"""Every kind of task by name, in the order of the casebook."""

RESERVED = (
    "conduct_assurance_activity", "follow_up_finding", "conduct_joint_review", "classify_amendment", "merge_amendment",
    "approve_pca_amendment",
    "submit_final_report", "confirm_refund", "dispose_equipment", "approve_final_review", "decide_continuation", "reconcile_difference",
    "complete_self_assessment",
)  # fmt: skip
"""Names of kinds that later work will bring; nothing else may take them."""

# --- Messages that are not tasks --------------------------------------------------------------------------------------

BEFORE_LAST_SIGNATURE = ("received", "vetting", "drafting", "in_review", "in_approval", "in_signature")
LIVE = ("signed", "active", "ended")
_M = MessageKind

MESSAGES: Mapping[str, MessageKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            _M(
                "withdraw", ("partner_authorised_officer", "focal_point"), "before the last signature", p.Withdraw,
                statuses=BEFORE_LAST_SIGNATURE,
                note="the focal point with a note of the head of office",
            ),
            _M("cancel", ("committee_secretary",), "drafting to in_signature", p.Cancel, statuses=BEFORE_LAST_SIGNATURE[2:]),
            _M(
                "hold", ("focal_point", "partnership_manager"), "before the last signature", p.Hold,
                statuses=BEFORE_LAST_SIGNATURE, facts=("until",),
            ),
            _M("resume", ("focal_point", "partnership_manager"), "while on hold"),
            _M(
                "suspend", ("focal_point", "partnership_manager", "risk_officer"), "signed, active, ended", p.Suspend,
                comment=True, message=True, statuses=LIVE, facts=("scope", "until"),
            ),
            _M(
                "lift", ("head_of_office",), "to a suspended PCA", p.LiftSuspension, comment=True, facts=("block",),
                note="a case: decide_suspension",
            ),
            _M(
                "request_lift", ("focal_point", "partner_authorised_officer"), "while suspended", p.RequestLift,
                note="opens decide_suspension",
            ),
            _M(
                "propose_termination", ("head_of_office", "partnership_manager", "partner_authorised_officer"), "signed, active",
                p.OnGround,
                comment=True, statuses=("signed", "active"), facts=("ground",), note="opens decide_termination",
            ),
            _M(
                "declare_emergency", ("partnership_manager", "head_of_office"), "received to in_approval", p.DeclareEmergency,
                statuses=BEFORE_LAST_SIGNATURE[:5], facts=("activation",), note="not the submitter",
            ),
            _M("return_to_standard", ("partnership_manager",), "for stages not started", p.Because),
            _M("reassign_focal_point", ("partnership_manager",), "any", p.Assign, facts=("person",)),
            _M("correct_fact", (SUBMITTER, "focal_point", "partnership_manager"), "before closed", p.CorrectFact, facts=("path",)),
            _M("report_allegation", (ANYONE,), "any", p.Said, sealed=True, note="read only by risk_officer and head_of_office"),
            _M("flag_partner", ("risk_officer",), "any", p.FlagPartner, comment=True, sealed=True, facts=("type", "category")),
            _M("raise_concern", ("partner_focal_point", "partner_authorised_officer"), "any", p.Said),
            _M("recuse", (ANYONE,), "any; in review", p.Because),
            _M("declare_conflict", (ANYONE,), "any", p.Because, note="opens resolve_conflict_of_interest"),
            _M("claim", (ANYONE,), "a task is open", on_task=True, note="whoever may decide the task"),
            _M("unclaim", (ANYONE,), "a task is claimed", on_task=True, note="who claimed it"),
            _M(
                "reassign", ("partnership_manager", "committee_secretary"), "a task is open", p.Assign, on_task=True, facts=("person",),
                note="committee_secretary in review",
            ),
            _M(
                "ask", (ANYONE,), "a task is open", p.AskQuestion, on_task=True, facts=("to",),
                note="whoever may decide the task; opens answer_question",
            ),
            _M("note", (ANYONE,), "a task is open", p.Said, on_task=True),
        )
    }
)  # fmt: skip
"""Everything that may be said to a case and is no verdict. `on_task`: about an open task, and every open task takes it."""
