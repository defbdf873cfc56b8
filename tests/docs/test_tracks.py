"""The page that sets the two tracks side by side, and that an emergency workflow is a shell: nothing of its own but its name."""

import dataclasses
import inspect
from pathlib import Path
from types import MappingProxyType, ModuleType

import pytest

from workflows import agreement, approval, cash_transfer, committee_review, programme_document, vetting

SOURCE = Path(__file__).resolve().parents[2] / "docs" / "generate.py"
MODULES = (agreement, approval, cash_transfer, committee_review, programme_document, vetting)


def test_every_field_of_every_track_table_stands_in_the_page(generate: ModuleType) -> None:
    text = generate.tracks()
    tables = [module for module in MODULES if hasattr(module, "TRACKS")]
    assert [module for module in MODULES if module not in tables] == [approval]  # one procedure for both
    for module in tables:
        for field in dataclasses.fields(module.Track):
            one, other = (generate.value(getattr(module.TRACKS[track], field.name)) for track in ("standard", "emergency"))
            assert f"| `{field.name}` | {one or '–'} | {other or '–'} |" in text


def test_a_task_with_other_days_on_the_other_track_stands_in_the_page(generate: ModuleType) -> None:
    standard, emergency = generate.packs()
    text = generate.tracks()
    differ = {kind for kind in standard.tasks if kind in emergency.tasks and standard.tasks[kind].days != emergency.tasks[kind].days}
    assert len(differ) > 20
    assert [kind for kind in differ if f"| `{kind}` | {generate.days(standard.tasks[kind])} |" not in text] == []


def test_the_page_changes_with_a_table(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    before = generate.tracks()
    changed = dataclasses.replace(cash_transfer.EMERGENCY, side_by_side=False)
    monkeypatch.setattr(cash_transfer, "TRACKS", MappingProxyType({"standard": cash_transfer.STANDARD, "emergency": changed}))
    assert generate.tracks() != before


def _shells() -> list[tuple[type, type]]:
    """Each emergency workflow with the standard one that it stands beside."""
    found = []
    for module in MODULES:
        own = {name: kind for name, kind in vars(module).items() if inspect.isclass(kind) and kind.__module__ == module.__name__}
        found += [(kind, own[name.removeprefix("Emergency")]) for name, kind in own.items() if name.startswith("Emergency")]
    return found


def test_there_are_six_emergency_workflows() -> None:
    assert sorted(fast.__name__ for fast, _ in _shells()) == [
        "EmergencyAgreement",
        "EmergencyApproval",
        "EmergencyCashTransfer",
        "EmergencyCommitteeReview",
        "EmergencyProgrammeDocument",
        "EmergencyVetting",
    ]


@pytest.mark.parametrize(("fast", "standard"), _shells(), ids=lambda kind: kind.__name__)
def test_no_emergency_workflow_overrides_a_method(fast: type, standard: type) -> None:
    assert fast.__bases__ == standard.__bases__
    own = {name for name in vars(fast) if not name.startswith("__")}
    assert own == {"run"}
    assert own & {name for base in fast.__bases__ for kind in base.__mro__ for name in vars(kind)} == set()
    assert inspect.getsource(vars(fast)["run"]) == inspect.getsource(vars(standard)["run"])
