"""Webhooks: signed CloudEvents in order, each receiver by itself, and never to an address of ours."""

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import asyncpg
import httpx
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as Envelope
from standardwebhooks import Webhook, WebhookVerificationError

from activities import delivery, reach, webhooks
from activities.reach import Reach, Unreachable, is_public
from activities.webhooks import Webhooks, retry_after
from db.events import Chains, body
from schemas.webhooks import NewWebhook, Rotation, WebhookChange, WebhookSecret
from tests.activities.receiver import Receiver, receiving
from worker import subscriptions
from worker.subscriptions import NoSuchWebhook, WebhookRefused

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
HERE = Reach.of("127.0.0.1")
PARTNER = "partner:KE:P-KE-0001"
CAUSE = {"kind": "timer", "id": "t"}


async def write(
    pool: asyncpg.Pool, subject: str, *events: tuple[str, dict[str, Any]], cause: dict[str, str] = CAUSE, clock: str = ""
) -> None:
    async with pool.acquire() as conn, conn.transaction():
        chains = Chains(cast("asyncpg.Connection", conn))
        await chains.lock([subject])
        for name, data in events:
            await chains.append(subject, body(name, AT, data, cause=cause, clock=clock))


async def sent(pool: asyncpg.Pool, *versions: int, subject: str = PARTNER) -> None:
    await write(pool, subject, *(("document.sent", {"version": version}) for version in versions))


async def subscribed(pool: asyncpg.Pool, receiver: Receiver, **wanted: Any) -> WebhookSecret:
    made = await subscriptions.create(
        pool, HERE, NewWebhook.model_validate({"url": receiver.url, "since": "beginning", **wanted}), owner="ke.ops", offices=None
    )
    receiver.secret = made.secret
    return made


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


@pytest.fixture
async def sender(pool: asyncpg.Pool) -> AsyncIterator[Webhooks]:
    found = Webhooks(pool, HERE)
    yield found
    await found.close()


async def turn(sender: Webhooks, at: datetime | None = None) -> int:
    """One look of the loop, and everything that it began."""
    begun = await sender.look(at=at)
    await sender.settled()
    return begun


# --- what is sent -------------------------------------------------------------------------------------------------------


async def test_a_receiver_gets_each_event_once_in_order_and_can_verify_it(pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks) -> None:
    made = await subscribed(pool, receiver)
    await sent(pool, 1, 2, 3)
    await sent(pool, 1, subject="partner:KE:P-KE-0002")
    await turn(sender)
    assert [sequence for subject, sequence in receiver.told if subject == PARTNER] == ["1", "2", "3"]
    assert len(receiver.told) == 4
    await turn(sender)
    assert len(receiver.asked) == 4
    headers, raw = receiver.asked[0]
    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret).verify(raw.replace(b"document", b"treasure"), headers)


async def test_a_delivery_is_a_cloudevent_that_the_sdk_reads(pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks) -> None:
    await subscribed(pool, receiver)
    await sent(pool, 1)
    await turn(sender)
    headers, raw = receiver.asked[0]
    assert headers["content-type"].startswith("application/cloudevents+json")
    event = from_structured(HTTPMessage(headers=headers, body=raw), JSONFormat(), Envelope)
    assert (event.get_type(), event.get_source(), event.get_subject()) == ("pca.document.sent.v1", "/pca/KE", PARTNER)
    assert event.get_time() == AT
    assert event.get_data()["data"] == {"version": 1}  # type: ignore[index,call-overload]


async def test_what_is_sent_again_has_the_same_id(pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks) -> None:
    await subscribed(pool, receiver)
    await sent(pool, 1)
    receiver.status = 500
    await turn(sender)
    receiver.status = 204
    await turn(sender, datetime.now(UTC) + timedelta(hours=1))
    (first, _), (second, _) = receiver.asked
    assert first["webhook-id"] == second["webhook-id"]
    assert len(receiver.events) == 1


