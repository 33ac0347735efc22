"""What is asked of a rig every few minutes only: its pools, and the errors it shows."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from lode_edge.drivers.asic.reply import Replies, number, text
from lode_wire.records import PointReading

_MAX_POOLS = 8
_MAX_ERRORS = 32
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,40}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """How a rig gets on with one of its pools; None is not known. Whose it is, is not told."""

    is_alive: bool | None = None
    accepted: float | None = None
    rejected: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Details:
    """What one look told; `errors` is None where the firmware does not say."""

    pools: list[Pool] = field(default_factory=list)
    errors: Collection[str] | None = None

    @property
    def codes(self) -> frozenset[str]:
        """Give the codes of the errors shown."""
        shown = sorted({code for code in self.errors or () if _CODE.fullmatch(code)})
        return frozenset(shown[:_MAX_ERRORS])

    def points(self, device: int, at_ms: int, gone: Collection[str] = ()) -> list[PointReading]:
        """Make a point for each figure: pools counted from 1; 1 is an error shown, 0 one `gone`."""
        named: list[tuple[str, float | None]] = []
        for n, pool in enumerate(self.pools[:_MAX_POOLS], 1):
            alive = None if pool.is_alive is None else float(pool.is_alive)
            named.append((f"pool.{n}.alive", alive))
            named.append((f"pool.{n}.accepted", pool.accepted))
            named.append((f"pool.{n}.rejected", pool.rejected))
        named += [(f"error.{code}", 1.0) for code in sorted(self.codes)]
        named += [(f"error.{code}", 0.0) for code in sorted(gone)]
        return [
            PointReading(at_ms=at_ms, device=device, point=name, value=value, unit="")
            for name, value in named
            if value is not None
        ]


def cgminer_pools(replies: Replies) -> list[Pool]:
    """Understand the answer to `pools`, as cgminer and its kin give it; a row of no URL is none."""
    alive = {"alive": True, "dead": False}
    return [
        Pool(
            is_alive=alive.get(text(row, "Status").lower()),
            accepted=number(row, "Accepted"),
            rejected=number(row, "Rejected"),
        )
        for row in replies.rows("pools", "POOLS")
        if text(row, "URL")
    ]


def no_details(_replies: Replies) -> Details:
    """Tell nothing more than the readings do."""
    return Details()


def of_pools(replies: Replies) -> Details:
    """Tell what the answer to `pools` says, and nothing else."""
    return Details(pools=cgminer_pools(replies))
