"""Settings: where they come from, and what is said when they are wrong."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from lode_hub.errors import SettingsError
from lode_hub.settings import HubSettings, load, secret, shown
from lode_hub.worker import brokers_of


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LODE_HUB_")]:
        monkeypatch.delenv(name)


def file(folder: Path, text: str) -> Path:
    path = folder / "hub.toml"
    path.write_text(text)
    return path


def test_everything_has_a_default() -> None:
    assert load().model_dump() == HubSettings().model_dump()
    assert load().public_url == "http://127.0.0.1:8420"


def test_the_command_line_wins_over_environment_over_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file(tmp_path, 'port = 1\nhost = "::1"\nlog_level = "debug"\n[broker]\nport = 5\n')
    monkeypatch.setenv("LODE_HUB_HOST", "0.0.0.0")
    monkeypatch.setenv("LODE_HUB_BROKER__KIND", "nats")
    settings = load(path, port=3)
    assert (settings.port, settings.host, settings.log_level) == (3, "0.0.0.0", "debug")
    assert (settings.broker.port, settings.broker.kind) == (5, "nats")


def test_a_channel_fits_into_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    said = '{"host": "mail", "tls": "none", "sender": "a@b", "recipients": ["c@d"]}'
    monkeypatch.setenv("LODE_HUB_NOTIFY__SMTP", said)
    monkeypatch.setenv("LODE_HUB_NOTIFY__SMTP__PASSWORD", "hush")
    smtp = load().notify.smtp
    assert smtp is not None
    assert (smtp.recipients, smtp.password) == (("c@d",), SecretStr("hush"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[broker]\nport = "x"', r"broker\.port: .*valid integer.* \(is 'x'\); set it in .*"
            "hub.toml or as LODE_HUB_BROKER__PORT"),
        ("[broker]\nport = 99999", r"broker\.port: .*less than or equal to 65535 \(is 99999\)"),
        ('[broker]\nprot = 1', r"broker\.prot: unknown key; did you mean port\?"),
        ("zzz = 1", r"zzz: unknown key; remove it; known here: access, alerts, base_url"),
        ('[notify.smtp]\nhost = "h"', r"notify\.smtp\.sender: field required.*SMTP__SENDER"),
        ('[notify.smtp]\nhost="h"\npassword = "hush"', r"notify\.smtp\.password: a secret in .*"
            r"set notify\.smtp\.password_file, or LODE_HUB_NOTIFY__SMTP__PASSWORD in the env"),
        ('[database]\nurl = "postgresql://u:hush@h/d"', r"database\.url: a secret in .*"
            r"database\.password_file"),
        ('[broker]\nurls = ["mqtt://a", "mqtt://u:hush@b"]', r"broker\.urls: a secret in .*"
            r"broker\.password_file"),
        ("= 1", "no TOML: .*mend it there"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named_with_key_reason_and_remedy(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        load(file(tmp_path, text))
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LODE_HUB_PROT", "1", r"LODE_HUB_PROT: unknown variable; did you mean port\?"),
        ("LODE_HUB_BROKER__PROT", "1", r"broker\.prot: unknown key; did you mean port\?"),
        ("LODE_HUB_PORT", "x", r"port: .*; set it as LODE_HUB_PORT"),
        ("LODE_HUB_NOTIFY__SMTP", '{"password": "hush"', r"smtp: input should be a valid dict"),
    ],
)
def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=said) as caught:
        load()
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("said", ["mqtt://a:1, mqtt://b", '["mqtt://a:1", "mqtt://b"]'])
def test_several_brokers_fit_into_one_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setenv("LODE_HUB_BROKER__URLS", said)
    settings = load()
    assert settings.broker.urls == ("mqtt://a:1", "mqtt://b")
    first, second = brokers_of(settings)
    assert (first.host, first.port, first.username) == ("a", 1, "hub")
    assert (second.host, second.port) == ("b", 1883)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none.toml: No such file.*; check --config"):
        load(tmp_path / "none.toml")
    with pytest.raises(SettingsError, match=r"secret file .*No such file.*; make it"):
        secret(None, tmp_path / "none")


def test_secrets_are_joined_in_use_and_masked_when_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pw").write_text("p@ss/word\n")
    path = file(
        tmp_path, f'[database]\nurl = "postgresql://lode@db/x"\npassword_file = "{tmp_path}/pw"\n'
    )
    assert load(path).database.full_url == "postgresql://lode:p%40ss%2Fword@db/x"

    monkeypatch.setenv("LODE_HUB_DATABASE__URL", "postgresql://lode:hush@db/x")
    monkeypatch.setenv("LODE_HUB_BROKER__PASSWORD", "hush")
    monkeypatch.setenv("LODE_HUB_BROKER__URLS", "mqtt://u:hush@h")
    settings = load()
    assert settings.database.full_url == "postgresql://lode:hush@db/x"
    assert "hush" not in str(shown(settings))
    assert shown(settings)["database"]["url"] == "postgresql://lode:***@db/x"
