"""Which addresses a person means by `10.1.0.0/22`, `10.1.0.10-10.1.0.99`, `10.1.0.10-99`."""

import ipaddress
from collections.abc import Iterable

from lode_edge.errors import EdgeError

MAX_ADDRESSES = 1 << 16  # a site's whole /16; more is a slip of the pen


def addresses(ranges: Iterable[str]) -> list[str]:
    """List every address of these ranges once, in order.

    Raises:
        EdgeError: a range is none, or all together hold more than MAX_ADDRESSES.
    """
    found: set[ipaddress.IPv4Address] = set()
    for text in ranges:
        first, last = _ends(text)
        if int(last) - int(first) >= MAX_ADDRESSES or len(found) > MAX_ADDRESSES:
            raise _too_many(text)
        found.update(ipaddress.IPv4Address(n) for n in range(int(first), int(last) + 1))
    if len(found) > MAX_ADDRESSES:
        raise _too_many("all together")
    return [str(address) for address in sorted(found)]


def _too_many(text: str) -> EdgeError:
    return EdgeError(f"range {text}: more than {MAX_ADDRESSES} addresses; name smaller ranges")


def _ends(text: str) -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Address]:
    """Give the first and the last address; a network's own and its broadcast are no devices'."""
    try:
        if "/" in text:
            network = ipaddress.IPv4Network(text, strict=False)
            has_ends = network.prefixlen >= 31  # noqa: PLR2004 -- RFC 3021: both are hosts'
            margin = 0 if has_ends else 1
            return network[margin], network[-1 - margin]
        first_text, dash, last_text = text.partition("-")
        first = ipaddress.IPv4Address(first_text)
        if not dash:
            return first, first
        if "." not in last_text:
            last_text = f"{first_text.rpartition('.')[0]}.{last_text}"
        last = ipaddress.IPv4Address(last_text)
    except ValueError:
        raise EdgeError(
            f"range {text!r}: is none; write 10.1.0.0/24, 10.1.0.10-10.1.0.99 or 10.1.0.7"
        ) from None
    if last < first:
        raise EdgeError(f"range {text}: ends before it begins; exchange its ends")
    return first, last
