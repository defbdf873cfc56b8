"""The rule packs: loading, freezing and hashing one, and reading its rules, tasks and obligations.

A pack is TOML text with an effective date. Its hash is that of the text, so a case that pins a pack pins every character of it;
a pack once used is never edited. Values never change after loading: lists become tuples, tables become read-only mappings,
decimals are Decimal. Nothing here decides anything.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal, cast

from schemas.findings import Finding

Status = Literal["confirmed", "derived", "assumed"]
STATUSES: tuple[Status, ...] = ("confirmed", "derived", "assumed")


class UnknownRule(KeyError):
    """The pack has no rule, task or obligation of that name."""


@dataclass(frozen=True)
class Rule:
    """One rule: its value, the unit of the value, where it comes from and how sure that is."""

    id: str
    value: Any
    unit: str
    source: str
    status: Status


@dataclass(frozen=True)
class VerdictRule:
    """One verdict of a task kind, and what it must carry."""

    name: str
    comment_required: bool
    message_required: bool


@dataclass(frozen=True)
class TaskRule:
    """One kind of human task; what its verdicts carry stands in the catalogue (`schemas.tasks`), and a test compares the two.

    `days` are working days from opening; None: the due moment comes with the task.
    """

    kind: str
    number: int
    days: int | None
    holder: Literal["office", "partner", "external"]
    roles: tuple[str, ...]
    verdicts: tuple[VerdictRule, ...]
    escalates_to: tuple[str, ...]
    blocks: tuple[str, ...]
    source: str
    status: Status


@dataclass(frozen=True)
class ObligationRule:
    """One kind of obligation. `due` is read by `policy.obligations`."""

    kind: str
    scope: Literal["partner", "case"]
    arises: str
    due: Mapping[str, Any]
    owners: tuple[str, ...]
    verifier: str
    consequences: tuple[str, ...]
    met_by: tuple[str, ...]
    source: str
    status: Status


@dataclass(frozen=True)
class Pack:
    """One edition of the rules of one track."""

    id: str
    track: Literal["standard", "emergency"]
    effective_on: date
    title: str
    rules: Mapping[str, Rule]
    tasks: Mapping[str, TaskRule]
    obligations: Mapping[str, ObligationRule]
    sha256: str
    text: str

    def __getitem__(self, rule: str) -> Any:
        """The value of a rule."""
        return self.rule(rule).value

    def rule(self, rule: str) -> Rule:
        if rule not in self.rules:
            raise UnknownRule(f"pack {self.id} has no rule {rule}")
        return self.rules[rule]

    def number(self, rule: str) -> Decimal:
        """The value of a rule as a Decimal."""
        return Decimal(self[rule])

    def source(self, rule: str) -> str:
        """The citation shown to whom the rule refuses; assumed figures are named as ours, never as policy."""
        found = self.rule(rule)
        return f"office setting ({rule})" if found.status == "assumed" else f"{found.source} ({rule})"

    def task(self, kind: str) -> TaskRule:
        if kind not in self.tasks:
            raise UnknownRule(f"pack {self.id} has no task {kind}")
        return self.tasks[kind]

    def obligation(self, kind: str) -> ObligationRule:
        if kind not in self.obligations:
            raise UnknownRule(f"pack {self.id} has no obligation {kind}")
        return self.obligations[kind]

    def finding(
        self,
        rule: str,
        message: str,
        *,
        of: str,
        path: str = "",
        severity: Literal["refusal", "wait", "warning"] = "refusal",
        next_step: str = "",
    ) -> Finding:
        """A finding `rule` that rests on the pack's rule `of`."""
        return Finding(rule=rule, message=message, severity=severity, path=path, source=self.source(of), next_step=next_step)


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return MappingProxyType({key: _frozen(item) for key, item in value.items()})
    return value


def _verdict(text: str) -> VerdictRule:
    return VerdictRule(name=text.rstrip("*†"), comment_required="*" in text, message_required="†" in text)


def _status(name: str, row: Mapping[str, Any]) -> Status:
    if row["status"] not in STATUSES:
        raise ValueError(f"{name}: status {row['status']!r} is none of {', '.join(STATUSES)}")
    return cast("Status", row["status"])


