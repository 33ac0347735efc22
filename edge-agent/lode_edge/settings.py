"""What an agent is told: a TOML file, and the environment above it.

    edge.toml ─► environment (LODE_EDGE_BROKER__URLS=...) ─► checked ─► Settings

Secrets are never in here: a password is named by the file that holds it.
"""

import dataclasses
import hashlib
import json
import os
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.dataclasses import dataclass
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as NotDecoded

from lode_edge import templates
from lode_edge.errors import EdgeError
from lode_wire import topics

PREFIX = "LODE_EDGE_"
_SHOWN_ERRORS = 20


class SettingsError(EdgeError):
    """The settings are not usable; one line for each key that is wrong."""


def _checked_name(text: str) -> str:
    if not topics.is_name(text):
        raise ValueError("use 1 to 63 of A-Z a-z 0-9 _ . - and begin with a letter or digit")
    return text


_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]]+)(:(\d{1,5}))?")
_OPC = "opc.tcp://"
_RTU = "rtu://"
_MQTT = ("mqtt://", "mqtts://")
_SCHEME = re.compile(r"^(rtu|mqtts?)://")
_SERIAL = re.compile(r"serial:/[^\s?]+(\?[A-Za-z0-9=&]*)?")


def _checked_address(text: str) -> str:
    if _SERIAL.fullmatch(text):
        return text
    host = _SCHEME.sub("", text)
    if text.startswith(_OPC):
        host = text.removeprefix(_OPC).partition("/")[0]
    match = None if "@" in host else _ADDRESS.fullmatch(host)
    if match is None or (match[3] and not 0 < int(match[3]) <= 65535):  # noqa: PLR2004 -- a port
        raise ValueError("write host or host:port, with an IPv6 address in brackets")
    return text


_URL = re.compile(r"(mqtts?)://(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+)(:(\d{1,5}))?/?")


def _checked_url(text: str) -> str:
    match = _URL.fullmatch(text)
    if match is None or (match[4] and not 0 < int(match[4]) <= 65535):  # noqa: PLR2004 -- a port
        raise ValueError("write mqtt://host:port or mqtts://host:port, without a password in it")
    return text


_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}|")


def checked_mac(text: str) -> str:
    """Give a MAC in lower case, with colons.

    Raises:
        ValueError: it is none.
    """
    mac = text.lower().replace("-", ":")
    if not _MAC.fullmatch(mac):
        raise ValueError("write a MAC as 02:11:22:33:44:55")
    return mac


Name = Annotated[str, AfterValidator(_checked_name)]
Address = Annotated[str, AfterValidator(_checked_address)]
Url = Annotated[str, AfterValidator(_checked_url)]
Mac = Annotated[str, AfterValidator(checked_mac)]


@dataclass(frozen=True, kw_only=True, slots=True, config=ConfigDict(extra="forbid"))
class DeviceEntry:
    """One device to be read, as the settings name it."""

    name: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
    driver: Literal["asic", "modbus", "opcua", "mqtt", "sparkplug", "snmp"]
    address: Address  # the port is the driver's usual one when it is not given
    kind: Literal["rig", "meter", "sensor", "pdu", "plc", "other"]
    rack: Annotated[str, Field(max_length=128)] = ""
    interval_s: Annotated[float, Field(ge=0.1, le=86400)] = 10.0
    profile: Annotated[str, Field(max_length=512)] = ""  # a name or a .toml; empty: by model
    unit: Annotated[int, Field(ge=0, le=255)] = 1  # modbus only
    timeout_s: Annotated[float, Field(ge=0.05, le=60)] = 2.0
    feeder: Annotated[str, Field(max_length=128)] = ""  # the meter that its power goes through
    outlet: Annotated[str, Field(max_length=140)] = ""  # pdu:number, where a PDU switches it
    mac: Mac = ""  # of a rig: who it is; empty: whoever answered there first
    topic: Annotated[str, Field(max_length=256)] = ""  # mqtt, sparkplug: what it is called there

    @model_validator(mode="after")
    def _is_addressed_as_it_speaks(self) -> Self:
        if (self.driver == "opcua") != self.address.startswith(_OPC):
            raise ValueError(f"address: write {_OPC}host:port/path for opcua, and for it alone")
        if self.driver != "modbus" and self.address.startswith((_RTU, "serial:")):
            raise ValueError("address: serial: and rtu:// are for modbus alone")
        if self.driver in ("mqtt", "sparkplug"):
            if self.address.endswith(":8883") and not self.address.startswith(_MQTT):
                raise ValueError(f"address: 8883 is the port of TLS; write mqtts://{self.address}")
        elif self.address.startswith(_MQTT):
            raise ValueError("address: mqtt:// and mqtts:// are for mqtt and sparkplug alone")
        return self


