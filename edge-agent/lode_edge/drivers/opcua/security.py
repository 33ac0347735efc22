"""How a server is spoken to: by which policy, with whose certificate, and whom we believe to be it.

A server's own certificate is compared, byte for byte, with those in a folder that a person has
filled. It is asked for before the secured connection is made; that the server also holds its key,
the secured connection proves.
"""

import contextlib
import hashlib
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256 as Policy
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lode_edge.errors import EdgeError, Refused
from lode_edge.settings import OpcuaSettings

_MAX_TRUSTED = 1000
_MODES = {
    "sign": ua.MessageSecurityMode.Sign,
    "sign-and-encrypt": ua.MessageSecurityMode.SignAndEncrypt,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Security:
    """What the settings say of a server's security; `mode` none needs no files."""

    mode: Literal["none", "sign", "sign-and-encrypt"] = "none"
    certificate_file: Path | None = None  # our own, PEM or DER
    key_file: Path | None = None
    trusted_dir: Path | None = None  # certificates of servers, PEM or DER


PLAIN = Security()


def chosen(settings: OpcuaSettings | None, address: str) -> Security:
    """Take from the settings what holds for a device's address."""
    if settings is None or settings.security == "none" or address in settings.unsecured:
        return PLAIN
    return Security(
        mode=settings.security,
        certificate_file=settings.certificate_file,
        key_file=settings.key_file,
        trusted_dir=settings.trusted_dir,
    )


def check(security: Security) -> None:
    """Refuse security that cannot work, before anything is connected.

    Raises:
        EdgeError: a file is not named, or cannot be read.
    """
    if security.mode == "none":
        return
    for name in ("certificate_file", "key_file", "trusted_dir"):
        path = getattr(security, name)
        if path is None:
            raise EdgeError(f"opcua.{name}: is missing; security {security.mode} needs it")
    _own(security)
    _trusted(security)


async def secure(client: Client, security: Security) -> None:
    """Make the client speak securely from its next connection on; asks the server for its ways.

    Raises:
        Refused: the server offers no such security, or is not one that we trust.
        OSError: it could not be asked; so do UaError and TimeoutError.
    """
    if security.mode == "none":
        return
    mode = _MODES[security.mode]
    place = client.server_url.netloc
    offered = await client.connect_and_get_server_endpoints()
    fits = [e for e in offered if (e.SecurityMode, e.SecurityPolicyUri) == (mode, Policy.URI)]
    if not fits:
        ways = sorted(
            {f"{e.SecurityPolicyUri.rpartition('#')[2]} {e.SecurityMode.name}" for e in offered}
        )
        raise Refused(f"{place}: offers no Basic256Sha256 {mode.name}; it offers {', '.join(ways)}")
    certificate = _first(fits[0].ServerCertificate or b"", place)
    _require_trust(certificate, security, place)
    client.application_uri = _uri_of(_own(security))
    await client.set_security(
        Policy,
        str(security.certificate_file),
        str(security.key_file),
        server_certificate=certificate.public_bytes(Encoding.DER),
        mode=mode,
    )


def _require_trust(certificate: x509.Certificate, security: Security, place: str) -> None:
    der = certificate.public_bytes(Encoding.DER)
    print_ = hashlib.sha256(der).hexdigest()
    if der not in _trusted(security):
        raise Refused(
            f"{place}: its certificate {print_} is not trusted; if it is the right one, put it "
            f"into {security.trusted_dir}"
        )
    now = datetime.now(UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise Refused(f"{place}: its certificate {print_} is out of its time; renew it there")


def _first(chain: bytes, place: str) -> x509.Certificate:
    """Read the server's own certificate; its issuers may follow it."""
    length = int.from_bytes(chain[2:4], "big") + 4  # of a DER sequence longer than 255 bytes
    try:
        return x509.load_der_x509_certificate(chain[:length])
    except ValueError as error:
        raise Refused(f"{place}: its certificate cannot be read: {error}") from error


def _own(security: Security) -> x509.Certificate:
    for path in (security.certificate_file, security.key_file):
        assert path is not None  # noqa: S101 -- `check` has seen to it
        try:
            path.read_bytes()
        except OSError as error:
            raise EdgeError(f"{path}: {error.strerror}; correct its path or rights") from error
    return _certificate(security.certificate_file)  # type: ignore[arg-type]


def _trusted(security: Security) -> set[bytes]:
    """Read the certificates we trust, anew each time: a person may have added one."""
    assert security.trusted_dir is not None  # noqa: S101 -- `check` has seen to it
    try:
        paths = sorted(security.trusted_dir.iterdir())[:_MAX_TRUSTED]
    except OSError as error:
        raise EdgeError(f"{security.trusted_dir}: {error.strerror}; create it") from error
    found = set()
    for path in paths:
        with contextlib.suppress(EdgeError):  # a stray file trusts nobody
            found.add(_certificate(path).public_bytes(Encoding.DER))
    return found


def _certificate(path: Path) -> x509.Certificate:
    try:
        raw = path.read_bytes()
        if raw.lstrip().startswith(b"-----"):
            return x509.load_pem_x509_certificate(raw)
        return x509.load_der_x509_certificate(raw)
    except (OSError, ValueError) as error:
        raise EdgeError(f"{path}: is no certificate: {error}; write PEM or DER") from error


def _uri_of(certificate: x509.Certificate) -> str:
    """Give the application URI that our certificate names; a server compares it with ours."""
    with contextlib.suppress(x509.ExtensionNotFound):
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        for uri in names.get_values_for_type(x509.UniformResourceIdentifier):
            return uri
    return f"urn:{socket.gethostname()}:lode-edge"
