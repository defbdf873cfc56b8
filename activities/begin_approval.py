"""What the approval goes by when it begins: whether the case carries a PCA in draft, and which. Reads only."""

from typing import Any

import asyncpg

from activities.begin import begins
from activities.settle_contingency import ROUTE
from db.sql import queries
from schemas.engine import BeginStage

SQL = queries("begin_money")


@begins("approval")
async def approval(conn: asyncpg.Connection, begin: BeginStage) -> dict[str, Any]:
    """`{carried, umbrella}`: the PCA is approved and signed beside the document by the case that carries it, while in draft.

    `route: activation` where a contingency document is activated: prepared and approved, neither reviewed nor signed again.
    """
    row = await conn.fetchrow(SQL["carried"], begin.subject)
    if row is None:
        raise LookupError(f"the record has no {begin.subject}")
    route = "activation" if row["instrument"] == ROUTE else ""
    return {"carried": row["carried"], "umbrella": row["umbrella"], **({"route": route} if route else {})}