_DEVICE_KEYS = frozenset(field.name for field in dataclasses.fields(DeviceEntry))


class AgentSettings(BaseModel, frozen=True, extra="forbid"):
    """Who the agent is and where it keeps what it has read."""

    name: Name
    site: Name
    data_dir: Path = Path("/var/lib/lode")


class TlsSettings(BaseModel, frozen=True, extra="forbid"):
    """Whom to trust, and who we are, where a broker is spoken to by mqtts."""

    ca_file: Path | None = None  # who may sign the broker's certificate; None: the system's
    cert_file: Path | None = None  # the agent's own certificate
    key_file: Path | None = None

    @field_validator("ca_file", "cert_file", "key_file", "password_file", check_fields=False)
    @classmethod
    def _is_readable(cls, path: Path | None) -> Path | None:
        if path is not None and not os.access(path, os.R_OK):
            raise ValueError("cannot be read; create it or correct its rights")
        return path

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together; set both or none")
        return self


class BrokerSettings(TlsSettings, frozen=True, extra="forbid"):
    """Where batches go: brokers tried in turn, with one way to log in."""

    urls: Annotated[tuple[Url, ...], NoDecode, Field(min_length=1)] = ("mqtt://127.0.0.1:1883",)
    username: str | None = None
    password_file: Path | None = None

    @field_validator("urls", mode="before")
    @classmethod
    def _may_be_one_line(cls, urls: object) -> object:
        if not isinstance(urls, str):
            return urls
        return json.loads(urls) if urls.startswith("[") else re.split(r"\s*,\s*", urls.strip())

    @model_validator(mode="after")
    def _has_a_name(self) -> Self:
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file needs a username; set it beside")
        return self


class SpoolSettings(BaseModel, frozen=True, extra="forbid"):
    """How much is kept while the hub is out of reach."""

    max_bytes: Annotated[int, Field(ge=1 << 20)] = 2 << 30
    reserve_bytes: Annotated[int, Field(ge=0)] = 256 << 20  # of the disk, left to others
    max_age_days: Annotated[float, Field(gt=0)] = 60.0  # counted while the agent runs
    queue_records: Annotated[int, Field(ge=1000)] = 20_000  # read, and not yet on disk


class UplinkSettings(BaseModel, frozen=True, extra="forbid"):
    """How much may be on its way to the broker."""

    window: Annotated[int, Field(ge=2, le=1024)] = 96  # batches without the broker's receipt
    window_bytes: Annotated[int, Field(ge=64 << 10)] = 4 << 20


class ControlSettings(BaseModel, frozen=True, extra="forbid"):
    """What the agent needs to act; without an envelope it only reads."""

    envelope_file: Path | None = None  # the site's limits, signed by its owner
    owner_key_file: Path | None = None  # PEM: who may sign the envelope
    hub_keys_file: Path | None = None  # PEM: who may sign commands
    secrets_file: Path | None = None  # passwords of devices; only the agent's account may read it
    images_dir: Path | None = None  # firmware images that may be installed
    interval_s: Annotated[float, Field(ge=0.2, le=60)] = 2.0  # between two looks at what is wished


class PublishSettings(BrokerSettings, frozen=True, extra="forbid"):
    """To whom on the site's own broker the agent tells what it reads, beside the hub."""

    urls: Annotated[tuple[Url, ...], NoDecode] = ()
    sparkplug: bool = False  # as a Sparkplug B edge node
    group: Name | None = None  # the site's name when it is not given
    node: Name | None = None  # the agent's name when it is not given
    primary_host: Name | None = None  # the Sparkplug host without which nothing is published
    home_assistant: bool = False  # by MQTT discovery
    interval_s: Annotated[float, Field(ge=0.1, le=3600)] = 1.0  # what changes within is told once

    @model_validator(mode="after")
    def _has_both_ends(self) -> Self:
        if bool(self.urls) != (self.sparkplug or self.home_assistant):
            raise ValueError("set urls, and sparkplug or home_assistant to true; or none of them")
        return self


class OpcuaSettings(BaseModel, frozen=True, extra="forbid"):
    """How OPC UA servers are spoken to."""

    security: Literal["none", "sign", "sign-and-encrypt"] = "none"  # by Basic256Sha256
    certificate_file: Path | None = None  # the agent's own, PEM or DER
    key_file: Path | None = None
    trusted_dir: Path | None = None  # the servers' certificates
    unsecured: tuple[Address, ...] = ()  # devices' addresses whose servers offer no security


