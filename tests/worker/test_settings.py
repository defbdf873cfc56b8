"""Settings come from the environment, and secrets do not show."""

import pytest
from pydantic import ValidationError

from worker.settings import Settings


def test_every_setting_is_read_from_its_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"DATABASE_URL": "postgresql://pca:s3cret@db/pca", "PCA_BANK_URL": "http://bank", "PCA_PRACTICE": "1", "PCA_POOL_SIZE": "7"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.database_url.get_secret_value() == given["DATABASE_URL"]
    assert (settings.bank_url, settings.practice, settings.pool_size) == ("http://bank", True, 7)


def test_the_database_password_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://pca:s3cret@db/pca")
    assert "s3cret" not in repr(Settings())


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCA_LOG_LEVEL", "loud")
    with pytest.raises(ValidationError, match="PCA_LOG_LEVEL"):
        Settings()


def test_every_setting_describes_itself() -> None:
    assert all(field.description for field in Settings.model_fields.values())
