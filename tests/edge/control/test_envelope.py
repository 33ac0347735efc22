"""The envelope is the owner's, for this agent, whole; else the agent only reads."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lode_edge.control import envelope, keys
from lode_edge.control.envelope import EnvelopeError, EnvelopeFile, Model
from lode_edge.errors import EdgeError
from lode_wire.orders import PowerLimit, Sleep
from lode_wire.records import Controls, Stage

TEXT = """
agent = "north-1"

[site]
limit_kw = 5000
ramp_up_kw_per_min = 300
ramp_down_kw_per_min = 600

[feeders."meter-a"]
limit_kw = 1000
start_spacing_s = 0.5

[models."Antminer S19 Pro"]
power_max_w = 3400
power_min_w = 1800
starts_per_day = 6
chip_temp_max_c = 95

[models."*"]
power_max_w = 3600
"""


@pytest.fixture
def signed(tmp_path: Path) -> tuple[Path, Path]:
    file, key = tmp_path / "envelope.toml", tmp_path / "owner.key"
    file.write_text(TEXT)
    public = keys.write_pair(key)
    envelope.sign(file, keys.private_key(key))
    return file, public


def test_a_signed_envelope_says_what_holds(signed):
    found = envelope.load(*signed, "north-1")
    assert found.model("antminer s19 pro") == Model(
        power_max_w=3400, power_min_w=1800, starts_per_day=6, chip_temp_max_c=95
    )
    assert found.model("Avalon") == Model(power_max_w=3600)
    assert found.line("meter-a").start_spacing_s == 0.5
    assert found.line("another").limit_kw is None


@pytest.mark.parametrize(
    ("old", "new"), [("limit_kw = 1000", "limit_kw = 9000"), ("north-1", "north-2"), ("\n", "")]
)
def test_any_change_needs_a_new_signature(signed, old, new):
    file, public = signed
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(EnvelopeError, match="signature is not the owner's"):
        envelope.load(file, public, "north-1")


def test_another_agents_or_owners_envelope_is_not_taken(signed, tmp_path):
    file, public = signed
    with pytest.raises(EnvelopeError, match="is for agent 'north-1', not 'south'"):
        envelope.load(file, public, "south")
    stranger = keys.write_pair(tmp_path / "stranger.key")
    with pytest.raises(EnvelopeError, match="signature is not the owner's"):
        envelope.load(file, stranger, "north-1")


@pytest.mark.parametrize("missing", ["envelope.toml", "envelope.toml.sig", "owner.key.pub"])
def test_what_is_missing_is_named(signed, missing):
    file, public = signed
    (file.parent / missing).unlink()
    with pytest.raises(EdgeError, match=f"{missing}: no such file"):
        envelope.load(file, public, "north-1")


@pytest.mark.parametrize("signature", ["", "not base64!", base64.b64encode(b"short").decode()])
def test_a_signature_that_is_none_is_refused(signed, signature):
    file, public = signed
    envelope.signature_path(file).write_text(signature)
    with pytest.raises(EnvelopeError):
        envelope.load(file, public, "north-1")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('agent = "a"', "models"),
        ('agent = "a"\n[models.x]\npower_max_w = -1', r"models\[...\].power_max_w"),
        ('agent = "a"\n[models.x]\npower_max_w = 1\npower_min_w = 2', "power_min_w is above"),
        ('agent = "a"\n[models.x]\npower_max_w = 1\nramps = 2', "ramps"),
        ('agent = "a"\n[site]\nlimit_kw = 0\n[models]', "site.limit_kw"),
        ("agent = ", "end of document"),
    ],
)
def test_a_malformed_envelope_says_where(tmp_path, text, place):
    file = tmp_path / "envelope.toml"
    file.write_text(text)
    keys.write_pair(tmp_path / "k")
    with pytest.raises(EnvelopeError, match=place):
        envelope.sign(file, keys.private_key(tmp_path / "k"))


def test_keys_are_kept_from_others(tmp_path):
    keys.write_pair(tmp_path / "k")
    assert (tmp_path / "k").stat().st_mode & 0o077 == 0
    with pytest.raises(EdgeError, match="exists"):
        keys.write_pair(tmp_path / "k")
    with pytest.raises(EdgeError, match="no public key"):
        keys.public_keys(tmp_path / "k")


def lode_edge(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "lode-edge"
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def test_the_commands_make_sign_check_and_stop(tmp_path):
    file, config = tmp_path / "envelope.toml", tmp_path / "edge.toml"
    file.write_text(TEXT)
    assert lode_edge("envelope", "keygen", str(tmp_path / "o")).returncode == 0
    assert lode_edge("envelope", "sign", str(file), "--key", str(tmp_path / "o")).returncode == 0
    public = str(tmp_path / "o.pub")
    checked = lode_edge("envelope", "check", str(file), "--key", public, "--agent", "north-1")
    assert "in order: 2 models, 1 feeders" in checked.stdout
    assert "\n  feeder meter-a\n" in checked.stdout
    config.write_text(
        f'[agent]\nname = "north-1"\nsite = "north"\ndata_dir = "{tmp_path}"\n'
        f'[control]\nenvelope_file = "{file}"\nowner_key_file = "{public}"\n'
    )
    assert "stopped" in lode_edge("stop", "--config", str(config), "--reason", "fire").stdout
    assert (tmp_path / "stopped.json").exists()
    assert "is ended" in lode_edge("stop", "end", "--config", str(config)).stdout
    assert not (tmp_path / "stopped.json").exists()
    file.write_text(TEXT + "\n")
    refused = lode_edge("stop", "--config", str(config))
    assert (refused.returncode, "signature" in refused.stderr) == (2, True)


def test_a_feeder_that_no_rig_names_is_said(signed, tmp_path):
    """Its limit would hold for nobody: a name is written alike, or it is another."""
    file, public = signed
    config = tmp_path / "edge.toml"
    text = (
        f'[agent]\nname = "north-1"\nsite = "north"\ndata_dir = "{tmp_path}"\n'
        f'[control]\nenvelope_file = "{file}"\nowner_key_file = "{public}"\n'
        '[[devices]]\nname = "r1"\ndriver = "asic"\naddress = "127.0.0.1"\nkind = "rig"\n'
    )
    config.write_text(text + 'feeder = "meter-A"\n')
    refused = lode_edge("check", "--config", str(config))
    assert refused.returncode == 2
    assert "no rig is behind meter-a, whose limits hold for nobody" in refused.stderr
    assert "rigs name meter-A" in refused.stderr
    config.write_text(text + 'feeder = "meter-a"\n')
    assert "in order: 1 devices" in lode_edge("check", "--config", str(config)).stdout
    file.write_text(TEXT + "\n")
    refused = lode_edge("check", "--config", str(config))
    assert (refused.returncode, "signature" in refused.stderr) == (2, True)


def test_the_hubs_keys_are_read_anew_when_they_change(tmp_path):
    file = tmp_path / "hub-keys.pem"
    first = keys.write_pair(tmp_path / "first").read_bytes()
    second = keys.write_pair(tmp_path / "second").read_bytes()
    file.write_bytes(first)
    trusted = keys.TrustedKeys(file)
    (before,) = trusted
    replaced(file, first + second)
    assert len(trusted) == 2
    replaced(file, second)
    assert before not in trusted
    (after,) = trusted
    replaced(file, b"no key")
    assert list(trusted) == [after]
    file.unlink()
    assert trusted.get(after) is not None


def replaced(file, content):
    """Write a file so that its time is another, however coarse the disk's clock is."""
    changed_ns = file.stat().st_mtime_ns
    file.write_bytes(content)
    os.utime(file, ns=(changed_ns + 10**9, changed_ns + 10**9))


