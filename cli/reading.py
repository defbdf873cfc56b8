"""Reading what people give as files and as JSON on the command line: every fault with its place, amounts without a digit lost.

Nothing here knows what a message means.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from schemas.findings import Finding

STANDARD_INPUT = "-"


class TwiceInOneObject(ValueError):
    """A JSON object names a field twice: which of the two is meant is nobody's to guess."""


@dataclass(frozen=True)
class Item:
    """One message out of a file. `label` says where it stands; `raw` is the parsed JSON, or the text as it came if `faults` say why not."""

    label: str
    raw: Any
    faults: list[Finding] = field(default_factory=list)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise TwiceInOneObject(f"the field {name!r} stands twice in one object")
        found[name] = value
    return found


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def parse(text: str) -> Any:
    """JSON with Decimal numbers. Raises ValueError: `json.JSONDecodeError` with its place, or `TwiceInOneObject`."""
    return json.loads(text, parse_float=Decimal, parse_constant=_constant, object_pairs_hook=_object)


def _fault(rule: str, message: str, path: str, next_step: str) -> Finding:
    return Finding(rule=rule, message=message, path=path, source="schemas.intake", next_step=next_step)


def _not_json(error: ValueError, label: str, line: int = 1) -> Finding:
    if isinstance(error, TwiceInOneObject):
        return _fault("field_twice", f"{str(error)[0].upper()}{str(error)[1:]}.", label, "Keep one of the two.")
    if isinstance(error, json.JSONDecodeError):
        place = f"{label} line {line + error.lineno - 1} column {error.colno}"
        return _fault("not_json", f"{error.msg}.", place, "Mend the file at that place; is it cut off?")
    return _fault("not_json", f"{error}.", label, "See `pca schema intake`.")


def items(name: str, content: bytes) -> list[Item]:
    """The messages in a file: one JSON object, a list of them, or one a line (JSON lines)."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = _fault("wrong_encoding", f"Byte {error.start} is not UTF-8.", f"{name} line {line}", "Save the file as UTF-8.")
        return [Item(name, content, [found])]
    if not text.strip():
        return [Item(name, text, [_fault("empty", "There is nothing in it.", name, "See `pca schema intake`.")])]
    try:
        whole = parse(text)
    except ValueError as error:
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        if len(lines) > 1 and _first_is_whole(lines[0][1]):
            return [_line(name, number, line) for number, line in lines]
        return [Item(name, text, [_not_json(error, name)])]
    if isinstance(whole, list):
        if not whole:
            return [Item(name, text, [_fault("empty", "The list is empty.", name, "See `pca schema intake`.")])]
        return [Item(f"{name} [{number}]", raw) for number, raw in enumerate(whole)]
    return [Item(name, whole)]


def _first_is_whole(line: str) -> bool:
    try:
        return isinstance(parse(line), dict)
    except TwiceInOneObject:
        return True
    except ValueError:
        return False


def _line(name: str, number: int, line: str) -> Item:
    label = f"{name} line {number}"
    try:
        return Item(label, parse(line))
    except ValueError as error:
        return Item(label, line, [_not_json(error, name, number)])


def files(names: tuple[str, ...]) -> Iterator[Item]:
    """The messages of all files in order; `-` is standard input."""
    for name in names:
        if name == STANDARD_INPUT:
            yield from items("standard input", sys.stdin.buffer.read())
        else:
            yield from items(name, Path(name).read_bytes())


def placed(item: Item, findings: list[Finding]) -> list[Finding]:
    """Findings with the place of their message before the JSON path."""
    return [
        finding if finding.path.startswith(item.label) else finding.model_copy(update={"path": f"{item.label} {finding.path}".strip()})
        for finding in findings
    ]


def argument(value: str | None, option: str) -> dict[str, Any] | None:
    """A JSON object given on the command line, or `@file` with one in it."""
    if value is None:
        return None
    try:
        text = Path(value[1:]).read_text(encoding="utf-8-sig") if value.startswith("@") else value
        found = parse(text)
    except OSError as error:
        raise click.BadParameter(f"{error.filename}: {error.strerror}", param_hint=option) from None
    except ValueError as error:  # also an encoding that is not UTF-8
        raise click.BadParameter(f"not JSON: {error}", param_hint=option) from None
    if not isinstance(found, dict):
        raise click.BadParameter("a JSON object is expected", param_hint=option)
    return found
