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
        "source_reference office programme partner instrument document_type office_total office_cash currency rate facts_sha256 "
        "assumed_facts",
        "yes",
    ),
    _e(4, "case.track_set", "track decided", "track reason activation confirmed", "yes"),
    _e(5, "case.track_changed", "emergency declared, revoked, or returned to standard", "from to reason stages_affected deferrals", "yes"),
    _e(6, "case.status_changed", "any row of the transition table", "from to trigger", "coarse"),
    _e(7, "case.holder_changed", "court moves", "holder why task", "yes"),
    _e(8, "case.fact_corrected", "correction applied", "path old new reason reopens", "coarse"),
    _e(9, "case.focal_point_changed", "assigned, or interim", "from to interim", "yes"),
    # Vetting
    _e(10, "vetting.started", "the first case asks", "partner country levels elements_needed", "coarse"),
    _e(11, "vetting.joined", "another case shares it", "case level", "no"),
    _e(12, "screening.done", "each run", "lists names_screened hits best_score trigger", "no"),
    _e(13, "screening.hit_found", "new hit", "hit list_entry name_role score", "no", urgent=True),
    _e(14, "screening.hit_disposed", "false positive agreed, or true match", "hit verdict reason_code", "no"),
    _e(15, "vetting.element_recorded", "element closed", "element result source agency valid_until", "coarse"),
    _e(16, "vetting.element_deferred", "deferral granted", "element authority obligation due", "yes"),
    _e(17, "vetting.element_expired", "validity over", "element cases", "coarse"),
    _e(18, "vetting.information_requested information_provided", "court to and from the partner", "items due", "yes"),
    _e(19, "partner.flagged flag_weighed", "flag raised, escalated, accepted, blocked", "flag type category verdict", "no"),
    _e(20, "clearance.granted", "vetting concluded for a level", "level conditions deferrals valid_until limiting_element", "yes"),
    _e(21, "clearance.reused", "a case uses a standing one", "clearance still_needed", "yes"),
    _e(22, "clearance.refused", "vetting rejected", "reason_code cases", "coarse"),
    _e(23, "vendor.confirmed", "vendor and account confirmed by two people", "vendor_number account_ref account_hash currency", "coarse"),
    _e(24, "vendor.account_changed", "account set up, changed, refused", "old_hash new_hash result", "coarse"),
    # Programme document
    _e(25, "document.version_stored", "each version", "version sha256 side changed_sections totals", "yes"),
    _e(26, "document.sent", "court to the partner", "version sha256 due", "yes", urgent=True),
    _e(27, "document.returned", "court to the office", "version sha256 first", "yes"),
    _e(28, "document.accepted", "a side accepts", "side sha256 on_behalf evidence", "yes"),
    _e(29, "document.unlocked", "acceptances cleared", "by why", "yes"),
    _e(30, "document.annex_attached", "annex in, or not needed", "annex sha256", "yes"),
    _e(31, "clause.deviation_opened deviation_settled", "the text deviates from the template", "clause verdict", "coarse"),
    # Review
    _e(32, "review.submitted", "submitted for review", "round review_kind why_this_kind", "coarse", urgent=True),
    _e(33, "review.convened reformed", "committee or reviewer named", "round members quorum", "no"),
    _e(34, "review.member_recused", "conflict declared", "member quorum_left", "no"),
    _e(35, "review.opinion_given", "each opinion", "round member verdict answers purpose", "no"),
    _e(36, "review.question_asked question_answered", "question put, answered", "to text_sha256", "if_theirs"),
    _e(37, "review.corrected", "clerical correction", "fields", "yes"),
    _e(38, "review.concluded", "recommended, with conditions, returned, not recommended", "round result counts conditions", "coarse"),
    _e(39, "review.ratified not_ratified", "after the fact", "counts conditions", "coarse"),
    _e(
        40,
        "condition.set met waived",
        "conditions of review or approval",
        "condition text_sha256 owner_role gate due evidence",
        "if_theirs",
    ),
    # Approval, signature, funds
    _e(41, "approval.given", "document, PCA or activation approved", "object authority amount_usd deferrals_seen", "yes", urgent=True),
    _e(42, "approval.returned", "returned by the approver", "object items", "coarse"),
    _e(43, "case.rejected", "end", "stage reason_code", "coarse"),
    _e(
        44,
        "signature.recorded",
        "one signature on one object",
        "object side signed_on signed_by method sha256 recorded_by",
        "yes",
        urgent=True,
    ),
    _e(45, "umbrella.opened carrier_changed cancelled", "PCA draft opened, passed on, dropped", "programme carrier", "coarse"),
    _e(46, "umbrella.signed", "both signatures", "start end officers account_hash", "yes"),
    _e(47, "umbrella.suspended lifted terminated ended", "reaches the documents under it", "reason_code scope reached", "coarse"),
    _e(48, "document.signed", "last signature with the PCA in force", "later_signature start start_requested end days", "yes"),
    _e(49, "funds.reserved reservation_refused", "reservation attached, topped up, refused", "number amount grants reasons", "coarse"),
    _e(50, "case.activated", "active", "start period cap", "yes"),
    _e(51, "contingency.activated", "letter signed", "letter_sha256 start end budget ceiling", "yes"),
    # Cash
    _e(52, "cash.requested", "FACE received", "instalment period modality amount lines signed_by", "yes"),
    _e(53, "cash.certified checked returned", "programme, finance", "instalment amount lines", "coarse"),
    _e(54, "cash.released", "released by another person", "instalment amount value_date checks_passed", "yes", urgent=True),
    _e(
        55,
        "payment.ordered accepted confirmed refused",
        "what the gateway was told and said",
        "order bank_reference amount why",
        "yes",
        urgent=True,
    ),
    _e(56, "payment.anomaly", "twice, other amount, unknown, late", "kind order difference", "no", urgent=True),
    _e(57, "report.due late", "clock", "instalment period due days_late", "yes"),
    _e(58, "report.submitted", "report in", "instalment period lines refunds indicators sha256", "yes"),
    _e(59, "report.reviewed", "accepted, in part, returned", "instalment side result lines balance", "yes"),
    _e(60, "report.waived", "waiver decided", "until by obligation", "yes"),
    _e(61, "cash.stopped resumed", "any blocking cause, and its end", "cause scope", "coarse", urgent=True),
    # Obligations
    _e(
        62,
        "obligation.created",
        "at the deferral, or when due later",
        "obligation kind of reason authority owner_role verifier_role due consequences",
        "yes",
    ),
    _e(63, "obligation.reminded evidence_submitted", "clock, evidence", "obligation day documents", "yes"),
    _e(64, "obligation.met extended written_off", "decided", "obligation by evidence until", "yes"),
    _e(65, "obligation.overdue", "due passed unmet", "obligation kind days", "yes", urgent=True),
    _e(66, "obligation.consequence_applied consequence_lifted", "by itself", "obligation consequence cases", "yes"),
    # Stops and ends
    _e(67, "case.held resumed", "hold, and its end", "reason until shifted", "yes"),
    _e(68, "case.suspended suspension_lifted", "suspension", "block scope reason_code automatic until", "coarse", urgent=True),
    _e(69, "notice.sent answered", "suspension, breach, termination", "ground days effective_on document", "yes", urgent=True),
    _e(70, "case.terminated withdrawn cancelled expired ended closed", "ends", "ground reason by money", "yes"),
    _e(71, "concern.raised answered", "the partner's voice", "text_sha256 days", "yes"),
    _e(72, "allegation.received", "sealed", "sealed_sha256", "no"),
    _e(
        73,
        "activation.declared renewed expired revoked stepped_aside",
        "emergency",
        "level offices areas sectors from to document by",
        "no",
    ),
    # Tasks, decisions, messages
    _e(74, "task.opened reminded escalated reassigned closed", "every task", "task kind roles due level verdict", "if_theirs"),
    _e(75, "decision.counted", "a decision takes effect", "task verdict key signed", "if_theirs"),
    _e(76, "decision.refused", "it does not", "task rules verdict actor", "if_theirs"),
    _e(77, "delegation.recorded ended", "absence cover", "from to roles period", "no"),
    _e(78, "delivery.failed recovered", "ERP, bank, webhook, mail", "target attempts last_error", "no"),
    # What the engine adds to the casebook
    _e(0, "task.shifted", "a hold ended: due date moved, remaining working time kept", "task due", "if_theirs"),
    _e(0, "task.claimed unclaimed", "somebody takes a task, or gives it back", "task by", "if_theirs"),
    _e(0, "task.noted", "a note on a task", "task text_sha256", "no"),
    _e(0, "message.counted", "a message that is no task takes effect", "kind key task", "if_theirs"),
    _e(0, "message.refused", "it does not", "kind key rules actor", "if_theirs"),
    _e(0, "message.unreadable", "what came in could not be read", "what", "no"),
    _e(0, "screening.second_check_asked hit_reopened", "a second person is asked, and disagrees", "hit", "no"),
    _e(0, "cash.not_needed", "the partner needs nothing for a period", "instalment", "yes"),
    _e(0, "payment.problem_resolved", "how a payment problem was settled", "order verdict amount", "coarse"),
    _e(0, "obligation.evidence_refused decision_asked", "evidence not accepted; extension or write-off asked", "obligation until", "yes"),
    _e(0, "case.lift_requested suspension_kept", "lifting asked; the suspension stays", "block scope until evidence", "coarse"),
    _e(0, "case.termination_proposed", "a party proposes to end it", "ground", "coarse"),
    _e(0, "case.correction_asked", "a fact is said to be wrong", "path", "coarse"),
    _e(0, "conflict.declared resolved", "a conflict of interest, and how it was settled", "who verdict", "no"),
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
