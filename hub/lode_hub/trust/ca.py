"""The hub's own small certificate authority: it knows agents, its own doors, and nobody else.

ca.key, ca.pem ─► issue(request, agent, site) ─► certificate of an agent, for a few days
               ├► own(name, hosts) ─► certificate of the broker, the web door, the hub as a client
               └► revocation_list(serials) ─► what Mosquitto looks into at each connection
"""

import datetime as dt
import hashlib
import ipaddress
import os
import secrets
import stat
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lode_hub.errors import InvalidError, TrustError
from lode_wire import topics

RESERVED = frozenset({"broker", "door", "hub", "route"})
"""Names that are the hub's own."""

URI = "urn:lode:agent"
MAX_PEM_BYTES = 16 << 10

_CA_DAYS, _OWN_DAYS = 3650, 400
_EARLY = dt.timedelta(hours=1)  # an agent's clock may be behind
_SHA256 = hashes.SHA256()
_NO_PASSWORD = serialization.NoEncryption()
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, kw_only=True, slots=True)
class Issued:
    """A certificate as the hub remembers it."""

    agent: str
    site: str
    serial: str  # hex
    key_id: str
    not_after: dt.datetime
    pem: str


class Authority:
    """The key and the certificate that everybody who belongs to this hub trusts."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key, self._certificate = key, certificate

    @classmethod
    def open(cls, folder: Path) -> "Authority":
        """Read it from its folder, where it is made when there is none.

        Raises:
            TrustError: the key is there and cannot be used, or others may read it.
        """
        key_file, certificate_file = folder / "ca.key", folder / "ca.pem"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not key_file.exists():
            key, certificate = _made()
            # The certificate first: a key without one would stop every later start.
            put(certificate_file, certificate.public_bytes(_PEM))
            put(key_file, _private(key))
        try:
            return cls(
                read_key(key_file), x509.load_pem_x509_certificate(certificate_file.read_bytes())
            )
        except (OSError, ValueError) as error:
            raise TrustError(f"{certificate_file}: {error}; put it back from a backup") from error

    @property
    def pem(self) -> str:
        """The certificate, for those who are to trust it."""
        return self._certificate.public_bytes(_PEM).decode()

    def issue(self, request: bytes, agent: str, site: str, lifetime: dt.timedelta) -> Issued:
        """Certify the key of a signing request as an agent's; what else it asks for is ignored.

        Raises:
            InvalidError: it is no such request, or its key is of another kind.
        """
        return self.certify(requested_key(request), agent, site, lifetime)

    def certify(
        self, key: ec.EllipticCurvePublicKey, agent: str, site: str, lifetime: dt.timedelta
    ) -> Issued:
        """Certify a key as an agent's.

        Raises:
            InvalidError: the names cannot be.
        """
        check_names(agent, site)
        now = _now()
        uri = x509.UniformResourceIdentifier(uri_of(agent, site, key_id(key)))
        made = (
            self._builder(key, agent, now - min(_EARLY, lifetime), now + lifetime)
            .add_extension(x509.SubjectAlternativeName([uri]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self._key, _SHA256)
        )
        return Issued(
            agent=agent,
            site=site,
            serial=f"{made.serial_number:x}",
            key_id=key_id(key),
            not_after=made.not_valid_after_utc,
            pem=made.public_bytes(_PEM).decode(),
        )

    def own(self, folder: Path, name: str, hosts: Sequence[str] = ()) -> tuple[Path, Path]:
        """Give certificate and key of a server of the hub's at these hosts; of a client at none.

        They are kept in the folder, and made anew when they get old or the hosts are others.
        """
        certificate_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
        if not self._is_fit(certificate_file, key_file, hosts):
            key, now = ec.generate_private_key(ec.SECP256R1()), _now()
            uri = x509.UniformResourceIdentifier(f"urn:lode:{name}")
            names = [*(_host(host) for host in hosts), uri]
            purpose = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
            made = (
                self._builder(key.public_key(), name, now - _EARLY, now + _days(_OWN_DAYS))
                .add_extension(x509.SubjectAlternativeName(names), critical=False)
                .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
                .sign(self._key, _SHA256)
            )
            put(key_file, _private(key))
            put(certificate_file, made.public_bytes(_PEM))
        return certificate_file, key_file

    def revocation_list(self, serials: Iterable[str], before: str = "") -> str:
        """List certificates that are no longer good; the list before, when it says the same.

        It is good for as long as we are: who reads it gets every newer one at once.
        """
        wanted, now = {int(serial, 16) for serial in serials}, _now()
        if self._lists(before, wanted):
            return before
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(now)
            .next_update(self._certificate.not_valid_after_utc)
            .add_extension(x509.CRLNumber(time.time_ns() // 1_000_000), critical=False)
        )
        for serial in sorted(wanted):
            revoked = x509.RevokedCertificateBuilder().serial_number(serial)
            builder = builder.add_revoked_certificate(revoked.revocation_date(now).build())
        return builder.sign(self._key, _SHA256).public_bytes(_PEM).decode()

    def signed(self, certificate: x509.Certificate) -> bool:
        """Tell whether a certificate is one of ours, whatever its dates."""
        try:
            certificate.verify_directly_issued_by(self._certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def sign(self, message: bytes) -> bytes:
        """Sign an answer to an agent, which knows our certificate."""
        return self._key.sign(message, ec.ECDSA(_SHA256))

    def _builder(
        self, key: ec.EllipticCurvePublicKey, name: str, begin: dt.datetime, end: dt.datetime
    ) -> x509.CertificateBuilder:
        ours = self._certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(self._certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(min(end, self._certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ours), critical=False
            )
        )

    def _lists(self, before: str, serials: set[int]) -> bool:
        try:
            known = x509.load_pem_x509_crl(before.encode())
        except ValueError:
            return False
        listed = {one.serial_number for one in known}
        return listed == serials and known.is_signature_valid(self._certificate.public_key())  # type: ignore[arg-type]

    def _is_fit(self, certificate_file: Path, key_file: Path, hosts: Sequence[str]) -> bool:
        try:
            known = x509.load_pem_x509_certificate(certificate_file.read_bytes())
            names = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            fits = read_key(key_file).public_key() == known.public_key()
        except (OSError, ValueError, x509.ExtensionNotFound):
            return False
        is_fresh = known.not_valid_after_utc - _now() > _days(_OWN_DAYS // 3)
        return fits and is_fresh and self.signed(known) and {_host(h) for h in hosts} <= set(names)


def check_names(agent: str, site: str) -> None:
    """Refuse names that no agent or site can have.

    Raises:
        InvalidError: one of them cannot be.
    """
    for what, name in (("agent", agent), ("site", site)):
        if not topics.is_name(name) or (what == "agent" and name.lower() in RESERVED):
            raise InvalidError(
                f"{what} {name!r:.80}: cannot be a name; use 1 to 63 of A-Z a-z 0-9 _ . -, begin "
                f"with a letter or digit; {', '.join(sorted(RESERVED))} are taken"
            )


def requested_key(request: bytes) -> ec.EllipticCurvePublicKey:
    """Give the key of a signing request whose sender has it.

    Raises:
        InvalidError: it is no such request, or its key is no P-256.
    """
    try:
        asked = x509.load_pem_x509_csr(request[:MAX_PEM_BYTES])
        key = asked.public_key()
        is_theirs = asked.is_signature_valid
    except Exception as error:  # whatever the parser makes of hostile bytes
        raise InvalidError(f"request: no certificate signing request: {error}") from error
    if (
        not is_theirs
        or not isinstance(key, ec.EllipticCurvePublicKey)
        or key.curve.name != "secp256r1"
    ):
        raise InvalidError("request: expected a P-256 key, and its own signature")
    return key


def key_id(key: ec.EllipticCurvePublicKey) -> str:
    """Name a key: the first 32 hex digits of the SHA-256 of its DER form."""
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()[:32]


def uri_of(agent: str, site: str, key: str) -> str:
    """Name an agent with its site and key; nats-server knows it by that."""
    return f"{URI}:{site}:{agent}:{key}"


def fingerprint(certificate_file: Path) -> str:
    """Give the SHA-256 of a certificate, as people compare it."""
    known = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    return known.fingerprint(_SHA256).hex()


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a private key that nobody but we may read.

    Raises:
        TrustError: it is no such key, or others may read it.
    """
    try:
        found = path.stat()
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise TrustError(f"{path}: no key: {error}; put it back from a backup") from error
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or found.st_uid not in {os.geteuid(), 0}:
        raise TrustError(
            f"{path}: mode {found.st_mode & 0o777:o} of user {found.st_uid}; others may read it: "
            "chown it to the hub's user and chmod 600, and ask who has read it"
        )
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TrustError(f"{path}: no P-256 key; put it back from a backup")
    return key


def put(path: Path, data: bytes) -> None:
    """Put a file that only we can read in its place, whole or not at all, and on disk."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _made() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key, now = ec.generate_private_key(ec.SECP256R1()), _now()
    name = _named(f"Lode {secrets.token_hex(4)}")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _days(1))
        .not_valid_after(now + _days(_CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, _SHA256)
    )
    return key, certificate


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, _NO_PASSWORD)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def _days(number: int) -> dt.timedelta:
    return dt.timedelta(days=number)
