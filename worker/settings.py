"""The settings of worker, API and commands, read from the environment once, at start.

What concerns the Temporal connection (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`, TLS, profiles) is read by the SDK's
own `ClientConfig`, so that it means what Temporal's documentation says. Workflow code must never read settings.
"""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every field is an environment variable, named in its description."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    database_url: SecretStr = Field(
        default=SecretStr("postgresql://pca@127.0.0.1:5432/pca"),
        validation_alias="DATABASE_URL",
        description="DATABASE_URL: the engine's PostgreSQL database.",
    )
    bank_url: str = Field(default="", validation_alias="PCA_BANK_URL", description="PCA_BANK_URL: the payment gateway; empty: none.")
    practice: bool = Field(default=False, validation_alias="PCA_PRACTICE", description="PCA_PRACTICE: whether practice clocks are allowed.")
    metrics_port: int = Field(
        default=0, ge=0, le=65535, validation_alias="PCA_METRICS_PORT", description="PCA_METRICS_PORT: Prometheus; 0: no metrics."
    )
    health_port: int = Field(
        default=0, ge=0, le=65535, validation_alias="PCA_HEALTH_PORT", description="PCA_HEALTH_PORT: /livez and /readyz; 0: none."
    )
    listen_host: str = Field(
        default="127.0.0.1",
        validation_alias="PCA_LISTEN_HOST",
        description="PCA_LISTEN_HOST: of metrics and health; in a container 0.0.0.0.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", validation_alias="PCA_LOG_LEVEL", description="PCA_LOG_LEVEL."
    )
    grace_seconds: float = Field(
        default=30.0,
        ge=0,
        validation_alias="PCA_GRACE_SECONDS",
        description="PCA_GRACE_SECONDS: how long running activities may finish at shutdown; less than the supervisor's own patience.",
    )
    pool_size: int = Field(
        default=20,
        ge=1,
        validation_alias="PCA_POOL_SIZE",
        description="PCA_POOL_SIZE: database connections, and as many activities at a time: they queue in Temporal, not in the pool.",
    )
    connect_seconds: float = Field(
        default=30.0,
        ge=0,
        validation_alias="PCA_CONNECT_SECONDS",
        description="PCA_CONNECT_SECONDS: patience with a server not up.",
    )
    cached_workflows: int = Field(
        default=1000, ge=0, validation_alias="PCA_CACHED_WORKFLOWS", description="PCA_CACHED_WORKFLOWS: workflows kept in memory."
    )
