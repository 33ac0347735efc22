"""The keys that sign commands: made once, for us alone, and rotated without anybody's help."""

from pathlib import Path

import pytest

from lode_hub.commands import keys
from lode_hub.errors import HubError
from tests.hub.commands.site_agent import keys_of


def test_keys_are_made_once_and_nobody_else_reads_them(tmp_path: Path) -> None:
    names = keys.names(tmp_path)
    assert keys.names(tmp_path) == names
    assert list(keys_of(keys.public_pem(tmp_path))) == names
    assert (tmp_path / "commands" / "keys.pem").read_bytes() == keys.public_pem(tmp_path)
    folder = tmp_path / "commands"
    assert folder.stat().st_mode & 0o077 == 0
    assert {path.name for path in folder.iterdir()} == {"current.pem", "next.pem", "keys.pem"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


def test_the_next_key_signs_after_a_rotation(tmp_path: Path) -> None:
    signer = keys.Signer(tmp_path)
    before = signer.key()
    current, following = keys.names(tmp_path)
    after = keys.rotate(tmp_path)
    assert after[0] == following
    assert after[1] not in {current, following}
    assert signer.key() != before
    assert list(keys_of(keys.public_pem(tmp_path))) == after


def test_a_rotation_that_was_cut_short_is_mended(tmp_path: Path) -> None:
    _, following = keys.names(tmp_path)
    (tmp_path / "commands" / "next.pem").replace(tmp_path / "commands" / "current.pem")
    assert keys.names(tmp_path)[0] == following
    public = (tmp_path / "commands" / "keys.pem").read_bytes()
    assert list(keys_of(public)) == keys.names(tmp_path)


def test_a_key_that_others_may_read_signs_nothing(tmp_path: Path) -> None:
    keys.names(tmp_path)
    path = tmp_path / "commands" / "current.pem"
    path.chmod(0o644)
    with pytest.raises(HubError, match="chmod 600"):
        keys.signing_key(tmp_path)
    path.chmod(0o600)
    path.write_bytes(b"no key")
    with pytest.raises(HubError, match=r"current\.pem: no private key"):
        keys.signing_key(tmp_path)
