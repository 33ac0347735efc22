"""The ciphers of WhatsMiners: against `openssl passwd -1`, and there and back."""

import base64

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lode_edge.drivers.asic import whatsminer_cipher as cipher
from lode_edge.errors import BadAnswer

# Made with `openssl passwd -1 -salt SALT PASSWORD`.
HASHES = [
    ("admin", "BQ5hoXV9", "RxmaDUO33TS7O26yeMHZ81"),
    ("", "abcdefgh", "M55TzYaaccxVGbptZWaxX/"),
    ("a", "x", "P8VObTrxaqT4VBmnH06P8."),
    ("super-secret_1", "jbzkfQls", "iMm2OKBsPlQSOE.42xTQW."),
    ("a passphrase longer than sixteen bytes", "./Az09zz", "DN9CpU6qTNugqJBicYbHR."),
    ("grün", "s4", "bj22xAlno4YbPM0NjlXf8."),
]


@pytest.mark.parametrize(("password", "salt", "hashed"), HASHES)
def test_a_password_is_hashed_as_crypt_does(password, salt, hashed):
    assert cipher.md5_crypt(password, salt) == hashed


def test_only_eight_characters_of_a_salt_count():
    assert cipher.md5_crypt("admin", "BQ5hoXV9more") == cipher.md5_crypt("admin", "BQ5hoXV9")


def test_a_token_signs_with_the_hash_and_the_time():
    made = cipher.token("admin", "BQ5hoXV9", "jbzkfQls", "5626")
    assert made.sign == cipher.md5_crypt("RxmaDUO33TS7O26yeMHZ815626", "jbzkfQls")
    assert "RxmaDUO33TS7O26yeMHZ81" not in repr(made)
    assert made.sign not in repr(made)


@given(order=st.dictionaries(st.text(), st.text()), key=st.binary(min_size=32, max_size=32))
@settings(max_examples=50)
def test_what_is_encrypted_can_be_read_again(order, key):
    assert msgspec.json.decode(cipher.decrypt(key, cipher.encrypt(key, order), "rig")) == order


@given(data=st.binary(max_size=64))
@settings(max_examples=50)
def test_any_whole_blocks_are_read_and_nothing_else(data):
    text = base64.b64encode(data).decode()
    if data and len(data) % 16 == 0:
        assert len(cipher.decrypt(bytes(32), text, "rig-1")) <= len(data)
        return
    with pytest.raises(BadAnswer, match="rig-1: its encrypted answer is cut"):
        cipher.decrypt(bytes(32), text, "rig-1")


def test_what_is_no_base64_is_refused():
    with pytest.raises(BadAnswer, match="rig-1: its encrypted answer is no base64"):
        cipher.decrypt(bytes(32), "not base64!", "rig-1")


def test_a_cut_answer_is_refused():
    whole = cipher.encrypt(bytes(32), {"STATUS": "S"})
    with pytest.raises(BadAnswer, match="cut at 9 bytes"):
        cipher.decrypt(bytes(32), whole[:12], "rig-1")


def test_the_token_of_version_3_is_as_the_vendor_documents_it():
    key = cipher.v3_key("set.miner.pools", "abcdefg", "QbVy1Ou3", 1_692_685_512)
    assert cipher.v3_token(key) == "c6jPiY5n"
    assert len(key) == 32
