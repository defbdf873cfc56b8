"""The catalogue of events (casebook 2 as data), and the CloudEvent in which an event leaves the engine.

An event says what happened and is never changed. Its data are ids, codes, hashes, dates and money; personal data, bank data and texts
are referred to by id and hash, never carried. `partner` says what the partner's own people receive of it; notices to people are
derived from events and need no list of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from pydantic import ConfigDict, Field, JsonValue

from schemas.base import Strict
from schemas.engine import Track

Shown = Literal["yes", "coarse", "if_theirs", "no"]
"""To the partner: in full; by label and `message_to_partner` only; in full where it is the partner's own task; not at all."""

ALWAYS = ("actor", "at", "cause", "clock", "pack", "round", "stage", "track")
"""What every event carries beside its own data."""


@dataclass(frozen=True)
class EventType:
    """One type of event. `keys`: what its data carries; `number`: row of the casebook, 0 where the engine added it."""

    name: str
    number: int
    when: str
    keys: tuple[str, ...]
    partner: Shown
    urgent: bool = False

    @property
    def cloudevent(self) -> str:
        """The CloudEvents type."""
        return f"pca.{self.name}.v1"


def _e(number: int, names: str, when: str, keys: str, partner: Shown, *, urgent: bool = False) -> tuple[EventType, ...]:
    """One row of the casebook: names that share a row share their subject, written once (`review.convened reformed`)."""
    first, *rest = names.split()
    prefix = first.rpartition(".")[0]
    return tuple(
        EventType(name, number, when, tuple(keys.split()), partner, urgent) for name in (first, *(f"{prefix}.{word}" for word in rest))
    )