async def test_only_what_was_asked_for_is_sent(pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks) -> None:
    await subscribed(pool, receiver, types=["pca.document.accepted.v1", "obligation.*"], offices=["KE"])
    accepted = ("document.accepted", {"side": "office", "sha256": "0" * 64, "on_behalf": False, "evidence": None})
    await write(pool, PARTNER, ("document.sent", {"version": 1}), ("obligation.reminded", {"obligation": "o", "day": 1}))
    await write(pool, "partner:MZ:P-1", ("obligation.reminded", {"obligation": "o", "day": 1}))
    await write(pool, PARTNER, accepted)
    await turn(sender)
    assert receiver.told == [(PARTNER, "2"), (PARTNER, "3")]


async def test_from_now_on_means_from_now_on(pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks) -> None:
    await sent(pool, 1, 2)
    await subscribed(pool, receiver, since="now")
    await sent(pool, 3)
    await turn(sender)
    assert receiver.told == [(PARTNER, "3")]


async def test_what_belongs_to_no_office_goes_to_who_sees_all_offices(pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks) -> None:
    rejected = ("intake.rejected", {"source": "portal", "source_reference": "1", "findings": []})
    await write(pool, "source:portal", rejected)
    made = await subscribed(pool, receiver, offices=["KE"])
    await turn(sender)
    assert receiver.told == []
    await subscriptions.remove(pool, made.id)
    await subscribed(pool, receiver)
    await turn(sender)
    assert receiver.told == [("source:portal", "1")]


# --- what is not ----------------------------------------------------------------------------------------------------------

CANARIES = ("screening", "hit", "sanctions", "fraud", "flag", "allegation")
SEALED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("screening.second_check_asked", {"hit": "h1"}),
    ("screening.hit_reopened", {"hit": "h1"}),
    ("vetting.element_expired", {"element": "screening", "cases": []}),
    ("message.refused", {"kind": "flag_partner", "key": "k", "rules": [], "actor": "ke.010"}),
    ("task.reminded", {"task": "KE:P-KE-0001:vetting:1:dispose_screening_hit:h1", "level": 1}),
)
NEVER: tuple[tuple[str, dict[str, Any]], ...] = (
    ("allegation.received", {"allegation": "a", "sealed_sha256": "0" * 64}),
    ("message.counted", {"kind": "report_allegation", "key": "k", "task": None}),
)
STOPPED = ("case.lift_requested", {"reason_code": "fraud", "blocks": [f"{PARTNER}:screening:h1"], "ground": "sanctions"})
BECAUSE = {"kind": "decision", "id": "KE:P-KE-0001:vetting:1:second_check_hit:h1:key"}


async def test_sealed_matters_leave_neither_as_events_nor_in_the_words_of_others(
    pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks
) -> None:
    await subscribed(pool, receiver)
    await write(pool, PARTNER, *SEALED, *NEVER, STOPPED, cause=BECAUSE)
    await turn(sender)
    (event,) = receiver.events
    assert event["type"] == "pca.case.lift_requested.v1"
    assert event["data"]["cause"]["id"] == "confidential"
    assert event["data"]["data"] == {"reason_code": "confidential", "blocks": ["confidential"], "ground": "confidential"}
    text = json.dumps(receiver.events)
    assert [canary for canary in CANARIES if canary in text] == []


async def test_who_may_read_sealed_matters_gets_them_but_no_allegation(pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks) -> None:
    await subscribed(pool, receiver, sealed=True)
    await write(pool, PARTNER, *SEALED, *NEVER, STOPPED)
    await turn(sender)
    assert len(receiver.events) == len(SEALED) + 1
    assert receiver.events[-1]["data"]["data"]["reason_code"] == "fraud"
    assert "allegation" not in json.dumps(receiver.events)


@pytest.mark.parametrize(("practice", "heard"), [(False, 0), (True, 1)])
async def test_what_is_practised_leaves_only_where_practice_is_allowed(
    pool: asyncpg.Pool, receiver: Receiver, practice: bool, heard: int
) -> None:
    await subscribed(pool, receiver)
    await write(pool, PARTNER, ("document.sent", {"version": 1}), clock="training")
    sender = Webhooks(pool, HERE, practice=practice)
    await turn(sender)
    await sender.close()
    assert len(receiver.events) == heard


# --- receivers that fail ----------------------------------------------------------------------------------------------------


