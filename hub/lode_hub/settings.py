"""What the hub is told: defaults ◄ TOML file ◄ environment ◄ command line, the rightmost wins.

    [broker]                  LODE_HUB_BROKER__PORT=18420
    port = 18420

Secrets are never in the TOML file: they come from the environment or from a file of their own,
whose path `..._file` names. Every key has a default that works on one machine.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from lode_hub.errors import SettingsError
from lode_hub.settings_notify import NotifySettings

PREFIX = "LODE_HUB_"
SECRETS = frozenset({"password", "secret", "token"})
"""Keys that the TOML file may not have; each has a twin that ends in `_file`."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatabaseSettings(_Section):
    """Where readings are kept. Without a `url` the hub runs its own PostgreSQL in `data_dir`."""

    url: str = ""  # postgresql://user@host/name
    password: SecretStr | None = None
    password_file: Path | None = None
    pool_max: int = Field(default=12, ge=2, le=100)  # connections of one hub process

    @property
    def full_url(self) -> str:
        """The url with its password."""
        return _with_password(self.url, secret(self.password, self.password_file))


class BrokerSettings(_Section):
    """Where agents and hub meet. Without `urls` the hub runs its own broker in `data_dir`."""

    # mqtt://host:1883 or mqtts://host:8883, tried in turn; several are nodes of one cluster.
    urls: Annotated[tuple[str, ...], NoDecode] = ()
    username: str = "hub"
    password: SecretStr | None = None
    password_file: Path | None = None
    ca_file: Path | None = None  # whom to trust for mqtts; empty: the system's list
    cert_file: Path | None = None  # mqtts: the hub's own certificate, where one is asked for
    key_file: Path | None = None
    # The own one:
    kind: Literal["auto", "mosquitto", "nats"] = "auto"
    host: str = "127.0.0.1"
    port: int = Field(default=18420, ge=1, le=65535)
    program: Path | None = None
    tls_host: str = "127.0.0.1"
    tls_port: int | None = Field(default=None, ge=1, le=65535)  # None: agents have passwords
    # What enrolled agents are told; empty: `urls`, or the own one at the host of `base_url`.
    agent_urls: Annotated[tuple[str, ...], NoDecode] = ()
    agent_login: Literal["auto", "certificate", "password"] = "auto"  # auto: certificate by mqtts

    @field_validator("urls", "agent_urls", mode="before")
    @classmethod
    def _may_be_one_line(cls, urls: object) -> object:
        if not isinstance(urls, str):
            return urls
        return json.loads(urls) if urls.startswith("[") else re.findall(r"[^\s,]+", urls)


class IngestSettings(_Section):
    """How readings are taken in."""

    client: Literal["gmqtt", "paho"] = "gmqtt"
    workers: int = Field(default=0, ge=0, le=64)  # further processes; 0: all in the hub's own


class TrustSettings(_Section):
    """Whom the hub takes for one of its agents, and for how long."""

    certificate_d: float = Field(default=7.0, gt=0, le=366)  # agents renew after two thirds of it
    token_h: float = Field(default=24.0, gt=0, le=720)


class RetentionSettings(_Section):
    """How long readings are kept."""

    raw_days: int = Field(default=90, ge=2)  # and the rollups of a minute
    rollup_15m_days: int = Field(default=400, ge=7)
    rollup_years: int = Field(default=7, ge=1)  # of an hour and of a day


class AccessSettings(_Section):
    """Who is let in, and for how long."""

    idle_h: float = Field(default=12.0, gt=0)  # a wall display asks all the time, a shift ends
    absolute_d: float = Field(default=7.0, gt=0)
    attempts: int = Field(default=5, ge=1)  # failed logins in `attempts_s` before an account waits
    address_attempts: int = Field(default=30, ge=1)  # and before an address waits
    attempts_s: float = Field(default=300.0, gt=0)
    metrics_token_file: Path | None = None  # lets Prometheus read /metrics without a person


class AlertsSettings(_Section):
    """By which rules there are alerts."""

    rules_file: Path | None = None  # [[rule]] tables over the shipped ones, see docs/alerts.md


class DetectionSettings(_Section):
    """What the learned opinion is made with."""

    rig_model: Path | None = None  # the folder of a model of one's own; None: the shipped one


class EnergySettings(_Section):
    """What sources of prices and programmes need."""

    secrets_dir: Path | None = None  # a file for each secret that one names


