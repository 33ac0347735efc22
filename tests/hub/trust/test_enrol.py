"""Tokens, enrolment, renewal, revocation, on a real database."""

import asyncio
import json

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from lode_hub.errors import InvalidError, NotFoundError, TooManyError, UnauthorizedError
from lode_hub.trust.ca import Authority
from lode_hub.trust.enrol import RENEWAL, RENEWED
from lode_wire import topics
from tests.hub.trust.people import badge, new_key, request

NONCE = "0123456789abcdef"


def asked(key, certificate: str, nonce: str = NONCE) -> bytes:
    return key.sign(RENEWAL + nonce.encode() + certificate.encode(), ec.ECDSA(hashes.SHA256()))


async def let_in(trust, name="north-1", site="north", key=None):
    """Invite and enrol; give key and what came back."""
    key = key or new_key()
    token = (await trust.invite(name, site, "ada")).token
    return key, await trust.enrol(token, request(key), "10.0.0.9")


async def test_a_token_lets_one_agent_in(make_trust, authority):
    trust = make_trust()
    key, enrolled = await let_in(trust)
    assert (enrolled.agent, enrolled.site) == ("north-1", "north")
    assert enrolled.partition == topics.partition_of("north")
    assert (enrolled.ca, enrolled.broker_ca) == (authority.pem, authority.pem)
    assert (enrolled.command_keys, enrolled.password) == ("KEYS", "")
    certificate = x509.load_pem_x509_certificate(enrolled.certificate.encode())
    assert certificate.public_key() == key.public_key()
    ((known, ends_at),) = await trust.enrolments()
    assert (known.agent, known.enrolled_from) == ("north-1", "10.0.0.9")
    assert ends_at == certificate.not_valid_after_utc


async def test_a_token_serves_one_key_only_however_many_come_at_once(make_trust):
    trust = make_trust()
    token = (await trust.invite("north-1", "north", "ada")).token
    asks = [trust.enrol(token, request(new_key()), f"10.0.0.{n}") for n in range(12)]
    answers = await asyncio.gather(*asks, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, UnauthorizedError)]
    assert len(refused) == 11
    ((known, _),) = await trust.enrolments()
    (winner,) = [answer for answer in answers if not isinstance(answer, Exception)]
    certificate = x509.load_pem_x509_certificate(winner.certificate.encode())
    assert (await trust.roll()).guests[0].key_id == known.key_id
    assert known.key_id in str(certificate.extensions)


async def test_the_same_key_may_ask_again_when_the_answer_was_lost(make_trust):
    trust = make_trust()
    key, token = new_key(), (await trust.invite("north-1", "north", "ada")).token
    first = await trust.enrol(token, request(key), "a")
    second = await trust.enrol(token, request(key), "a")
    assert first.certificate != second.certificate
    assert (await trust.roll()).serials == ()


async def test_a_wrong_token_lets_nobody_in(make_trust):
    trust = make_trust()
    token = (await trust.invite("north-1", "north", "ada")).token
    id_ = token.partition(".")[0]
    for spoilt in ("", ".", "x.y", f"{id_}.", f"{id_}.wrong", id_, "\0", "é.é", "x" * 500):
        with pytest.raises(UnauthorizedError, match="ask for another"):
            await trust.enrol(spoilt, request(new_key()), "a")
    assert await trust.enrol(token, request(new_key()), "a")


async def test_a_token_runs_out_and_a_fresh_one_ends_it(make_trust, postgres):
    trust = make_trust(token_h=1.0)
    old = (await trust.invite("north-1", "north", "ada")).token
    new = (await trust.invite("north-1", "north", "ada")).token
    with pytest.raises(UnauthorizedError):
        await trust.enrol(old, request(new_key()), "a")
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute("update enrolment_token set expires_at = now()")
    with pytest.raises(UnauthorizedError):
        await trust.enrol(new, request(new_key()), "a")


async def test_a_bad_request_does_not_spend_the_token(make_trust):
    trust = make_trust()
    token = (await trust.invite("north-1", "north", "ada")).token
    with pytest.raises(InvalidError):
        await trust.enrol(token, "nonsense", "a")
    assert await trust.enrol(token, request(new_key()), "a")


async def test_guessing_is_slowed_down_by_address(make_trust):
    trust = make_trust()
    token = (await trust.invite("north-1", "north", "ada")).token
    for _ in range(20):
        with pytest.raises(UnauthorizedError):
            await trust.enrol("a.b", request(new_key()), "10.6.6.6")
    with pytest.raises(TooManyError, match="try again in"):
        await trust.enrol(token, request(new_key()), "10.6.6.6")
    assert await trust.enrol(token, request(new_key()), "10.0.0.1")


