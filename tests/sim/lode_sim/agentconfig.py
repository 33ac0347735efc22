"""The configuration of an agent that watches a simulated site, as TOML."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lode_sim import limits
from lode_sim.meter import Meter
from lode_sim.modbus import MODBUS_PORT
from lode_sim.rig import API_PORT
from lode_sim.site import Site


@dataclass(frozen=True, kw_only=True, slots=True)
class Agent:
    """What the agent is told beside its devices."""

    site: str = "north"
    name: str = "north-1"
    broker_urls: tuple[str, ...] = ("mqtt://127.0.0.1:18420",)
    data_dir: str = ""
    interval_s: float = 2.0
    timeout_s: float = 2.0
    rig_port: int = API_PORT  # of their APIs; pages are moved by as much
    limits_dir: Path | None = None  # of `lode_sim.limits`; None: it only reads


def write(path: Path, site: Site, agent: Agent) -> None:
    """Write the configuration, replacing what was there in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text("\n".join(_lines(site, agent)) + "\n", encoding="utf-8")
    fresh.replace(path)


def _lines(site: Site, agent: Agent) -> Iterator[str]:
    yield "# Written by `lode-sim serve`."
    yield "[agent]"
    yield f"name = {_text(agent.name)}"
    yield f"site = {_text(agent.site)}"
    if agent.data_dir:
        yield f"data_dir = {_text(agent.data_dir)}"
    yield ""
    yield "[broker]"
    yield f"urls = [{', '.join(map(_text, agent.broker_urls))}]"
    if agent.limits_dir is not None:
        yield ""
        yield "[control]"
        yield f"envelope_file = {_text(str(agent.limits_dir / limits.ENVELOPE))}"
        yield f"owner_key_file = {_text(str(agent.limits_dir / f'{limits.OWNER}.pub'))}"
    metered = {rig.name: meter.name for meter in _narrowest_last(site) for rig in meter.rigs}
    for rig in site.rigs:
        port = rig.port.port if rig.port else agent.rig_port
        address = rig.identity.host if port == API_PORT else f"{rig.identity.host}:{port}"
        yield from _device(rig.name, "asic", address, agent)
        yield 'kind = "rig"'
        yield f"rack = {_text(rig.identity.rack)}"
        yield f"feeder = {_text(metered[rig.name])}"
        yield 'profile = ""'
    for meter in site.meters:
        port = meter.port.port if meter.port else MODBUS_PORT
        yield from _device(meter.name, "modbus", f"{meter.host}:{port}", agent)
        yield 'kind = "meter"'
        yield f"rack = {_text(meter.rack)}"
        yield f"profile = {_text(meter.model.profile)}"
        yield f"unit = {meter.unit}"


def _narrowest_last(site: Site) -> list[Meter]:
    """List the meters so that a rack's comes after the site's, and each counts for its rigs."""
    return [meter for meter in site.meters if meter.rack or meter is site.meters[0]]


def _device(name: str, driver: str, address: str, agent: Agent) -> Iterator[str]:
    yield ""
    yield "[[devices]]"
    yield f"name = {_text(name)}"
    yield f"driver = {_text(driver)}"
    yield f"address = {_text(address)}"
    yield f"interval_s = {float(agent.interval_s)}"
    yield f"timeout_s = {float(agent.timeout_s)}"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # a JSON string is a TOML basic string
