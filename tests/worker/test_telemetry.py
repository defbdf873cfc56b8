"""Logs leave as JSON lines that name their workflow or activity, once."""

import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog
from temporalio import workflow
from temporalio.testing import ActivityEnvironment

from worker.telemetry import add_temporal_info, configure_logging, drop_on_replay

Logged = Callable[[], list[dict[str, object]]]


@pytest.fixture
def capture(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], Logged]]:
    """Configures logging (in the test itself: pytest changes standard error between set-up and test) and gives the lines since then."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def start() -> Logged:
        configure_logging("info")
        return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    yield start
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_an_event_is_one_json_line_with_its_keys(capture: Callable[[], Logged]) -> None:
    logged = capture()
    structlog.get_logger("pca").info("task.opened", stage="review")
    (line,) = logged()
    assert (line["event"], line["stage"], line["level"], line["logger"]) == ("task.opened", "review", "info", "pca")
    assert str(line["timestamp"]).endswith("Z")


def test_a_standard_library_logger_leaves_in_the_same_form(capture: Callable[[], Logged]) -> None:
    logged = capture()
    logging.getLogger("temporalio.worker").warning("slow %s", "poll")
    (line,) = logged()
    assert (line["event"], line["level"]) == ("slow poll", "warning")


def test_an_exception_is_one_line_without_local_variables(capture: Callable[[], Logged]) -> None:
    logged = capture()
    name = "Grace Atieno"
    try:
        raise ValueError("wrong")
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = logged()
    assert "ValueError" in json.dumps(line["exception"])
    assert name not in json.dumps(line)


def test_what_is_below_the_level_is_not_logged(capture: Callable[[], Logged]) -> None:
    logged = capture()
    structlog.get_logger().debug("detail")
    assert logged() == []


def test_a_replayed_workflow_does_not_log_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "in_workflow", lambda: True)
    monkeypatch.setattr(workflow.unsafe, "is_replaying_history_events", lambda: True)
    with pytest.raises(structlog.DropEvent):
        drop_on_replay(None, "info", {"event": "task.opened"})


def test_what_a_workflow_does_for_the_first_time_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "in_workflow", lambda: True)
    monkeypatch.setattr(workflow.unsafe, "is_replaying_history_events", lambda: False)
    assert drop_on_replay(None, "info", {"event": "task.opened"}) == {"event": "task.opened"}


def test_an_activity_is_named_in_what_it_logs() -> None:
    found = ActivityEnvironment().run(lambda: add_temporal_info(None, "info", {"event": "x", "attempt": 7}))
    assert found["activity_type"] == "unknown"
    assert found["attempt"] == 7  # what the caller says wins
