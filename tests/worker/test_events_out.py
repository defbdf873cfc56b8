"""What the worker sends out: webhooks always, letters where there is a mail server; settings that cannot be meant are named."""

import asyncpg
import pytest
from pydantic import ValidationError

from worker.main import _events_out
from worker.settings import Settings


@pytest.mark.parametrize(("url", "loops"), [("", 1), ("smtp://127.0.0.1:2525", 2)])
async def test_letters_leave_only_where_there_is_a_mail_server(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch, url: str, loops: int
) -> None:
    monkeypatch.setenv("PCA_SMTP_URL", url)
    assert len(_events_out(Settings(), pool)) == loops


@pytest.mark.parametrize(("name", "value"), [("PCA_SMTP_URL", "mail.example:secret"), ("PCA_WEBHOOK_ALLOW", "10.0.0.1/8")])
def test_a_setting_that_cannot_be_meant_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert [fault["loc"] for fault in refused.value.errors()] == [(name,)]
    assert "secret" not in str(refused.value)
