"""Webhooks: who listens to what happened. For persons who are ops of an office, and machines whose key is for webhooks."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from api.app import GroundDep
from api.caller import EVERYWHERE, Caller, CallerDep
from api.problems import Problem, documented, invalid, not_found
from policy import access
from schemas.findings import Finding
from schemas.webhooks import DeadLetter, NewWebhook, Rotation, TestResult, Webhook, WebhookChange, WebhookSecret
from worker import subscriptions
from worker.subscriptions import Offices, WebhookRefused

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])


def _offices(caller: CallerDep) -> Offices:
    """For which offices the caller looks after webhooks; None: all. Raises 403 for none."""
    found = frozenset(grant.office for grant in caller.grants if access.allows({grant.role}, access.MANAGE_WEBHOOKS))
    if not found:
        raise Problem(403, "forbidden", "Webhooks are looked after by ops, and by machines whose key is for webhooks.")
    return None if EVERYWHERE in found else found


OfficesDep = Annotated[Offices, Depends(_offices)]
Id = Annotated[str, Path(max_length=80, description="id of the subscription", examples=["wh_2f8a6c1e0b7d4935"])]


def _may_read_sealed(caller: Caller, offices: Offices) -> bool:
    """Whether the caller reads confidential matters in every office of the subscription."""
    return all(caller.may(access.SEE_CONFIDENTIAL, office) for office in ({EVERYWHERE} if offices is None else offices))


@router.post("", status_code=201, responses=documented())
async def subscribe(wanted: NewWebhook, ground: GroundDep, caller: CallerDep, offices: OfficesDep) -> WebhookSecret:
    """Subscribe to events. The secret is shown this once."""
    if wanted.sealed and not _may_read_sealed(caller, offices if wanted.offices is None else frozenset(wanted.offices)):
        finding = Finding(
            rule="sealed_not_allowed",
            message="Sealed matters are told only to who may read them.",
            path="$.sealed",
            next_step="Have somebody subscribe who reads confidential matters in these offices, or leave it out.",
        )
        raise Problem(403, "forbidden", finding.message, [finding])
    try:
        return await subscriptions.create(ground.pool, ground.settings.reach, wanted, owner=caller.actor, offices=offices)
    except WebhookRefused as refused:
        raise invalid(refused.findings) from None


@router.get("", responses=documented())
async def list_webhooks(ground: GroundDep, offices: OfficesDep) -> list[Webhook]:
    """Every subscription of the caller's offices, and how each stands."""
    return await subscriptions.listed(ground.pool, offices)


@router.get("/{webhook}", responses=documented())
async def show(webhook: Id, ground: GroundDep, offices: OfficesDep) -> Webhook:
    """One subscription, and how it stands."""
    return await subscriptions.one(ground.pool, webhook, offices)


@router.patch("/{webhook}", responses=documented())
async def change(webhook: Id, wanted: WebhookChange, ground: GroundDep, offices: OfficesDep) -> Webhook:
    """Change a subscription, pause it, or make it active again."""
    try:
        return await subscriptions.change(ground.pool, ground.settings.reach, webhook, wanted, offices)
    except WebhookRefused as refused:
        raise invalid(refused.findings) from None


@router.delete("/{webhook}", status_code=204, responses=documented())
async def unsubscribe(webhook: Id, ground: GroundDep, offices: OfficesDep) -> Response:
    """End a subscription; what was not sent yet is not sent."""
    await subscriptions.remove(ground.pool, webhook, offices)
    return Response(status_code=204)


@router.post("/{webhook}/secret", responses=documented())
async def rotate(webhook: Id, ground: GroundDep, offices: OfficesDep, wanted: Rotation | None = None) -> WebhookSecret:
    """A new secret, shown this once. Until the time named both sign."""
    return await subscriptions.rotate(ground.pool, webhook, wanted or Rotation(), offices)


@router.post("/{webhook}/test", responses=documented())
async def send_test(webhook: Id, ground: GroundDep, offices: OfficesDep) -> TestResult:
    """Send `pca.webhook.test.v1` now, signed like every event, and say what was answered."""
    return await subscriptions.send_trial(ground.pool, ground.settings.reach, webhook, offices)


@router.get("/{webhook}/dead-letters", responses=documented())
async def dead_letters(webhook: Id, ground: GroundDep, offices: OfficesDep) -> list[DeadLetter]:
    """What was given up, and where each stopped."""
    return await subscriptions.dead_letters(ground.pool, webhook, offices)


@router.post("/{webhook}/dead-letters/{subject:path}/send-again", status_code=202, responses=documented())
async def send_again(
    webhook: Id,
    subject: Annotated[str, Path(max_length=200, description="whose events", examples=["case:KEN/2026/0007"])],
    ground: GroundDep,
    offices: OfficesDep,
) -> list[str]:
    """Send the events of one dead letter again, from the one that was not taken."""
    again = await subscriptions.send_again(ground.pool, webhook, subject, offices)
    if not again:
        raise not_found()
    return again
