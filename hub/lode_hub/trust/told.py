"""What the settings say of trust: the authority's folder, the doors, and what agents are told."""

from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from lode_hub.broker import Door
from lode_hub.commands import keys
from lode_hub.settings import HubSettings
from lode_hub.store import Store
from lode_hub.trust.ca import Authority
from lode_hub.trust.enrol import Broker, Trust

_ANYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 -- no name to be called by


def folder_of(settings: HubSettings) -> Path:
    """Give the folder of the authority and of the hub's own keys."""
    return settings.data_dir.absolute() / "trust"


def trust_of(store: Store, settings: HubSettings) -> Trust:
    """Give what lets agents in.

    Raises:
        TrustError: the authority's key cannot be used.
    """
    folder = folder_of(settings)
    authority = Authority.open(folder)
    command_keys = partial(keys.public_pem, settings.data_dir)
    told = broker_of(settings, authority)
    return Trust(store, folder, authority, settings.trust, told, command_keys=command_keys)


def door_of(settings: HubSettings) -> Door | None:
    """Give the own broker's door for TLS; None when it has none."""
    broker = settings.broker
    if broker.tls_port is None:
        return None
    folder = folder_of(settings)
    given = [urlsplit(url).hostname or "" for url in broker.agent_urls]
    return Door(
        host=broker.tls_host,
        port=broker.tls_port,
        names=_names(broker.tls_host, _public_host(settings), *given),
        authority=Authority.open(folder),
        folder=folder,
    )


def web_door(settings: HubSettings) -> tuple[Path, Path]:
    """Give certificate and key of the web door."""
    folder = folder_of(settings)
    names = _names(settings.host, _public_host(settings))
    return Authority.open(folder).own(folder, "door", names)


def broker_of(settings: HubSettings, authority: Authority) -> Broker:
    """Say how agents come to the broker."""
    broker, host = settings.broker, _public_host(settings)
    if broker.agent_urls or broker.urls:
        urls = list(broker.agent_urls or broker.urls)
    elif broker.tls_port is not None:
        urls = [f"mqtts://{host}:{broker.tls_port}"]
    else:
        urls = [f"mqtt://{broker.host}:{broker.port}"]
    ca = "" if broker.urls else authority.pem
    if broker.ca_file is not None:
        ca = broker.ca_file.read_text()
    login = broker.agent_login
    if login == "auto":
        login = "certificate" if urls[0].startswith("mqtts:") else "password"
    return Broker(urls=urls, login=login, ca=ca)


def _public_host(settings: HubSettings) -> str:
    return urlsplit(settings.public_url).hostname or "127.0.0.1"


def _names(*hosts: str) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys([*(h for h in hosts if h not in _ANYWHERE), "localhost", "127.0.0.1"])
    )
