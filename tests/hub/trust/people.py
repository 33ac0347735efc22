"""Agents as the authority sees them: keys, requests, certificates on disk."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lode_hub.trust.ca import Authority, Issued, key_id
from lode_hub.trust.lists import Guest

Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def request(key, name: str = "whatever") -> str:
    """Write a signing request; its name is the agent's wish, and counts for nothing."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    asked = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return asked.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@dataclass
class Badge:
    """Key and certificate of an agent, in a file."""

    file: Path
    issued: Issued

    @property
    def guest(self) -> Guest:
        return Guest(name=self.issued.agent, site=self.issued.site, key_id=self.issued.key_id)


def badge(
    authority: Authority, folder: Path, name: str, site: str = "north", lifetime_s: float = 600
) -> Badge:
    """Have a fresh key certified."""
    key = new_key()
    issued = authority.certify(key.public_key(), name, site, dt.timedelta(seconds=lifetime_s))
    file = folder / f"{name}-{key_id(key.public_key())[:6]}.pem"
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    file.write_bytes(private + issued.pem.encode())
    return Badge(file, issued)