async def test_a_receiver_that_hangs_holds_nobody_up(pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks) -> None:
    async with receiving() as hanging:
        hanging.hangs = True
        await subscribed(pool, hanging)
        await subscribed(pool, receiver)
        await sent(pool, 1, 2)
        assert await sender.look() == 2
        await hanging.came.wait()
        (well,) = [found.id for found in await subscriptions.listed(pool) if found.url == receiver.url]
        if task := sender._busy.get(well):
            await task
        assert len(receiver.events) == 2
        # while it is waited for, no transaction is open and no row is locked
        await pool.execute("UPDATE delivery SET last_error = last_error")
        assert await sender.look() == 1  # the one that hangs is under way still
        await sender.close()
    assert receiver.told == [(PARTNER, "1"), (PARTNER, "2")]


async def test_an_answer_that_does_not_come_in_time_is_a_failure(
    pool: asyncpg.Pool, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.hangs = True
    sender = Webhooks(pool, HERE, http=httpx.AsyncClient(transport=reach.client(HERE)._transport, timeout=httpx.Timeout(5, read=0.001)))
    made = await subscribed(pool, receiver)
    await sent(pool, 1)
    await turn(sender)
    await sender.close()
    assert (await subscriptions.one(pool, made.id)).last_error == "no answer in time"


async def test_a_redirect_is_not_followed(pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks) -> None:
    async with receiving() as elsewhere:
        receiver.status, receiver.headers = 302, f"location: {elsewhere.url}\r\n"
        made = await subscribed(pool, receiver)
        await sent(pool, 1)
        await turn(sender)
        assert elsewhere.asked == []
    assert (await subscriptions.one(pool, made.id)).last_error == "HTTP 302: redirects are not followed"


async def test_a_receiver_that_answers_500_for_a_day_loses_nothing_and_costs_others_nothing(
    pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks
) -> None:
    async with receiving() as broken:
        broken.status = 500
        made = await subscribed(pool, broken)
        await subscribed(pool, receiver)
        now = begun = datetime.now(UTC)
        version = 0
        while now < begun + timedelta(hours=24):
            version += 1
            await sent(pool, version)
            await turn(sender, now)
            assert receiver.told[-1] == (PARTNER, str(version))  # the other one hears at once
            now += timedelta(hours=1)
        tried = len(broken.asked)
        assert 10 < tried <= delivery.ATTEMPTS
        assert await subscriptions.dead_letters(pool, made.id) == []
        broken.status = 204
        await turn(sender, now + timedelta(hours=4))
    assert broken.told == [(PARTNER, str(number)) for number in range(1, version + 1)]
    found = await subscriptions.one(pool, made.id)
    assert (found.failures, found.failing_since, found.last_error, found.waiting) == (0, None, None, 0)


async def test_a_receiver_that_is_down_is_asked_once_however_many_cases_wait(
    pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks
) -> None:
    receiver.status = 503
    await subscribed(pool, receiver)
    for number in range(20):
        await sent(pool, 1, subject=f"partner:KE:P-{number}")
    now = datetime.now(UTC)
    assert await turn(sender, now) == 1
    assert await turn(sender, now) == 0
    assert len(receiver.asked) == 1
    await turn(sender, now + timedelta(seconds=3))
    assert len(receiver.asked) == 2


async def test_what_is_never_taken_is_a_dead_letter_that_others_do_not_wait_for_and_that_is_sent_again(
    pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks
) -> None:
    made = await subscribed(pool, receiver)
    await sent(pool, 1, 2)
    receiver.answers = {f"{PARTNER}#2": 400}
    now = datetime.now(UTC)
    for _ in range(delivery.ATTEMPTS + 1):
        await turn(sender, now)
        now += timedelta(hours=5)
    (letter,) = await subscriptions.dead_letters(pool, made.id)
    assert (letter.subject, letter.sequence, letter.type, letter.last_error) == (PARTNER, 2, "pca.document.sent.v1", "HTTP 400")
    await sent(pool, 1, subject="partner:KE:P-KE-0002")
    await turn(sender, now)
    assert ("partner:KE:P-KE-0002", "1") in receiver.told

    receiver.answers = {}
    assert await subscriptions.send_again(pool, made.id, "partner:KE:nobody") == []
    assert await subscriptions.send_again(pool, made.id, PARTNER) == [PARTNER]
    await turn(sender, now)
    assert receiver.told[-1] == (PARTNER, "2")
    assert await subscriptions.dead_letters(pool, made.id) == []


async def test_gone_means_gone_until_a_person_says_otherwise(pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks) -> None:
    made = await subscribed(pool, receiver)
    await sent(pool, 1)
    receiver.status = 410
    await turn(sender)
    found = await subscriptions.one(pool, made.id)
    assert (found.state, found.state_why) == ("disabled", "the receiver answered 410 Gone")
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await turn(sender, later) == 0

    receiver.status = 204
    await subscriptions.change(pool, HERE, made.id, WebhookChange(state="active"))
    await turn(sender, later)
    assert receiver.told == [(PARTNER, "1")]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_receiver_that_names_a_time_is_left_alone_until_then(
    pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks, status: int
) -> None:
    receiver.status, receiver.headers = status, "retry-after: 7200\r\n"
    await subscribed(pool, receiver)
    await sent(pool, 1)
    now = datetime.now(UTC)
    await turn(sender, now)
    assert await turn(sender, now + timedelta(minutes=119)) == 0
    receiver.status = 204
    await turn(sender, now + timedelta(minutes=121))
    assert receiver.told == [(PARTNER, "1")]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120), ("", 0), ("soon", 0), ("-5", 0), ("999999999999999999", 0), ("31536000", 86400),
        ("Mon, 02 Mar 2026 09:01:00 GMT", 60), ("Mon, 02 Mar 2026 08:00:00 GMT", 0), ("Mon, 02 Mar 2026 09:01:00", 0), ("²", 0),
    ],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_or_date_and_never_believed_for_more_than_a_day(value: str, seconds: int) -> None:
    assert retry_after(value, AT).total_seconds() == seconds