def parse(text: str) -> Pack:
    """A pack from its TOML text.

    Raises `tomllib.TOMLDecodeError`, or `KeyError` / `ValueError` naming what is missing or wrong.
    """
    raw = _frozen(tomllib.loads(text, parse_float=Decimal))
    return Pack(
        id=raw["id"],
        track=raw["track"],
        effective_on=raw["effective_on"],
        title=raw["title"],
        rules=MappingProxyType(
            {
                name: Rule(id=name, value=row["value"], unit=row["unit"], source=row["source"], status=_status(name, row))
                for name, row in raw["rules"].items()
            }
        ),
        tasks=MappingProxyType(
            {
                kind: TaskRule(
                    kind=kind,
                    number=row["number"],
                    days=row.get("days"),
                    holder=row["holder"],
                    roles=row["roles"],
                    verdicts=tuple(_verdict(verdict) for verdict in row["verdicts"]),
                    escalates_to=row["escalates_to"],
                    blocks=row["blocks"],
                    source=row["source"],
                    status=_status(kind, row),
                )
                for kind, row in raw["tasks"].items()
            }
        ),
        obligations=MappingProxyType(
            {
                kind: ObligationRule(
                    kind=kind,
                    scope=row["scope"],
                    arises=row["arises"],
                    due=row["due"],
                    owners=row["owners"],
                    verifier=row["verifier"],
                    consequences=row["consequences"],
                    met_by=row["met_by"],
                    source=row["source"],
                    status=_status(kind, row),
                )
                for kind, row in raw["obligations"].items()
            }
        ),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        text=text,
    )


def shipped() -> Iterator[str]:
    """The texts of the packs that come with this release."""
    folder = resources.files("policy") / "packs"
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".toml"):
            yield entry.read_text(encoding="utf-8")


@cache
def catalogue() -> tuple[Pack, ...]:
    """Every pack that comes with this release, by id."""
    return tuple(sorted((parse(text) for text in shipped()), key=lambda pack: pack.id))


def load(identifier: str) -> Pack:
    """The shipped pack of that id."""
    for pack in catalogue():
        if pack.id == identifier:
            return pack
    raise UnknownRule(f"no pack {identifier}; there are {', '.join(pack.id for pack in catalogue())}")


def in_force(packs: Iterable[Pack], track: str, day: date) -> Pack:
    """The pack of `track` with the latest effective date not after `day`."""
    candidates = [pack for pack in packs if pack.track == track and pack.effective_on <= day]
    if not candidates:
        raise UnknownRule(f"no {track} pack is in force on {day}")
    return max(candidates, key=lambda pack: (pack.effective_on, pack.id))


@dataclass(frozen=True)
class Row:
    """One line of `pca policy show`: a rule, task or obligation as people read it."""

    section: Literal["rules", "tasks", "obligations"]
    id: str
    value: str
    unit: str
    source: str
    status: Status


@dataclass(frozen=True)
class Difference:
    """One line of `pca policy diff`; an empty side has no such line."""

    section: str
    id: str
    left: str
    right: str


def readable(value: Any) -> str:
    """A pack value as text: tables as `key: value`, lists joined by commas."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {readable(item)}" for key, item in value.items())
    if isinstance(value, tuple):
        return ", ".join(f"({readable(item)})" if isinstance(item, Mapping | tuple) else readable(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    return str(value)


def show(pack: Pack) -> list[Row]:
    """The whole pack, line by line, in its own order."""
    rules = [Row("rules", rule.id, readable(rule.value), rule.unit, rule.source, rule.status) for rule in pack.rules.values()]
    tasks = [
        Row(
            "tasks",
            task.kind,
            f"{'its own date' if task.days is None else task.days}; {readable(task.roles)}",
            f"working days, {task.holder}",
            task.source,
            task.status,
        )
        for task in pack.tasks.values()
    ]
    obligations = [
        Row(
            "obligations",
            item.kind,
            f"{readable(item.due)}; {readable(item.consequences)}",
            f"of the {item.scope}",
            item.source,
            item.status,
        )
        for item in pack.obligations.values()
    ]
    return rules + tasks + obligations


def diff(left: Pack, right: Pack) -> list[Difference]:
    """What two packs say differently: the two tracks side by side, or two editions of one."""
    one = {(row.section, row.id): row.value for row in show(left)}
    other = {(row.section, row.id): row.value for row in show(right)}
    return [
        Difference(section, name, one.get((section, name), ""), other.get((section, name), ""))
        for section, name in dict.fromkeys((*one, *other))
        if one.get((section, name)) != other.get((section, name))
    ]
