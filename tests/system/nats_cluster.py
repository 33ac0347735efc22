"""Three nats-server nodes on this machine, with the configuration that Lode ships."""

import secrets
import shutil
from pathlib import Path

import httpx

from lode_hub.trust.lists import Guest, Roll, nats_hub, nats_users
from lode_sim.stack import BIN, Part, free_port, wait_for

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = ROOT / "deploy" / "broker" / "nats-cluster.conf"
NODES = 3


class Node:
    """One node: its process, and where it is reached."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder = folder / f"node-{number}"
        self.name = f"lode-{number}"
        self.mqtt_port, self.route_port, self.monitor_port = free_port(), free_port(), free_port()
        command = [str(BIN / "nats-server"), "-c", str(self.folder / SHIPPED.name)]
        self.part = Part(self.name, command, self.folder / "log")

    def is_healthy(self) -> bool:
        """Tell whether the node says that it serves and has caught up with the others."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.monitor_port}/healthz", timeout=2)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    def restart(self) -> None:
        """Start it again and wait until it has caught up."""
        self.part.start()
        wait_for(self.is_healthy, 60, f"{self.name} to be back", self.part)


class Cluster:
    """The three nodes, below one folder, and the agents that may come."""

    def __init__(self, folder: Path, *agents: str) -> None:
        self.folder = folder
        self.passwords = {who: secrets.token_urlsafe(24) for who in ("hub", "route", *agents)}
        roll = Roll(guests=tuple(Guest(name=a, password=self.passwords[a]) for a in agents))
        users = nats_users(nats_hub(self.passwords["hub"]), roll)
        self.nodes = [Node(folder, number) for number in range(1, NODES + 1)]
        for node in self.nodes:
            node.folder.mkdir(parents=True)
            shutil.copy(SHIPPED, node.folder)
            (node.folder / "node.conf").write_text(self._told(node))
            (node.folder / "users.conf").write_text(users)

    @property
    def urls(self) -> list[str]:
        """Give what the hub and the agents are told."""
        return [f"mqtt://127.0.0.1:{node.mqtt_port}" for node in self.nodes]

    def start(self) -> None:
        """Start all nodes and wait until they have found each other."""
        for node in self.nodes:
            node.part.start()
        for node in self.nodes:
            wait_for(node.is_healthy, 60, f"{node.name} to serve", node.part)

    def kill(self) -> None:
        """End all nodes."""
        for node in self.nodes:
            node.part.kill()

    def settings(self, part: str, user: str) -> dict[str, str]:
        """Give the environment by which `hub` or `edge` finds the cluster."""
        password = self.folder / f"{user}.password"
        password.write_text(self.passwords[user])
        prefix = f"LODE_{part}_BROKER__"
        return {
            f"{prefix}URLS": ", ".join(self.urls),
            f"{prefix}USERNAME": user,
            f"{prefix}PASSWORD_FILE": str(password),
        }

    def _told(self, node: Node) -> str:
        secret = self.passwords["route"]
        routes = [f'"nats://route:{secret}@127.0.0.1:{other.route_port}"' for other in self.nodes]
        lines = {
            "name": f'"{node.name}"',
            "mqtt": f'"127.0.0.1:{node.mqtt_port}"',
            "route": f'"127.0.0.1:{node.route_port}"',
            "routes": f"[{', '.join(routes)}]",
            "monitor": f'"127.0.0.1:{node.monitor_port}"',
            "store": f'"{node.folder}/store"',
        }
        lines["route_password"] = f'"{secret}"'
        return "".join(f"{key} = {value}\n" for key, value in lines.items())
