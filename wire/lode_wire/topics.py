"""Where on the broker each thing is said.

up    lode/v1/{partition}/{agent}/{kind}    batches; all agents of a site share a partition
down  lode/v1/ack/{agent}                   what the hub has committed
down  lode/v1/cmd/{agent}                   signed commands, never retained
both  lode/v1/state/{agent}                 presence: retained, with a last will
"""

import re
import zlib
from typing import NamedTuple

PARTITIONS = 64
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class Upward(NamedTuple):
    """The parts of an upward topic."""

    partition: int
    agent: str
    kind: str


def partition_of(site: str) -> int:
    """Give the partition all agents of a site share: crc32(site) % 64."""
    return zlib.crc32(site.encode()) % PARTITIONS


def is_name(text: str) -> bool:
    """Tell whether a text may name an agent or a site: no separators, wildcards or spaces."""
    return _NAME.fullmatch(text) is not None


def batch(partition: int, agent: str, kind: str) -> str:
    """Name the topic of an agent's batches of one topic kind."""
    return f"lode/v1/{partition:02d}/{agent}/{kind}"


def batches(partition: int) -> str:
    """Name the filter that a partition's owner subscribes to."""
    return f"lode/v1/{partition:02d}/+/+"


def ack(agent: str) -> str:
    """Name the topic of an agent's acknowledgements."""
    return f"lode/v1/ack/{agent}"


def command(agent: str) -> str:
    """Name the topic of an agent's commands."""
    return f"lode/v1/cmd/{agent}"


def presence(agent: str) -> str:
    """Name the topic of an agent's presence; `+` for every agent."""
    return f"lode/v1/state/{agent}"


def parse(topic: str) -> Upward | None:
    """Take an upward topic apart; None when it is no such topic."""
    parts = topic.split("/")
    if len(parts) != 5 or parts[:2] != ["lode", "v1"] or not is_name(parts[3]):  # noqa: PLR2004
        return None
    if not re.fullmatch(r"[0-6][0-9]", parts[2]) or int(parts[2]) >= PARTITIONS:
        return None
    return Upward(int(parts[2]), parts[3], parts[4])