async def test_a_paused_subscription_loses_nothing(pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks) -> None:
    made = await subscribed(pool, receiver)
    await subscriptions.change(pool, HERE, made.id, WebhookChange(state="paused"))
    await sent(pool, 1)
    assert await turn(sender) == 0
    await subscriptions.change(pool, HERE, made.id, WebhookChange(state="active"))
    await turn(sender)
    assert receiver.told == [(PARTNER, "1")]


async def test_two_senders_share_the_work_and_keep_the_order(pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks) -> None:
    await subscribed(pool, receiver)
    for number in range(5):
        await sent(pool, 1, 2, 3, subject=f"partner:KE:P-{number}")
    other = Webhooks(pool, HERE)
    await asyncio.gather(sender.look(), other.look())
    await asyncio.gather(sender.settled(), other.settled())
    await turn(sender)
    await other.close()
    for number in range(5):
        assert [told for subject, told in receiver.told if subject == f"partner:KE:P-{number}"] == ["1", "2", "3"]
    assert len(receiver.asked) == 15


async def test_a_sender_that_is_stopped_leaves_its_work_to_the_next(pool: asyncpg.Pool, receiver: Receiver) -> None:
    receiver.hangs = True
    await subscribed(pool, receiver)
    await sent(pool, 1)
    first = Webhooks(pool, HERE)
    await first.look()
    await receiver.came.wait()
    await first.close()

    receiver.hangs = False
    second = Webhooks(pool, HERE)
    await turn(second)
    await second.close()
    assert receiver.told == [(PARTNER, "1")]


async def test_the_loop_looks_and_rests_until_it_is_ended(pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks) -> None:
    await subscribed(pool, receiver)
    await sent(pool, 1)

    class Over(Exception):
        pass

    async def rest(seconds: float) -> None:
        await sender.settled()
        raise Over

    with pytest.raises(Over):
        await sender.for_ever(rest)
    assert receiver.told == [(PARTNER, "1")]


# --- secrets ------------------------------------------------------------------------------------------------------------------


