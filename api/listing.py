"""What all lists over HTTP have in common: a page as it is sent, the parameters that page it, and the same list as CSV."""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from activities import browse
from api import views
from api.caller import Caller
from api.problems import Problem
from policy import access

Plain = dict[str, Any]


class Listing(BaseModel):
    """One page of a list."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [{"reference": "KEN/2026/0007", "status": "in_review"}], "next": "WyJjYXNlcyIs"}]}
    )

    items: list[dict[str, JsonValue]] = Field(description="rows, as far as the caller may see them; may be fewer than asked for")
    next: str | None = Field(description="what `after` takes for the next page; null: this was the last")


After = Annotated[str | None, Query(max_length=2000, description="`next` of the page before; leave it out for the first")]
Limit = Annotated[int, Query(ge=1, le=browse.LONGEST, description="rows of a page at most")]
Code = Annotated[str | None, Query(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9:._@/-]*$")]
"""A filter by an id or code."""
Iso2 = Annotated[str | None, Query(pattern=r"^[A-Z]{2}$", description="office", examples=["KE"])]


def allowed(caller: Caller, action: str, office: str | None = None) -> None:
    """Raises `Problem` 403 where the caller may not do it in the office (None: in any)."""
    if not caller.may(action, office):
        raise Problem(403, "forbidden", f"This takes a right that you do not have: {access.TABLE[action].what}.")


def listed(caller: Caller, kind: str, page: browse.Page) -> Listing:
    """A page of a list as the caller may see it."""
    shown = views.items(caller, kind, page)
    return Listing(items=shown.items, next=shown.next)


def exported(
    caller: Caller, name: str, columns: Sequence[str], page: Callable[..., Awaitable[browse.Page]], /, *args: Any, **filters: Any
) -> StreamingResponse:
    """The whole list as CSV, row by row as it is read: never held as a whole. Cells that a spreadsheet would run are texts."""

    async def rows() -> AsyncIterator[str]:
        yield _line(columns)
        async for row in browse.every(page, *args, **filters):
            shown = views.item(caller, name, row)
            if shown is not None:
                yield _line([views.csv_cell(shown.get(column)) for column in columns])

    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(rows(), media_type="text/csv; charset=utf-8", headers=headers)


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


CSV: dict[int | str, dict[str, Any]] = {
    200: {"description": "every row, streamed", "content": {"text/csv": {"schema": {"type": "string"}, "example": "reference,status\r\n"}}}
}
