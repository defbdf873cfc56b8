"""How everything is called: subjects of the record, ids of workflows, of tasks, of orders. Pure functions, both ways where needed.

Names say what, never how often: no counters of attempts, no run ids. Workflow ids use dots, because a slash in an id answers 404 on
Temporal's HTTP API; subjects and task ids use colons. An id of a partner or programme may itself hold colons (`cbpf:1234`), so names
are taken apart from the end that cannot.
"""

import re
from typing import NamedTuple


def case_subject(reference: str) -> str:
    """`KEN/2026/0007` -> `case:KEN/2026/0007`."""
    return f"case:{reference}"


def partner_subject(office: str, partner: str) -> str:
    """The partner in one country: `partner:KE:P-KE-0001`."""
    return f"partner:{office}:{partner}"


def umbrella_subject(office: str, partner: str, programme: str) -> str:
    """The PCA of a partner for one country programme: `umbrella:KE:P-KE-0001:KE-2023`."""
    return f"umbrella:{office}:{partner}:{programme}"


def activation_subject(reference: str) -> str:
    return f"activation:{reference}"


def office_subject(office: str) -> str:
    return f"office:{office}"


def source_subject(source: str) -> str:
    return f"source:{source}"


def kind_of(subject: str) -> str:
    """`case`, `partner`, `umbrella`, `activation`, `office` or `source`."""
    return subject.partition(":")[0]


def reference_of(subject: str) -> str:
    """The reference of a case or activation, the source of a source, the office of an office."""
    return subject.partition(":")[2]


def office_and_partner(subject: str) -> tuple[str, str]:
    """`partner:KE:cbpf:12` -> (`KE`, `cbpf:12`)."""
    _, office, partner = subject.split(":", 2)
    return office, partner


def office_partner_programme(subject: str) -> tuple[str, str, str]:
    """`umbrella:KE:cbpf:12:KE-2023` -> (`KE`, `cbpf:12`, `KE-2023`)."""
    _, office, rest = subject.split(":", 2)
    partner, _, programme = rest.rpartition(":")
    return office, partner, programme


# Workflow ids (stages.md 1) -----------------------------------------------------------------------------------------------------


def _dotted(part: str) -> str:
    return part.replace("/", "-")


def case_workflow(office: str, reference: str) -> str:
    """`pca.KE.KEN-2026-0007`."""
    return f"pca.{office}.{_dotted(reference)}"


def stage_workflow(case: str, stage: str) -> str:
    """The workflow of a stage of the case with workflow id `case`."""
    return f"{case}.{stage}"


def vetting_workflow(office: str, partner: str) -> str:
    return f"pca.partner.{_dotted(partner)}.{office}.vetting"


def partner_obligations_workflow(office: str, partner: str) -> str:
    return f"pca.partner.{_dotted(partner)}.{office}.obligations"


def umbrella_workflow(partner: str, programme: str) -> str:
    return f"pca.partner.{_dotted(partner)}.umbrella.{_dotted(programme)}"


def activation_workflow(reference: str) -> str:
    return f"pca.activation.{_dotted(reference)}"


# Tasks ----------------------------------------------------------------------------------------------------------------------------

STAGES = ("vetting", "document", "review", "approval", "cash", "obligations", "umbrella", "case")

_TASK = re.compile(rf"^(?P<of>.+?):(?P<stage>{'|'.join(STAGES)}):(?P<round>\d+):(?P<kind>[a-z_]+)(?::(?P<whom>.+))?$")


class TaskName(NamedTuple):
    """A task id taken apart. `of`: reference of the case, id of the partner, or `<partner>:<programme>` of an umbrella."""

    of: str
    stage: str
    round: int
    kind: str
    whom: str


def owner_of(subject: str) -> str:
    """What a task of this subject begins with."""
    match kind_of(subject):
        case "partner":
            return office_and_partner(subject)[1]
        case "umbrella":
            return ":".join(office_partner_programme(subject)[1:])
        case _:
            return reference_of(subject)


def task_id(owner: str, stage: str, round_: int, kind: str, whom: str = "") -> str:
    """`<reference | partner id>:<stage>:<round>:<kind>[:<whom>]`; `owner` is a reference, a partner id or `owner_of(subject)`."""
    return f"{owner}:{stage}:{round_}:{kind}" + (f":{whom}" if whom else "")


def task_name(task: str) -> TaskName | None:
    """Take a task id apart; None if it is none."""
    match = _TASK.match(task)
    if match is None:
        return None
    return TaskName(match["of"], match["stage"], int(match["round"]), match["kind"], match["whom"] or "")


# Decisions, orders, obligations, blocks ---------------------------------------------------------------------------------------------


def order_number(reference: str, instalment: int, nth: int) -> str:
    """Payment order `<case>:<instalment>:<n-th order>`."""
    return f"{reference}:{instalment}:{nth}"


def obligation_id(owner: str, kind: str, what: str = "") -> str:
    """`<reference | partner id>:<kind>[:<what>]`; created once per id."""
    return f"{owner}:{kind}" + (f":{what}" if what else "")


def block_id(subject: str, cause: str, what: str = "") -> str:
    """`<subject>:<cause>[:<what>]`; lifting removes this one and no other."""
    return f"{subject}:{cause}" + (f":{what}" if what else "")


def condition_id(reference: str, round_: int, stage: str, nth: int) -> str:
    """`<case>:<round>:<review|approval>:<n-th of its decision>`."""
    return f"{reference}:{round_}:{stage}:{nth}"