class Settings(BaseSettings):
    """All an agent is told."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    agent: AgentSettings
    broker: BrokerSettings = BrokerSettings()
    spool: SpoolSettings = SpoolSettings()
    uplink: UplinkSettings = UplinkSettings()
    control: ControlSettings = ControlSettings()
    publish: PublishSettings = PublishSettings()
    opcua: OpcuaSettings = OpcuaSettings()
    mqtt: TlsSettings = TlsSettings()  # of devices that speak on a broker, Sparkplug's among them
    devices: tuple[DeviceEntry, ...] = ()

    @field_validator("devices")
    @classmethod
    def _names_are_unique(cls, devices: tuple[DeviceEntry, ...]) -> tuple[DeviceEntry, ...]:
        counted = Counter(device.name for device in devices)
        twice = [name for name, times in counted.items() if times > 1]
        if twice:
            raise ValueError(f"{', '.join(twice[:5])} given more than once; give each its own name")
        return devices

    @field_validator("devices")
    @classmethod
    def _lines_are_written_alike(cls, devices: tuple[DeviceEntry, ...]) -> tuple[DeviceEntry, ...]:
        """Refuse two ways to open one serial port: who came second would never get it."""
        first: dict[str, DeviceEntry] = {}
        for device in devices:
            if _SERIAL.fullmatch(device.address):
                other = first.setdefault(device.address.partition("?")[0], device)
                if other.address != device.address:
                    raise ValueError(
                        f"{other.name} and {device.name} share a serial line and write it as "
                        f"{other.address} and {device.address}; write the same for both"
                    )
        return devices

    @classmethod
    def settings_customise_sources(  # noqa: D102 -- pydantic-settings asks for it
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings

    def digest(self) -> str:
        """Give 16 hex digits that change whenever a setting does."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


def load(path: Path) -> Settings:
    """Read the settings from a TOML file and the environment.

    Raises:
        SettingsError: the file cannot be read, or a value is missing, unknown or out of its range.
    """
    data = _read(path)
    try:
        data = templates.expand(data, _DEVICE_KEYS, path.parent)
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from None
    _refuse_unknown(os.environ)
    try:
        return Settings(**data)
    except ValidationError as error:
        raise SettingsError("\n".join(_lines(path, data, error))) from None
    except NotDecoded as error:
        raise SettingsError(f"environment: {error}; write that value as JSON") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no such file; name one with --config") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError(f"{path}: {reason.lower()}; correct its path or rights") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: no valid TOML: {error}; correct that place") from None


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    """Refuse misspelt variables, which pydantic-settings would pass over."""
    sections = {name.upper() for name in Settings.model_fields}
    for name in environment:
        key = name.upper()
        if key.startswith(PREFIX) and key[len(PREFIX) :].split("__")[0] not in sections:
            known = ", ".join(f"{PREFIX}{section}" for section in sorted(sections))
            raise SettingsError(f"environment: {name} is unknown; known are {known}, then __KEY")


def _lines(path: Path, data: Mapping[str, Any], error: ValidationError) -> list[str]:
    problems = error.errors(include_url=False, include_input=True, include_context=False)
    # A list whose items are wrong is also "too short"; that says nothing new.
    problems = [p for p in problems if p["type"] != "too_short" or len(problems) == 1]
    lines = [_line(path, data, problem) for problem in problems[:_SHOWN_ERRORS]]
    if len(problems) > len(lines):
        lines.append(f"{path}: {len(problems) - len(lines)} more; correct these first")
    return lines


def _line(path: Path, data: Mapping[str, Any], problem: Any) -> str:  # noqa: ANN401 -- pydantic's
    place, advice = _place(data, problem["loc"]), ""
    said = problem["msg"].removeprefix("Value error, ")
    match problem["type"]:
        case "missing":
            return f"{path}: {place}: is missing; set it"
        case "extra_forbidden" | "unexpected_keyword_argument":
            return f"{path}: {place}: is no known key; correct or remove it"
        case "value_error":
            advice = said
        case _:
            advice = f"{said[:1].lower()}{said[1:]}"
    given = problem["input"]
    is_scalar = isinstance(given, (str, int, float, bool))
    return f"{path}: {place}: {f'{given!r:.80} is not usable; ' if is_scalar else ''}{advice}"


def _place(data: Mapping[str, Any], location: tuple[int | str, ...]) -> str:
    """Write a key as a person finds it: `devices[3] (rig-004).interval_s`."""
    text, value = "", data
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
        try:
            value = value[part]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            value = {}
        if isinstance(part, int) and isinstance(value, dict):
            text += templates.shown(value)
    return text or "settings"
