"""Loading sanctions lists: the UN Security Council consolidated list's XML, read whole or refused whole.

Reads CONSOLIDATED_LIST > INDIVIDUALS > INDIVIDUAL and ENTITIES > ENTITY. Every fault is reported with its line. Names are kept in the
original and in a transliterated form; a list once loaded is never edited: another edition is another version. This module must never
score a name (`policy.screening`) nor decide what a hit means (a person does).
"""

import hashlib
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, InputSource, Locator

import asyncpg
import defusedxml.sax
from anyascii import anyascii
from defusedxml.common import DefusedXmlException

from schemas.findings import Finding

UN_CONSOLIDATED = "un-sc-consolidated"
"""Name of the list under which editions of the UN Security Council's consolidated list are kept."""

_SOURCE = "UN Security Council consolidated list, XML format"
_GIVEN_NAMES = ("FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME")


@dataclass(frozen=True)
class ListedName:
    """One name of an entry: as listed, and in Latin letters."""

    name: str
    latin: str
    primary: bool


@dataclass(frozen=True)
class Entry:
    """One listed individual or entity."""

    entry: str
    kind: str
    names: tuple[ListedName, ...]
    details: dict[str, Any]


@dataclass(frozen=True)
class SanctionsList:
    """One edition of a list, as read."""

    name: str
    version: str
    effective: date
    sha256: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Loaded:
    """What loading did. `repeated`: this very edition was there already, and nothing changed."""

    name: str
    version: str
    effective: date
    entries: int
    repeated: bool


class SanctionsListUnreadable(Exception):
    """The sanctions list cannot be read; nothing of it was loaded."""

    def __init__(self, faults: Iterable[Finding]) -> None:
        self.faults = list(faults)
        super().__init__("; ".join(f"{fault.path}: {fault.message}" for fault in self.faults))


def parse(content: bytes, *, name: str = UN_CONSOLIDATED) -> SanctionsList:
    """The edition in `content`. Raises `SanctionsListUnreadable` with every fault and its line."""
    root = _tree(content)
    faults: list[Finding] = []
    if root.tag != "CONSOLIDATED_LIST":
        raise SanctionsListUnreadable([_fault(root.line, f"the root is {root.tag}, expected CONSOLIDATED_LIST")])
    version = root.attributes.get("dateGenerated", "").strip()
    effective = _day(version)
    if effective is None:
        faults.append(_fault(root.line, "CONSOLIDATED_LIST has no readable dateGenerated, expected a date such as 2026-02-01"))
    entries: list[Entry] = []
    lines: dict[str, int] = {}
    for group, tag, kind in (("INDIVIDUALS", "INDIVIDUAL", "individual"), ("ENTITIES", "ENTITY", "entity")):
        found = root.all(group)
        if not found:
            faults.append(_fault(root.line, f"CONSOLIDATED_LIST has no {group}"))
        for node in (child for parent in found for child in parent.children):
            if node.tag != tag:
                faults.append(_fault(node.line, f"{node.tag} inside {group}, expected {tag}"))
                continue
            entry = _entry(node, kind, faults)
            if entry is None:
                continue
            if entry.entry in lines:
                faults.append(_fault(node.line, f"DATAID {entry.entry} stands twice, first on line {lines[entry.entry]}"))
            lines.setdefault(entry.entry, node.line)
            entries.append(entry)
    if faults or effective is None:
        raise SanctionsListUnreadable(faults)
    return SanctionsList(
        name=name, version=version, effective=effective, sha256=hashlib.sha256(content).hexdigest(), entries=tuple(entries)
    )


async def load(conn: asyncpg.Connection, content: bytes, *, name: str = UN_CONSOLIDATED) -> Loaded:
    """Read an edition and keep it, in one transaction. The same edition again changes nothing; other content under it is refused."""
    edition = parse(content, name=name)
    async with conn.transaction():
        # Two loaders of one list wait for each other, so that the second sees what the first kept.
        await conn.execute("SELECT pg_advisory_xact_lock(hashtext('sanctions_list'), hashtext($1))", edition.name)
        kept = await conn.fetchrow(
            "SELECT sha256, entries FROM sanctions_list WHERE name = $1 AND version = $2", edition.name, edition.version
        )
        if kept is not None:
            if kept["sha256"] != edition.sha256:
                raise SanctionsListUnreadable(
                    [_fault(1, f"version {edition.version} of {edition.name} was loaded before with other content")]
                )
            return Loaded(edition.name, edition.version, edition.effective, kept["entries"], repeated=True)
        await conn.execute(
            "INSERT INTO sanctions_list (name, version, effective, sha256, entries) VALUES ($1, $2, $3, $4, $5)",
            edition.name,
            edition.version,
            edition.effective,
            edition.sha256,
            len(edition.entries),
        )
        await conn.executemany(
            "INSERT INTO sanctions_entry (list, version, entry, kind, names, details) VALUES ($1, $2, $3, $4, $5, $6)",
            [
                (
                    edition.name,
                    edition.version,
                    entry.entry,
                    entry.kind,
                    [{"name": name.name, "latin": name.latin, "primary": name.primary} for name in entry.names],
                    entry.details,
                )
                for entry in edition.entries
            ],
        )
    return Loaded(edition.name, edition.version, edition.effective, len(edition.entries), repeated=False)


