"""What the commands print: tables at a terminal, plain tab-separated lines without one, stable JSON with `--json`, problems as a list.

Exit codes: 0 done, 1 something of ours broke, 2 invalid input or usage, 3 refused by a rule, 4 not found, 5 a server cannot be reached.
This module must never print a stack trace, a password or the text of a comment.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import click

from schemas.findings import Finding

DONE, BROKEN, INVALID, REFUSED, MISSING, UNREACHABLE = range(6)


class Stopped(Exception):
    """The command ends here with `code`; `findings` say why, each with its place and what to do next."""

    def __init__(self, code: int, findings: Iterable[Finding], *, title: str = "", told: bool = False) -> None:
        self.code = code
        self.findings = list(findings)
        self.title = title
        self.told = told
        super().__init__(title or "; ".join(finding.rule for finding in self.findings))


def stop(code: int, rule: str, message: str, *, path: str = "", next_step: str = "", source: str = "") -> Stopped:
    """One problem, as an exception to raise."""
    return Stopped(code, [Finding(rule=rule, message=message, path=path, source=source, next_step=next_step)])


def at_a_terminal() -> bool:
    return sys.stdout.isatty()


def plain(value: Any) -> Any:
    """A value as JSON holds it: amounts and moments as text, moments in ISO 8601."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    if hasattr(value, "_asdict"):
        return value._asdict()
    if hasattr(value, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    if isinstance(value, set | frozenset):
        return sorted(value)
    if hasattr(value, "items"):
        return dict(value.items())
    return str(value)


def as_json(value: Any) -> None:
    """One JSON document on standard output: sorted keys, so that two runs can be compared."""
    click.echo(json.dumps(_deep(value), default=plain, indent=2, sort_keys=True, ensure_ascii=False))


def _deep(value: Any) -> Any:
    # a named tuple would become a list, and a row of the record is no dict
    if hasattr(value, "_asdict"):
        return {key: _deep(item) for key, item in value._asdict().items()}
    if isinstance(value, dict):
        return {str(key): _deep(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_deep(item) for item in value]
    return value


def cell(value: Any) -> str:
    """A value in a table: nothing for none, commas in amounts, moments to the minute."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value:,f}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case list() | tuple() | set() | frozenset():
            return ", ".join(cell(item) for item in value)
        case dict():
            return ", ".join(f"{key} {cell(item)}" for key, item in value.items())
        case _:
            return str(value)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "") -> None:
    """Rows under their columns. Without a terminal: one line a row, tab-separated, the columns first."""
    lines = [[cell(value) for value in row] for row in rows]
    if not at_a_terminal():
        if title:
            click.echo(f"# {title}")
        for line in (list(columns), *lines):
            click.echo("\t".join(" ".join(value.split()) for value in line))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for line in lines:
        shown.add_row(*(Text(value) for value in line))
    Console().print(shown)


def say(line: str) -> None:
    """One line of what happened."""
    click.echo(line)


class Lines:
    """One line for each step done: above a progress bar at a terminal, plain without one, none if `quiet`."""

    def __init__(self, total: int, what: str, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._total = total
        self._what = what
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> "Lines":
        if not self._quiet and at_a_terminal():
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            self._bar = Progress(TextColumn(self._what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), transient=True)
            self._task = self._bar.add_task(self._what, total=self._total)
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def told(self, line: str) -> None:
        """A step is done."""
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False)
            self._bar.advance(self._task)
        elif not self._quiet:
            click.echo(line)


def problems(findings: Iterable[Finding], *, title: str = "") -> None:
    """Findings on standard error: rule and message, then place, source and what to do next."""
    if title:
        click.echo(title, err=True)
    for finding in findings:
        mark = {"refusal": "-", "wait": "-", "warning": "!"}[finding.severity]
        click.echo(f"{mark} {finding.rule}: {finding.message}".rstrip(": "), err=True)
        for name, value in (("at", finding.path), ("rule from", finding.source), ("next", finding.next_step)):
            if value:
                click.echo(f"    {name}: {value}", err=True)
