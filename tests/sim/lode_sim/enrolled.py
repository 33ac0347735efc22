"""Enrol a simulated site's agent at its hub, as a technician would, but within this process."""

import asyncio
import datetime as dt
from pathlib import Path

from lode_edge import settings as edge
from lode_edge.trust import Identity
from lode_edge.trust.door import Door
from lode_edge.trust.enrol import enrol as enrol_at
from lode_hub.settings import HubSettings
from lode_hub.store import Store
from lode_hub.trust.told import trust_of


def enrol(config: Path, url: str, hub_home: Path, database_url: str) -> None:
    """Enrol the agent of a configuration, unless it has an identity of this hub that is good."""
    told = edge.load(config)
    if not _is_good(Identity.load(told.agent.data_dir), hub_home):
        token = asyncio.run(_token(told.agent, hub_home, database_url))
        enrol_at(told, Door(url=url), token)


def _is_good(known: Identity | None, hub_home: Path) -> bool:
    if known is None:
        return False
    is_ours = (known.folder / "ca.pem").read_text() == (hub_home / "trust" / "ca.pem").read_text()
    return is_ours and known.certificate().not_valid_after_utc > dt.datetime.now(dt.UTC)


async def _token(agent: edge.AgentSettings, hub_home: Path, database_url: str) -> str:
    store = await Store.open(database_url, max_size=2)
    try:
        trust = trust_of(store, HubSettings(data_dir=hub_home))
        return (await trust.invite(agent.name, agent.site, "lode-sim")).token
    finally:
        await store.close()
