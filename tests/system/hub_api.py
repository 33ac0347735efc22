"""The hub's API as a test asks it."""

import re
from typing import Any

import httpx
import psycopg

from lode_sim.stack import Stack, wait_for


class HubApi:
    """A logged-in client of a stack's hub, as `admin` or as somebody else."""

    def __init__(self, stack: Stack, name: str = "admin", password: str = "") -> None:
        self.stack = stack
        no_leftovers = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(base_url=stack.url, timeout=10, limits=no_leftovers)
        self._log_in(name, password or first_password(stack))

    def get(self, path: str, **query: object) -> Any:
        """Ask for something under /api/v1; log in again when a restart ended the session."""
        answer = self._client.get(f"/api/v1/{path}", params=query)  # type: ignore[arg-type]
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: object = None) -> Any:
        """Do something under /api/v1."""
        origin = {"Origin": self.stack.url}
        answer = self._client.post(f"/api/v1/{path}", headers=origin, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def agent(self) -> dict[str, Any]:
        """Give the one agent's row; an empty state while the hub is away."""
        try:
            rows = self.get("agents")
        except httpx.HTTPError:
            return {"state": "", "clock_offset_ms": None}
        return rows[0] if rows else {"state": "", "clock_offset_ms": None}

    def alerts(self, **query: object) -> list[dict[str, Any]]:
        """List alerts."""
        return list(self.get("alerts", **query))

    def readings(self) -> int:
        """Count what is stored."""
        count = "select (select count(*) from rig_reading) + (select count(*) from point_reading)"
        with psycopg.connect(self.stack.database_url()) as db:
            row = db.execute(count).fetchone()
        return int(row[0]) if row else 0

    def wait_for_readings(self, n: int, timeout_s: float = 60) -> None:
        """Wait until so many readings are stored."""
        wait_for(lambda: self.readings() >= n, timeout_s, f"{n} readings", self.stack.hub)

    def _log_in(self, name: str, password: str) -> None:
        body = {"name": name, "password": password}
        answer = self._client.post("/api/v1/session", json=body, headers={"Origin": self.stack.url})
        answer.raise_for_status()


def first_password(stack: Stack) -> str:
    """Read what the hub said once, at its first start."""
    said = stack.hub.log.read_text()
    found = re.search(r"password:?\s+(\S+)", said)
    assert found, f"no first password in the hub's words: {said[-2000:]}"
    return found[1]
