"""The agent's identity on disk, in DATA_DIR/identity, for nobody's eyes but the agent's.

agent.pem      its key, which never leaves, and the certificate over it
ca.pem         the hub's authority            broker-ca.pem  who may vouch for the broker
password       for a broker without client certificates
hub-keys.pem   who may sign commands          enrolment.json  who, where, and where to go
"""

import datetime as dt
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lode_edge.settings import Settings
from lode_edge.trust.errors import TrustError
from lode_edge.uplink import Address

FOLDER = "identity"
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who the agent is; its files change under it, so that every new connection sees the newest."""

    folder: Path
    agent: str
    site: str
    hub: str  # url of its web door
    urls: tuple[str, ...]  # of brokers
    login: str  # certificate | password

    @classmethod
    def load(cls, data_dir: Path) -> "Identity | None":
        """Read it; None when the agent was never enrolled.

        Raises:
            TrustError: it is there and cannot be used.
        """
        folder = data_dir / FOLDER
        path = folder / "enrolment.json"
        if not path.exists():
            return None
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                folder=folder,
                agent=str(told["agent"]),
                site=str(told["site"]),
                hub=str(told["hub"]),
                urls=tuple(str(url) for url in told["urls"]),
                login=str(told["login"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TrustError(f"{path}: {error}; enrol the agent with a new token") from error

    @property
    def agent_file(self) -> Path:
        """Key and certificate."""
        return self.folder / "agent.pem"

    def certificate(self) -> x509.Certificate:
        """Give the certificate as it is now.

        Raises:
            TrustError: there is none that can be used.
        """
        try:
            return x509.load_pem_x509_certificate(self.agent_file.read_bytes())
        except (OSError, ValueError) as error:
            raise TrustError(f"{self.agent_file}: {error}; enrol with a new token") from error

    def key(self) -> ec.EllipticCurvePrivateKey:
        """Give the private key.

        Raises:
            TrustError: there is none that can be used.
        """
        return read_key(self.agent_file)

    def authority(self) -> x509.Certificate:
        """Give the hub's authority.

        Raises:
            TrustError: it cannot be read.
        """
        path = self.folder / "ca.pem"
        try:
            return x509.load_pem_x509_certificate(path.read_bytes())
        except (OSError, ValueError) as error:
            raise TrustError(f"{path}: {error}; enrol with a new token") from error

    def renewal_at(self) -> dt.datetime:
        """Say when two thirds of the certificate's life are over."""
        known = self.certificate()
        begin, end = known.not_valid_before_utc, known.not_valid_after_utc
        return begin + (end - begin) * 2 / 3


def addresses(settings: Settings) -> list[Address]:
    """Give the ways to the broker: what the settings say, completed by the agent's identity.

    Raises:
        TrustError: the identity is another agent's, or cannot be used.
    """
    broker, known = settings.broker, Identity.load(settings.agent.data_dir)
    has_own_login = broker.username is not None or broker.cert_file is not None
    if known is None or has_own_login:
        return [
            Address(
                url=url,
                username=broker.username,
                password_file=broker.password_file,
                ca_file=broker.ca_file,
                cert_file=broker.cert_file,
                key_file=broker.key_file,
            )
            for url in broker.urls
        ]
    check_fits(settings, known.agent, known.site)
    urls = broker.urls if "urls" in broker.model_fields_set else known.urls
    return [_address(known, url, broker.ca_file) for url in urls]


def check_fits(settings: Settings, agent: str, site: str) -> None:
    """Refuse an identity that is not the one of the settings.

    Raises:
        TrustError: it is another's.
    """
    told = settings.agent
    if (agent, site) != (told.name, told.site):
        raise TrustError(
            f"identity: is that of {agent} at {site}, but agent.name is {told.name} and agent.site "
            f"is {told.site}; correct them, or enrol with a token for {told.name}"
        )


def hub_keys_file(settings: Settings) -> Path | None:
    """Give the file with the keys that may sign commands: the settings', else the hub's own."""
    if settings.control.hub_keys_file is not None:
        return settings.control.hub_keys_file
    path = settings.agent.data_dir / FOLDER / "hub-keys.pem"
    return path if path.exists() else None


def keep(folder: Path, told: Mapping[str, Any], key: ec.EllipticCurvePrivateKey, hub: str) -> None:
    """Write what an enrolment gave; each file whole or not at all, the certificate last."""
    make(folder)
    _put(folder / "ca.pem", told["ca"])
    _put(folder / "password", told["password"])
    keep_renewed(folder, told, key, {"agent": told["agent"], "site": told["site"], "hub": hub})


def keep_renewed(
    folder: Path, told: Mapping[str, Any], key: ec.EllipticCurvePrivateKey, who: Mapping[str, str]
) -> None:
    """Write what may change from one certificate to the next."""
    _put(folder / "broker-ca.pem", told["broker_ca"])
    _put(folder / "hub-keys.pem", told["command_keys"])
    where = {**who, "urls": told["urls"], "login": told["login"]}
    _put(folder / "enrolment.json", json.dumps(where, indent=2) + "\n")
    _put(folder / "agent.pem", _private(key) + told["certificate"])


def pending_key(folder: Path) -> ec.EllipticCurvePrivateKey:
    """Give the key of an enrolment under way, so that one whose answer was lost can be repeated.

    Raises:
        TrustError: it is there and cannot be used.
    """
    path = make(folder) / "pending.key"
    if not path.exists():
        _put(path, _private(ec.generate_private_key(ec.SECP256R1())))
    return read_key(path)


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a private key.

    Raises:
        TrustError: it cannot be used.
    """
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise TrustError(f"{path}: no key: {error}; enrol with a new token") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TrustError(f"{path}: no P-256 key; enrol with a new token")
    return key


def make(folder: Path) -> Path:
    """Make the folder, for the user that the agent runs as: whose the data directory is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    _give(folder)
    return folder


def _address(known: Identity, url: str, ca_file: Path | None) -> Address:
    is_tls = url.startswith("mqtts:")
    has_certificate = is_tls and known.login == "certificate"
    broker_ca = known.folder / "broker-ca.pem"
    theirs = broker_ca if broker_ca.exists() and broker_ca.stat().st_size else None
    return Address(
        url=url,
        username=None if has_certificate else known.agent,
        password_file=None if has_certificate else known.folder / "password",
        ca_file=(ca_file or theirs) if is_tls else None,
        cert_file=known.agent_file if has_certificate else None,
        key_file=known.agent_file if has_certificate else None,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(_PEM, form, serialization.NoEncryption()).decode()


def _put(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _give(fresh)
    fresh.replace(path)


def _give(path: Path) -> None:
    # Enrolled by root for an agent that runs as another: the data directory says which.
    data_dir = next(p.parent for p in (path, *path.parents) if p.name == FOLDER)
    owner = data_dir.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(path, owner.st_uid, owner.st_gid)
