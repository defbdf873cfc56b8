"""`pca webhooks`, `pca mail` and what `pca doctor` says of them."""

from datetime import UTC, datetime
from typing import cast

import asyncpg

from activities.reach import Reach
from db.events import Chains, body
from schemas.webhooks import NewWebhook
from tests.cli.conftest import Engine, Pca
from worker import subscriptions

SUBJECT = "partner:KE:P-KE-0001"


async def dead_letter(pool: asyncpg.Pool) -> str:
    """A subscription with one dead letter; its id."""
    reach = Reach.of("127.0.0.1")
    made = await subscriptions.create(pool, reach, NewWebhook(url="http://127.0.0.1:9000/"), owner="ke.ops", offices=frozenset({"KE"}))
    async with pool.acquire() as conn, conn.transaction():
        chains = Chains(cast("asyncpg.Connection", conn))
        await chains.lock([SUBJECT])
        await chains.append(SUBJECT, body("document.sent", datetime(2026, 3, 2, tzinfo=UTC), {}, cause={"kind": "timer", "id": "t"}))
    await pool.execute(
        "INSERT INTO delivery (subscriber, subject, attempts, last_error, dead) VALUES ($1, $2, 19, 'HTTP 500', true)",
        f"webhook:{made.id}",
        SUBJECT,
    )
    return made.id


async def test_dead_letters_are_told_and_sent_again(engine: Engine) -> None:
    name = await dead_letter(engine.pool)
    (listed,) = (await engine.pca("webhooks", "list", "--json")).json
    assert (listed["id"], listed["dead"], "secret" in listed) == (name, 1, False)
    assert name in (await engine.pca("webhooks", "list")).out
    (letter,) = (await engine.pca("webhooks", "dead", name, "--json")).json
    assert (letter["subject"], letter["last_error"]) == (SUBJECT, "HTTP 500")
    checks = {check["name"]: check for check in (await engine.pca("doctor", "--json")).json["checks"]}
    assert checks[f"webhook {name}"]["state"] == "fails"
    assert f"pca webhooks send-again {name}" in checks[f"webhook {name}"]["mend"]

    sent = await engine.pca("webhooks", "send-again", name, SUBJECT)
    assert (sent.code, sent.out) == (0, f"{SUBJECT} is sent again\n")
    assert (await engine.pca("webhooks", "dead", name, "--json")).json == []
    assert (await engine.pca("webhooks", "send-again", name, SUBJECT)).code == 4
    assert (await engine.pca("webhooks", "send-again", name, "--all")).code == 0


async def test_what_is_not_there_is_not_found(engine: Engine) -> None:
    for command in (("dead", "wh_none"), ("send-again", "wh_none", SUBJECT)):
        assert (await engine.pca("webhooks", *command)).code == 4
    assert (await engine.pca("mail", "send-again", "ke.001")).code == 4


async def test_letters_that_were_given_up_are_told_and_sent_again(engine: Engine) -> None:
    await engine.pool.execute(
        "INSERT INTO mailed (person, what, day, office, partner, cases, state, attempts, last_error) "
        "VALUES ('ke.001', 'digest', '2026-03-02', 'KE', false, '{}', 'dead', 19, 'SMTP 550')"
    )
    (letter,) = (await engine.pca("mail", "dead", "--json")).json
    assert (letter["person"], letter["last_error"]) == ("ke.001", "SMTP 550")
    checks = {check["name"]: check for check in (await engine.pca("doctor", "--json")).json["checks"]}
    assert checks["letters"]["state"] == "fails"
    assert (await engine.pca("mail", "send-again", "ke.001")).code == 0
    checks = {check["name"]: check for check in (await engine.pca("doctor", "--json")).json["checks"]}
    assert checks["deliveries"]["state"] == "ok"


def test_one_subject_or_all_of_them(pca: Pca) -> None:
    for arguments in ((), (SUBJECT, "--all")):
        assert pca("webhooks", "send-again", "wh_1", *arguments).code == 2
