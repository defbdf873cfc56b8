"""What the engine's own parts say to each other: tasks, events, batches of the record, views of a case, the input of a stage.

These stand in histories for years: fields are only added, as optional. No names, titles, comments or amounts of a case belong
here, only ids, kinds, moments and hashes.
"""

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from schemas.base import Tolerant
from schemas.findings import Finding, refusals
from schemas.messages import Decision, Message

Track = Literal["standard", "emergency"]
Holder = Literal["office", "partner", "external"]


class Clock(Tolerant):
    """Business time is a named clock: `workflow.now() + offset`. No name and no offset in real life."""

    name: str = ""
    offset: timedelta = timedelta(0)


class Tick(Tolerant):
    """A practice clock moves: everything that is due at the new time happens before the answer."""

    offset: timedelta
    clock: str = Field(default="", description="whose offset it is; a workflow of another clock ignores it")


class Ticked(Tolerant):
    """Nothing is left to do at this time. `next`: the next moment at which something is due. `worked`: writes done since the last tick."""

    next: datetime | None = None
    worked: int = 0
    told: list[str] = Field(default_factory=list, description="workflows it signalled or started since the last tick")
    running: list[str] = Field(default_factory=list, description="children it believes to run: one that has closed is news on its way")
    again: bool = Field(default=False, description="this run ends: whoever asks again hears of the next one, or that there is none")


class Cause(Tolerant):
    """Whose decision led here: what hand-overs are counted by."""

    task: str = ""
    actor: str = ""


class Moment(Tolerant):
    """A moment of a task at which time does something: it reminds, escalates, or an obligation's consequence fires."""

    at: datetime
    does: str = Field(description="remind, escalate, or a name the stage knows (overdue, notice_90 ...)")
    level: int = Field(default=0, description="which reminder or which name of the escalation list")


class Task(Tolerant):
    """One wait for a person."""

    id: str = Field(description="<case>:<stage>:<round>:<kind>[:<whom>]")
    kind: str
    whom: str = Field(default="", description="what tells tasks of one kind apart: a member, a hit, a turn, an instalment")
    roles: list[str] = Field(
        default_factory=list, description="roles that may decide; the person must also be in `candidates` if any are named"
    )
    candidates: list[str] = Field(default_factory=list, description="actors; empty: anyone with the role")
    holder: Holder = "office"
    opened: datetime | None = None
    due: datetime | None = None
    moments: list[Moment] = Field(default_factory=list, description="still to come, in order")


class Opening(Tolerant):
    """A task to be opened; the record adds roles, holder and due moments from catalogue, pack and calendar."""

    kind: str
    whom: str = ""
    each: str | None = Field(
        default=None,
        description="open one per entry of this list of the decision's data; the entry is `whom` (its `person` if it is an object)",
    )
    roles: list[str] | None = Field(default=None, description="instead of the catalogue's")
    holder: str = Field(default="", description="whose court it is, if another's than the catalogue says")
    candidates: list[str] = Field(default_factory=list)
    due: datetime | None = Field(default=None, description="instead of the pack's days")
    moments: list[Moment] = Field(default_factory=list, description="besides reminders and escalation")
    data: dict[str, Any] = Field(default_factory=dict, description="what the task is about, kept with its row")
    optional: str = Field(default="", description="opened only if this group was not left out")
    unless: str = Field(default="", description="opened only if this group was left out")


class Event(Tolerant):
    """Something that happened, to be appended to the chain of its subject."""

    type: str = Field(description="name of the catalogue, without pca. and .v1", examples=["review.convened"])
    subject: str | None = Field(default=None, description="if not the batch's own")
    data: dict[str, Any] = Field(default_factory=dict)
    take: list[str] = Field(default_factory=list, description="fields copied from the decision's or message's data when recorded")
    each: str | None = Field(
        default=None, description="one event per entry of this list of the decision's data; the entry's fields are merged into data"
    )
    optional: str = Field(
        default="",
        description="name of a group that is left out whole, and named in `left_out`, while a condition of it is unmet (severity wait)",
    )


class Closing(Tolerant):
    """A task closed without a decision: its stage moved on."""

    task: str
    why: str


class Batch(Tolerant):
    """One write: everything in it is recorded in one transaction, or nothing."""

    key: str = Field(description="business key: says what, never how often")
    subject: str = Field(
        description="case:<ref>, partner:<office>:<partner>, umbrella:..., office:..., source:...", examples=["case:KEN/2026/0007"]
    )
    stage: str = ""
    round: int = 1
    at: datetime = Field(description="business time")
    clock: str = Field(default="", description="name of the practice clock, if any")
    track: Track = "standard"
    workflow: str = Field(default="", description="id of the workflow that takes decisions on the tasks opened here")
    cause: Cause = Field(default=Cause(), description="whose decision led to this write, where the batch carries none itself")
    decision: Decision | None = Field(default=None, description="the decision counted by this write")
    task: Task | None = Field(default=None, description="the task it is about")
    keep_open: bool = Field(default=False, description="the verdict answers but does not close its task")
    refused: list[Finding] = Field(
        default_factory=list, description="if set: the decision or message is recorded as refused by the stage, for these reasons"
    )
    message: Message | None = None
    unreadable: list[str] = Field(default_factory=list, description="what came in and could not be read: recorded as message.unreadable")
    events: list[Event] = Field(default_factory=list)
    opens: list[Opening] = Field(default_factory=list)
    closes: list[Closing] = Field(default_factory=list)


