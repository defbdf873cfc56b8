"""Subscriptions of webhooks, as doors and commands manage them: made, shown, changed, tried, and their dead letters.

Whose offices they may be of is the caller's affair (`offices`: None for every office); what is somebody else's is not found. A secret
leaves here once, when it is made.
"""

import secrets
from datetime import UTC, datetime, timedelta

import asyncpg

from activities import delivery, webhooks
from activities.delivery import NotTaken
from activities.reach import Reach
from activities.webhooks import SQL, Webhooks, subscriber
from schemas.findings import Finding
from schemas.webhooks import DeadLetter, NewWebhook, Rotation, TestResult, Webhook, WebhookChange, WebhookSecret
from worker.doors import NotFound

Offices = frozenset[str] | None


class NoSuchWebhook(NotFound):
    """There is no such webhook, or it is of an office that is not the caller's."""


class WebhookRefused(Exception):
    """It cannot be made or changed like this; every reason is in `findings`."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(finding.message for finding in findings))
        self.findings = findings


def _reaches(offices: Offices, wanted: list[str] | None) -> bool:
    """Whether who acts for `offices` may look after a subscription of `wanted`."""
    return offices is None or (wanted is not None and offices.issuperset(wanted))


async def listed(pool: asyncpg.Pool, offices: Offices = None) -> list[Webhook]:
    """Every subscription of these offices."""
    rows = await pool.fetch(SQL["listed"], None)
    return [Webhook.model_validate(dict(row)) for row in rows if _reaches(offices, row["offices"])]


async def one(pool: asyncpg.Pool, identifier: str, offices: Offices = None) -> Webhook:
    """Raises NoSuchWebhook."""
    row = await pool.fetchrow(SQL["listed"], identifier)
    if row is None or not _reaches(offices, row["offices"]):
        raise NoSuchWebhook(f"there is no webhook {identifier}")
    return Webhook.model_validate(dict(row))


async def create(pool: asyncpg.Pool, reach: Reach, wanted: NewWebhook, *, owner: str, offices: Offices) -> WebhookSecret:
    """A subscription, with its secret. Raises WebhookRefused."""
    asked = offices if wanted.offices is None else frozenset(wanted.offices)
    findings = await reach.check(wanted.url)
    if offices is not None and asked is not None and not asked <= offices:
        foreign = ", ".join(sorted(asked - offices))
        findings.append(
            Finding(
                rule="foreign_office",
                message=f"Events of {foreign} are not yours to subscribe to.",
                path="$.offices",
                next_step="Leave it out, or have somebody of that office subscribe.",
            )
        )
    if findings:
        raise WebhookRefused(findings)
    newest = await pool.fetchval(SQL["newest"])
    since = {"now": newest, "beginning": 0}.get(wanted.since, wanted.since) if isinstance(wanted.since, str) else wanted.since
    identifier, secret = f"wh_{secrets.token_hex(8)}", webhooks.new_secret()
    of = None if asked is None else sorted(asked)
    await pool.execute(
        SQL["create"], identifier, wanted.url, wanted.description, owner, of, list(wanted.types), wanted.sealed, since, secret
    )
    return WebhookSecret(**(await one(pool, identifier)).model_dump(), secret=secret)


async def change(pool: asyncpg.Pool, reach: Reach, identifier: str, wanted: WebhookChange, offices: Offices = None) -> Webhook:
    """Change what is named; a disabled one is active again when that is asked for. Raises NoSuchWebhook, WebhookRefused."""
    await one(pool, identifier, offices)
    if wanted.url is not None and (findings := await reach.check(wanted.url)):
        raise WebhookRefused(findings)
    types = None if wanted.types is None else list(wanted.types)
    said = "paused by a person" if wanted.state == "paused" else ""
    await pool.execute(SQL["change"], identifier, wanted.url, types, wanted.description, wanted.state, said)
    return await one(pool, identifier)


async def remove(pool: asyncpg.Pool, identifier: str, offices: Offices = None) -> None:
    """And its queue with it. Raises NoSuchWebhook."""
    await one(pool, identifier, offices)
    await pool.execute(SQL["remove"], identifier)


async def rotate(pool: asyncpg.Pool, identifier: str, wanted: Rotation, offices: Offices = None) -> WebhookSecret:
    """A new secret; the one before signs beside it for a while. Raises NoSuchWebhook."""
    await one(pool, identifier, offices)
    secret = webhooks.new_secret()
    await pool.execute(SQL["rotate"], identifier, secret, datetime.now(UTC) + timedelta(hours=wanted.hours))
    return WebhookSecret(**(await one(pool, identifier)).model_dump(), secret=secret)


async def send_trial(pool: asyncpg.Pool, reach: Reach, identifier: str, offices: Offices = None) -> TestResult:
    """Send an event that is none of the record, now, whatever state the subscription is in. Raises NoSuchWebhook."""
    await one(pool, identifier, offices)
    sender = Webhooks(pool, reach)
    try:
        row = await pool.fetchrow(SQL["one"], identifier)
        if row is None:
            raise NoSuchWebhook(f"there is no webhook {identifier}")
        return TestResult(taken=True, why=await sender.post(row, webhooks.trial(identifier, datetime.now(UTC))))
    except NotTaken as error:
        return TestResult(taken=False, why=delivery.why(error))
    finally:
        await sender.close()


async def dead_letters(pool: asyncpg.Pool, identifier: str, offices: Offices = None) -> list[DeadLetter]:
    """Raises NoSuchWebhook."""
    await one(pool, identifier, offices)
    return [DeadLetter.model_validate(dict(row)) for row in await pool.fetch(SQL["dead_letters"], subscriber(identifier))]


async def send_again(pool: asyncpg.Pool, identifier: str, subject: str | None = None, offices: Offices = None) -> list[str]:
    """The subjects (one, or all that are dead) whose events are sent again, from the one that was not taken. Raises NoSuchWebhook."""
    await one(pool, identifier, offices)
    return sorted(row["subject"] for row in await pool.fetch(SQL["again"], subscriber(identifier), subject))
