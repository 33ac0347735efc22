"""Publishing as the settings say it, with one password and several brokers."""

from pathlib import Path

import pytest
from tests.edge.conftest import free_port
from tests.edge.conftest import running as broker_running
from tests.edge.publish.site import BORN, meter
from tests.edge.site_broker import running, until, witness

from lode_edge.publish import Publisher
from lode_edge.settings import Settings, SettingsError, load


def told(home: Path, publish: str) -> Settings:
    file = home / "edge.toml"
    agent = f'[agent]\nname = "north-1"\nsite = "north"\ndata_dir = "{home}"\n'
    file.write_text(f"{agent}[publish]\n{publish}")
    return load(file)


@pytest.mark.needs("mosquitto")
async def test_both_ways_are_published_to_the_broker_that_is_there(tmp_path):
    (tmp_path / "password").write_text("secret\n")
    with broker_running("mosquitto", tmp_path / "broker") as broker:
        settings = told(
            tmp_path,
            f'urls = ["mqtt://127.0.0.1:{free_port()}", "mqtt://127.0.0.1:{broker.port}"]\n'
            f'username = "lode"\npassword_file = "{tmp_path}/password"\n'
            'sparkplug = true\nhome_assistant = true\ngroup = "plant"\ninterval_s = 0.1\n',
        )
        publisher = Publisher(settings, BORN)
        with witness(broker.port) as voice:
            async with running(publisher.run()):
                publisher.take([meter(5000.0)])
                await until(lambda: voice.on("spBv1.0/plant/DBIRTH/north-1/feeder A_1"))
                await until(lambda: voice.on("homeassistant/sensor/lode-north-1/feeder"))
        assert publisher.dropped == 0
        assert (tmp_path / "sparkplug.bdseq").read_text().isdigit()


async def test_nothing_is_published_when_nothing_is_said(tmp_path):
    publisher = Publisher(told(tmp_path, ""), BORN)
    publisher.take([meter(1.0)])
    await publisher.run()


@pytest.mark.parametrize(
    ("publish", "said"),
    [
        ("sparkplug = true", "set urls"),
        ('urls = ["mqtt://h"]', "set urls"),
        ('urls = ["http://h"]\nsparkplug = true', "mqtt://"),
        ('urls = ["mqtt://h"]\nsparkplug = true\ngroup = "a/b"', "group"),
        ('urls = ["mqtt://h"]\nsparkplug = true\ninterval_s = 0', "interval_s"),
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path, publish, said):
    with pytest.raises(SettingsError, match=f"publish.*{said}"):
        told(tmp_path, publish)