class HubSettings(BaseSettings):
    """Everything the hub is told."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    data_dir: Path = Path(".lode/hub")  # the embedded database, the broker and their secrets
    host: str = "127.0.0.1"
    port: int = Field(default=8420, ge=0, le=65535)
    tls: bool = False  # serve by https, with a certificate of the hub's own authority
    base_url: str = ""  # how people reach it; in mails, and to tell our pages from others'
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    database: DatabaseSettings = DatabaseSettings()
    broker: BrokerSettings = BrokerSettings()
    ingest: IngestSettings = IngestSettings()
    trust: TrustSettings = TrustSettings()
    retention: RetentionSettings = RetentionSettings()
    access: AccessSettings = AccessSettings()
    detection: DetectionSettings = DetectionSettings()
    energy: EnergySettings = EnergySettings()
    alerts: AlertsSettings = AlertsSettings()
    notify: NotifySettings = NotifySettings()

    @property
    def public_url(self) -> str:
        """How people reach the dashboard, without a slash at the end."""
        scheme = "https" if self.tls else "http"
        return (self.base_url or f"{scheme}://{self.host}:{self.port}").rstrip("/")


def load(file: Path | None = None, **given: Any) -> HubSettings:  # noqa: ANN401 -- pydantic judges
    """Gather and check the settings; `given` are the command line's.

    Raises:
        SettingsError: one is wrong, unknown, or a secret where it must not be.
    """
    table = _read(file) if file else {}
    _refuse_secrets(table, file)
    _refuse_strangers(os.environ)

    class Gathered(HubSettings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, InitSettingsSource(settings_cls, table)

    try:
        return Gathered(**given)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(error, file))) from None
    except ValueError as error:  # a variable that should be JSON and is none
        raise SettingsError(f"settings: {error}; give it as JSON") from None


def secret(value: SecretStr | None, file: Path | None) -> str:
    """Give a secret from the environment or its file; empty when there is neither.

    Raises:
        SettingsError: the file cannot be read.
    """
    if value is not None:
        return value.get_secret_value()
    if file is None:
        return ""
    try:
        return file.read_text().strip()
    except OSError as error:
        raise SettingsError(
            f"settings: secret file {file}: {error.strerror}; make it, readable by the hub's user"
        ) from None


def shown(settings: HubSettings) -> dict[str, Any]:
    """Give the settings as they are in effect, secrets masked."""
    table: dict[str, Any] = settings.model_dump(mode="json")
    table["database"]["url"] = _with_password(settings.database.url, "", mask="***")
    table["broker"]["urls"] = [_with_password(u, "", mask="***") for u in settings.broker.urls]
    return table


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise SettingsError(f"settings: {file}: {error.strerror}; check --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings: {file}: no TOML: {error}; mend it there") from None


def _refuse_secrets(table: Mapping[str, Any], file: Path | None) -> None:
    for path, value in _leaves(table):
        key = path[-1]
        if key in SECRETS or (key in {"url", "urls"} and _has_password(value)):
            twin = f"{key}_file" if key in SECRETS else "password_file"
            raise SettingsError(
                f"settings: {'.'.join(path)}: a secret in {file}; "
                f"set {'.'.join((*path[:-1], twin))}, or {_variable(path)} in the environment"
            )


def _has_password(urls: object) -> bool:
    listed = urls if isinstance(urls, list) else re.split(r"[\s,]+", str(urls))
    return any(urlsplit(str(url)).password for url in listed)


def _refuse_strangers(environment: Mapping[str, str]) -> None:
    known = set(HubSettings.model_fields) | {"config"}
    for name in environment:
        if name.startswith(PREFIX):
            key = name.removeprefix(PREFIX).lower().split("__")[0]
            if key not in known:
                raise SettingsError(f"settings: {name}: unknown variable; {_hint(key, known)}")


def _explain(error: ValidationError, file: Path | None) -> Iterator[str]:
    for one in error.errors():
        path = tuple(str(part) for part in one["loc"])
        where = f"settings: {'.'.join(path)}"
        if one["type"] == "extra_forbidden":
            yield f"{where}: unknown key; {_hint(path[-1], _known(path[:-1]))}"
            continue
        value = f" (is {one['input']!r})" if _may_be_shown(path, one["input"]) else ""
        place = f"in {file} or as" if file else "as"
        yield f"{where}: {one['msg'].lower()}{value}; set it {place} {_variable(path)}"


def _may_be_shown(path: tuple[str, ...], value: object) -> bool:
    """Tell whether a value is plain and can have no secret in it."""
    is_private = path[-1] in SECRETS or any("url" in part for part in path)
    is_plain = isinstance(value, int | float) or (isinstance(value, str) and value[:1] not in "{[")
    return is_plain and not is_private


def _known(path: tuple[str, ...]) -> set[str]:
    model: Any = HubSettings
    for part in path:
        model = getattr(model, "model_fields", {}).get(part)
        model = getattr(model, "annotation", None)
    return set(getattr(model, "model_fields", {}))


def _hint(key: str, known: set[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"remove it; known here: {', '.join(sorted(known))}" if known else "remove it"


def _variable(path: tuple[str, ...]) -> str:
    return PREFIX + "__".join(part.upper() for part in path)


def _leaves(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _with_password(url: str, password: str, *, mask: str = "") -> str:
    parts = urlsplit(url)
    if not (password or (mask and parts.password)):
        return url
    user = quote(parts.username or "", safe="")
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{mask or quote(password, safe='')}@{place}"))
