"""Letters to people: what is urgent at once, everything else in one digest a day, with a way to each task.

Mail is a subscriber of `activities.delivery`: an event only enters letters into a queue, once for each person and matter; the queue is
sent with leases and back-off, so any number of workers may do it. A letter holds labels, references, titles and due moments, never a
comment, an amount, an opinion, or anything sealed or confidential; its links hold no token, since whoever follows one signs in. What the
partner's people get is what they may see. Nothing of a practice clock goes to a real mail server.
"""

import asyncio
import email.utils
import hashlib
import tomllib
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import quote, unquote, urlsplit
from zoneinfo import ZoneInfo

import aiosmtplib
import asyncpg
import structlog
from babel.dates import format_datetime
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from activities import delegations, delivery, versions
from activities.delivery import Told
from activities.people import partner_roles, serves
from activities.sealed import KINDS, class_of
from db import content
from db.sql import queries
from policy import delegation
from policy.calendar import CLOSE, Calendar
from schemas.events import EVENTS
from schemas.intake import Intake
from schemas.names import kind_of, reference_of
from schemas.office import DelegationEntry, Office, Person
from schemas.tasks import CATALOGUE, PARTNER_ROLES

SQL = queries("mail")
Row = asyncpg.Record
NAME = "mail"
FOLDER = Path(__file__).parent / "letters"
LANGUAGES = ("en", "fr")
DIGEST = "digest"
MORNING = time(7)
"""Local time of the office from which its digests are written, until its close of business."""
STALE = timedelta(days=1)
"""What happened longer ago is told at once no more: the letter would come as news of old things."""
LONGEST = 50
"""Tasks named in one digest; of more it says how many."""
LEASE = timedelta(minutes=2)
PATIENCE = 30.0
"""Seconds for one letter; less than the lease."""
OWN_ROLES: Mapping[str, tuple[str, ...]] = {
    "screening.hit_found": CATALOGUE["dispose_screening_hit"].decides,
    "payment.refused": CATALOGUE["resolve_payment_problem"].decides,
    "payment.anomaly": CATALOGUE["resolve_payment_problem"].decides,
}
"""Who of the office is told of an event that is not the focal point's and the budget owner's."""
log = structlog.get_logger(__name__)