def relaid(file: Path, key: Path, text: str, *, is_signed: bool = True) -> None:
    """Lay another envelope in the place of one."""
    replaced(file, text.encode())
    if is_signed:
        envelope.sign(file, keys.private_key(key))


def test_an_envelope_that_is_changed_holds_from_then_on(world, signed, tmp_path):
    file, key = signed[0], tmp_path / "owner.key"
    text = 'agent = "a"\n[models."*"]\npower_max_w = 3600\n[site]\nramp_down_kw_per_min = 6\n'
    relaid(file, key, text)
    laid = EnvelopeFile(*signed, "a")
    site = world(4, envelope=laid.load(), envelope_file=laid)
    site.pass_s(10)

    def at(power_w: float) -> str:
        order = site.send(PowerLimit(power_w=power_w), "r1")
        site.pass_s(3)
        return site.hub.said(order)[-1].reason

    assert not at(3500)
    relaid(file, key, text.replace("3600", "3000"), is_signed=False)
    site.pass_s(20)
    (refused,) = site.hub.said("local:envelope")  # said once
    assert (refused.stage, "not the owner's" in refused.reason) == (Stage.REFUSED, True)
    assert not at(3400)  # the old one holds
    text = text.replace("3600", "3000") + "[feeders.m]\nlimit_kw = 9\n"
    relaid(file, key, text.replace("= 6", "= 600"))
    site.pass_s(3)
    assert not at(3300)  # somebody may be writing still
    site.pass_s(10)
    assert site.hub.stages("local:envelope")[-1] is Stage.EFFECTIVE
    assert "no rig is behind m" in site.hub.said("local:envelope")[-1].reason
    assert at(3400).startswith("envelope: 3400 W")
    site.pass_s(60)
    site.curtail()
    site.until(lambda: all(rig.is_asleep for rig in site.rigs.values()), 30)  # by the new ramp
    file.unlink()
    site.pass_s(20)
    assert site.hub.said("local:envelope")[-1].reason.endswith("correct its path or rights")
    assert at(3400).startswith("envelope: 3400 W")


