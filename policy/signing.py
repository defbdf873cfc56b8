"""What may be said without a signature: a decision or message typed into Temporal's own page or command line.

A pack lists kinds of tasks, messages and roles; everything else must be signed. A pack that lists nothing takes nothing unsigned.
Whether a signature is good is no rule of a pack and not judged here.
"""

from policy.pack import Pack
from schemas.findings import Finding

NEXT = "Say it in the web inbox or with `pca`, which sign it."


def unsigned(pack: Pack, *, role: str, task: str = "", message: str = "") -> list[Finding]:
    """Why a verdict on a `task` of that kind, or a `message` of that kind, may not come unsigned from somebody in `role`."""
    rule, kind = ("unsigned.tasks", task) if task else ("unsigned.messages", message)
    found = []
    for name, value in ((rule, kind), ("unsigned.roles", role)):
        if value not in (pack[name] if name in pack.rules else ()):
            what = f"{'a decision on' if task else 'the message'} {kind}" if name == rule else f"what {role} says"
            source = pack.source(name) if name in pack.rules else ""
            found.append(Finding(rule="unsigned", message=f"Here {what} must be signed.", path="$.proof", source=source, next_step=NEXT))
    return found