@cache
def words(language: str) -> Mapping[str, Mapping[str, str]]:
    """The texts of a language: `letter`, `task` by kind, `event` by name."""
    return cast("Mapping[str, Mapping[str, str]]", tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8")))


def language_of(wanted: Iterable[str]) -> str:
    """The first of these that letters are written in."""
    return next((code for code in wanted if code in LANGUAGES), LANGUAGES[0])


def plain(text: str) -> str:
    """On one line and printable: a title may hold anything, a header or a line of text may not."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def at_once(told: Told) -> bool:
    """Whether an event does not wait for the digest: urgent ones, what is late, and on the fast path whom a task names."""
    if told.type == "task.opened":
        return told.data.get("track") == "emergency" and bool(told.data["data"]["candidates"])
    return told.type == "task.escalated" or EVENTS[told.type].urgent


# --- who ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Addressee:
    """Whom a letter goes to. `held`: roles held today; `acts_for`: principals with the roles in which the person stands in for them."""

    actor: str
    name: str
    address: str
    language: str
    office: Office
    partner: bool = False
    held: frozenset[str] = frozenset()
    acts_for: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def may_decide(self, task: Row | Mapping[str, Any]) -> bool:
        """Whether the task falls to this person: named, or by role, or in the place of who is; and nobody else has claimed it."""
        if task["claimed_by"] not in ("", self.actor):
            return False
        named, wanted = task["candidates"], task["roles"]
        if named:
            return self.actor in named or any(principal in named for principal in self.acts_for)
        return any(serves(role, wanted) for role in self.held.union(*self.acts_for.values()))


def in_force(person: Person, day: date) -> frozenset[str]:
    return frozenset(grant.role for grant in person.roles if grant.in_force(day))


class Directory:
    """The people of the offices as they are at a moment, and the partner's people of intakes."""

    def __init__(self, pool: asyncpg.Pool, now: datetime) -> None:
        self._pool, self._now = pool, now
        self.offices: dict[str, Office] = {}
        self._entries: dict[str, list[DelegationEntry]] = {}

    @classmethod
    async def at(cls, pool: asyncpg.Pool, now: datetime) -> "Directory":
        found = cls(pool, now)
        for office in await versions.offices(pool, now.date()):
            found.offices[office.iso2] = office
            found._entries[office.iso2] = [*office.delegations, *await delegations.accepted(pool, office, found.day(office))]
        return found

    def day(self, office: Office) -> date:
        """The office's date."""
        return self._now.astimezone(ZoneInfo(office.time_zone)).date()

    def people(self, code: str) -> list[Addressee]:
        """Everybody of an office who has an address and a role in force, or stands in for somebody who has."""
        office = self.offices.get(code)
        if office is None:
            return []
        day, language = self.day(office), language_of(office.languages)
        holders = {person.actor: in_force(person, day) for person in office.people}
        stand_ins: dict[str, dict[str, frozenset[str]]] = {}
        for principal, roles in holders.items():
            for role in roles:
                for delegate in delegation.delegates(self._entries[code], principal, role, day):
                    mine = stand_ins.setdefault(delegate, {})
                    mine[principal] = mine.get(principal, frozenset()) | {role}
        return [
            Addressee(
                person.actor, person.name, person.email, language, office, False, holders[person.actor], stand_ins.get(person.actor, {})
            )
            for person in office.people
            if person.email and (holders[person.actor] or person.actor in stand_ins)
        ]

    async def intake(self, case: str) -> Intake:
        return await content.intake(self._pool, reference_of(case))

    async def partners(self, cases: Collection[str]) -> list[Addressee]:
        """The partner's people of these cases who have an address, with their roles."""
        found: dict[str, Addressee] = {}
        intakes = [await self.intake(case) for case in sorted(cases)]
        for intake in intakes:
            office = self.offices.get(intake.office)
            for person in (*intake.partner.officers, *intake.partner.focal_points):
                if office is not None and person.email and person.actor not in found:
                    roles = frozenset(partner_roles(intakes, person.actor))
                    language = language_of((intake.document.language, *office.languages))
                    found[person.actor] = Addressee(person.actor, person.name, person.email, language, office, True, roles)
        return list(found.values())

    async def deciders(self, task: Row) -> list[Addressee]:
        """Whose the task is: of its office, of the office that lends whom it names, or of the partner's side."""
        named = set(task["candidates"])
        codes = [task["office"], *(code for code, office in self.offices.items() if any(office.person(actor) for actor in named))]
        everybody = [person for code in dict.fromkeys(codes) for person in self.people(code)]
        if PARTNER_ROLES & set(task["roles"]):
            everybody += await self.partners(cases_of(task))
        return [person for person in everybody if person.may_decide(task)]

    async def one(self, row: Row) -> Addressee | None:
        """The person of a letter, as known today."""
        people = await self.partners(row["cases"]) if row["partner"] else self.people(row["office"])
        return next((person for person in people if person.actor == row["person"]), None)


def cases_of(task: Row) -> list[str]:
    """The cases whose people are concerned by a task."""
    return [task["subject"]] if kind_of(task["subject"]) == "case" else list(task["cases"])


# --- what is said -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    """One line of a letter. `case`: reference and title; `due`: in the person's words."""

    label: str
    link: str
    case: str = ""
    due: str = ""
    overdue: bool = False


class Post(Protocol):
    """Where letters are given to be carried. `local`: a catcher on this machine, which carries nothing away."""

    @property
    def local(self) -> bool: ...

    async def send(self, letter: EmailMessage) -> None: ...


class Refused(delivery.NotTaken):
    """The server did not take this letter; others it may."""


@dataclass(frozen=True)
class Smtp:
    """An SMTP server: `smtps` from the first byte, `smtp` with STARTTLS; on loopback only also without."""

    host: str
    port: int
    tls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str) -> "Smtp":
        """Raises ValueError for what is no SMTP URL; the text does not repeat it."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("PCA_SMTP_URL is written smtp://user:password@host:587 or smtps://user:password@host:465")
        tls = parts.scheme == "smtps"
        user, password = (unquote(word) if word is not None else None for word in (parts.username, parts.password))
        return cls(parts.hostname, parts.port or (465 if tls else 587), tls, user, password)

    @property
    def local(self) -> bool:
        return self.host in ("127.0.0.1", "::1", "localhost")

    async def send(self, letter: EmailMessage) -> None:
        """Raises Refused, or OSError, TimeoutError and SMTPException where the server cannot be used at all."""
        try:
            await aiosmtplib.send(
                letter, hostname=self.host, port=self.port, username=self.user, password=self.password,
                use_tls=self.tls, start_tls=False if self.tls else (None if self.local else True), timeout=PATIENCE / 2,
            )  # fmt: skip
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise Refused(f"SMTP {error.recipients[0].code}") from None
        except (aiosmtplib.SMTPDataError, aiosmtplib.SMTPSenderRefused) as error:
            raise Refused(f"SMTP {error.code}") from None


class Mail:
    """Writes and sends letters. `now`: the wall clock; `practice`: what is practised is told too, by a local post alone."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        post: Post,
        *,
        sender: str,
        public_url: str,
        practice: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool, self._post, self._sender, self._now = pool, post, sender, now
        self._home = public_url.rstrip("/")
        self._practice = practice and post.local
        self._templates = templates()
        self._written: set[tuple[str, date]] = set()

    # -- written at once --

    async def told(self, told: Told) -> None:
        """The subscriber: enter a letter for everybody whom an event concerns at once."""
        if not at_once(told) or (told.data.get("clock") and not self._practice):
            return
        if told.recorded_at is not None and self._now() - told.recorded_at > STALE:
            return
        directory = await Directory.at(self._pool, self._now())
        actor = (told.data.get("actor") or {}).get("id")
        for person, cases in await self._concerned(directory, told):
            if person.actor != actor:
                await self._write(directory, person, f"{told.subject}#{told.sequence}", cases, told.data.get("clock") or "")

    async def _concerned(self, directory: Directory, told: Told) -> list[tuple[Addressee, list[str]]]:
        data = told.data["data"]
        if told.type in ("task.opened", "task.escalated"):
            task = await self._pool.fetchrow(SQL["task"], data["task"])
            if task is None or task["state"] != "open":
                return []
            people = await directory.deciders(task)
            if told.type == "task.escalated":
                people += [person for person in directory.people(task["office"]) if data.get("to") in person.held and person not in people]
            return [(person, cases_of(task)) for person in people]
        cases = await self._pool.fetch(SQL["cases"], told.subject)
        subjects = [case["subject"] for case in cases]
        codes = {case["office"] for case in cases}
        if kind_of(told.subject) in ("partner", "umbrella"):
            codes.add(told.subject.split(":")[1])
        roles = OWN_ROLES.get(told.type)
        theirs = {case[column] for case in cases for column in ("focal_point", "budget_owner")}
        of_office = [
            person
            for code in sorted(codes)
            for person in directory.people(code)
            if (roles and any(serves(role, roles) for role in person.held)) or (not roles and person.actor in theirs)
        ]
        of_partner = await directory.partners(subjects) if EVENTS[told.type].partner in ("yes", "coarse") else []
        return [(person, subjects) for person in (*of_office, *of_partner)]

    async def _write(self, directory: Directory, person: Addressee, what: str, cases: Sequence[str], clock: str = "") -> None:
        day = directory.day(person.office)
        # news of one event is one matter whatever day it is told; the day of a digest is the matter
        when = day if what == DIGEST else date(1970, 1, 1)
        await self._pool.execute(
            SQL["write"], person.actor, what, when, person.office.iso2, person.partner, list(cases) if person.partner else [], clock
        )

    # -- written once a day --

    async def digests(self) -> None:
        """Enter the digests of every office whose morning has come, on its working days."""
        now = self._now()
        directory = await Directory.at(self._pool, now)
        for code, office in directory.offices.items():
            day, clock = directory.day(office), now.astimezone(ZoneInfo(office.time_zone)).time()
            if (code, day) in self._written or not MORNING <= clock < CLOSE or not Calendar.of(office).is_working_day(day):
                continue
            for person, cases in await self._with_tasks(directory, office):
                await self._write(directory, person, DIGEST, cases)
            self._written.add((code, day))

    async def _with_tasks(self, directory: Directory, office: Office) -> list[tuple[Addressee, list[str]]]:
        found: list[tuple[Addressee, list[str]]] = [(person, []) for person in directory.people(office.iso2) if await self._tasks(person)]
        rows = await self._pool.fetch(SQL["open_tasks"], office.iso2, sorted(PARTNER_ROLES), [], self._now(), self._practice)
        cases: dict[str, set[str]] = {}
        people: dict[str, Addressee] = {}
        for task in rows:
            for person in await directory.partners(cases_of(task)):
                if person.may_decide(task):
                    people[person.actor] = person
                    cases.setdefault(person.actor, set()).update(cases_of(task))
        return [*found, *((people[actor], sorted(cases[actor])) for actor in sorted(people))]

    async def _tasks(self, person: Addressee, cases: Collection[str] = ()) -> list[Row]:
        """The open tasks that fall to a person; of the partner's side only those of the cases named."""
        wanted = sorted({kind_role for kind in CATALOGUE.values() for kind_role in kind.decides} | PARTNER_ROLES)
        held = person.held.union(*person.acts_for.values())
        roles = [role for role in wanted if any(serves(mine, (role,)) for mine in held)]
        names = [person.actor, *person.acts_for]
        # who is lent to another office is named by its tasks: roles count at home, names everywhere
        home = await self._pool.fetch(SQL["open_tasks"], person.office.iso2, roles, names, self._now(), self._practice)
        lent = await self._pool.fetch(SQL["open_tasks"], None, [], names, self._now(), self._practice)
        found = {task["id"]: task for task in (*home, *lent) if person.may_decide(task)}
        if person.partner:
            found = {name: task for name, task in found.items() if set(cases_of(task)) & set(cases)}
        return sorted(
            found.values(), key=lambda task: (not task["overdue"], task["due_at"] or datetime.max.replace(tzinfo=UTC), task["id"])
        )

    # -- composed and sent --

    async def _case(self, directory: Directory, cases: Sequence[str]) -> str:
        """Reference and title of the first case; a confidential document has no title here."""
        if not cases:
            return ""
        intake = await directory.intake(cases[0])
        more = f" +{len(cases) - 1}" if len(cases) > 1 else ""
        return plain(reference_of(cases[0]) + more + ("" if intake.document.confidential else f": {intake.document.title}"))

    async def _item(self, directory: Directory, person: Addressee, task: Row, label: str = "%s") -> Item:
        text = words(person.language)
        if task["kind"] in KINDS:
            # the id of a sealed task says what it is about: the way leads to the inbox
            return Item(label % text["task"]["confidential"], f"{self._home}/tasks", overdue=bool(task.get("overdue")))
        due = task["due_at"]
        return Item(
            label % text["task"][task["kind"]],
            f"{self._home}/tasks/{quote(task['id'], safe='/:')}",
            await self._case(directory, cases_of(task)),
            format_datetime(due.astimezone(ZoneInfo(person.office.time_zone)), "d MMMM y, HH:mm", locale=person.language) if due else "",
            bool(task.get("overdue")),
        )

    async def _items(self, directory: Directory, person: Addressee, row: Row) -> tuple[str, list[Item]]:
        """Subject and lines of a letter; no lines: there is nothing to say any more."""
        text = words(person.language)
        if row["what"] == DIGEST:
            tasks = await self._tasks(person, row["cases"])
            items = [await self._item(directory, person, task) for task in tasks[:LONGEST]]
            if len(tasks) > LONGEST:
                items.append(Item(text["letter"]["more"] % (len(tasks) - LONGEST), f"{self._home}/tasks"))
            return text["letter"]["digest_subject"] % len(tasks), items
        subject, _, sequence = row["what"].rpartition("#")
        event = await self._pool.fetchrow(SQL["event"], subject, int(sequence))
        if event is None:
            return "", []
        data = event["data"]["data"]
        if event["type"] in ("task.opened", "task.escalated"):
            task = await self._pool.fetchrow(SQL["task"], data["task"])
            if task is None or task["state"] != "open":
                return "", []
            label = text["letter"]["escalated"] if event["type"] == "task.escalated" else "%s"
            item = await self._item(directory, person, task, label)
        elif class_of(event["type"], event["data"]) != "open":
            item = Item(text["event"]["confidential"], f"{self._home}/tasks")
        else:
            cases = [case["subject"] for case in await self._pool.fetch(SQL["cases"], subject)]
            cases = [case for case in cases if case in row["cases"]] if person.partner else cases
            link = f"{self._home}/cases/{quote(reference_of(cases[0]))}" if cases else self._home
            item = Item(text["event"][event["type"]], link, await self._case(directory, cases))
        head = item.case.partition(":")[0]
        return f"{head}: {item.label}" if head else item.label, [item]

    async def compose(self, row: Row) -> EmailMessage | None:
        """The letter of a row of the queue, as things stand now; None: nothing is left to be said, or nobody to say it to."""
        directory = await Directory.at(self._pool, self._now())
        person = await directory.one(row)
        if person is None:
            return None
        subject, items = await self._items(directory, person, row)
        if not items:
            return None
        text = words(person.language)
        values = {
            "text": text["letter"],
            "language": person.language,
            "subject": plain(subject),
            "name": plain(person.name),
            "lead": text["letter"]["digest_lead" if row["what"] == DIGEST else "urgent_lead"],
            "items": items,
            "home": self._home,
        }
        letter = EmailMessage(policy=SMTP)
        letter["From"] = self._sender
        letter["To"] = email.utils.formataddr((plain(person.name), person.address))
        letter["Subject"] = plain(subject)
        letter["Date"] = email.utils.format_datetime(self._now())
        letter["Message-ID"] = message_id(row, self._sender)
        letter["Auto-Submitted"] = "auto-generated"
        letter["Content-Language"] = person.language
        letter.set_content(self._templates.get_template("letter.txt").render(values))
        letter.add_alternative(self._templates.get_template("letter.html").render(values), subtype="html")
        return letter

    async def send_due(self, *, at: datetime | None = None) -> int:
        """Send what is due; how many letters were sent. Stops where the server cannot be used."""
        sent = 0
        while True:
            lease = uuid.uuid4().hex
            row = await self._pool.fetchrow(SQL["lease"], lease, LEASE, at)
            if row is None:
                return sent
            try:
                letter = None if row["clock"] and not self._practice else await self.compose(row)
                if letter is not None:
                    async with asyncio.timeout(PATIENCE):
                        await self._post.send(letter)
            except Exception as error:
                attempts = row["attempts"] + 1
                dead = attempts >= delivery.ATTEMPTS
                await self._pool.execute(SQL["failed"], lease, attempts, delivery.back_off(attempts), dead, delivery.why(error), at)
                log.warning("mail.failed", what=row["what"].partition("#")[0], attempts=attempts, dead=dead, why=delivery.why(error))
                if isinstance(error, aiosmtplib.SMTPException | OSError | TimeoutError):
                    return sent
                continue
            await self._pool.execute(SQL["ended"], lease, "dropped" if letter is None else "sent")
            sent += letter is not None

    async def look(self) -> int:
        """One turn: what has happened, whose morning has come, what is due. How many letters were sent."""
        await delivery.enter(self._pool, NAME, await self._pool.fetchval(SQL["newest"]))
        while await delivery.deliver(self._pool, NAME, self.told):
            pass
        await self.digests()
        return await self.send_due()

    async def for_ever(self, rest: Callable[[float], Awaitable[Any]] = asyncio.sleep) -> None:
        """The worker's loop, until it is cancelled. An outage of the record is waited out."""
        while True:
            try:
                await self.look()
            except delivery.OUTAGE as error:
                log.warning("mail.waits", error=type(error).__name__)
            await rest(delivery.IDLE)


def message_id(row: Row, sender: str) -> str:
    """The same for the same letter, so that one sent twice across a crash is folded into one."""
    name = "\n".join((row["person"], row["what"], row["day"].isoformat()))
    domain = email.utils.parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    return f"<{hashlib.sha256(name.encode()).hexdigest()[:32]}@{domain}>"


async def dead(pool: asyncpg.Pool) -> list[dict[str, Any]]:
    """Letters that gave up, for `pca doctor`: person, what, day, attempts, last_error."""
    return [dict(row) for row in await pool.fetch(SQL["dead"])]


async def revive(pool: asyncpg.Pool, person: str) -> bool:
    """Try the letters to a person again."""
    done: str = await pool.execute(SQL["revive"], person)
    return not done.endswith(" 0")
