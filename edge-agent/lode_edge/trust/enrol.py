"""Enrol at the hub with a one-time token, and renew with the certificate at hand."""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lode_edge.settings import Settings
from lode_edge.trust import identity
from lode_edge.trust.door import Door
from lode_edge.trust.errors import TrustError
from lode_edge.trust.identity import FOLDER, Identity

RENEWAL = b"lode renewal 1\n"
RENEWED = b"lode renewed 1\n"
"""What the signatures of a renewal and of its answer begin with, so that they mean nothing else."""

_SHA256 = hashes.SHA256()
_RENEWED = {"certificate": str, "urls": list, "login": str, "broker_ca": str, "command_keys": str}
_ENROLLED = {**_RENEWED, "agent": str, "site": str, "ca": str, "password": str}


def enrol(settings: Settings, door: Door, token: str) -> Identity:
    """Make a key, have it certified, and keep what came back.

    Raises:
        TrustError: the hub cannot be reached or refused, or the token is another agent's.
    """
    folder = settings.agent.data_dir / FOLDER
    key = identity.pending_key(folder)
    told = door.post("/enrolment", {"token": token, "request": _request(key, settings.agent.name)})
    _check(told, _ENROLLED)
    identity.check_fits(settings, told["agent"], told["site"])
    _check_certificate(told["certificate"], _loaded(told["ca"]), key, told["agent"])
    identity.keep(folder, told, key, door.url)
    (folder / "pending.key").unlink()
    found = Identity.load(settings.agent.data_dir)
    assert found is not None  # noqa: S101 -- just written
    return found


def renew(known: Identity) -> None:
    """Get and keep the next certificate for the same key.

    What is sent is no secret, and the answer is signed by the authority: whoever is in between can
    at most keep it from us, so that the door may have changed its own certificate meanwhile.

    Raises:
        RefusedByHub: the hub knows the agent no more, or the certificate has run out.
        TrustError: the hub cannot be reached, or somebody else has answered.
    """
    key, authority = known.key(), known.authority()
    certificate = known.certificate().public_bytes(serialization.Encoding.PEM).decode()
    nonce = secrets.token_hex(16)
    signature = key.sign(RENEWAL + nonce.encode() + certificate.encode(), ec.ECDSA(_SHA256))
    asked = {"certificate": certificate, "nonce": nonce, "signature": _base64(signature)}
    door = replace(Door(url=known.hub), anyone="taken")
    answer = door.post("/enrolment/renewal", asked)
    _check(answer, {"body": str, "signature": str})
    _check_signed(answer["body"], answer["signature"], nonce, authority)
    told = json.loads(answer["body"])
    _check(told, _RENEWED)
    _check_certificate(told["certificate"], authority, key, known.agent)
    who = {"agent": known.agent, "site": known.site, "hub": known.hub}
    identity.keep_renewed(known.folder, told, key, who)


def _request(key: ec.EllipticCurvePrivateKey, name: str) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    asked = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, _SHA256)
    return asked.public_bytes(serialization.Encoding.PEM).decode()


def _check(told: Mapping[str, Any], wanted: Mapping[str, type]) -> None:
    wrong = [name for name, kind in wanted.items() if not isinstance(told.get(name), kind)]
    if wrong:
        raise TrustError(
            f"hub: its answer lacks {', '.join(wrong)}; have hub and agent one version?"
        )


def _check_signed(body: str, signature: str, nonce: str, authority: x509.Certificate) -> None:
    key = cast(ec.EllipticCurvePublicKey, authority.public_key())  # as every Lode authority's is
    try:
        signed = base64.b64decode(signature, validate=True)
        key.verify(signed, RENEWED + nonce.encode() + body.encode(), ec.ECDSA(_SHA256))
    except (InvalidSignature, ValueError):
        raise TrustError(
            "hub: the answer is not signed by its authority; somebody else has answered, or the "
            "hub has a new authority: then enrol with a new token"
        ) from None


def _check_certificate(
    pem: str, authority: x509.Certificate, key: ec.EllipticCurvePrivateKey, agent: str
) -> None:
    certificate = _loaded(pem)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        raise TrustError("hub: the certificate is not its authority's; enrol again") from None
    if certificate.public_key() != key.public_key() or [n.value for n in names] != [agent]:
        raise TrustError("hub: the certificate is for another key or name; enrol again")


def _loaded(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise TrustError(f"hub: sent no certificate: {error}") from error


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