_ROWS = (
    # Intake and the case
    _e(1, "intake.rejected", "refused at the door; no case exists", "source source_reference findings", "coarse"),
    _e(2, "intake.repeated", "same source and reference again", "case same_content differences", "no"),
    _e(
        3,
        "case.received",
        "taken in",
        "reference workflow office programme partner partner_subject umbrella source source_reference facts_sha256 title_sha256 instrument "
        "document_type humanitarian submitter section focal_point budget_owner currency rate office_total office_cash office_total_usd "
        "office_cash_usd submitted_on start_requested end_requested carries_umbrella packs activation clock assumed_facts",
        "yes",
    ),
    _e(4, "case.track_set", "track decided", "track reason activation confirmed", "yes"),
    _e(
        5,
        "case.track_changed",
        "emergency declared, revoked, or returned to standard",
        "from to reason activation stages_affected deferrals",
        "yes",
    ),
    _e(0, "case.track_confirmed", "use of the fast path confirmed", "", "no"),
    _e(0, "case.activation_ended", "the activation that the case relies on has ended", "activation ended state", "yes"),
    _e(6, "case.status_changed", "any row of the transition table", "from to trigger round", "coarse"),
    _e(7, "case.holder_changed", "court moves", "holder why task", "yes"),
    _e(8, "case.fact_corrected", "correction applied", "correction fact verdict old new reopens", "coarse"),
    _e(9, "case.focal_point_changed", "assigned, or interim", "from to interim", "yes"),
    # Vetting
    _e(10, "vetting.started", "the first case asks", "partner country levels elements_needed", "coarse"),
    _e(11, "vetting.joined", "another case shares it", "case level", "no"),
    _e(12, "screening.done", "each run", "trigger lists names_screened hits best_score", "no"),
    _e(13, "screening.hit_found", "new hit", "hit list_entry name_role score", "no", urgent=True),
    _e(14, "screening.hit_disposed", "false positive agreed, or true match", "hit verdict reason_code", "no"),
    _e(15, "vetting.element_recorded", "element closed", "element result source agency valid_until details", "coarse"),
    _e(16, "vetting.element_deferred", "deferral granted", "element authority obligation due source rating", "yes"),
    _e(17, "vetting.element_expired", "validity over", "element cases", "coarse"),
    _e(18, "vetting.information_requested information_provided", "court to and from the partner", "items court verdict due", "yes"),
    _e(19, "partner.flagged", "flag raised", "flag type category comment_sha256", "no"),
    _e(19, "partner.flag_weighed", "flag escalated, accepted, blocked", "flag verdict valid_until", "no"),
    _e(20, "clearance.granted", "vetting concluded for a level", "level conditions deferrals valid_until limiting_element", "yes"),
    _e(21, "clearance.reused", "a case uses a standing one", "clearance still_needed", "yes"),
    _e(22, "clearance.refused", "vetting rejected", "levels reason_code message_sha256 cases", "coarse"),
    _e(
        23,
        "vendor.confirmed",
        "vendor and account confirmed by two people",
        "vendor_number account_ref account_hash currency bank_country source",
        "coarse",
    ),
    _e(
        24,
        "vendor.account_changed",
        "account set up, changed, refused",
        "result vendor_number account_ref account_hash currency bank_country old_hash",
        "coarse",
    ),
    # Programme document
    _e(
        25,
        "document.version_stored",
        "each version",
        "version sha256 side changed_sections office_total office_cash office_total_usd office_cash_usd management_share title_sha256",
        "yes",
    ),
    _e(26, "document.sent", "court to the partner", "version sha256 due", "yes", urgent=True),
    _e(27, "document.returned", "court to the office; the first sets clock b", "version sha256 first", "yes"),
    _e(28, "document.accepted", "a side accepts", "side sha256 on_behalf evidence", "yes"),
    _e(29, "document.unlocked", "acceptances cleared", "by why", "yes"),
    _e(30, "document.annex_attached", "annex in; without a hash: not needed", "annex sha256", "yes"),
    _e(31, "clause.deviation_opened", "the text deviates from the template", "clause", "coarse"),
    _e(31, "clause.deviation_settled", "cleared, refused, or back to the template", "clause verdict text_sha256", "coarse"),
    # Review
    _e(32, "review.submitted", "submitted for review", "round review_kind why_this_kind", "coarse", urgent=True),
    _e(33, "review.convened", "committee or reviewer named", "round kind members overall_approver meeting_on quorum", "no"),
    _e(33, "review.reformed", "members replaced", "round kind members overall_approver replaced quorum", "no"),
    _e(34, "review.member_recused", "conflict declared", "round member quorum_left", "no"),
    _e(35, "review.opinion_given", "each opinion", "round member verdict answers purpose", "no"),
    _e(36, "review.question_asked question_answered", "question put, answered", "question task to text_sha256", "if_theirs"),
    _e(37, "review.corrected", "clerical correction", "fields sha256 old_sha256", "yes"),
    _e(38, "review.concluded", "recommended, with conditions, returned, not recommended", "round result counts conditions", "coarse"),
    _e(39, "review.ratified not_ratified", "after the fact", "verdict counts conditions block", "coarse"),
    _e(
        0, "review.ratification_convened", "full committee after a review by one person", "members overall_approver meeting_on quorum", "no"
    ),
    _e(40, "condition.set", "condition of review or approval", "condition text_sha256 owner_role gate due set_by", "if_theirs"),
    _e(40, "condition.met waived", "and its end", "condition evidence", "if_theirs"),
    # Approval, signature, funds
    _e(
        41,
        "approval.given",
        "document, PCA or activation approved",
        "object round authority amount_usd deferrals_seen",
        "yes",
        urgent=True,
    ),
    _e(0, "approval.informed", "the regional director is told of a fast approval above two million", "role amount_usd", "no"),
    _e(42, "approval.returned", "returned by the approver, or at signature", "object trigger items", "coarse"),
    _e(43, "case.rejected", "end", "stage reason_code message_sha256", "coarse"),
    _e(
        44,
        "signature.recorded",
        "one signature on one object; who recorded it is the actor",
        "object side signed_by signed_on method sha256 reference",
        "yes",
        urgent=True,
    ),
    _e(
        45,
        "umbrella.opened",
        "PCA draft opened, or one that stood before entered",
        "office partner programme reference carrier officers account_hash clock",
        "coarse",
    ),
    _e(45, "umbrella.carrier_changed", "PCA draft passed on", "from to", "coarse"),
    _e(45, "umbrella.cancelled", "PCA draft dropped", "", "coarse"),
    _e(46, "umbrella.signed", "both signatures", "start end signed_on officers account_hash source", "yes"),
    _e(47, "umbrella.suspended", "reaches the documents under it", "scope reason_code blocks reached", "coarse"),
    _e(47, "umbrella.lifted", "suspension over", "lifts", "coarse"),
    _e(47, "umbrella.terminated", "reaches the documents under it", "reason_code document_sha256 reached", "coarse"),
    _e(47, "umbrella.ended", "programme over", "", "coarse"),
    _e(
        48,
        "document.signed",
        "last signature with the PCA in force",
        "later_signature start end start_requested days_a days_b days_c periods authorised currency",
        "yes",
    ),
    _e(49, "funds.reserved", "reservation attached or topped up", "number vendor_number currency amount lines top_up", "coarse"),
    _e(49, "funds.reservation_refused", "no funds to reserve", "reasons", "coarse"),
    _e(50, "case.activated", "active", "start first_period cap", "yes"),
    _e(0, "contingency.prepared", "activation of a contingency document prepared", "letter_sha256 start end budget_version", "coarse"),
    _e(
        51,
        "contingency.activated",
        "letter signed",
        "letter_sha256 start end budget ceiling signed_on periods authorised currency",
        "yes",
    ),
    # Cash
    _e(
        52,
        "cash.requested",
        "FACE received",
        "instalment period modality currency amount lines account_ref face_sha256 signed_by",
        "yes",
    ),
    _e(53, "cash.certified checked", "programme, finance", "instalment amount lines reductions", "coarse"),
    _e(53, "cash.returned", "back to the partner", "instalment by", "coarse"),
    _e(54, "cash.released", "released by another person", "instalment amount currency value_date checks_passed", "yes", urgent=True),
    _e(
        55,
        "payment.ordered",
        "order recorded, before it is sent; what the gateway said of it",
        "order instalment amount currency account_ref vendor_number value_date state bank_reference again",
        "yes",
        urgent=True,
    ),
    _e(
        55,
        "payment.confirmed",
        "paid",
        "order instalment period amount currency bank_reference paid_at report_due",
        "yes",
        urgent=True,
    ),
    _e(55, "payment.refused", "the bank refused", "order instalment why", "coarse", urgent=True),
    _e(56, "payment.anomaly", "twice, other amount, unknown, late", "kind order difference", "no", urgent=True),
    _e(57, "report.due late", "clock", "instalment period due days_late", "yes"),
    _e(
        58,
        "report.submitted",
        "report in; amount is column B",
        "instalment period amount lines refunds balance indicators sha256 signed_by",
        "yes",
    ),
    _e(
        59,
        "report.reviewed",
        "one side; the second is final and says C, B - C and D",
        "instalment side result lines final currency accepted rejected balance",
        "yes",
    ),
    _e(60, "report.waived", "waiver decided", "instalment until by obligation", "yes"),
    _e(61, "cash.stopped", "any blocking cause", "cause scope blocks", "coarse", urgent=True),
    _e(61, "cash.resumed", "and its end", "cause lifts", "coarse", urgent=True),
    # Obligations
    _e(
        62,
        "obligation.created",
        "at the deferral, or when due later; once for each id",
        "obligation kind owner_role verifier_role reason authority due_at consequences cases data",
        "yes",
    ),
    _e(63, "obligation.reminded", "clock", "obligation day", "yes"),
    _e(63, "obligation.evidence_submitted", "evidence in", "obligation documents", "yes"),
    _e(64, "obligation.met", "met", "obligation by evidence", "yes"),
    _e(64, "obligation.extended", "until a later day", "obligation due_at until", "yes"),
    _e(64, "obligation.written_off", "no longer asked for", "obligation", "yes"),
    _e(65, "obligation.overdue", "due passed unmet", "obligation kind days", "yes", urgent=True),
    _e(66, "obligation.consequence_applied", "by itself", "obligation consequence cases blocks", "yes"),
    _e(66, "obligation.consequence_lifted", "by itself", "obligation consequence cases lifts", "yes"),
    # Stops and ends
    _e(67, "case.held", "hold", "until reason_sha256 extended", "yes"),
    _e(67, "case.resumed", "end of a hold, by a person or by time", "why by", "yes"),
    _e(68, "case.suspended", "suspension", "scope reason_code automatic until blocks", "coarse", urgent=True),
    _e(68, "case.suspension_lifted", "one suspension lifted; others stay", "lifts restored_to", "coarse", urgent=True),
    _e(
        69,
        "notice.sent",
        "suspension, breach, termination",
        "notice kind object ground days effective_on document_sha256 blocks",
        "yes",
        urgent=True,
    ),
    _e(69, "notice.answered", "acknowledged, remedied, contested", "notice verdict", "yes", urgent=True),
    _e(70, "case.terminated", "notice over", "ground document_sha256", "yes"),
    _e(70, "case.withdrawn", "by either side, before the last signature", "by reason_code reason_sha256", "yes"),
    _e(70, "case.cancelled", "by the secretary", "justification_sha256", "yes"),
    _e(70, "case.expired closed", "contingency document never activated; everything settled", "", "yes"),
    _e(70, "case.ended", "end date passed", "end", "yes"),
    _e(71, "concern.raised answered", "the partner's voice", "concern text_sha256 days", "yes"),
    _e(72, "allegation.received", "sealed", "allegation sealed_sha256", "no"),
    _e(
        73,
        "activation.declared renewed expired revoked stepped_aside",
        "emergency",
        "level offices areas sectors from to document document_sha256 roster step_aside_from step_aside_to by role reason_sha256 cases "
        "clock",
        "no",
    ),
    _e(0, "activation.end_decided", "what becomes of a case whose activation has ended", "verdict by", "yes"),
    # Tasks, decisions, messages
    _e(
        74,
        "task.opened",
        "every task",
        "task workflow kind stage round whom roles candidates holder office data cases opened_by opened_from due_at moments",
        "if_theirs",
    ),
    _e(74, "task.reminded", "at 50 %, 80 % and on the day", "task level", "if_theirs"),
    _e(74, "task.escalated", "late; to the next name", "task level to", "if_theirs"),
    _e(74, "task.reassigned", "claimed, given back, or given to another", "task how person", "if_theirs"),
    _e(74, "task.closed", "decided, or its stage moved on", "task verdict decided_by why", "if_theirs"),
    _e(
        75,
        "decision.counted",
        "a decision takes effect",
        "receipt task kind stage round whom verdict key signed reason_code comment_sha256 message_sha256 data_sha256",
        "if_theirs",
    ),
    _e(
        76,
        "decision.refused",
        "it does not",
        "receipt task kind stage round whom verdict key signed reason_code comment_sha256 message_sha256 data_sha256 rules",
        "if_theirs",
    ),
    _e(77, "delegation.recorded ended", "absence cover", "from to roles period", "no"),
    _e(78, "delivery.failed recovered", "ERP, bank, webhook, mail", "target attempts last_error", "no"),
    # What the engine adds to the casebook
    _e(0, "waiting.entered", "a case waits for what its partner or PCA holds", "case level", "no"),
    _e(0, "waiting.left", "it has it, or asks no longer", "case", "no"),
    _e(0, "screening.second_check_asked hit_reopened", "a second person is asked, and disagrees", "hit", "no"),
    _e(0, "cash.not_needed", "the partner needs nothing for a period", "instalment", "yes"),
    _e(0, "cash.refused", "a request that will not be released", "instalment reason_code", "coarse"),
    _e(0, "payment.accepted", "the bank has the order", "order bank_reference", "coarse"),
    _e(0, "payment.cancelled", "a release that will not be paid is taken back", "order instalment amount currency", "coarse"),
    _e(0, "payment.problem_resolved", "how a payment problem was settled", "order verdict amount", "coarse"),
    _e(0, "obligation.due_set", "an event set its date", "obligation due_at because", "yes"),
    _e(0, "obligation.joined", "another case relies on it; the date stays", "obligation case", "yes"),
    _e(0, "obligation.evidence_refused", "evidence not accepted", "obligation", "yes"),
    _e(0, "obligation.decision_asked", "extension or write-off asked", "obligation until", "yes"),
    _e(0, "case.lift_requested", "lifting asked", "evidence", "coarse"),
    _e(0, "case.suspension_kept", "the suspension stays", "scope until", "coarse"),
    _e(0, "case.termination_proposed", "a party proposes to end it", "ground", "coarse"),
    _e(0, "case.correction_asked", "a fact is said to be wrong", "path", "coarse"),
    _e(0, "conflict.declared", "a conflict of interest", "conflict", "no"),
    _e(0, "conflict.resolved", "mitigated, or blocking", "conflict verdict", "no"),
    _e(0, "task.shifted", "a hold ended: remaining working time kept", "task due_at moments", "if_theirs"),
    _e(0, "message.counted", "a message that is no task takes effect", "kind key task", "if_theirs"),
    _e(0, "message.refused", "it does not", "kind key rules actor", "if_theirs"),
    _e(0, "message.unreadable", "what came in could not be read", "what", "no"),
)

