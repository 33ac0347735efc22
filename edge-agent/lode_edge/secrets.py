"""Passwords of devices: a TOML file of its own that only the agent's account may read.

    [devices."rig-1"]            first the device's own,
    username = "root"
    password = "..."
    [racks.A1]                   then its rack's,
    [profiles.antminer-s19]      then its profile's,
    [drivers.asic]               then its driver's

What is in there is never shown: errors name keys and places, no values.
"""

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from lode_edge.drivers.driver import Login
from lode_edge.errors import EdgeError
from lode_edge.settings import DeviceEntry, Settings

MAX_BYTES = 4 << 20
MAX_CHARS = 256
_TABLES = ("devices", "racks", "profiles", "drivers")  # the first that fits counts
_FIELDS = frozenset({"username", "password"})
_PLACE = re.compile(r"at line \d+, column \d+|at end of document")


class SecretsError(EdgeError):
    """The secrets file is not safe, or not usable; the message shows no value of it."""


def logins(settings: Settings) -> Mapping[str, Login]:
    """Give the login of each device that has one, by the device's name.

    Raises:
        SecretsError: others may read or change the file, or something in it is wrong.
    """
    path = settings.control.secrets_file
    if path is None:
        return {}
    tables = _tables(path, _read(path), settings.devices)
    found = {entry.name: _login(tables, entry) for entry in settings.devices}
    return {name: login for name, login in found.items() if login is not None}


def _login(tables: Mapping[str, Mapping[str, Login]], entry: DeviceEntry) -> Login | None:
    keys = (entry.name, entry.rack, entry.profile, entry.driver)
    fitting = (tables[table].get(key) for table, key in zip(_TABLES, keys, strict=True))
    return next((login for login in fitting if login is not None), None)


def _tables(
    path: Path, data: Mapping[str, Any], devices: Collection[DeviceEntry]
) -> dict[str, dict[str, Login]]:
    known: dict[str, set[str]] = {
        "devices": {entry.name for entry in devices},
        "racks": {entry.rack for entry in devices},
        "profiles": {entry.profile for entry in devices},
        "drivers": {entry.driver for entry in devices},
    }
    for name in data:
        if name not in _TABLES:
            raise SecretsError(f"{path}: [{name}]: unknown; there are {', '.join(_TABLES)}")
    found: dict[str, dict[str, Login]] = {}
    for table in _TABLES:
        given = data.get(table, {})
        if not isinstance(given, dict):
            raise SecretsError(f"{path}: {table}: write [{table}.NAME], then username and password")
        for key in given:
            if key not in known[table]:
                raise SecretsError(
                    f"{path}: [{table}.{key}]: {_stranger(key, table, known[table])}"
                )
        found[table] = {key: _parsed(path, f"{table}.{key}", given[key]) for key in given}
    return found


def _stranger(key: str, table: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else "remove it, or add it to the settings"
    return f"no device of the settings has this in its {table[:-1]}; {hint}"


def _parsed(path: Path, place: str, given: object) -> Login:
    if not isinstance(given, dict) or not given or not given.keys() <= _FIELDS:
        raise SecretsError(
            f"{path}: [{place}]: write username, password, or both, and nothing else"
        )
    for key, value in given.items():
        if not isinstance(value, str) or len(value) > MAX_CHARS or not value.isprintable():
            raise SecretsError(
                f"{path}: [{place}].{key}: write at most {MAX_CHARS} printable characters"
            )
    return Login(username=given.get("username", ""), password=given.get("password", ""))


def _read(path: Path) -> dict[str, Any]:
    try:
        _check_way(path.absolute())
        # Not waiting for the other end, should it be a pipe.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            _check_file(path, os.fstat(file.fileno()))
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SecretsError(f"{path}: {reason}; correct control.secrets_file") from None
    if len(data) > MAX_BYTES:
        raise SecretsError(f"{path}: more than {MAX_BYTES} bytes; is it the secrets file?")
    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # The parser's own words may quote the file; where it stopped is enough.
        place = _PLACE.search(str(error))
        where = f" {place[0]}" if place else ""
        raise SecretsError(f"{path}: no valid TOML{where}; correct it there") from None


def _check_way(path: Path) -> None:
    """Refuse a way to the file on which somebody else could put another in its place."""
    for step in {*path.parents, path, *path.resolve().parents}:
        found = step.lstat()
        if found.st_uid not in {0, os.geteuid()}:
            raise SecretsError(
                f"{step}: belongs to user {found.st_uid}, who could exchange the secrets; "
                f"chown it to user {os.geteuid()}, or put the file elsewhere"
            )
        is_open = stat.S_ISDIR(found.st_mode) and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if is_open and not found.st_mode & stat.S_ISVTX:
            raise SecretsError(f"{step}: others may write there; chmod go-w it")


def _check_file(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise SecretsError(f"{path}: is no file; correct control.secrets_file")
    if found.st_uid not in {0, os.geteuid()}:
        raise SecretsError(
            f"{path}: belongs to user {found.st_uid}; chown it to user {os.geteuid()}, as whom the "
            "agent runs"
        )
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretsError(
            f"{path}: mode {found.st_mode & 0o777:04o}; others may read it: chmod 600 {path}, and "
            "change the passwords if somebody has"
        )
