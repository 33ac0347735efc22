"""Where on the loopback each device lives: a /16 of 127.0.0.0/8 per site.

rig 1 is BASE.0.1, rig 250 BASE.0.250, rig 251 BASE.1.1, ...; meters begin at BASE.240.1.
"""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from lode_sim.errors import OrderError

DEFAULT_BASE = "127.20.0.0"
PER_BLOCK = 250
METER_BLOCK = 240
MAX_RIGS = PER_BLOCK * METER_BLOCK
MAX_METERS = PER_BLOCK * 15
_RIG_PORT = 4028
_METER_PORT = 5020
_CLAIM_PORT = 40_277  # only ever bound on a base's own last address, to say that it is taken


def rig_host(base: str, number: int) -> str:
    """Give the address of the n-th rig, counted from 1."""
    if not 1 <= number <= MAX_RIGS:
        raise OrderError(f"rig {number}: a site holds 1 to {MAX_RIGS} rigs")
    return _host(base, 0, number)


def meter_host(base: str, number: int) -> str:
    """Give the address of the n-th meter, counted from 1."""
    if not 1 <= number <= MAX_METERS:
        raise OrderError(f"meter {number}: a site holds 1 to {MAX_METERS} meters")
    return _host(base, METER_BLOCK, number)


def check_base(base: str) -> str:
    """Return the base when it is the first address of a loopback /16.

    Raises:
        OrderError: when it is not.
    """
    try:
        network = ipaddress.IPv4Network(f"{base}/16")
    except ValueError as error:
        raise OrderError(f"base {base!r}: not a /16 such as {DEFAULT_BASE}") from error
    if not network.is_loopback or str(network.network_address) == "127.0.0.0":
        raise OrderError(f"base {base}: must lie in 127.1.0.0 to 127.255.0.0")
    return base


@contextmanager
def claim(first: int = 100, last: int = 250) -> Iterator[str]:
    """Hold a /16 that no other process has claimed, so that sites side by side do not collide.

    Raises:
        OrderError: when all are taken.
    """
    for second in range(first, last + 1):
        with socket.socket() as holder:
            try:
                holder.bind((f"127.{second}.255.254", _CLAIM_PORT))
            except OSError:
                continue
            if not _is_used(f"127.{second}.0.0"):
                yield f"127.{second}.0.0"
                return
    raise OrderError(f"claim: every base from 127.{first}.0.0 to 127.{last}.0.0 is taken")


def _is_used(base: str) -> bool:
    """Tell whether a site that has not claimed its base is at work there."""
    for place in ((rig_host(base, 1), _RIG_PORT), (meter_host(base, 1), _METER_PORT)):
        with socket.socket() as probe:
            if probe.connect_ex(place) == 0:
                return True
    return False


def _host(base: str, block: int, number: int) -> str:
    above, within = divmod(number - 1, PER_BLOCK)
    return str(ipaddress.IPv4Address(base) + ((block + above) << 8) + within + 1)
