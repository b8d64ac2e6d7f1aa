"""The environment becomes Settings, or sentences that say what to mend."""

import zoneinfo
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

HERE = Path(__file__).parent
SLACK_API_URL = "https://slack.com/api/"


class WrongSetup(Exception):  # noqa: N818 - it is what the person reads: their setup is wrong
    """The setup cannot work. `sentences` say what is wrong and how to mend it, one for each mistake."""

    def __init__(self, *sentences: str) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


class WhereProcedure(BaseSettings):
    """All that is needed to read the procedure file."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    hotline_procedure: Path = HERE / "procedure.yml"


class WhereTemplates(BaseSettings):
    """All that is needed to find a company's own words for its customers."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    hotline_templates: Path | None = None

    @field_validator("hotline_templates")
    @classmethod
    def _folder(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError("must be a folder that is there, with a folder customer in it")
        return value


class WhereDatabase(BaseSettings):
    """All that is needed to open the database and what is sealed in it."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    database_url: str = "sqlite:///data/hotline.db"
    hotline_encryption_keys: Annotated[list[SecretStr], NoDecode] = []

    @field_validator("hotline_encryption_keys", mode="before")
    @classmethod
    def _keys(cls, value: object) -> object:
        return [key.strip() for key in value.split(",") if key.strip()] if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        try:
            url = make_url(value)
        except ArgumentError as error:
            raise ValueError("must look like postgresql://user@host/name or sqlite:///path/to/file.db") from error
        if url.drivername in ("postgres", "postgresql"):
            url = url.set(drivername="postgresql+psycopg")
        if url.drivername not in ("sqlite", "postgresql+psycopg"):
            raise ValueError("must be PostgreSQL or SQLite: postgresql://user@host/name or sqlite:///path/to/file.db")
        if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
            raise ValueError("must name a file: what is only in memory is lost with the process")
        return url.render_as_string(hide_password=False)

    @property
    def is_sqlite(self) -> bool:
        """Whether the embedded database is used."""
        return self.database_url.startswith("sqlite")

    @property
    def database_is_here(self) -> bool:
        """Whether the database is on this machine: then a key beside it can't be lost without it."""
        return self.is_sqlite or make_url(self.database_url).host in (None, "", "localhost", "127.0.0.1", "::1")


class Settings(WhereProcedure, WhereTemplates, WhereDatabase):
    """Everything that differs from one installation to the next (the README has the table)."""

    slack_bot_token: SecretStr
    slack_app_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    slack_api_url: str = SLACK_API_URL
    port: int | None = Field(default=None, ge=0, le=65535)
    hotline_language: str = "en"
    hotline_timezone: str | None = None
    hotline_log: str | None = None

    @field_validator("slack_api_url")
    @classmethod
    def _address(cls, value: str) -> str:
        try:
            url = urlsplit(value)
            is_address = url.scheme in ("http", "https") and bool(url.hostname) and (url.port is None or url.port > 0)
        except ValueError:
            is_address = False
        if not is_address:
            raise ValueError("must be an address that begins with http:// or https://")
        return value.rstrip("/") + "/"

    @field_validator("slack_bot_token")
    @classmethod
    def _bot_token(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("xoxb-", "xoxe.xoxb-")):
            raise ValueError("must be the bot token, which begins with xoxb- (Slack: OAuth & Permissions)")
        return value

    @field_validator("slack_app_token")
    @classmethod
    def _app_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith("xapp-"):
            raise ValueError("must be the app-level token, which begins with xapp- (Slack: Basic Information)")
        return value

    @field_validator("hotline_language")
    @classmethod
    def _language(cls, value: str) -> str:
        if value not in ("en", "zh"):
            raise ValueError("must be en or zh")
        return value

    @field_validator("hotline_log")
    @classmethod
    def _log(cls, value: str | None) -> str | None:
        if value not in (None, "text", "json"):
            raise ValueError("must be text or json")
        return value

    @field_validator("hotline_timezone")
    @classmethod
    def _timezone(cls, value: str | None) -> str | None:
        if not value:
            return None
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("must be the name of a time zone, for example Asia/Shanghai") from error
        return value

    @model_validator(mode="after")
    def _transport(self) -> "Settings":
        if self.slack_app_token is None and self.slack_signing_secret is None:
            raise ValueError(
                "Set SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP mode): "
                "without one of them nothing that people do reaches the bot."
            )
        return self


def procedure_path() -> Path:
    """The procedure file that the environment names, or the one that ships with Hotline."""
    return WhereProcedure().hotline_procedure


def own_templates() -> Path | None:
    """The company's folder of templates, if the environment names one. Raises WrongSetup like `load`."""
    try:
        return WhereTemplates().hotline_templates
    except ValidationError as error:
        raise _wrong(error) from None


def where_database() -> WhereDatabase:
    """The database and its keys, for what works without Slack. Raises WrongSetup like `load`."""
    try:
        return WhereDatabase()
    except ValidationError as error:
        raise _wrong(error) from None


def load() -> Settings:
    """Reads the environment.

    Raises WrongSetup with a sentence for each mistake; the values themselves are never in it.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise _wrong(error) from None


def _wrong(error: ValidationError) -> WrongSetup:
    return WrongSetup(*(_sentence(mistake["loc"], mistake["type"], mistake["msg"]) for mistake in error.errors()))


def _sentence(where: tuple[int | str, ...], kind: str, message: str) -> str:
    message = message.removeprefix("Value error, ")
    if not where:
        return message
    name = str(where[0]).upper()
    if kind == "missing":
        return f"Set {name}: the README's chapter “Put it into Slack” says where to find it."
    return f"{name} {message[0].lower()}{message[1:]}."
