"""Logs, metrics and the SDK's runtime: one set-up for worker and API.

Logs are JSON lines on standard error, one object an event: `event` and keys. They must never hold personal data or an amount of a case,
and a replayed workflow must never log again.
"""

import logging
import sys
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger
from temporalio import activity, workflow
from temporalio.runtime import LogForwardingConfig, LoggingConfig, PrometheusConfig, Runtime, TelemetryConfig, TelemetryFilter


def drop_on_replay(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drops what a workflow logs while its history is replayed: it was logged when it happened."""
    if workflow.in_workflow() and workflow.unsafe.is_replaying_history_events():
        raise structlog.DropEvent
    return event


def add_temporal_info(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Names the workflow or activity that logs; keys given by the caller win."""
    if workflow.in_workflow():
        info = workflow.info()
        found: dict[str, Any] = {"workflow_id": info.workflow_id, "workflow_type": info.workflow_type, "run_id": info.run_id}
    elif activity.in_activity():
        task = activity.info()
        found = {
            "workflow_id": task.workflow_id,
            "workflow_type": task.workflow_type,
            "run_id": task.workflow_run_id,
            "activity_type": task.activity_type,
            "attempt": task.attempt,
        }
    else:
        return event
    for key, value in found.items():
        event.setdefault(key, value)
    return event


def configure_logging(level: str = "info") -> None:
    """Everything that is logged, by structlog or the standard library, leaves as a JSON line on standard error."""
    shared: list[Processor] = [
        drop_on_replay,
        add_temporal_info,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # without the frames' local variables, which hold whatever people wrote
        structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer(default=str)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # the SDK repeats the workflow's and activity's info in every message text; ours are keys
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False
    # httpx logs every request, and a bank's address is nobody's business
    logging.getLogger("httpx").setLevel(logging.WARNING)


def runtime(*, metrics_address: str | None = None, labels: dict[str, str] | None = None) -> Runtime:
    """The SDK's runtime, one a process, made before any client. `metrics_address` (`host:port`) serves Prometheus metrics.

    Its own (Rust) logs go through the same JSON lines, from warnings on.
    """
    forwarding = LogForwardingConfig(
        logger=logging.getLogger("temporalio.core"), append_log_fields_to_message=False, prepend_target_on_message=False
    )
    metrics = PrometheusConfig(bind_address=metrics_address, durations_as_seconds=True) if metrics_address else None
    telemetry: dict[str, Any] = {"metrics": metrics, "global_tags": labels or {}}
    return Runtime(
        telemetry=TelemetryConfig(
            logging=LoggingConfig(filter=TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=forwarding), **telemetry
        )
    )
