"""The vetting ledger of a partner in an office, read from rows into what the rules understand.

Shared by asking, beginning and settling, so that what a stage is told to do is what the record will insist on. Reads only.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import asyncpg

from db import content
from db.sql import queries
from policy import vetting
from policy.pack import Pack
from schemas.intake import Intake, Partner
from schemas.names import office_and_partner

SQL = queries("vetting")

OPEN_FLAGS = frozenset({"open", "escalate"})


@dataclass(frozen=True)
class Ledger:
    """Everything that a conclusion on a partner rests on, but for the screening."""

    subject: str
    partner: Partner
    required: tuple[str, ...]
    """The elements this partner needs, in the order of the pack."""
    lines: tuple[vetting.Element, ...]
    rows: dict[str, asyncpg.Record]
    flags: tuple[str, ...]
    """Flags that nobody has weighed yet."""
    high_assumed_by_head: bool
    pca_end: date | None

    def needs(self, level: vetting.Level, day: date, pack: Pack) -> tuple[vetting.Need, ...]:
        """What the level still needs. `full` is met by nothing assumed or deferred."""
        return vetting.needs(self.required, self.lines, level, day, pack, high_assumed_by_head=self.high_assumed_by_head)


async def latest_intake(conn: asyncpg.Connection, subject: str) -> Intake:
    """The newest facts that the record has of a partner. Raises LookupError if no case ever named it."""
    case = await conn.fetchrow(SQL["cases_of"], subject)
    if case is None:
        raise LookupError(f"the record has no case of {subject}")
    return await content.intake(conn, case["reference"])


async def intakes(conn: asyncpg.Connection, subject: str) -> list[Intake]:
    """The facts of every case of a partner, the newest first."""
    return [await content.intake(conn, row["reference"]) for row in await conn.fetch(SQL["cases_of"], subject)]


async def read(conn: asyncpg.Connection, subject: str, pack: Pack) -> Ledger:
    """The ledger of `partner:<office>:<id>` as the rows stand."""
    partner = (await latest_intake(conn, subject)).partner
    rows = {row["element"]: row for row in await conn.fetch(SQL["elements"], subject)}
    lines = [_line(row) for row in rows.values() if ":" not in row["element"]]
    flags = {name.removeprefix("flag:"): row for name, row in rows.items() if name.startswith("flag:")}
    if partner.blocked or any(row["result"] == "block" for row in flags.values()):
        lines.append(vetting.Element(element="red_flag", result="blocked"))
    planned = await conn.fetchval(SQL["planned_cash"], subject) + (partner.planned_cash_year_usd or Decimal(0))
    office, name = office_and_partner(subject)
    hact = rows.get("hact")
    return Ledger(
        subject=subject,
        partner=partner,
        required=vetting.required(partner, planned, pack, psea_reasons=_psea_reasons(rows.get("psea"))),
        lines=tuple(lines),
        rows=rows,
        flags=tuple(sorted(flag for flag, row in flags.items() if row["result"] in OPEN_FLAGS)),
        high_assumed_by_head=hact is not None and hact["source"] == "assumed" and hact["details"].get("role") == "head_of_office",
        pca_end=await conn.fetchval(SQL["pca_end"], office, name),
    )


def _line(row: asyncpg.Record) -> vetting.Element:
    details: dict[str, Any] = row["details"]
    assessed = details.get("assessed_on")
    return vetting.Element(
        element=row["element"],
        result=row["result"],
        source=row["source"],
        agency=row["agency"] or "",
        assessed_on=date.fromisoformat(assessed) if assessed else None,
        # an element that was reopened is over whatever its own date says
        valid_until=date.min if row["result"] == "expired" else row["valid_until"],
        rating=details.get("rating", ""),
    )


def _psea_reasons(row: asyncpg.Record | None) -> frozenset[str]:
    """An international CSO that was assessed in the country once for a reason is assessed there again."""
    reason = row["details"].get("country_reason") if row is not None else None
    return frozenset({reason}) if reason else frozenset()


def recorded(line: vetting.Element, **details: Any) -> dict[str, Any]:
    """The data of `vetting.element_recorded` for a line of the ledger."""
    return {
        "element": line.element,
        "result": line.result,
        "source": line.source,
        "agency": line.agency or None,
        "valid_until": line.valid_until.isoformat() if line.valid_until else None,
        "details": {
            key: value
            for key, value in {
                "rating": line.rating,
                "assessed_on": line.assessed_on.isoformat() if line.assessed_on else "",
                **details,
            }.items()
            if value
        },
    }


def newer(line: vetting.Element, row: asyncpg.Record | None) -> bool:
    """Whether what an intake says of an element is newer than what the ledger holds of it."""
    if row is None:
        return True
    held = _line(row)
    ends = row["valid_until"]  # as recorded: what was reopened is not made good again by the same old facts
    if held.element == line.element and held.result == line.result and ends == line.valid_until:
        return False
    later = (line.assessed_on or date.min) > (held.assessed_on or row["recorded_at"].date())
    longer = line.valid_until is not None and ends is not None and line.valid_until > ends
    return later or longer


SATISFIES: dict[str, tuple[str, ...]] = {"full": ("full",), "emergency": ("emergency", "full")}
"""Which clearances serve a level: what is good enough for the standard track is good enough for the emergency one."""


def refusal_stands(clearance: asyncpg.Record | None, since: datetime) -> bool:
    """Whether a refusal concerns who has been asking since `since`; who asks afterwards is vetted anew."""
    return clearance is not None and clearance["state"] == "refused" and clearance["granted_at"] >= since
