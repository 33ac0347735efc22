"""amqtt as a broker that loses: a process of its own, started again when it is killed.

What amqtt 0.12.1 does with what passes through it (read in its source, seen in its log):

- it sends PUBACK when a message is in a queue of its memory; killed, it has forgotten all of them;
- a message that the receiver has not acknowledged after 5 s, or when the receiver's connection
  ends, is thrown away, not sent again;
- each delivery is a task of its own, so that messages overtake each other;
- an existing session is sent retained messages of topics that it never subscribed to;
- it forgets sessions and retained messages when it stops.

A client that speaks MQTT 5 it never answers: it reads the first length of a CONNECT of 5 as that of
one of 3.1.1, and waits for bytes that nobody sends. Agent and hub try 3.1.1 after 10 s of that.
"""

import secrets
from pathlib import Path

import yaml
from argon2 import PasswordHasher

from lode_sim.stack import BIN, Part, free_port, listens, wait_for

USERS = ("hub", "north-1")


class HostileBroker:
    """amqtt with two users, below one folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder, self.port = folder, free_port()
        config = folder / "amqtt.yaml"
        config.write_text(yaml.safe_dump(self._config()))
        self.part = Part("amqtt", [str(BIN / "amqtt"), "-c", str(config)], folder / "log")

    def start(self) -> None:
        """Start it, for the first time or again, and wait until it listens."""
        self.part.start()
        wait_for(lambda: listens(self.port), 30, "amqtt to listen", self.part)

    def kill(self) -> None:
        """Kill it: all that it had taken and not passed on is gone."""
        self.part.kill()

    def settings(self, part: str, user: str) -> dict[str, str]:
        """Give the environment by which `HUB` or `EDGE` finds it."""
        prefix = f"LODE_{part}_BROKER__"
        return {
            f"{prefix}URLS": f"mqtt://127.0.0.1:{self.port}",
            f"{prefix}USERNAME": user,
            f"{prefix}PASSWORD_FILE": str(self.folder / f"{user}.password"),
        }

    def _config(self) -> dict[str, object]:
        hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        lines = []
        for user in USERS:
            word = secrets.token_urlsafe(24)
            (self.folder / f"{user}.password").write_text(word)
            lines.append(f"{user}:{hashed.hash(word)}\n")
        (self.folder / "passwords").write_text("".join(lines))
        # Not anonymous: what an anonymous session misses while it is away is dropped as well, but
        # then the session has nothing that could come late or twice.
        password_file = {"password_file": str(self.folder / "passwords")}
        return {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}},
            "plugins": {"amqtt.plugins.authentication.FileAuthPlugin": password_file},
        }
