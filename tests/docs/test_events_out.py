"""The receiver that the documentation shows takes what the engine sends."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from activities.webhooks import message_id, new_secret, signed, trial
from worker.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "events-out.md").read_text()


def shown() -> Any:
    """The function `receiver` of the page."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names["receiver"]


async def test_the_receiver_of_the_page_verifies_and_takes_an_event_once() -> None:
    secret, seen, now = new_secret(), {}, datetime.now(UTC)
    event = trial("wh_1", now)
    headers, body = signed(event, [secret], now)
    transport = httpx.ASGITransport(shown()(secret, seen), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://receiver.test") as http:
        for _ in range(2):
            assert (await http.post("/pca", content=body, headers=headers)).status_code == 204
        assert (await http.post("/pca", content=body + b" ", headers=headers)).status_code == 500
    assert list(seen) == [event.id]
    assert headers["webhook-id"] == message_id(event)


def test_every_setting_of_the_page_is_one() -> None:
    known = {str(field.validation_alias) for field in Settings.model_fields.values()}
    assert set(re.findall(r"^\| `(PCA_[A-Z_]+)`", PAGE, re.MULTILINE)) <= known
