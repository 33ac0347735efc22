"""The secrets file: who may read it, what it may say, and that nothing of it is ever shown."""

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_edge import secrets
from lode_edge.drivers.driver import Login
from lode_edge.secrets import SecretsError, logins
from lode_edge.settings import Settings

DEVICES = [
    {"name": "rig-1", "driver": "asic", "address": "10.0.0.1", "kind": "rig", "rack": "A1",
     "profile": "antminer-s19"},
    {"name": "rig-2", "driver": "asic", "address": "10.0.0.2", "kind": "rig", "rack": "A1"},
    {"name": "rig-3", "driver": "asic", "address": "10.0.0.3", "kind": "rig",
     "profile": "antminer-s19"},
    {"name": "rig 4", "driver": "asic", "address": "10.0.0.4", "kind": "rig"},
    {"name": "meter", "driver": "modbus", "address": "10.0.0.9", "kind": "meter"},
]  # fmt: skip


def settings(path: Path | None) -> Settings:
    return Settings(
        agent={"name": "north-1", "site": "north"},
        control={"secrets_file": path},
        devices=DEVICES,
    )


@pytest.fixture
def put(tmp_path: Path):
    """Give a function that writes the secrets file and gives the logins."""
    path = tmp_path / "secrets.toml"

    def write(text: str, mode: int = 0o600) -> dict[str, Login]:
        path.write_text(text)
        path.chmod(mode)
        return dict(logins(settings(path)))

    return write


def test_without_a_file_nobody_has_a_login():
    assert logins(settings(None)) == {}


def test_the_nearest_entry_counts(put):
    found = put(
        '[devices."rig-1"]\nusername = "root"\npassword = "one"\n'
        '[devices."rig 4"]\npassword = "four"\n'
        '[racks.A1]\nusername = "r"\npassword = "rack"\n'
        '[profiles.antminer-s19]\npassword = "model"\n'
        '[drivers.asic]\npassword = "all"\n'
    )
    assert {name: login.password for name, login in found.items()} == {
        "rig-1": "one", "rig-2": "rack", "rig-3": "model", "rig 4": "four",
    }  # fmt: skip
    assert (found["rig-1"].username, found["rig 4"].username) == ("root", "")
    assert "meter" not in found


def test_a_driver_is_the_last_resort(put):
    found = put('[drivers.asic]\nusername = "root"\npassword = "all"\n')
    assert set(found) == {"rig-1", "rig-2", "rig-3", "rig 4"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o777])
def test_a_file_that_others_may_touch_is_refused(put, mode):
    with pytest.raises(SecretsError, match=rf"mode 0{mode:o}; others may read it: chmod 600"):
        put('[drivers.asic]\npassword = "hush"\n', mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_file_of_another_user_is_refused(put, tmp_path):
    put("")
    os.chown(tmp_path / "secrets.toml", 65534, 65534)
    with pytest.raises(SecretsError, match="belongs to user 65534"):
        logins(settings(tmp_path / "secrets.toml"))


def test_a_folder_that_others_may_write_to_is_refused(put, tmp_path):
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    path = folder / "secrets.toml"
    path.touch(0o600)
    with pytest.raises(SecretsError, match=r"open: others may write there; chmod go-w"):
        logins(settings(path))
    folder.chmod(0o1777)
    assert logins(settings(path)) == {}


def test_a_link_is_followed_only_into_safe_hands(tmp_path):
    safe, loose = tmp_path / "safe", tmp_path / "loose"
    for folder in (safe, loose):
        folder.mkdir()
        (folder / "real.toml").touch(0o600)
    loose.chmod(0o777)
    link = tmp_path / "secrets.toml"
    link.symlink_to(safe / "real.toml")
    assert logins(settings(link)) == {}
    link.unlink()
    link.symlink_to(loose / "real.toml")
    with pytest.raises(SecretsError, match="loose: others may write there"):
        logins(settings(link))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_link_of_another_user_is_refused(tmp_path):
    (tmp_path / "real.toml").touch(0o600)
    link = tmp_path / "secrets.toml"
    link.symlink_to(tmp_path / "real.toml")
    os.chown(link, 65534, 65534, follow_symlinks=False)
    with pytest.raises(SecretsError, match="could exchange the secrets"):
        logins(settings(link))


WRONG = [
    ('[devices."rig-9"]\npassword = "hush"', r"\[devices.rig-9\]: no device .*did you mean rig-"),
    ('[racks.B7]\npassword = "hush"', r"\[racks.B7\]: no device"),
    ('[drivers.antminer]\npassword = "hush"', r"\[drivers.antminer\]: no device"),
    ('[rigs.A]\npassword = "hush"', r"\[rigs\]: unknown; there are devices"),
    ('devices = "hush"', r"devices: write \[devices.NAME\]"),
    ('[devices]\nrig-1 = "hush"', r"\[devices.rig-1\]: write username"),
    ('[devices.rig-1]\npasword = "hush"', r"\[devices.rig-1\]: write username, password"),
    ("[devices.rig-1]", r"\[devices.rig-1\]: write username"),
    ('[devices.rig-1]\npassword = ["hush"]', r"rig-1\].password: write at most 256"),
    ('[devices.rig-1]\npassword = "hush\\u0000"', r"rig-1\].password: write at most 256"),
    (f'[devices.rig-1]\npassword = "hush{"x" * 300}"', r"rig-1\].password: write at most 256"),
    ("[devices.rig-1]\npassword = hush", r"no valid TOML at line 2, column 12; correct it there"),
    ('[devices.rig-1]\npassword = "hush', r"no valid TOML at .*; correct it there"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_is_said_without_the_secret(put, text, said):
    with pytest.raises(SecretsError, match=said) as caught:
        put(text)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.text(max_size=200))
def test_any_text_gives_logins_or_one_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, errors="replace")
    path.chmod(0o600)
    with contextlib.suppress(SecretsError):  # and nothing else
        assert isinstance(logins(settings(path)), dict)


def test_a_missing_and_a_huge_file_are_named(put, tmp_path, monkeypatch):
    with pytest.raises(SecretsError, match=r"none.toml: no such file.*control.secrets_file"):
        logins(settings(tmp_path / "none.toml"))
    with pytest.raises(SecretsError, match="is a directory"):
        logins(settings(tmp_path))
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SecretsError, match="is no file"):
        logins(settings(tmp_path / "pipe"))
    monkeypatch.setattr(secrets, "MAX_BYTES", 10)
    with pytest.raises(SecretsError, match="more than 10 bytes"):
        put('[drivers.asic]\npassword = "x"\n')


def test_a_login_does_not_show_its_password(put):
    found = put('[drivers.asic]\nusername = "root"\npassword = "hush"\n')
    assert "hush" not in repr(found)
    assert "hush" not in str(found)