@dataclass
class _Node:
    """An XML element with the line it begins on, which the standard trees do not keep."""

    tag: str
    line: int
    attributes: dict[str, str]
    children: list["_Node"] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list["_Node"]:
        return [child for child in self.children if child.tag == tag]

    def value(self, *tags: str) -> str:
        """The text of the first of `tags` that has one."""
        return next((child.text for tag in tags for child in self.all(tag) if child.text), "")


class _Builder(ContentHandler):
    def __init__(self) -> None:
        super().__init__()
        self.root: _Node | None = None
        self._open: list[_Node] = []
        self._where: Locator | None = None

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802 (name of the SAX interface)
        self._where = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        line = (self._where.getLineNumber() if self._where else None) or 0
        node = _Node(name, line, dict(attrs.items()))
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node
        self._open.append(node)

    def endElement(self, name: str) -> None:  # noqa: N802
        self._open.pop()

    def characters(self, content: str) -> None:
        self._open[-1].words.append(content)  # outside the root the parser tells of none


def _tree(content: bytes) -> _Node:
    builder = _Builder()
    parser = defusedxml.sax.make_parser()
    parser.setContentHandler(builder)
    source = InputSource()
    source.setByteStream(io.BytesIO(content))
    try:
        parser.parse(source)
    except SAXParseException as error:
        raise SanctionsListUnreadable([_fault(error.getLineNumber() or 0, f"not well-formed XML: {error.getMessage()}")]) from error
    except (DefusedXmlException, ValueError) as error:
        raise SanctionsListUnreadable([_fault(0, f"XML with entities or a document type is not read: {type(error).__name__}")]) from error
    assert builder.root is not None  # a text without an element is not well-formed
    return builder.root


def _entry(node: _Node, kind: str, faults: list[Finding]) -> Entry | None:
    identifier = node.value("DATAID")
    primary = " ".join(part for part in (node.value(tag) for tag in _GIVEN_NAMES) if part)
    if not identifier:
        faults.append(_fault(node.line, f"{node.tag} has no DATAID"))
    if not primary:
        faults.append(_fault(node.line, f"{node.tag} {identifier} has no FIRST_NAME".replace("  ", " ")))
    if not identifier or not primary:
        return None
    alias = "INDIVIDUAL_ALIAS" if kind == "individual" else "ENTITY_ALIAS"
    aliases = [name for name in (child.value("ALIAS_NAME") for child in node.all(alias)) if name]
    original = node.value("NAME_ORIGINAL_SCRIPT")
    listed: dict[str, bool] = {primary: True}
    for other in (original, *aliases):
        if other:
            listed.setdefault(other, False)
    born: list[int] = []
    for birth in node.all("INDIVIDUAL_DATE_OF_BIRTH"):
        said = birth.value("YEAR", "DATE", "FROM_YEAR")
        year = re.match(r"(\d{4})", said)
        if said and year is None:
            faults.append(_fault(birth.line, f"{node.tag} {identifier} has the birth date {said!r}, expected a year or YYYY-MM-DD"))
        elif year is not None:
            born.append(int(year[1]))
    nationality = [value.text for parent in node.all("NATIONALITY") for value in parent.all("VALUE") if value.text]
    details = {"reference": node.value("REFERENCE_NUMBER"), "listed_on": node.value("LISTED_ON"), "born": born, "nationality": nationality}
    return Entry(
        entry=identifier,
        kind=kind,
        names=tuple(ListedName(name=name, latin=anyascii(name), primary=first) for name, first in listed.items()),
        details=details,
    )


def _day(said: str) -> date | None:
    """The day of a moment such as 2026-02-01T10:00:00Z, in UTC, or of a plain date."""
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return None
    return moment.astimezone(UTC).date() if moment.tzinfo else moment.date()


def _fault(line: int, message: str) -> Finding:
    return Finding(
        rule="sanctions_list_unreadable",
        message=message,
        path=f"line {line}",
        source=_SOURCE,
        next_step="Load the file as the UN Security Council publishes it.",
    )
