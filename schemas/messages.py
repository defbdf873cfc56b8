"""What people and systems say to a running case, and the answers.

A decision closes (or answers) one task; a message is everything else. Both carry references to comment, message and data, which
the client has put into Postgres before ("put, then decide"); only what is typed by hand in the Temporal UI may carry a short
comment and small data inline. Actors are opaque ids of the office file. Nothing here is personal data.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

from schemas.base import Sha256, Strict, Tolerant
from schemas.findings import Finding

ReasonCode = Literal[
    "eligibility", "registration", "capacity", "safeguarding", "sanctions", "fraud", "investigation", "programme_fit",
    "results_framework", "budget", "management_share", "no_funds", "timing", "text", "signature", "report_missing",
    "ineligible_expenditure", "other",
]  # fmt: skip
CONFIDENTIAL = frozenset({"sanctions", "safeguarding", "fraud", "investigation"})
"""Reason codes that show as "confidential" to all but risk_officer, head_of_office and auditor."""

INLINE_COMMENT = 300
INLINE_DATA = 2048


class ContentRef(Strict):
    """What was put into Postgres first: by its hash."""

    sha256: Sha256
    size: int = Field(ge=0, description="bytes")


class Proof(Strict):
    """Who vouches that the actor said it: an Ed25519 signature over the canonical text (checked by the recording activity)."""

    key_id: str = Field(description="id of the signing key")
    signed_at: datetime = Field(description="wall clock of the signer, UTC")
    signature: str = Field(description="base64 of the signature")


class _Said(Strict):
    """What decisions and messages have in common."""

    actor: str = Field(min_length=1, max_length=100, description="opaque id of the person, as in the office file", examples=["ke.010"])
    role: str = Field(min_length=1, max_length=60, description="role in which the person acts", examples=["head_of_office"])
    key: str = Field(min_length=1, max_length=200, description="idempotency key: the same key says the same thing once", examples=["d1"])
    on_behalf_of: str | None = Field(default=None, max_length=100, description="the principal, when a delegate acts")
    comment: ContentRef | str | None = Field(
        default=None, description=f"reference to the comment, or up to {INLINE_COMMENT} characters typed by hand"
    )
    message_to_partner: ContentRef | str | None = Field(default=None, description="reference to the text that the partner reads")
    reason_code: ReasonCode | None = Field(default=None, description="coded reason, where the verdict asks for one")
    data: ContentRef | dict[str, Any] | None = Field(
        default=None, description=f"reference to the verdict's data, or up to {INLINE_DATA} bytes of it"
    )
    sent_at: datetime | None = Field(default=None, description="when the person said it, UTC; consequences look at it where it is signed")
    proof: Proof | None = Field(default=None, description="signature over the canonical text")

    @field_validator("comment", "message_to_partner")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str) and len(value) > INLINE_COMMENT:
            raise ValueError(f"longer than {INLINE_COMMENT} characters: put it into the record first and send its reference")
        return value

    @field_validator("data")
    @classmethod
    def _small(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(str(value).encode()) > INLINE_DATA:
            raise ValueError(f"larger than {INLINE_DATA} bytes: put it into the record first and send its reference")
        return value


class Decision(_Said):
    """A verdict of a person on one task."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "task": "KEN/2026/0007:approval:1:approve_document",
                    "actor": "ke.010",
                    "role": "authorised_officer",
                    "verdict": "approve",
                    "key": "d1",
                }
            ]
        }
    )

    task: str = Field(min_length=1, max_length=300, description="id of the task: <case>:<stage>:<round>:<kind>[:<whom>]")
    verdict: str = Field(min_length=1, max_length=60, description="one of the task's verdicts", examples=["approve"])

    @property
    def receipt(self) -> str:
        """The key under which the record keeps this decision."""
        return f"{self.task}:{self.key}"


class Message(_Said):
    """Something said to a case or stage that is not a verdict: hold, withdraw, suspend, ask, recuse, note ..."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"kind": "hold", "actor": "ke.001", "role": "focal_point", "key": "m1", "data": {"reason": "flood", "until": "2026-03-20"}}
            ]
        }
    )

    kind: str = Field(min_length=1, max_length=60, description="which message", examples=["hold"])
    task: str | None = Field(default=None, max_length=300, description="the task it is about, where it is about one")

    def receipt(self, case: str) -> str:
        """The key under which the record keeps this message."""
        return f"{case}:message:{self.kind}:{self.key}"


class Answer(Tolerant):
    """The honest answer to everything that was said."""

    counted: bool = Field(description="whether it took effect")
    repeated: bool = Field(default=False, description="it had been said before: this is the first answer")
    findings: list[Finding] = Field(default_factory=list, description="why not; or warnings beside a yes")
