"""The configuration of a broker of one's own, whole and ready, in a folder.

Mosquitto: mosquitto.conf, acl, passwords; nats-server: nats-server.conf, tls.conf, users.conf;
with certificates also ca.pem, hub.pem, hub.key, and crl.pem for Mosquitto.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Literal

from lode_hub.errors import SettingsError
from lode_hub.settings import HubSettings, secret
from lode_hub.trust import lists
from lode_hub.trust.ca import Authority, put
from lode_hub.trust.enrol import Login
from lode_hub.trust.lists import Roll
from lode_hub.trust.told import folder_of

Kind = Literal["mosquitto", "nats"]
_ALL = {"host": "127.0.0.1", "port": "1883", "tls_host": "0.0.0.0", "tls_port": "8883"}  # noqa: S104


def write(kind: Kind, out: Path, settings: HubSettings, login: Login, roll: Roll) -> list[str]:
    """Write it, readable by us alone; give what a person has to do with it, line by line.

    Raises:
        SettingsError: the hub has no password for the broker, and needs one.
    """
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    has_tls = login == "certificate"
    password = secret(settings.broker.password, settings.broker.password_file)
    if not password and (kind == "mosquitto" or not has_tls):
        raise SettingsError(
            "broker: the hub has no password for it; set broker.password_file, and try again"
        )
    authority = Authority.open(folder_of(settings))
    hub = lists.nats_hub("" if has_tls else password)
    files = _mosquitto(password, roll) if kind == "mosquitto" else _nats(hub, roll)
    if has_tls:
        files |= {"ca.pem": authority.pem}
        if kind == "mosquitto":
            files["mosquitto.conf"] += _filled("mosquitto-tls.conf")
            files["crl.pem"] = authority.revocation_list(roll.serials)
        else:
            files["tls.conf"] = lists.template("nats-tls.conf")
            files["nats-server.conf"] = _filled("nats-server.conf", host="0.0.0.0", port="8883")  # noqa: S104
    for name, text in files.items():
        put(out / name, text.encode())
    return list(_advice(kind, out, settings, authority, has_tls=has_tls))


def _mosquitto(password: str, roll: Roll) -> dict[str, str]:
    return {
        "mosquitto.conf": _filled("mosquitto.conf"),
        "acl": lists.mosquitto_acl(roll),
        "passwords": lists.mosquitto_passwords(password, roll),
    }


def _nats(hub: str, roll: Roll) -> dict[str, str]:
    return {
        "nats-server.conf": _filled("nats-server.conf"),
        "tls.conf": "",
        "users.conf": lists.nats_users(hub, roll),
    }


def _advice(
    kind: Kind, out: Path, settings: HubSettings, authority: Authority, *, has_tls: bool
) -> Iterator[str]:
    program = "mosquitto" if kind == "mosquitto" else "nats-server"
    yield f"{out}: all that {program} needs; start it there, or give it the lists alone"
    if has_tls:
        hosts = sorted({_host(url) for url in settings.broker.agent_urls or settings.broker.urls})
        for path in authority.own(folder_of(settings), "broker", hosts):
            shutil.copy(path, out / path.name)
        yield f"broker.pem, broker.key: its certificate, for {', '.join(hosts)}"
        if kind == "nats":
            for path in authority.own(folder_of(settings), "hub"):
                shutil.copy(path, out / path.name)
            yield "hub.pem, hub.key: for the hub: broker.cert_file, broker.key_file"
    yield f"after each change of agents: write it again, then: pkill -HUP {program}"


def _filled(name: str, **values: str) -> str:
    return Template(lists.template(name)).substitute({**_ALL, **values})


def _host(url: str) -> str:
    return url.partition("://")[2].rpartition("@")[2].partition("/")[0].rpartition(":")[0]
