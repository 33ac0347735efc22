"""A plain Mosquitto of a test's own, with a user, that can be stopped and started again."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lode_hub.ingest.ingress import Address
from tests.conftest import PLACES
from tests.hub.ingest.conftest import free_port

USER, PASSWORD = "lode", "s3cr3t pass"


@dataclass
class Mosquitto:
    """A broker; what it keeps for sessions that are away outlives a restart."""

    port: int
    config: Path
    tls_port: int | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def login(self) -> Address:
        return Address(host="127.0.0.1", port=self.port, username=USER, password=PASSWORD)

    def url(self, topic: str) -> str:
        return f"mqtt://{USER}@127.0.0.1:{self.port}/{topic}"

    def tls_url(self, topic: str) -> str:
        return f"mqtts://{USER}@127.0.0.1:{self.tls_port}/{topic}"

    def start(self) -> None:
        program = shutil.which("mosquitto", path=PLACES)
        assert program is not None
        self.process = subprocess.Popen(
            [program, "-c", str(self.config)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 40
        while not self._answers():
            assert time.monotonic() < deadline, "mosquitto did not start"
            time.sleep(0.02)

    def keep(self) -> None:
        """Start it again when it has ended by itself, as who runs one does; 2.0.11 may, rarely."""
        if self.process is not None and self.process.poll() is not None:
            print(f"mosquitto ended by itself with {self.process.returncode}")
            self.start()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


@contextlib.contextmanager
def mosquitto(folder: Path, *, shown: tuple[Path, Path] | None = None) -> Iterator[Mosquitto]:
    """Run one in a folder; one that is `shown` a certificate and its key speaks TLS, too."""
    broker = Mosquitto(free_port(), folder / "mosquitto.conf")
    users = folder / "users"
    users.touch(mode=0o600)
    passwd = shutil.which("mosquitto_passwd", path=PLACES)
    assert passwd is not None
    subprocess.run([passwd, "-b", str(users), USER, PASSWORD], check=True, capture_output=True)
    broker.config.write_text(
        f"listener {broker.port} 127.0.0.1\npassword_file {users}\nallow_anonymous false\n"
        f"persistence true\npersistence_location {folder}/\nautosave_interval 1\n"
        "autosave_on_changes true\nuser root\n"  # what is retained outlives an end by itself, too
    )
    if shown is not None:
        broker.tls_port = free_port()
        secured = f"listener {broker.tls_port} 127.0.0.1\ncertfile {shown[0]}\nkeyfile {shown[1]}\n"
        broker.config.write_text(broker.config.read_text() + secured)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()
