"""The authority: what it certifies, what it refuses, and how it guards its key."""

import datetime as dt
import os
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.errors import InvalidError, TrustError
from lode_hub.trust import ca
from lode_hub.trust.ca import Authority
from lode_wire import topics
from tests.hub.trust.people import new_key, request

WEEK = dt.timedelta(days=7)


def extension(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind).value


def test_a_certificate_says_who_and_for_how_long_and_nothing_that_was_asked_for(authority):
    key = new_key()
    issued = authority.issue(request(key, "hub").encode(), "north-1", "north", WEEK)
    made = x509.load_pem_x509_certificate(issued.pem.encode())
    (name,) = made.subject
    assert (name.oid, name.value) == (x509.NameOID.COMMON_NAME, "north-1")
    assert made.public_key() == key.public_key()
    assert list(extension(made, x509.ExtendedKeyUsage)) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not extension(made, x509.BasicConstraints).ca
    (uri,) = extension(made, x509.SubjectAlternativeName)
    assert uri.value == f"urn:lode:agent:north:north-1:{ca.key_id(key.public_key())}"
    left = made.not_valid_after_utc - dt.datetime.now(dt.UTC)
    assert WEEK - dt.timedelta(minutes=1) < left <= WEEK
    assert f"{made.serial_number:x}" == issued.serial
    assert authority.signed(made)


def test_it_is_the_same_after_a_restart(authority, tmp_path):
    again = Authority.open(tmp_path / "trust")
    assert again.pem == authority.pem
    issued = again.certify(new_key().public_key(), "a", "b", WEEK)
    assert authority.signed(x509.load_pem_x509_certificate(issued.pem.encode()))
    assert (tmp_path / "trust" / "ca.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "trust").stat().st_mode & 0o777 == 0o700


def test_a_certificate_never_outlives_the_authority(authority):
    issued = authority.certify(new_key().public_key(), "a", "b", dt.timedelta(days=36_500))
    ours = x509.load_pem_x509_certificate(authority.pem.encode())
    assert issued.not_after == ours.not_valid_after_utc


def test_another_authority_is_another(authority, tmp_path):
    other = Authority.open(tmp_path / "other")
    issued = other.certify(new_key().public_key(), "a", "b", WEEK)
    assert not authority.signed(x509.load_pem_x509_certificate(issued.pem.encode()))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(authority, tmp_path, mode):
    (tmp_path / "trust" / "ca.key").chmod(mode)
    with pytest.raises(TrustError, match=r"ca.key: mode 6\d+ .*others may read it.*chmod 600"):
        Authority.open(tmp_path / "trust")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_key_of_another_user_is_refused(authority, tmp_path):
    os.chown(tmp_path / "trust" / "ca.key", 65534, 65534)
    with pytest.raises(TrustError, match="user 65534"):
        Authority.open(tmp_path / "trust")


def test_a_broken_key_is_named(authority, tmp_path):
    (tmp_path / "trust" / "ca.key").write_text("nonsense")
    with pytest.raises(TrustError, match=r"ca.key: no key.*backup"):
        Authority.open(tmp_path / "trust")


@pytest.mark.parametrize(
    "name", ["hub", "HUB", "broker", "route", "a/b", "+", "#", "", "é", "a" * 64]
)
def test_names_that_mean_something_else_are_refused(authority, name):
    with pytest.raises(InvalidError, match="cannot be a name"):
        authority.certify(new_key().public_key(), name, "north", WEEK)


@given(agent=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", fullmatch=True))
def test_every_name_of_an_agent_can_be_certified(tmp_path_factory, agent):
    authority = Authority.open(tmp_path_factory.getbasetemp() / "ca")
    assert topics.is_name(agent)
    if agent.lower() not in ca.RESERVED:
        issued = authority.certify(KEY.public_key(), agent, agent, WEEK)
        assert x509.load_pem_x509_certificate(issued.pem.encode())


KEY = new_key()


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP384R1()),
    ],
    ids=["rsa", "p384"],
)
def test_other_kinds_of_keys_are_refused(authority, key):
    with pytest.raises(InvalidError, match="P-256"):
        authority.issue(request(key).encode(), "north-1", "north", WEEK)


def test_a_request_for_somebody_elses_key_is_refused(authority):
    asked = bytearray(x509.load_pem_x509_csr(request(KEY).encode()).public_bytes(ca._PEM))
    lines = bytes(asked).split(b"\n")
    other = request(new_key()).encode().split(b"\n")
    # The key of one, the signature of another: the last lines hold the signature.
    mixed = b"\n".join([*lines[:-4], *other[-4:]])
    with pytest.raises(InvalidError):
        authority.issue(mixed, "north-1", "north", WEEK)


SPOILT = st.builds(
    lambda n, b: REQUEST[:n] + b + REQUEST[n + len(b) :], st.integers(0, 400), st.binary(max_size=9)
)


@given(st.binary(max_size=400) | SPOILT)
def test_whatever_is_no_request_is_refused_as_that(data):
    try:
        key = ca.requested_key(data)
    except InvalidError:
        return
    assert key == KEY.public_key()  # what was spoilt did not matter


REQUEST = request(KEY).encode()


def test_a_list_of_revoked_ones_is_made_anew_only_when_it_says_something_else(authority):
    empty = authority.revocation_list([])
    assert authority.revocation_list([], empty) == empty
    two = authority.revocation_list(["ff", "1"], empty)
    assert {one.serial_number for one in x509.load_pem_x509_crl(two.encode())} == {1, 255}
    assert authority.revocation_list(["1", "ff"], two) == two
    assert authority.revocation_list(["1"], two) != two


def test_a_list_of_anothers_is_not_kept(authority, tmp_path):
    theirs = Authority.open(tmp_path / "other").revocation_list([])
    assert authority.revocation_list([], theirs) != theirs


def test_the_hubs_own_certificate_is_kept_until_its_names_change(authority, tmp_path):
    folder = tmp_path / "trust"
    first, key = authority.own(folder, "broker", ["hub.test", "127.0.0.1"])
    before = first.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    authority.own(folder, "broker", ["hub.test"])
    assert first.read_bytes() == before
    authority.own(folder, "broker", ["hub.test", "10.0.0.2"])
    assert first.read_bytes() != before
    ssl.create_default_context(cadata=authority.pem).load_cert_chain(first, key)


def test_ed25519_is_no_key_for_brokers(authority):
    subject = x509.Name([])
    asked = x509.CertificateSigningRequestBuilder().subject_name(subject)
    pem = asked.sign(ed25519.Ed25519PrivateKey.generate(), None).public_bytes(ca._PEM)
    with pytest.raises(InvalidError, match="P-256"):
        authority.issue(pem, "north-1", "north", WEEK)
