"""Devices that are alike: a template holds what they share, each device says what is its own.

    [templates.feeder]                      devices = [
    driver = "modbus"                         { name = "m-001", template = "feeder", unit = 1 },
    address = "10.0.4.240"          ─►        { name = "m-002", template = "feeder", unit = 2 },
    profile = "eastron-sdm120"              ]

What a device says stands above its template. A profile that begins with `./` or `../` is a file
beside the settings.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any


class Instance(dict[str, Any]):
    """A device's keys, its template's among them."""

    def __init__(self, keys: Mapping[str, Any], template: str) -> None:
        super().__init__(keys)
        self.template = template


def expand(data: Mapping[str, Any], known: Collection[str], folder: Path) -> dict[str, Any]:
    """Give the settings with every device whole, and no templates; `known` are a device's keys.

    Raises:
        ValueError: a template is malformed, or a device names one that is not there.
    """
    whole = dict(data)
    templates = whole.pop("templates", {})
    _check(templates, known)
    devices = whole.get("devices")
    if isinstance(devices, list):
        whole["devices"] = [
            _placed(_instance(device, number, templates), folder)
            for number, device in enumerate(devices)
        ]
    return whole


def shown(device: Mapping[str, Any]) -> str:
    """Name a device, and its template where it has one, as an error says it."""
    name = device.get("name", "")
    if isinstance(device, Instance):
        name = f"{name}, template {device.template}" if name else f"template {device.template}"
    return f" ({name})" if name else ""


def _check(templates: object, known: Collection[str]) -> None:
    if not isinstance(templates, dict):
        raise ValueError("templates: write each as a table, [templates.NAME]")  # noqa: TRY004
    for name, keys in templates.items():
        if not isinstance(keys, dict):
            raise ValueError(f"templates.{name}: write it as a table, [templates.{name}]")  # noqa: TRY004
        for key in keys:
            if key == "name":
                raise ValueError(f"templates.{name}.name: is each device's own; remove it")
            if key not in known:
                raise ValueError(f"templates.{name}.{key}: is no known key; correct or remove it")


def _instance(device: object, number: int, templates: Mapping[str, Any]) -> object:
    if not isinstance(device, dict) or "template" not in device:
        return device
    own = {key: value for key, value in device.items() if key != "template"}
    name = device["template"]
    if not isinstance(name, str) or name not in templates:
        place = f"devices[{number}]{shown(own)}.template"
        there = f"use one of {', '.join(templates)}" if templates else "there is none"
        raise ValueError(f"{place}: {name!r} is no template; {there}")
    return Instance({**templates[name], **own}, name)


def _placed(device: object, folder: Path) -> object:
    """Find a profile that lies beside the settings, wherever the agent is started."""
    if isinstance(device, dict) and str(device.get("profile")).startswith(("./", "../")):
        device["profile"] = str((folder / str(device["profile"])).resolve())
    return device
