"""Who may come to the broker, written down for Mosquitto and for nats-server.

Roll ─► acl, passwords          Mosquitto: `pattern` rules on the name, and who is thrown out
     └► users.conf              nats-server: a user with permissions for each agent
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from lode_hub.trust.ca import uri_of

_HASH_ROUNDS = 101  # Mosquitto's own figure; the passwords have 192 random bits
_ACL = "mosquitto.acl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Guest:
    """An agent that may come in: by its key's certificate, or by a password."""

    name: str
    site: str = ""
    key_id: str = ""
    password: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Roll:
    """Who may come to the broker, and who no more."""

    guests: tuple[Guest, ...] = ()
    revoked: tuple[str, ...] = ()  # names
    serials: tuple[str, ...] = ()  # of certificates revoked before their end, hex


def template(name: str) -> str:
    """Give a file of the broker's configuration as it is shipped."""
    return (resources.files("lode_hub") / "broker_conf" / name).read_text()


def mosquitto_acl(roll: Roll) -> str:
    """Write Mosquitto's access list; a connection of a revoked agent hears and says no more."""
    lines = [f"\nuser {name}\ntopic deny #\n" for name in roll.revoked]
    return template(_ACL) + "".join(lines)


def mosquitto_passwords(hub_password: str, roll: Roll) -> str:
    """Write Mosquitto's password file."""
    listed = [_hashed(guest.name, guest.password) for guest in roll.guests if guest.password]
    return "".join([_hashed("hub", hub_password), *listed])


def nats_users(hub: str, roll: Roll) -> str:
    """Write nats-server's users; `hub` is the hub's own entry."""
    return "\n".join(["users: [", f"    {hub}", *_nats_guests(roll), "]", ""])


def nats_hub(password: str = "") -> str:
    """Write the hub's entry: by password, or by the certificate of its own."""
    if not password:
        return '{ user: "urn:lode:hub", allowed_connection_types: ["MQTT"] }'
    return f'{{ user: "hub", password: "{password}", allowed_connection_types: ["MQTT"] }}'


def _nats_guests(roll: Roll) -> Iterator[str]:
    for guest in roll.guests:
        # Without a password it is the certificate that names the user, down to the key.
        user = guest.name if guest.password else uri_of(guest.name, guest.site, guest.key_id)
        secret = f', password: "{guest.password}"' if guest.password else ""
        # What is a dot in a topic are two slashes in a subject.
        name = guest.name.replace(".", "//")
        yield f'    {{ user: "{user}"{secret}, allowed_connection_types: ["MQTT"], permissions: {{'
        yield f'        publish: ["lode.v1.*.{name}.*", "lode.v1.state.{name}"]'
        yield f'        subscribe: ["lode.v1.ack.{name}", "lode.v1.cmd.{name}", "$MQTT.sub.>"]'
        yield "    } }"


def _hashed(name: str, password: str) -> str:
    # The salt comes from the password, so that the same passwords give the same file.
    salt = hashlib.sha256(f"lode {name} {password}".encode()).digest()[:12]
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _HASH_ROUNDS)
    parts = base64.b64encode(salt).decode(), base64.b64encode(digest).decode()
    return f"{name}:$7${_HASH_ROUNDS}${parts[0]}${parts[1]}\n"