async def test_after_a_rotation_both_secrets_verify_until_the_old_one_ends(
    pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks
) -> None:
    made = await subscribed(pool, receiver)
    await sent(pool, 1)
    changed = await subscriptions.rotate(pool, made.id, Rotation(hours=1))
    assert changed.secret != made.secret
    await turn(sender)  # the receiver knows only the old one
    headers, raw = receiver.asked[0]
    Webhook(changed.secret).verify(raw, headers)
    assert len(headers["webhook-signature"].split()) == 2

    receiver.secret = changed.secret
    await pool.execute("UPDATE subscription SET previous_until = clock_timestamp()")
    await sent(pool, 2)
    await turn(sender)
    headers, raw = receiver.asked[1]
    assert len(headers["webhook-signature"].split()) == 1
    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret).verify(raw, headers)


async def test_a_secret_that_has_become_known_ends_at_once(pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks) -> None:
    made = await subscribed(pool, receiver)
    changed = await subscriptions.rotate(pool, made.id, Rotation(hours=0))
    receiver.secret = changed.secret
    await sent(pool, 1)
    await turn(sender)
    assert len(receiver.asked[0][0]["webhook-signature"].split()) == 1


async def test_nothing_that_is_listed_shows_a_secret(pool: asyncpg.Pool, receiver: Receiver) -> None:
    made = await subscribed(pool, receiver)
    assert made.secret.startswith("whsec_")
    assert made.secret not in (await subscriptions.listed(pool))[0].model_dump_json()


async def test_a_subscription_that_is_removed_leaves_nothing_in_the_queue(pool: asyncpg.Pool, receiver: Receiver, sender: Webhooks) -> None:
    made = await subscribed(pool, receiver)
    await sent(pool, 1)
    await turn(sender)
    await subscriptions.remove(pool, made.id)
    assert await pool.fetchval("SELECT count(*) FROM delivery") == await pool.fetchval("SELECT count(*) FROM delivery_cursor") == 0
    with pytest.raises(NoSuchWebhook):
        await subscriptions.one(pool, made.id)


async def test_somebody_of_another_office_does_not_find_it(pool: asyncpg.Pool, receiver: Receiver) -> None:
    made = await subscribed(pool, receiver, offices=["KE", "MZ"])
    for offices, found in ((frozenset({"KE"}), 0), (frozenset({"KE", "MZ", "PE"}), 1), (None, 1)):
        assert len(await subscriptions.listed(pool, offices)) == found
    with pytest.raises(NoSuchWebhook):
        await subscriptions.rotate(pool, made.id, Rotation(), frozenset({"KE"}))


# --- where nothing is sent ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
        "198.18.0.1", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::", "ff02::1", "2001:db8::1", "192.88.99.1",
    ],
)  # fmt: skip
def test_an_address_of_ours_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_is(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


async def public(host: str, port: int) -> list[str]:
    return ["93.184.215.14"]


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("https://user:secret@example.org/", "url_credentials"),
        ("http://example.org/", "url_not_https"),
        ("ftp://example.org/", "url_not_https"),
        ("file:///etc/passwd", "url_unreadable"),
        ("https://example.org:25/", "url_port"),
        ("https://example.org:99999/", "url_unreadable"),
        ("https://example.org/#there", "url_fragment"),
        ("https://example.org/a b", "url_unreadable"),
        ("https://exa\nmple.org/", "url_unreadable"),
        ("https://example.org\\@127.0.0.1/", "url_unreadable"),
        ("https://exämple.org/", "url_unreadable"),
        ("https:///nowhere", "url_unreadable"),
        ("//example.org", "url_not_https"),
        ("https://[::1", "url_unreadable"),
        ("https://example.org/" + "a" * 2000, "url_unreadable"),
        ("https://127.0.0.1/", "url_unreachable"),
        ("https://[::1]:8443/", "url_unreachable"),
        ("https://[::ffff:10.0.0.1]/", "url_unreachable"),
        ("https://169.254.169.254/latest/meta-data", "url_unreachable"),
    ],
)
async def test_a_url_that_is_not_taken_says_why(url: str, rule: str) -> None:
    assert rule in {finding.rule for finding in await Reach(resolve=public).check(url)}


@pytest.mark.parametrize("url", ["https://example.org/pca?key=1", "https://example.org:8443/", "https://93.184.215.14/"])
async def test_a_public_url_is_taken(url: str) -> None:
    assert await Reach(resolve=public).check(url) == []


