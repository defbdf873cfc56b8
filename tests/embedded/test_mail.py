"""The mail catcher: takes everything, delivers nothing, shows what it caught without letting it run."""

from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import httpx
import pytest

from embedded.mail import Caught, application
from embedded.stack import Stack

SCRIPT = "<script>alert(1)</script>"


def letter(to: str = "a@office.example", subject: str = "A letter") -> EmailMessage:
    found = EmailMessage()
    found["From"], found["To"], found["Subject"], found["Message-ID"] = "pca@office.example", to, subject, "<1@office.example>"
    found.set_content("plain é")
    found.add_alternative(f"<p>rich é</p>{SCRIPT}", subtype="html")
    return found


def shown(caught: Caught) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application(caught)), base_url="http://catcher.test")


async def test_the_stack_catches_what_is_sent_and_a_restart_keeps_it(stack: Stack) -> None:
    await stack.start_mail()
    try:
        assert stack.environment()["PCA_SMTP_URL"] == stack.state.smtp_url
        port = int(stack.state.smtp_url.rpartition(":")[2])
        await aiosmtplib.send(letter(), hostname="127.0.0.1", port=port)
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
            await aiosmtplib.send(letter("nobody@refused.example"), hostname="127.0.0.1", port=port)
        async with httpx.AsyncClient(base_url=stack.state.mail_url, trust_env=False) as http:
            (caught,) = (await http.get("/messages", params={"to": "a@office.example"})).json()
            assert (caught["subject"], caught["text"].strip(), caught["message_id"]) == ("A letter", "plain é", "<1@office.example>")
            assert (await http.get("/messages", params={"to": "b@office.example"})).json() == []
            assert (await http.get("/health")).json() == {"status": "ok"}
    finally:
        await stack.stop_program("mail")
    assert len(Caught(stack.folder / "mail").all()) == 1


async def test_what_is_shown_of_a_letter_can_run_and_load_nothing(tmp_path: Path) -> None:
    caught = Caught(tmp_path)
    number = caught.keep(letter(subject=SCRIPT).as_bytes())
    async with shown(caught) as http:
        for path in ("/", f"/messages/{number}"):
            page = await http.get(path)
            assert SCRIPT not in page.text
            assert "&lt;script&gt;" in page.text
            assert "default-src 'none'" in page.headers["content-security-policy"]
        assert f'<iframe title="HTML part" sandbox src="/messages/{number}/html">' in (await http.get(f"/messages/{number}")).text
        part = await http.get(f"/messages/{number}/html")
        assert "rich é" in part.text
        assert part.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


async def test_letters_are_listed_and_thrown_away(tmp_path: Path) -> None:
    caught = Caught(tmp_path)
    caught.keep(letter().as_bytes())
    caught.keep(b"no letter at all")
    async with shown(caught) as http:
        assert [found["id"] for found in (await http.get("/messages")).json()] == [1, 2]
        assert (await http.get("/messages/9")).status_code == 404
        assert (await http.delete("/messages")).status_code == 204
        assert (await http.get("/messages")).json() == []
        assert "None yet" in (await http.get("/")).text
