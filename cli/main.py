"""The command group `pca`, and the one place where errors become exit codes.

Modules of commands import what they need inside the command, so that `pca --help` answers at once and a fault in one part of the engine
does not take the others' commands away.
"""

import os
import sys
import time
import traceback

import click

from cli import audit, cases, clock, data, emergency, importing, intake, play, policy, sanctions, stack, worker
from cli.output import BROKEN, INVALID, MISSING, REFUSED, UNREACHABLE, Stopped, problems
from schemas.findings import Finding

EXIT_CODES = "Exit codes: 0 done, 2 invalid input or usage, 3 refused by a rule, 4 not found, 5 a server cannot be reached."

BEFORE_EXIT = 0.05
"""Seconds between our last word and the interpreter's end: without them one in ten aborts in Temporal's native part."""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"{EXIT_CODES} Servers: DATABASE_URL and TEMPORAL_ADDRESS, else the stack of `pca up`. PCA_DEBUG=1 shows stack traces.",
)
@click.version_option(package_name="pca-engine", prog_name="pca")
def pca() -> None:
    """Programme cooperation agreements, from intake to the last instalment."""


for module in (stack, worker, intake, importing, cases, play, policy, clock, audit, sanctions, emergency, data):
    for command in module.COMMANDS:
        pca.add_command(command)


def main() -> None:
    """Run the command of `sys.argv` and leave with its exit code."""
    code = run(sys.argv[1:])
    _flush()
    time.sleep(BEFORE_EXIT)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code; every error becomes sentences."""
    try:
        result = pca.main(args=arguments, prog_name="pca", standalone_mode=False)
    except BrokenPipeError:
        # whoever read us has gone (`pca list | head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("PCA_DEBUG"):
            traceback.print_exc()
        return _explain(error)
    except KeyboardInterrupt:
        return 130
    return result if isinstance(result, int) else 0


def _explain(error: Exception) -> int:
    """Say what went wrong, and choose the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort):
        return 130
    if isinstance(error, click.ClickException):
        error.show()
        return INVALID
    if isinstance(error, Stopped):
        if not error.told:
            problems(error.findings, title=error.title)
        return error.code
    code, findings = _known(error)
    problems(findings)
    return code


def _known(error: Exception) -> tuple[int, list[Finding]]:
    """The errors of the engine's parts, by name: importing every class here would make each command slow."""
    names = {kind.__name__ for kind in type(error).__mro__}
    said = str(error).strip() or type(error).__name__
    match names:
        case _ if "ConnectError" in names:
            return UNREACHABLE, [_finding("server_unreachable", said.partition(";")[0], str(getattr(error, "next_step", "")))]
        case _ if "ValidationError" in names and hasattr(error, "errors"):
            from schemas.intake import faults

            return INVALID, faults(error)  # type: ignore[arg-type]
        case _ if names & {"UndefinedTableError", "UndefinedColumnError", "UndefinedFunctionError"}:
            return UNREACHABLE, [_finding("schema_unknown", "The database is not at the schema of this release.", "run `pca migrate`")]
        case _ if "UnknownSchema" in names:
            return UNREACHABLE, [_finding("schema_unknown", said, "run `pca migrate`")]
        case _ if names & {
            "NoAnswer",
            "RPCError",
            "WorkflowUpdateRPCTimeoutOrCancelledError",
            "ConnectionError",
            "TimeoutError",
            "RecordUnreachable",
            "ConnectionDoesNotExistError",
            "OperationalError",
        }:
            return UNREACHABLE, [_finding("no_answer", said.splitlines()[0], "see `pca doctor`; repeating the command is safe")]
        case _ if "EmbeddedError" in names:
            return UNREACHABLE, [_finding("embedded_stack", said, "see its logs in the stack's folder, or `pca down`")]
        case _ if names & {"NotFound", "NoSuchCase", "NoSuchClock", "UnknownVersion", "UnknownRule"}:
            return MISSING, [_finding("not_found", said.strip("'\""), "")]
        case _ if "ClockGoesForward" in names:
            return REFUSED, [_finding("clock_goes_forward", said, "give a later date")]
        case _ if "VersionEdited" in names:
            return REFUSED, [_finding("version_edited", said, "give the file a new version and effective date")]
        case _ if names & {"VersionUnreadable", "SanctionsListUnreadable"}:
            return INVALID, _listed(error)
        case _ if "ActivationRefused" in names:
            found = _listed(error)
            return (MISSING if {finding.rule for finding in found} == {"no_activation"} else REFUSED), found
        case _ if "WrongType" in names:
            return UNREACHABLE, [_finding("search_attribute_type", said, "remove or rename it on the Temporal server")]
        case _ if isinstance(error, ModuleNotFoundError):
            return BROKEN, [_finding("not_installed", f"{error.name} is not installed.", "install pca-engine[embedded]")]
        case _:
            step = "PCA_DEBUG=1 shows where; this is a fault of the program, not yours"
            return BROKEN, [_finding("unexpected", f"{type(error).__name__}: {said.splitlines()[0]}", step)]


def _listed(error: Exception) -> list[Finding]:
    return [*getattr(error, "findings", ()), *getattr(error, "faults", ())]


def _finding(rule: str, message: str, next_step: str) -> Finding:
    return Finding(rule=rule, message=message, next_step=next_step)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            pass