EVENTS: Mapping[str, EventType] = MappingProxyType({event.name: event for row in _ROWS for event in row})
"""Every type of event by name, in the order of the casebook."""


class CloudEvent(Strict):
    """CloudEvents 1.0, structured mode: how an event leaves the engine, and how the catalogue is shown to subscribers."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "specversion": "1.0",
                    "id": "case:KEN/2026/0007#12",
                    "source": "/pca/KE",
                    "type": "pca.review.submitted.v1",
                    "subject": "KEN/2026/0007",
                    "time": "2026-03-17T08:00:00Z",
                    "datacontenttype": "application/json",
                    "sequence": "12",
                    "data": {
                        "type": "review.submitted",
                        "stage": "document",
                        "round": 1,
                        "track": "standard",
                        "data": {"round": 1, "review_kind": "committee", "why_this_kind": "office total of 100,000 US$ or more"},
                    },
                }
            ]
        }
    )

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(min_length=1, description="unique within the source: subject and sequence")
    source: str = Field(min_length=1, description="URI reference of the engine")
    type: str = Field(pattern=r"^pca\.[a-z_]+\.[a-z_]+\.v1$", description="name of the catalogue between `pca.` and `.v1`")
    subject: str = Field(min_length=1, description="case reference; umbrella, partner, office or activation for the others")
    time: datetime = Field(description="business time, UTC")
    datacontenttype: Literal["application/json"] = "application/json"
    sequence: str = Field(pattern=r"^[1-9][0-9]*$", description="position within the subject (CloudEvents extension `sequence`)")
    track: Track | None = None
    data: dict[str, JsonValue] = Field(description="the event as the record holds it")

    @classmethod
    def of(cls, subject: str, sequence: int, body: Mapping[str, Any], *, source: str = "/pca") -> "CloudEvent":
        """An event of the record, by its subject, its sequence and its body as hashed (`event.data`)."""
        kind, _, name = subject.partition(":")
        return cls(
            id=f"{subject}#{sequence}",
            source=source,
            type=f"pca.{body['type']}.v1",
            subject=name if kind == "case" else subject,
            time=body["at"],
            sequence=str(sequence),
            track=body.get("track") or None,
            data=dict(body),
        )
