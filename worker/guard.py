"""No message, whatever its shape, may wedge a workflow: wrong arity of an update becomes a refusal, an error of a handler an answer.

Without this, an update sent from the Temporal UI with no or two payloads fails the workflow task again and again (engineering.md 1.1).
"""

from typing import Any

import structlog
from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.worker import (
    HandleSignalInput,
    HandleUpdateInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

log = structlog.get_logger(__name__)


class _Doorkeeper(WorkflowInboundInterceptor):
    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:  # noqa: A002 (the SDK's name)
        if len(input.args) != 1 or input.args[0] is None:  # null passes every converter
            came = "null" if len(input.args) == 1 else str(len(input.args))
            raise ApplicationError(
                f"{input.update} takes one JSON object; {came} came. The example is in the handler's description.",
                type="unreadable",
                non_retryable=True,
            )
        try:
            return await super().handle_update_handler(input)
        except (FailureError, workflow.ReadOnlyContextError):
            raise
        except Exception as error:
            raise ApplicationError(
                f"{input.update} could not be answered: {type(error).__name__}", type="unreadable", non_retryable=True
            ) from error

    async def handle_signal(self, input: HandleSignalInput) -> None:  # noqa: A002
        try:
            await super().handle_signal(input)
        except FailureError:
            raise
        except Exception as error:
            log.warning("signal.unreadable", signal=input.signal, error=type(error).__name__)


class Guard(Interceptor):
    """Registered on every worker."""

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor] | None:  # noqa: A002
        return _Doorkeeper