class Decided(Tolerant):
    """A task whose opening was recorded again although the record shows it decided (after a reset): its decision."""

    task: str
    decision: Decision
    facts: dict[str, Any] = Field(default_factory=dict)


class Recorded(Tolerant):
    """What the record says to a batch. A workflow changes its state only if not `refused`."""

    refused: bool = False
    repeated: bool = Field(default=False, description="the key was there already, with the same content: this is the first answer")
    findings: list[Finding] = Field(default_factory=list)
    tasks: list[Task] = Field(default_factory=list, description="the tasks opened, with roles and due moments")
    decided: list[Decided] = Field(default_factory=list)
    facts: dict[str, Any] = Field(
        default_factory=dict, description="the part of the decision's data and of the settled facts that the stage goes by"
    )
    left_out: list[str] = Field(default_factory=list, description="optional groups that were not recorded")
    look_again: list[str] = Field(
        default_factory=list, description="ids of cases that wait for what changed here: each gets the empty signal look_again"
    )
    starts: list["Start"] = Field(default_factory=list, description="workflows that no case owns and that have something to do now")
    view: "CaseView | None" = Field(default=None, description="how the case stands after this write, where the batch changed the case")

    @property
    def refusals(self) -> list[Finding]:
        return refusals(self.findings)


class Block(Tolerant):
    """A stop: what it stops, why, since when. Suspension, stopped cash and effects of obligations are read from the set."""

    id: str
    scope: Literal["instalment", "cash", "amendment", "signature", "new_emergency", "direct_payment_only", "all"]
    cause: str
    since: datetime
    until: datetime | None = None


class CaseView(Tolerant):
    """What a stage must know of its case: whole, versioned, the highest version wins."""

    version: int = 0
    track: Track = "standard"
    status: str = "received"
    held: bool = False
    hold_until: datetime | None = None
    blocks: list[Block] = Field(default_factory=list)
    ended: str = Field(default="", description="rejected, withdrawn, cancelled, terminated: every stage closes")
    under_notice: bool = False
    clock: Clock = Clock()


class Carried(Tolerant):
    """What a stage takes along when it continues as new."""

    tasks: list[Task] = Field(default_factory=list)
    seen: dict[str, str] = Field(default_factory=dict, description="receipt -> hash and answer of the last messages")
    refusals: dict[str, int] = Field(default_factory=dict)
    holding_since: datetime | None = None
    state: dict[str, Any] = Field(default_factory=dict, description="the stage's own state")


class StageInput(Tolerant):
    """One input for all stages, so that a stage can be started alone."""

    subject: str = Field(description="whose record the stage writes", examples=["case:KEN/2026/0007"])
    stage: str = Field(description="vetting, document, review, approval, cash, obligations, umbrella, case")
    round: int = 1
    view: CaseView = CaseView()
    case: str = Field(default="", description="workflow id of the case to nudge, if any")
    cause: Cause = Cause()
    carried: Carried | None = None


class StageOutcome(Tolerant):
    """How a stage ended."""

    result: str
    facts: dict[str, Any] = Field(default_factory=dict)


class StageFacts(Tolerant):
    """The slice of pack, calendar and record that a stage needs; at most 4 KB."""

    view: CaseView = CaseView()
    facts: dict[str, Any] = Field(default_factory=dict)


class BeginStage(Tolerant):
    subject: str
    stage: str
    round: int
    at: datetime
    workflow: str = ""
    clock: str = ""


class Ask(Tolerant):
    """A case asks for something that many cases share."""

    subject: str = Field(description="the case that asks")
    need: Literal["vetting", "umbrella"]
    level: str = "full"
    at: datetime
    clock: str = ""


class Asked(Tolerant):
    """Granted, or entered as waiting, or refused for good."""

    state: Literal["granted", "waiting", "refused"]
    cause: Cause = Cause()
    starts: list["Start"] = Field(default_factory=list)
    reason_code: str = ""
    findings: list[Finding] = Field(default_factory=list)
    view: CaseView | None = None


class Start(Tolerant):
    """A workflow that no case owns, to be started if it is not running."""

    workflow: str = Field(description="type", examples=["Vetting"])
    id: str
    input: StageInput
    summary: str = ""


class Screen(Tolerant):
    """Screen everyone named for a partner (or a case), unless a fresh screening stands."""

    subject: str
    trigger: str
    at: datetime
    clock: str = ""


class Screened(Tolerant):
    clear: bool
    open_hits: list[str] = Field(default_factory=list, description="ids of hits without a final disposition")
    second: list[str] = Field(default_factory=list, description="those of them that need a second person")
    starts: list[Start] = Field(default_factory=list, description="the vetting that disposes new hits")
    view: CaseView | None = None


class Order(Tolerant):
    """A payment order that the record holds; sent once, asked about ever after."""

    order: str = Field(description="<case>:<instalment>:<n-th order>")
    at: datetime
    clock: str = ""


class BankWord(Tolerant):
    """One word of the bank about an order."""

    kind: Literal["accepted", "confirmed", "refused", "unknown"]
    reference: str = ""
    at: datetime | None = None
    same_amount: bool = True
    reason: str = ""


class BankAnswer(Tolerant):
    words: list[BankWord] = Field(default_factory=list)
    unknown: bool = Field(default=False, description="no answer could be had: ask again later, never send again")


for _model in (Recorded, Asked):
    _model.model_rebuild()
