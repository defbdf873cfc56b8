"""Named queries from files: `-- name: x`, a comment that says what for, the statement. Read once; nothing is put together at run time."""

import re
from functools import cache
from importlib import resources

_NAME = re.compile(r"^-- name: (\S+)\s*$", re.MULTILINE)


@cache
def queries(file: str) -> dict[str, str]:
    """The statements of `db/sql/<file>.sql` by name. Raises ValueError if a name stands twice."""
    text = (resources.files("db") / "sql" / f"{file}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    found: dict[str, str] = {}
    for name, statement in zip(parts[::2], parts[1::2], strict=True):
        if name in found:
            raise ValueError(f"{file}.sql names {name} twice")
        found[name] = statement.strip().rstrip(";")
    return found


@cache
def folder(name: str) -> dict[str, str]:
    """The statements of every file in `db/sql/<name>/`."""
    found: dict[str, str] = {}
    files = sorted(entry.name for entry in (resources.files("db") / "sql" / name).iterdir() if entry.name.endswith(".sql"))
    for file in files:
        more = queries(f"{name}/{file.removesuffix('.sql')}")
        if both := found.keys() & more.keys():
            raise ValueError(f"{file} names again: {', '.join(sorted(both))}")
        found |= more
    return found
