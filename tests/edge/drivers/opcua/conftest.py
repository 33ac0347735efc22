"""A plant with an OPC UA server, and ears that listen to it."""

import asyncio
import contextlib
import datetime
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lode_edge.drivers import described
from lode_edge.drivers.driver import DeviceEntry, Facts, Login
from lode_edge.drivers.opcua import PLAIN, OpcuaStream, Security, server
from lode_profiles import load
from lode_wire import codec
from lode_wire.records import MeterReading, PointReading, Record


@dataclass
class Ear:
    """What a stream has said so far."""

    records: list[Record] = field(default_factory=list)
    facts: list[Facts] = field(default_factory=list)

    def hear(self, records: Sequence[Record]) -> None:
        codec.pack([r for r in records if isinstance(r, MeterReading)] or records)
        self.records += records

    @property
    def readings(self) -> list[MeterReading]:
        return [record for record in self.records if isinstance(record, MeterReading)]

    def points(self, name: str) -> list[PointReading]:
        return [r for r in self.records if isinstance(r, PointReading) and r.point == name]

    @property
    def last(self) -> MeterReading:
        return self.readings[-1]


async def until(holds: Callable[[], object], timeout_s: float = 40.0) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, "did not come in time"
        await asyncio.sleep(0.01)


def entry(url: str, name: str = "F1", **given: object) -> DeviceEntry:
    values: dict[str, object] = {
        "name": name,
        "driver": "opcua",
        "address": url,
        "kind": "meter",
        "profile": "example-feeder",
        "interval_s": 0.4,
        "timeout_s": 0.5,
    }
    return DeviceEntry(**(values | given))  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def listening(
    told: DeviceEntry, number: int = 7, security: Security = PLAIN, folder: Path | None = None
) -> AsyncIterator[Ear]:
    """Run a stream and give its ear."""
    ear = Ear()
    stream = OpcuaStream(told, number, security, folder=folder)
    task = asyncio.create_task(stream.run(ear.hear, ear.facts.append))
    try:
        yield ear
    finally:
        assert not task.done(), task.exception()
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish oftener and try again sooner than at a real site."""
    quick = msgspec.structs.replace(load("example-feeder"), publish_ms=100)
    ships = {"example-feeder": quick}
    monkeypatch.setattr(described, "load", lambda name: ships.get(name) or load(name))
    monkeypatch.setattr(server, "RETRY_FIRST_S", 0.05)
    monkeypatch.setattr(server, "RETRY_MAX_S", 0.2)
    monkeypatch.setattr(server, "WATCH_S", 0.3)


USAGE = {
    "digital_signature": True,
    "content_commitment": True,
    "key_encipherment": True,
    "data_encipherment": True,
    "key_agreement": False,
    "key_cert_sign": True,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}


@dataclass(frozen=True)
class Papers:
    """A certificate and its key."""

    certificate_file: Path
    key_file: Path
    login: Login | None = None


def papers(home: Path, name: str, uri: str, *, days: int = 30) -> Papers:
    """Make a self-signed certificate, as OPC UA applications have them."""
    home.mkdir(exist_ok=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=60))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.UniformResourceIdentifier(uri), x509.DNSName("localhost")]
            ),
            critical=False,
        )
        .add_extension(x509.KeyUsage(**USAGE), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    found = Papers(home / f"{name}.pem", home / f"{name}.key.pem")
    found.certificate_file.write_bytes(made.public_bytes(Encoding.PEM))
    found.key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return found
