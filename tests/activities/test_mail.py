"""Letters: who gets them, when, in which words, and what must never stand in one."""

import asyncio
import re
import tomllib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest

from activities import delivery, mail
from activities.mail import DIGEST, LANGUAGES, Mail, Refused, Smtp, plain, words
from activities.sealed import KINDS
from db.events import Chains, body
from embedded.mail import Caught
from embedded.servers import free_port
from schemas.engine import Batch, Opening
from schemas.events import EVENTS
from schemas.names import partner_subject
from schemas.tasks import CATALOGUE
from tests.activities.desk import EXAMPLES, Desk, at, facts

MONDAY = datetime(2026, 3, 2, 6, tzinfo=UTC)
"""Nine in the morning in Nairobi."""
CANARY = "CANARY"
SCRIPT = "<script>alert(1)</script>\r\nBcc: thief@example.org"


class Clock:
    """The wall clock of a test."""

    def __init__(self, now: datetime = MONDAY) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class Box:
    """A post that keeps what it is given, refuses whom it is told to, and may be away."""

    local = True

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.refuses: set[str] = set()
        self.away = False

    async def send(self, letter: EmailMessage) -> None:
        if self.away:
            raise ConnectionRefusedError
        if self.to(letter) in self.refuses:
            raise Refused("SMTP 550")
        self.letters.append(letter)

    @staticmethod
    def to(letter: EmailMessage) -> str:
        return str(letter["To"].addresses[0].addr_spec)

    def of(self, address: str) -> list[EmailMessage]:
        return [letter for letter in self.letters if self.to(letter) == address]


def text(letter: EmailMessage, kind: str = "plain") -> str:
    part = letter.get_body((kind,))
    assert part is not None
    return str(part.get_content())


FOCAL, BUDGET = "wanjiru.kamau@ke.office.example", "halima.abdi@ke.office.example"
OTHER_FOCAL = "kevin.odhiambo@ke.office.example"
DRAFTING = {FOCAL, OTHER_FOCAL, BUDGET}
"""Who may take the office's turn."""
PARTNER_AT = "director@partner.example"


def intake(**document: Any) -> dict[str, Any]:
    """The intake of C1 with people of the partner who have an address."""
    found = facts("C1")
    found["document"] |= document
    for person in (*found["partner"].get("officers", ()), *found["partner"].get("focal_points", ())):
        person.pop("email", None)
    first = found["partner"]["officers"][0]
    first |= {"email": PARTNER_AT}
    return found


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
async def post(pool: asyncpg.Pool, box: Box, clock: Clock) -> Mail:
    found = Mail(pool, box, sender="PCA <pca@office.example>", public_url="https://pca.example/", now=clock)
    await delivery.enter(pool, mail.NAME)  # from the beginning: nothing has happened yet
    return found


async def case(desk: Desk, **document: Any) -> str:
    """A case in drafting with the office's turn open."""
    found = intake(**document)
    subject = await desk.taken(found)
    await desk.open(subject, "document", at("2026-02-17"), Opening(kind="office_turn", whom="turn-1"))
    return subject


async def write(pool: asyncpg.Pool, subject: str, name: str, data: dict[str, Any], **more: Any) -> None:
    """An event that nothing else has to follow from."""
    async with pool.acquire() as conn, conn.transaction():
        chains = Chains(cast("asyncpg.Connection", conn))
        await chains.lock([subject])
        await chains.append(subject, body(name, MONDAY, data, cause={"kind": "timer", "id": "t"}, **more))


