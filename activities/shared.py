"""Starting, or nudging, a workflow that no case owns: vetting, umbrella, obligations, activation.

The row it works on exists before (the record starts nothing); here is only the hint. Whoever starts it first wins, whoever comes
later sends it the empty signal `look_again`. Nothing here reads or writes what the workflow decides by.
"""

import asyncpg
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDConflictPolicy

from schemas.engine import Start
from schemas.search_attributes import PCA_COUNTRY, PCA_PARTNER, PCA_REF, PCA_STAGE, PCA_TRACK

TASK_QUEUE = "pca"


def search_attributes(start: Start) -> TypedSearchAttributes:
    """What a shared workflow can be found by from its first moment: its subject says it all (`case:<ref>`, `partner:<ISO2>:<id>`, ...)."""
    kind, _, rest = start.input.subject.partition(":")
    pairs: list[SearchAttributePair[str]] = [
        SearchAttributePair(PCA_STAGE, start.input.stage),
        SearchAttributePair(PCA_TRACK, start.input.view.track),
    ]
    if kind in ("case", "activation"):
        pairs.append(SearchAttributePair(PCA_REF, rest))
    else:
        country, _, rest = rest.partition(":")
        pairs.append(SearchAttributePair(PCA_COUNTRY, country))
        if kind in ("partner", "umbrella"):
            # an umbrella's subject ends with its programme; partner ids may hold colons themselves
            pairs.append(SearchAttributePair(PCA_PARTNER, rest.rpartition(":")[0] if kind == "umbrella" else rest))
    return TypedSearchAttributes(pairs)


async def start_shared(pool: asyncpg.Pool, client: Client, start: Start) -> None:
    """Starts `start.workflow` under its id if it is not running, and tells it to look again either way.

    A workflow on a practice clock is entered as a member of that clock first, so that a clock that is moved between the two steps
    finds it. Errors: those of the client (`RPCError`) and of the database; the activity's retries repeat both steps without harm.
    """
    clock = start.input.view.clock.name
    if clock:
        await pool.execute("INSERT INTO clock_member (clock, workflow) VALUES ($1, $2) ON CONFLICT DO NOTHING", clock, start.id)
    await client.start_workflow(
        start.workflow,
        start.input,
        id=start.id,
        task_queue=TASK_QUEUE,
        start_signal="look_again",
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=start.summary or None,
        search_attributes=search_attributes(start),
    )