@pytest.mark.parametrize("url", ["https://2130706433/", "https://0x7f.1/", "https://localhost/"])
async def test_another_way_to_write_our_address_is_seen_through(url: str) -> None:
    assert {finding.rule for finding in await Reach().check(url)} == {"url_unreachable"}


async def test_one_private_address_among_public_ones_is_one_too_many() -> None:
    async def mixed(host: str, port: int) -> list[str]:
        return ["93.184.215.14", "10.0.0.7"]

    with pytest.raises(Unreachable):
        await Reach(resolve=mixed).addresses("example.org", 443)


async def test_what_the_operator_allows_is_taken_over_http_too() -> None:
    async def inside(host: str, port: int) -> list[str]:
        return ["10.1.2.3"]

    allowed = Reach.of("10.1.0.0/16, bus.internal", inside)
    assert await allowed.check("http://10.1.2.3:8080/pca") == []
    assert await allowed.check("http://bus.internal/pca") == []
    assert await allowed.check("https://other.internal/pca") == []
    assert {finding.rule for finding in await allowed.check("http://other.internal/pca")} == {"url_not_https"}
    with pytest.raises(ValueError, match="host bits"):
        Reach.of("10.1.2.3/16")


async def test_a_private_url_is_refused_when_it_is_given(pool: asyncpg.Pool) -> None:
    with pytest.raises(WebhookRefused) as refused:
        await subscriptions.create(pool, Reach(), NewWebhook(url="https://192.168.0.1/"), owner="ke.ops", offices=None)
    assert [finding.rule for finding in refused.value.findings] == ["url_unreachable"]
    assert await subscriptions.listed(pool) == []


async def test_a_name_that_is_pointed_at_us_afterwards_gains_nothing(pool: asyncpg.Pool, receiver: Receiver) -> None:
    """DNS rebinding: public when it is given, ours when it is connected to."""
    answers = [["93.184.215.14"], ["127.0.0.1"]]

    async def rebinding(host: str, port: int) -> list[str]:
        return answers.pop(0)

    port = receiver.url.rpartition(":")[2].partition("/")[0]
    reach_ = Reach(resolve=rebinding)
    made = await subscriptions.create(
        pool, reach_, NewWebhook(url=f"https://example.org:{port}/", since="beginning"), owner="ke.ops", offices=None
    )
    await sent(pool, 1)
    sender = Webhooks(pool, reach_)
    await turn(sender)
    await sender.close()
    assert receiver.asked == []
    assert answers == []
    assert (await subscriptions.one(pool, made.id)).last_error == "the host is not on the public internet"


async def test_the_connection_goes_to_the_address_that_was_looked_at(receiver: Receiver) -> None:
    asked: list[str] = []

    async def once(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    allowed = Reach.of("hook.test", once)
    async with reach.client(allowed) as http:
        url = receiver.url.replace("127.0.0.1", "hook.test")
        receiver.status = 500
        assert (await http.post(url, content=b'{"id": ""}')).status_code == 500
    assert asked == ["hook.test"]


async def test_what_was_allowed_once_is_judged_again_when_it_is_sent(pool: asyncpg.Pool, receiver: Receiver) -> None:
    made = await subscribed(pool, receiver)
    await sent(pool, 1)
    sender = Webhooks(pool, Reach())
    await turn(sender)
    await sender.close()
    assert receiver.asked == []
    assert (await subscriptions.one(pool, made.id)).last_error == "url_not_https"


async def test_a_trial_says_what_was_answered(pool: asyncpg.Pool, receiver: Receiver) -> None:
    made = await subscribed(pool, receiver)
    assert (await subscriptions.send_trial(pool, HERE, made.id)).model_dump() == {"taken": True, "why": "HTTP 204"}
    assert receiver.events[0]["type"] == f"pca.{webhooks.TEST}.v1"
    receiver.status = 404
    assert (await subscriptions.send_trial(pool, HERE, made.id)).model_dump() == {"taken": False, "why": "HTTP 404"}
    assert (await subscriptions.send_trial(pool, Reach(), made.id)).taken is False
