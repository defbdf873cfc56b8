"""Names and zone of an office, for pages that the office's people read: the record itself knows opaque ids only."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg

from db.sql import queries
from schemas.office import Office

SQL = queries("web")
_read: dict[str, "OfficeNames"] = {}


@dataclass(frozen=True)
class OfficeNames:
    """Actor id to name, and who holds which role. Empty for an office that the record does not know."""

    zone: str = "UTC"
    names: dict[str, str] = field(default_factory=dict)
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def options(self, *roles: str) -> list[tuple[str, str]]:
        """People as choices of a field, by name; of these roles if any are named."""
        found = [(actor, name) for actor, name in self.names.items() if not roles or set(roles) & set(self.roles[actor])]
        return sorted(found, key=lambda each: each[1])


async def of(pool: asyncpg.Pool, office: str) -> OfficeNames:
    """Those of an office (ISO2), as its file in force says. A file never changes, so it is read once."""
    row = await pool.fetchrow(SQL["office"], office, datetime.now(UTC).date())
    if row is None:
        return OfficeNames()
    if row["sha256"] not in _read:
        file = Office.model_validate(row["body"])
        _read[row["sha256"]] = OfficeNames(
            file.time_zone,
            {person.actor: person.name for person in file.people},
            {person.actor: tuple(grant.role for grant in person.roles) for person in file.people},
        )
    return _read[row["sha256"]]


async def partners(pool: asyncpg.Pool, subjects: list[str]) -> dict[str, str]:
    """Partner subject to legal name."""
    return {row["partner_subject"]: row["name"] for row in await pool.fetch(SQL["partner_names"], sorted(set(subjects)))}
