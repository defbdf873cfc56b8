"""The local mail catcher: a process of its own that takes every letter over SMTP, delivers none, and shows what it caught.

Run: `python -m embedded.mail --smtp-port PORT --port PORT --folder mail`. Each letter is a file of the folder, as it came. What is shown of
one is shown as text; its HTML only in a frame that may run and load nothing. It listens on loopback only.

| request | answer |
|---|---|
| `GET /` | a page with the letters caught, newest first |
| `GET /messages?to=` | 200 `[{id, to, from, subject, message_id, text, html}]`, oldest first |
| `GET /messages/{id}` | a page with one letter; `GET /messages/{id}/html` its HTML part alone |
| `DELETE /messages` | 204; the folder is empty |
| `GET /health` | 200 |

A recipient at `refused.example` is refused, so that refusals can be tried.
"""

import argparse
import asyncio
import contextlib
import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

REFUSED = "@refused.example"
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
PAGE = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'none'"
STYLE = (
    "<style>body{font:1rem/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "pre{white-space:pre-wrap}iframe{width:100%;height:30rem}</style>"
)


class Caught:
    """The letters of a folder, by number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def _numbers(self) -> list[int]:
        return sorted(int(path.stem) for path in self._folder.glob("*.eml"))

    def keep(self, content: bytes) -> int:
        number = (self._numbers() or [0])[-1] + 1
        (self._folder / f"{number:06}.eml").write_bytes(content)
        return number

    def clear(self) -> None:
        for path in self._folder.glob("*.eml"):
            path.unlink()

    def one(self, number: int) -> dict[str, object]:
        """A letter as plain data. Raises FileNotFoundError."""
        raw = (self._folder / f"{number:06}.eml").read_bytes()
        letter: EmailMessage = BytesParser(EmailMessage, policy=policy.default).parsebytes(raw)
        parts = {kind: letter.get_body((kind,)) for kind in ("plain", "html")}
        return {
            "id": number,
            "to": str(letter["to"] or ""),
            "from": str(letter["from"] or ""),
            "subject": str(letter["subject"] or ""),
            "message_id": str(letter["message-id"] or ""),
            "text": parts["plain"].get_content() if parts["plain"] is not None else "",
            "html": parts["html"].get_content() if parts["html"] is not None else "",
        }

    def all(self, to: str | None = None) -> list[dict[str, object]]:
        found = [self.one(number) for number in self._numbers()]
        return [letter for letter in found if to is None or to in str(letter["to"])]


class Handler:
    """What the SMTP server does with a letter."""

    def __init__(self, caught: Caught) -> None:
        self._caught = caught

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's own name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.endswith(REFUSED):
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        self._caught.keep(content)
        return "250 caught"


async def listen(caught: Caught, port: int) -> asyncio.Server:
    """The SMTP server."""
    return await asyncio.get_running_loop().create_server(lambda: SMTP(Handler(caught), hostname="catcher"), "127.0.0.1", port)


def application(caught: Caught, smtp_port: int | None = None) -> Starlette:
    """What is shown over HTTP; with `smtp_port` the SMTP server runs as long as the application does."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            if smtp_port is not None:
                server = await listen(caught, smtp_port)
                stack.callback(server.close)
            yield

    async def index(_: Request) -> Response:
        lines = "".join(
            f'<li><a href="/messages/{letter["id"]}">{html.escape(str(letter["subject"]))}</a> to {html.escape(str(letter["to"]))}</li>'
            for letter in reversed(caught.all())
        )
        return _page("Letters caught", f"<ul>{lines}</ul>" if lines else "<p>None yet.</p>")

    async def listed(request: Request) -> Response:
        return JSONResponse(caught.all(request.query_params.get("to")))

    async def shown(request: Request) -> Response:
        try:
            letter = caught.one(request.path_params["number"])
        except FileNotFoundError:
            return JSONResponse({"error": "unknown"}, 404)
        if request.url.path.endswith("/html"):
            return HTMLResponse(str(letter["html"]), headers={"content-security-policy": SANDBOX, "x-content-type-options": "nosniff"})
        heads = "".join(f"<dt>{name}</dt><dd>{html.escape(str(letter[name]))}</dd>" for name in ("from", "to", "message_id"))
        frame = f'<iframe title="HTML part" sandbox src="/messages/{letter["id"]}/html"></iframe>'
        body = f"<dl>{heads}</dl><pre>{html.escape(str(letter['text']))}</pre>{frame}<p><a href='/'>All letters</a></p>"
        return _page(str(letter["subject"]), body)

    async def clear(_: Request) -> Response:
        caught.clear()
        return Response(status_code=204)

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/", index, methods=["GET"]),
            Route("/messages", listed, methods=["GET"]),
            Route("/messages", clear, methods=["DELETE"]),
            Route("/messages/{number:int}", shown, methods=["GET"]),
            Route("/messages/{number:int}/html", shown, methods=["GET"]),
            Route("/health", health, methods=["GET"]),
        ],
        lifespan=lifespan,
    )


def _page(title: str, body: str) -> HTMLResponse:
    name = html.escape(title)
    content = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title>{STYLE}<h1>{name}</h1>{body}</html>'
    return HTMLResponse(content, headers={"content-security-policy": PAGE})


def main(arguments: list[str] | None = None) -> None:
    """Catches letters until it is told to stop (SIGTERM, SIGINT)."""
    parser = argparse.ArgumentParser(prog="embedded.mail", description="The local mail catcher.")
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args(arguments)
    uvicorn.run(
        application(Caught(options.folder), options.smtp_port),
        host="127.0.0.1",
        port=options.port,
        log_level="warning",
        access_log=False,
        ws="none",
        lifespan="on",
    )


if __name__ == "__main__":
    main()
