"""Subscriptions of webhooks: what is asked for, what is shown of them, and what became of a delivery.

The secret is shown once, when it is made; afterwards nobody reads it but the sender.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, JsonValue

from schemas.base import Strict
from schemas.events import EVENTS
from schemas.intake import Country

EVERYTHING = "*"


def _known(pattern: str) -> str:
    name = pattern.removeprefix("pca.").removesuffix(".v1")
    noun = name.removesuffix("*")
    if name != EVERYTHING and name not in EVENTS and not (name.endswith(".*") and any(event.startswith(noun) for event in EVENTS)):
        raise ValueError(f"no event is called {pattern}; see docs/reference/events.md")
    return name


Pattern = Annotated[
    str,
    Field(min_length=1, max_length=80, description="a name of the catalogue, `noun.*`, or `*`", examples=["payment.*"]),
    AfterValidator(_known),
]
Url = Annotated[str, Field(min_length=1, max_length=2000, description="where events are posted to", examples=["https://example.org/pca"])]


def matches(patterns: list[str] | tuple[str, ...], name: str) -> bool:
    """Whether an event of this name is asked for."""
    return any(pattern in (EVERYTHING, name) or (pattern.endswith("*") and name.startswith(pattern[:-1])) for pattern in patterns)


_EXAMPLE: dict[str, JsonValue] = {
    "url": "https://example.org/pca",
    "types": ["case.*", "payment.confirmed"],
    "offices": ["KE"],
    "since": "now",
}


class NewWebhook(Strict):
    """A subscription, as it is asked for."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    url: Url
    types: tuple[Pattern, ...] = Field(default=(EVERYTHING,), min_length=1, max_length=100, description="which events")
    offices: tuple[Country, ...] | None = Field(
        default=None, min_length=1, description="of which offices; none: of every office that the caller may subscribe to"
    )
    since: Literal["now", "beginning"] | Annotated[int, Field(ge=0, le=2**62)] = Field(
        default="now", description="from now on, from the beginning of the record, or after a position of it"
    )
    sealed: bool = Field(default=False, description="screening, flags and confidential reasons too; only for who may read them")
    description: str = Field(default="", max_length=200, description="what it is for")


class WebhookChange(Strict):
    """What is changed of a subscription; what is not named stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"state": "paused"}]})

    url: Url | None = None
    types: tuple[Pattern, ...] | None = Field(default=None, min_length=1, max_length=100, description="which events, from now on")
    state: Literal["active", "paused"] | None = Field(default=None, description="paused: nothing is sent, nothing is lost")
    description: str | None = Field(default=None, max_length=200, description="what it is for")


class Webhook(Strict):
    """A subscription, as it is shown."""

    id: str = Field(description="id of the subscription", examples=["wh_2f8a6c1e0b7d4935"])
    url: str
    types: list[str] = Field(description="which events")
    offices: list[str] | None = Field(description="of which offices; none: of all")
    sealed: bool = Field(description="whether sealed matters are told")
    owner: str = Field(description="who made it")
    description: str
    since: int = Field(description="position of the record after which it began")
    state: Literal["active", "paused", "disabled"] = Field(description="disabled: the receiver said 410 Gone")
    state_why: str = Field(description="why it is not active")
    failures: int = Field(description="deliveries in a row that failed")
    failing_since: datetime | None = Field(description="when they began to fail")
    next_at: datetime | None = Field(description="it rests until then")
    last_error: str | None = Field(description="what the last failure was")
    waiting: int = Field(description="cases, partners and PCAs with events still to be sent")
    dead: int = Field(description="those that were given up: the dead letters")
    previous_secret_until: datetime | None = Field(description="the secret before signs beside the new one until then")
    created_at: datetime
    changed_at: datetime


class WebhookSecret(Webhook):
    """A subscription with its secret: shown this once."""

    secret: str = Field(description="for the `standardwebhooks` libraries; keep it", examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"])


class Rotation(Strict):
    """How long the secret before signs too."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"hours": 24}]})

    hours: int = Field(default=24, ge=0, le=168, description="0: at once, because it has become known")


class DeadLetter(Strict):
    """A case, partner or PCA whose events are sent no more, until somebody says so."""

    subject: str = Field(description="whose events", examples=["case:KEN/2026/0007"])
    sequence: int = Field(description="the first event that was not taken")
    type: str = Field(description="its type", examples=["pca.payment.confirmed.v1"])
    attempts: int = Field(description="how often it was tried")
    last_error: str | None = Field(description="what came of the last attempt", examples=["HTTP 500"])


class TestResult(Strict):
    """What came of a test event."""

    __test__ = False

    taken: bool = Field(description="the receiver answered with 2xx")
    why: str = Field(description="what it answered, or why nothing could be sent", examples=["HTTP 204"])
