"""`pca api`: the people's doors over HTTP, for real servers or the stack of this folder."""

import asyncio
import os

import click

from cli.output import DONE, INVALID, UNREACHABLE, Stopped, stop
from cli.servers import find


@click.command()
def api() -> int:
    """Run the HTTP API until SIGTERM or Ctrl-C. Any number may run. Settings are environment variables (see `pca doctor`)."""
    from api.identity.mapping import MappingUnreadable
    from api.main import PortTaken, run_api
    from worker.settings import Settings

    os.environ.update(find().environment)
    try:
        asyncio.run(run_api(Settings()))
    except MappingUnreadable as error:
        raise Stopped(INVALID, error.findings, title="the identity mapping cannot be used") from error
    except PortTaken as error:
        raise stop(UNREACHABLE, "port_taken", f"{error.strerror}.", next_step="stop what listens there, or set PCA_API_PORT") from error
    return DONE


COMMANDS = (api,)