def test_a_tightened_envelope_lowers_what_is_held_and_an_eased_one_gives_it_back(
    world, signed, tmp_path
):
    file, key = signed[0], tmp_path / "owner.key"
    text = 'agent = "a"\n[models."*"]\npower_max_w = 3600\n'
    relaid(file, key, text)
    laid = EnvelopeFile(*signed, "a")
    site = world(3, envelope=laid.load(), envelope_file=laid)
    high, low = site.send(PowerLimit(power_w=3400), "r1"), site.send(PowerLimit(power_w=2500), "r2")
    site.until(
        lambda: site.hub.is_at(high, Stage.EFFECTIVE) and site.hub.is_at(low, Stage.EFFECTIVE)
    )

    def limits_w() -> list[float | None]:
        return [site.rigs[name].limit_w for name in ("r1", "r2", "r3")]

    own_w = limits_w()[2]
    assert limits_w() == [3400, 2500, own_w]
    relaid(file, key, text.replace("3600", "3000"))
    site.until(lambda: limits_w() == [3000, 2500, own_w], 60)
    site.kill()
    site.envelope = laid.load()
    site.start()
    site.pass_s(60)
    assert limits_w() == [3000, 2500, own_w]  # what nobody ordered is the owner's
    relaid(file, key, text)
    site.until(lambda: limits_w() == [3400, 2500, own_w], 60)


def test_an_agent_that_only_read_acts_once_there_is_an_envelope(world, signed, tmp_path):
    file = signed[0]
    laid = EnvelopeFile(*signed, "a")  # which is another agent's
    empty = envelope.Envelope(agent="a", models={})
    site = world(envelope=empty, blocked="the agent only reads: x", envelope_file=laid)
    site.pass_s(20)
    refused = site.send(Sleep(), "r1")
    site.until(lambda: site.hub.is_at(refused, Stage.REFUSED))
    relaid(file, tmp_path / "owner.key", TEXT.replace("north-1", "a"))
    site.pass_s(20)
    order = site.send(Sleep(), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.EFFECTIVE), 60)
    assert [r for r in site.hub.records if isinstance(r, Controls)][-1].blocked == ""


def lines_of(told: Controls) -> tuple[float | None, ...]:
    site = told.site_limit_kw, told.site_ramp_up_kw_per_min, told.site_ramp_down_kw_per_min
    feeder = told.feeder_limit_kw, told.feeder_ramp_up_kw_per_min, told.feeder_ramp_down_kw_per_min
    return *site, *feeder, told.starts_per_day, told.min_up_s, told.min_down_s


def test_the_envelope_is_told_of_each_rig_and_again_when_it_changes(world, signed, tmp_path):
    file, key = signed[0], tmp_path / "owner.key"
    text = TEXT.replace("north-1", "a") + "min_up_s = 1800\nstarts_per_day = 8\n"
    relaid(file, key, text)
    laid = EnvelopeFile(*signed, "a")
    site = world(2, envelope=laid.load(), envelope_file=laid, feeder="meter-a")
    site.pass_s(10)

    def told() -> list[Controls]:
        return [r for r in site.hub.records if isinstance(r, Controls)]

    model = 8, 1800.0, 0.0
    assert [lines_of(r) for r in told()] == [(5000, 300, 600, 1000, None, None, *model)] * 2
    relaid(file, key, text.replace("limit_kw = 1000", "limit_kw = 900.1"))
    site.pass_s(20)
    assert [lines_of(r)[3] for r in told()] == [1000, 1000, 900.1, 900.1]


@pytest.mark.parametrize("feeder", ["", "meter-b"])
def test_what_the_envelope_does_not_say_is_told_as_missing(world, feeder):
    text = TEXT.replace("north-1", "a").replace("[site]", "[feeders.another]")
    site = world(1, envelope=envelope.parse(text.encode(), "envelope"), feeder=feeder)
    site.pass_s(10)
    (told,) = (r for r in site.hub.records if isinstance(r, Controls))
    assert lines_of(told) == (None,) * 7 + (0.0, 0.0)  # which its models have unless it is said


def test_without_an_envelope_nothing_is_told_as_one(world):
    site = world(envelope=envelope.Envelope(agent="a", models={}), blocked="no envelope")
    site.pass_s(10)
    told = {lines_of(r) for r in site.hub.records if isinstance(r, Controls)}
    assert told == {(None,) * 9}