async def test_the_database_holds_nothing_that_lets_anybody_in(make_trust, postgres):
    trust = make_trust(login="password")
    token = (await trust.invite("north-1", "north", "ada")).token
    enrolled = await trust.enrol(token, request(new_key()), "a")
    assert len(enrolled.password) >= 32
    with psycopg.connect(postgres) as db:
        tables = ("enrolment", "enrolment_token", "certificate")
        rows = [row for t in tables for row in db.execute(f"select {t}::text from {t}").fetchall()]
    assert len(rows) == 3
    stored = str(rows)
    assert token.partition(".")[2] not in stored
    assert enrolled.password not in stored


async def test_passwords_differ_and_change_with_each_enrolment(make_trust):
    trust = make_trust(login="password")
    _, first = await let_in(trust)
    _, other = await let_in(trust, "south-1", "south")
    _, second = await let_in(trust)
    assert len({first.password, other.password, second.password}) == 3
    guests = {guest.name: guest.password for guest in (await trust.roll()).guests}
    assert guests == {"north-1": second.password, "south-1": other.password}


async def test_an_agent_renews_with_its_key_and_hears_what_is_new(make_trust, authority):
    trust = make_trust()
    key, enrolled = await let_in(trust)
    body, signature = await trust.renew(
        enrolled.certificate, NONCE, asked(key, enrolled.certificate), "a"
    )
    ours = x509.load_pem_x509_certificate(authority.pem.encode()).public_key()
    ours.verify(signature, RENEWED + NONCE.encode() + body.encode(), ec.ECDSA(hashes.SHA256()))
    told = json.loads(body)
    certificate = x509.load_pem_x509_certificate(told["certificate"].encode())
    assert certificate.public_key() == key.public_key()
    assert told["certificate"] != enrolled.certificate
    assert "password" not in told
    assert (await trust.enrolments())[0][0].renewed_at is not None


async def test_nobody_renews_without_the_key(make_trust):
    trust = make_trust()
    key, enrolled = await let_in(trust)
    thief = new_key()
    for signature in (
        asked(thief, enrolled.certificate),
        b"",
        asked(key, enrolled.certificate, "x"),
    ):
        with pytest.raises(UnauthorizedError, match="its owner did not ask"):
            await trust.renew(enrolled.certificate, NONCE, signature, "a")


async def test_a_certificate_of_another_authority_is_not_renewed(make_trust, tmp_path):
    other = Authority.open(tmp_path / "other")
    stolen = badge(other, tmp_path, "north-1")
    with pytest.raises(UnauthorizedError, match="not of this hub"):
        await make_trust().renew(stolen.issued.pem, NONCE, b"", "a")
    with pytest.raises(InvalidError, match="no certificate"):
        await make_trust().renew("nonsense", NONCE, b"", "a")


async def test_who_was_thrown_out_stays_out_until_invited_again(make_trust):
    trust = make_trust()
    key, enrolled = await let_in(trust)
    unused = (await trust.invite("north-1", "north", "ada")).token
    await trust.revoke("north-1", "ada")
    with pytest.raises(UnauthorizedError, match="revoked"):
        await trust.renew(enrolled.certificate, NONCE, asked(key, enrolled.certificate), "a")
    with pytest.raises(UnauthorizedError):
        await trust.enrol(unused, request(key), "a")
    roll = await trust.roll()
    serial = x509.load_pem_x509_certificate(enrolled.certificate.encode()).serial_number
    assert (roll.guests, roll.revoked, roll.serials) == ((), ("north-1",), (f"{serial:x}",))
    await let_in(trust)
    roll = await trust.roll()
    assert ([guest.name for guest in roll.guests], roll.revoked) == (["north-1"], ())
    assert roll.serials == (f"{serial:x}",)
    with pytest.raises(NotFoundError, match="never enrolled"):
        await trust.revoke("nobody", "ada")


async def test_a_new_key_ends_the_old_one(make_trust):
    trust = make_trust()
    key, enrolled = await let_in(trust)
    await let_in(trust)
    with pytest.raises(UnauthorizedError):
        await trust.renew(enrolled.certificate, NONCE, asked(key, enrolled.certificate), "a")
    assert len((await trust.roll()).serials) == 1


async def test_a_certificate_that_has_run_out_is_not_renewed(make_trust, postgres):
    trust = make_trust()
    key, enrolled = await let_in(trust)
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute("update certificate set not_after = now()")
    with pytest.raises(UnauthorizedError, match="run out"):
        await trust.renew(enrolled.certificate, NONCE, asked(key, enrolled.certificate), "a")


async def test_an_agent_that_renews_all_the_time_is_slowed_down(make_trust):
    trust = make_trust()
    key, enrolled = await let_in(trust)
    for _ in range(10):
        await trust.renew(enrolled.certificate, NONCE, asked(key, enrolled.certificate), "a")
    with pytest.raises(TooManyError):
        await trust.renew(enrolled.certificate, NONCE, asked(key, enrolled.certificate), "a")
