"""Renew the agent's certificate in time, by itself, and say so when that does not work."""

import asyncio
import datetime as dt
from collections.abc import Callable

import structlog

from lode_edge.trust.enrol import renew
from lode_edge.trust.errors import TrustError
from lode_edge.trust.identity import Identity

_LOOK_S = 60.0  # clocks are set, and a person may enrol anew
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 1800.0

log = structlog.get_logger(__name__)


class Renewal:
    """Watches the age of an identity.

    Args:
        known: the identity.
        reconnect: lets the uplink come to the broker anew, with what is on disk by then.
    """

    def __init__(self, known: Identity, reconnect: Callable[[], None]) -> None:
        self._known, self._reconnect = known, reconnect

    async def run(self) -> None:
        """Work until cancelled."""
        pause_s = _FIRST_PAUSE_S
        while True:
            await asyncio.sleep(await asyncio.to_thread(self._wait_s))
            try:
                if await asyncio.to_thread(self._wait_s) > 0:
                    continue
                await asyncio.to_thread(renew, self._known)
            except TrustError as error:
                self._tell(error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                pause_s = _FIRST_PAUSE_S
                log.info("certificate renewed", until=f"{self._ends_at():%Y-%m-%d %H:%M:%S}Z")
                self._reconnect()
                # By a clock that is far ahead the next one is due at once; it need not be.
                await asyncio.sleep(await asyncio.to_thread(self._rest_s))

    def _wait_s(self) -> float:
        try:
            left_s = (self._known.renewal_at() - dt.datetime.now(dt.UTC)).total_seconds()
        except TrustError as error:
            self._tell(error)
            return _LOOK_S
        return max(0.0, min(left_s, _LOOK_S))

    def _rest_s(self) -> float:
        known = self._known.certificate()
        return (known.not_valid_after_utc - known.not_valid_before_utc).total_seconds() / 10

    def _ends_at(self) -> dt.datetime:
        return self._known.certificate().not_valid_after_utc

    def _tell(self, error: TrustError) -> None:
        try:
            ends_at = self._ends_at()
        except TrustError:
            log.warning("no certificate", reason=str(error))
            return
        if ends_at < dt.datetime.now(dt.UTC):
            log.error(
                "certificate has run out",
                since=f"{ends_at:%Y-%m-%d %H:%M:%S}Z",
                reason=str(error),
                advice="readings are kept and nothing is sent until: lode-edge enrol, new token",
            )
        else:
            log.warning(
                "certificate not renewed",
                until=f"{ends_at:%Y-%m-%d %H:%M:%S}Z",
                reason=str(error),
            )