@pytest.fixture(autouse=True)
def _recorded_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' wall clock is not the database's."""
    monkeypatch.setattr(mail, "STALE", timedelta(days=100_000))


# --- the digest -----------------------------------------------------------------------------------------------------------


async def test_a_digest_comes_once_a_day_with_a_way_to_each_task(desk: Desk, post: Mail, box: Box, clock: Clock) -> None:
    subject = await case(desk)
    await post.look()
    (letter,) = box.of(FOCAL)
    assert letter["Subject"].startswith("Your open tasks: ")
    task = await desk.task(subject, "office_turn", "turn-1", stage="document")
    assert f"https://pca.example/tasks/{task.id}" in text(letter)
    assert f'href="https://pca.example/tasks/{task.id}"' in text(letter, "html")
    assert "token" not in letter.as_string().lower()

    await post.look()
    clock.now += timedelta(hours=2)
    await post.look()
    assert len(box.of(FOCAL)) == 1
    clock.now += timedelta(days=1)
    await post.look()
    assert len(box.of(FOCAL)) == 2
    assert len({letter["Message-ID"] for letter in box.of(FOCAL)}) == 2


async def test_who_has_nothing_to_do_gets_no_digest(desk: Desk, post: Mail, box: Box) -> None:
    await case(desk)
    await post.look()
    assert {Box.to(letter) for letter in box.letters} == DRAFTING


@pytest.mark.parametrize("moment", ["2026-03-02T03:59", "2026-03-02T15:00", "2026-03-07T06:00"])
async def test_no_digest_before_the_morning_after_hours_or_on_a_day_off(
    desk: Desk, post: Mail, box: Box, clock: Clock, moment: str
) -> None:
    await case(desk)
    clock.now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    await post.look()
    assert box.of(FOCAL) == []


async def test_what_is_overdue_stands_first(desk: Desk, post: Mail, box: Box, clock: Clock) -> None:
    subject = await case(desk)
    await desk.open(subject, "document", at("2026-02-27"), Opening(kind="attach_annex", whom="children"))
    await post.look()
    (letter,) = box.of(FOCAL)
    lines = [line for line in text(letter).splitlines() if line.startswith("* ")]
    assert lines == ["* Work on the programme document (overdue)", "* Attach an annex"]


async def test_a_task_that_was_claimed_is_nobody_elses(desk: Desk, post: Mail, box: Box) -> None:
    await case(desk)
    await desk.pool.execute("UPDATE task SET claimed_by = 'ke.001'")
    await post.look()
    assert {Box.to(letter) for letter in box.letters} == {FOCAL}


async def test_who_stands_in_for_somebody_gets_his_tasks(desk: Desk, post: Mail, box: Box) -> None:
    raw = tomllib.loads((EXAMPLES / "offices" / "KE.toml").read_text())
    raw["delegations"] = [
        {"principal": "ke.003", "delegate": "ke.004", "roles": ["budget_owner"], "from": MONDAY.date(), "to": MONDAY.date()}
    ]
    raw |= {"version": "2026-02", "effective_on": MONDAY.date()}
    await mail.versions.load_office(desk.pool, raw)
    await case(desk)
    await post.look()
    assert len(box.of("beatrice.njoroge@ke.office.example")) == 1


async def test_the_partner_gets_its_own_tasks_and_no_other(desk: Desk, post: Mail, box: Box) -> None:
    subject = await case(desk)
    await post.look()
    assert box.of(PARTNER_AT) == []
    await desk.pool.execute("DELETE FROM mailed")
    await desk.open(subject, "approval", at("2026-02-18"), Opening(kind="sign_as_partner"))
    post._written.clear()
    await post.look()
    (letter,) = box.of(PARTNER_AT)
    (line,) = [line for line in text(letter).splitlines() if line.startswith("* ")]
    assert line.startswith("* Sign for the partner")


async def test_a_task_that_is_decided_before_the_letter_leaves_is_not_told(desk: Desk, post: Mail, box: Box) -> None:
    await case(desk)
    await post.digests()
    await desk.pool.execute("UPDATE task SET state = 'closed'")
    assert await post.send_due() == 0
    assert await desk.pool.fetchval("SELECT count(*) FROM mailed WHERE state = 'dropped'") == 3


async def test_a_long_digest_says_how_many_more_there_are(desk: Desk, post: Mail, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "LONGEST", 1)
    subject = await case(desk)
    await desk.open(subject, "document", at("2026-02-27"), Opening(kind="attach_annex", whom="children"))
    await post.look()
    assert "* and 1 more tasks" in text(box.of(FOCAL)[0])


# --- at once ------------------------------------------------------------------------------------------------------------------


async def test_what_is_urgent_is_told_at_once_and_once(desk: Desk, post: Mail, box: Box, clock: Clock) -> None:
    subject = await case(desk)
    clock.now = MONDAY - timedelta(hours=5)  # in the middle of the night
    await write(desk.pool, subject, "document.sent", {"version": 1, "sha256": "0" * 64, "due": None})
    await post.look()
    assert {Box.to(letter) for letter in box.letters} == {FOCAL, BUDGET, PARTNER_AT}
    (letter,) = box.of(PARTNER_AT)
    reference = subject.removeprefix("case:")
    assert letter["Subject"] == f"{reference}: The document was sent to the partner"
    assert f"https://pca.example/cases/{reference}" in text(letter)
    await post.look()
    assert len(box.letters) == 3


async def test_who_did_it_is_not_told_of_it(desk: Desk, post: Mail, box: Box, clock: Clock) -> None:
    subject = await case(desk)
    clock.now = MONDAY - timedelta(hours=5)
    actor = {"id": "ke.001", "role": "focal_point", "on_behalf_of": None}
    await write(desk.pool, subject, "document.sent", {"version": 1, "sha256": "0" * 64, "due": None}, actor=actor)
    await post.look()
    assert box.of(FOCAL) == []


async def test_what_is_late_goes_to_the_next_name_at_once(desk: Desk, post: Mail, box: Box, clock: Clock) -> None:
    subject = await case(desk)
    clock.now = MONDAY - timedelta(hours=5)
    task = await desk.task(subject, "office_turn", "turn-1", stage="document")
    await write(desk.pool, subject, "task.escalated", {"task": task.id, "level": 1, "to": "partnership_manager"})
    await post.look()
    assert {Box.to(letter) for letter in box.letters} >= {*DRAFTING, "samuel.otieno@ke.office.example"}
    assert "Late: Work on the programme document" in box.letters[0]["Subject"]


async def test_on_the_fast_path_whom_a_task_names_is_told_at_once(desk: Desk, post: Mail, box: Box, clock: Clock) -> None:
    subject = await case(desk)
    clock.now = MONDAY - timedelta(hours=5)
    named = Opening(kind="attach_annex", whom="children", candidates=["ke.003"])
    for track, told in (("standard", 0), ("emergency", 1)):
        opening = named.model_copy(update={"whom": track})
        done = await desk.recorder.record(
            mail_batch(desk, subject, track, opening),
        )
        assert not done.refused, done.findings
        await post.look()
        assert len(box.of(BUDGET)) == told
    assert box.of(FOCAL) == []


def mail_batch(desk: Desk, subject: str, track: str, opening: Opening) -> Batch:
    desk.keys += 1
    return Batch(
        key=f"open:{desk.keys}", subject=subject, stage="document", at=at("2026-02-18"), opens=[opening], workflow="w", track=track
    )


async def test_old_news_is_not_told_as_news(desk: Desk, post: Mail, box: Box, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "STALE", timedelta(days=1))
    subject = await case(desk)
    await write(desk.pool, subject, "document.sent", {"version": 1, "sha256": "0" * 64, "due": None})
    clock.now = datetime.now(UTC) + timedelta(days=2)
    await delivery.enter(desk.pool, mail.NAME)
    while await delivery.deliver(desk.pool, mail.NAME, post.told):
        pass
    assert await desk.pool.fetchval("SELECT count(*) FROM mailed") == 0


async def test_letters_begin_with_what_happens_after_they_were_switched_on(desk: Desk, box: Box, clock: Clock) -> None:
    subject = await case(desk)
    await write(desk.pool, subject, "document.sent", {"version": 1, "sha256": "0" * 64, "due": None})
    clock.now = MONDAY - timedelta(hours=5)
    late = Mail(desk.pool, box, sender="pca@office.example", public_url="https://pca.example", now=clock)
    await late.look()
    assert box.letters == []


# --- what never stands in a letter ----------------------------------------------------------------------------------------------


async def test_names_and_titles_run_nothing_and_add_no_header(desk: Desk, post: Mail, box: Box, clock: Clock) -> None:
    subject = await case(desk, title=SCRIPT)
    await write(desk.pool, subject, "document.sent", {"version": 1, "sha256": "0" * 64, "due": None})
    await post.look()
    assert box.letters
    for letter in box.letters:
        assert letter["Bcc"] is None
        assert len(letter.get_all("To")) == 1
        assert "<script" not in text(letter, "html")
        assert "&lt;script&gt;" in text(letter, "html")
        assert "\r\nBcc" not in letter.as_string().partition("\r\n\r\n")[0]
        assert [part.get_content_type() for part in letter.iter_parts()] == ["text/plain", "text/html"]


async def test_nothing_sealed_confidential_or_internal_leaks(desk: Desk, post: Mail, box: Box, clock: Clock) -> None:
    """Canaries in every place that a letter must not read: a comment, a reason, a score, the id of a sealed task, a confidential title."""
    subject = await case(desk, title=CANARY, confidential=True)
    row = await desk.case(subject)
    partner = row["partner_subject"]
    assert partner == partner_subject(row["office"], row["partner"])
    hit = {"hit": CANARY, "list_entry": CANARY, "name_role": CANARY, "score": "0.93"}
    await write(desk.pool, partner, "screening.hit_found", hit)
    await desk.open(partner, "vetting", at("2026-02-18"), Opening(kind="dispose_screening_hit", whom=CANARY, cases=[subject]))
    stop = {"scope": "all", "reason_code": "sanctions", "automatic": True, "blocks": [], "until": None}
    await write(desk.pool, partner, "case.suspended", stop)
    notice = {"notice": CANARY, "kind": "termination", "object": subject, "ground": "fraud", "days": 30, "effective_on": None, "blocks": []}
    await write(desk.pool, subject, "notice.sent", notice | {"document_sha256": None})
    await post.look()
    assert box.of(PARTNER_AT)
    for letter in box.letters:
        whole = str(letter["Subject"]) + text(letter) + text(letter, "html")
        found = [word for word in (CANARY, "screening", "hit", "sanction", "fraud", "0.93", *KINDS) if word.lower() in whole.lower()]
        assert found == [], (Box.to(letter), whole)
    told = [letter for letter in box.letters if "confidential" in text(letter)]
    assert told
    assert all("https://pca.example/tasks\n" in text(letter) for letter in told)
    assert not any("onfidential" in text(letter) for letter in box.of(PARTNER_AT))


# --- words ------------------------------------------------------------------------------------------------------------------------


async def test_an_office_that_works_in_french_is_written_to_in_french(desk: Desk, post: Mail, box: Box) -> None:
    raw = tomllib.loads((EXAMPLES / "offices" / "KE.toml").read_text())
    raw |= {"version": "2026-02", "effective_on": MONDAY.date(), "languages": ["sw", "fr", "en"]}
    await mail.versions.load_office(desk.pool, raw)
    await case(desk)
    await post.look()
    (letter,) = box.of(FOCAL)
    assert letter["Subject"].startswith("Vos tâches ouvertes : 1")
    assert "Bonjour Wanjiru Kamau," in text(letter)
    assert "Travailler sur le document de programme (en retard)" in text(letter)
    assert '<html lang="fr">' in text(letter, "html")
    assert re.search(r"échéance : \d+ (février|mars) 2026", text(letter))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_task_and_every_urgent_event_has_words_in_each_language(language: str) -> None:
    text = words(language)
    assert set(text["task"]) == {kind for kind in CATALOGUE if kind not in KINDS} | {"confidential"}
    sealed = {name for name in EVENTS if name.startswith("screening.")}
    assert set(text["event"]) == {name for name, event in EVENTS.items() if event.urgent and name not in sealed} | {"confidential"}
    assert set(text["letter"]) == set(words("en")["letter"])
    assert all(values.count("%s") == words("en")["letter"][name].count("%s") for name, values in text["letter"].items())


def test_a_text_on_one_line() -> None:
    assert plain("a\r\nBcc: b\tc\x00\u202e d") == "a Bcc: b c d"


# --- sending ------------------------------------------------------------------------------------------------------------------------


async def test_an_address_that_refuses_backs_off_and_is_given_up_visibly(desk: Desk, post: Mail, box: Box) -> None:
    await case(desk)
    box.refuses = {FOCAL}
    await post.look()
    assert len(box.of(BUDGET)) == 1  # nobody else waits for it
    moment = datetime.now(UTC)
    for _ in range(delivery.ATTEMPTS):
        moment += timedelta(hours=5)
        await post.send_due(at=moment)
    (gone,) = await mail.dead(desk.pool)
    assert (gone["person"], gone["what"], gone["last_error"]) == ("ke.001", DIGEST, "SMTP 550")
    box.refuses = set()
    assert not await mail.revive(desk.pool, "ke.003")
    assert await mail.revive(desk.pool, "ke.001")
    await post.send_due(at=moment)
    assert len(box.of(FOCAL)) == 1


async def test_a_server_that_is_away_is_tried_again_with_every_letter(desk: Desk, post: Mail, box: Box) -> None:
    await case(desk)
    box.away = True
    await post.look()
    box.away = False
    await post.send_due(at=datetime.now(UTC) + timedelta(minutes=1))
    assert {Box.to(letter) for letter in box.letters} == DRAFTING


async def test_two_workers_send_each_letter_once(desk: Desk, post: Mail, box: Box, clock: Clock) -> None:
    await case(desk)
    other = Mail(desk.pool, box, sender="pca@office.example", public_url="https://pca.example", now=clock)
    await asyncio.gather(post.look(), other.look())
    await asyncio.gather(post.look(), other.look())
    assert sorted(map(Box.to, box.letters)) == sorted(DRAFTING)


async def test_a_letter_sent_twice_across_a_crash_is_the_same_letter(desk: Desk, post: Mail, box: Box) -> None:
    await case(desk)
    await post.look()
    await desk.pool.execute("UPDATE mailed SET state = 'waiting'")  # sent, and not yet said so
    await post.send_due(at=datetime.now(UTC) + timedelta(minutes=1))
    first, second = box.of(FOCAL)
    assert first["Message-ID"] == second["Message-ID"]


class Real(Box):
    local = False


@pytest.mark.parametrize(("box_type", "practice", "told"), [(Box, True, True), (Box, False, False), (Real, True, False)])
async def test_what_is_practised_goes_to_the_catcher_alone(
    desk: Desk, clock: Clock, box_type: Callable[[], Box], practice: bool, told: bool
) -> None:
    subject = await case(desk)
    await desk.pool.execute("INSERT INTO clock VALUES ('training', interval '0')")
    await desk.pool.execute("""UPDATE "case" SET clock = 'training'""")
    box = box_type()
    found = Mail(desk.pool, box, sender="pca@office.example", public_url="https://pca.example", practice=practice, now=clock)
    await found.look()
    await write(desk.pool, subject, "document.sent", {"version": 1, "sha256": "0" * 64, "due": None}, clock="training")
    await found.look()
    assert bool(box.letters) is told


@pytest.fixture
async def catcher(tmp_path: Path) -> AsyncIterator[tuple[Caught, int]]:
    from embedded.mail import listen

    caught, port = Caught(tmp_path / "mail"), free_port()
    server = await listen(caught, port)
    yield caught, port
    server.close()


async def test_a_letter_is_carried_by_smtp_with_both_parts(desk: Desk, clock: Clock, catcher: tuple[Caught, int]) -> None:
    caught, port = catcher
    await case(desk, title="Nutrition é <b>")
    carried = Mail(desk.pool, Smtp.of(f"smtp://127.0.0.1:{port}"), sender="pca@office.example", public_url="https://pca.example", now=clock)
    assert await carried.look() == 3
    (letter,) = caught.all(FOCAL)
    assert "Nutrition é <b>" in str(letter["text"])
    assert "Nutrition é &lt;b&gt;" in str(letter["html"])
    assert letter["from"] == "pca@office.example"


async def test_what_the_server_says_of_an_address_is_told_by_its_code(catcher: tuple[Caught, int]) -> None:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "pca@office.example", "nobody@refused.example", "x"
    letter.set_content("x")
    with pytest.raises(Refused, match=r"^SMTP 550$"):
        await Smtp.of(f"smtp://127.0.0.1:{catcher[1]}").send(letter)


@pytest.mark.parametrize("url", ["http://mail.example", "smtp://", "mail.example:25"])
def test_a_setting_that_is_no_mail_server_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="PCA_SMTP_URL"):
        Smtp.of(url)


def test_a_password_of_the_mail_server_is_shown_nowhere() -> None:
    found = Smtp.of("smtps://pca%40x:pass%2Fword@mail.example")
    assert (found.user, found.password, found.port, found.tls, found.local) == ("pca@x", "pass/word", 465, True, False)
    assert "pass" not in repr(found).replace("password", "")
