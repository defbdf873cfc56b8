"""The settings of worker, API and commands, read from the environment once, at start.

What concerns the Temporal connection (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`, TLS, profiles) is read by the SDK's
own `ClientConfig`, so that it means what Temporal's documentation says. Workflow code must never read settings.
"""

from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from activities.reach import Reach


class Settings(BaseSettings):
    """Every field is an environment variable, named in its description."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True)

    database_url: SecretStr = Field(
        default=SecretStr("postgresql://pca@127.0.0.1:5432/pca"),
        validation_alias="DATABASE_URL",
        description="DATABASE_URL: the engine's PostgreSQL database.",
    )
    bank_url: str = Field(default="", validation_alias="PCA_BANK_URL", description="PCA_BANK_URL: the payment gateway; empty: none.")
    signing_key: str = Field(
        default="",
        validation_alias="PCA_SIGNING_KEY",
        description="PCA_SIGNING_KEY: file of the private key (PEM, Ed25519) that signs what people say here; empty: it stays unsigned.",
    )
    webhook_allow: str = Field(
        default="",
        validation_alias="PCA_WEBHOOK_ALLOW",
        description="PCA_WEBHOOK_ALLOW: networks and host names to which webhooks may go besides public addresses, over http too.",
    )
    smtp_url: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="PCA_SMTP_URL",
        description="PCA_SMTP_URL: smtp://user:password@host:587 (with STARTTLS) or smtps://...:465; empty: no letters.",
    )
    mail_from: str = Field(
        default="pca@localhost.localdomain", validation_alias="PCA_MAIL_FROM", description="PCA_MAIL_FROM: the sender of letters."
    )
    public_url: str = Field(
        default="http://127.0.0.1:8000",
        validation_alias="PCA_PUBLIC_URL",
        description="PCA_PUBLIC_URL: where people reach the pages, for the links in letters.",
    )
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
        description="PCA_LISTEN_HOST: of metrics, health and API; in a container 0.0.0.0.",
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
    api_port: int = Field(
        default=8000, ge=1, le=65535, validation_alias="PCA_API_PORT", description="PCA_API_PORT: where `pca api` listens."
    )
    max_body: int = Field(
        default=1 << 20, ge=1024, validation_alias="PCA_MAX_BODY", description="PCA_MAX_BODY: bytes that a request may carry; more is 413."
    )
    oidc_issuer: str = Field(
        default="",
        validation_alias="PCA_OIDC_ISSUER",
        description="PCA_OIDC_ISSUER: the identity provider, https (http on loopback only); empty: nobody signs in, keys alone open.",
    )
    oidc_client_id: str = Field(default="", validation_alias="PCA_OIDC_CLIENT_ID", description="PCA_OIDC_CLIENT_ID: as what it knows us.")
    oidc_client_secret: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="PCA_OIDC_CLIENT_SECRET",
        description="PCA_OIDC_CLIENT_SECRET: of that client; empty: a public client, with PKCE alone.",
    )
    oidc_audience: str = Field(
        default="",
        validation_alias="PCA_OIDC_AUDIENCE",
        description="PCA_OIDC_AUDIENCE: whom a bearer token must be meant for; empty: the client id.",
    )
    oidc_scope: str = Field(
        default="openid profile email", validation_alias="PCA_OIDC_SCOPE", description="PCA_OIDC_SCOPE: what the login asks for."
    )
    identity_map: str = Field(
        default="",
        validation_alias="PCA_IDENTITY_MAP",
        description="PCA_IDENTITY_MAP: TOML file that says which claims are which roles in which offices.",
    )
    session_keys: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="PCA_SESSION_KEYS",
        description="PCA_SESSION_KEYS: keys that sign sessions, newest first, 32 characters or more each, separated by commas.",
    )
    session_idle_minutes: float = Field(
        default=60.0,
        gt=0,
        validation_alias="PCA_SESSION_IDLE_MINUTES",
        description="PCA_SESSION_IDLE_MINUTES: a session not used for so long is over.",
    )
    session_hours: float = Field(
        default=10.0, gt=0, validation_alias="PCA_SESSION_HOURS", description="PCA_SESSION_HOURS: after so long one signs in again."
    )

    @field_validator("webhook_allow")
    @classmethod
    def _networks_are_networks(cls, allowed: str) -> str:
        from activities.reach import Reach

        Reach.of(allowed)
        return allowed

    @field_validator("smtp_url")
    @classmethod
    def _smtp_is_readable(cls, url: SecretStr) -> SecretStr:
        from activities.mail import Smtp

        if url.get_secret_value():
            Smtp.of(url.get_secret_value())
        return url

    @property
    def reach(self) -> "Reach":
        """Where webhooks may go."""
        from activities.reach import Reach  # what reads settings for another thing need not load an HTTP client

        return Reach.of(self.webhook_allow)
