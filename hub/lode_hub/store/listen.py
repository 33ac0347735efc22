"""Hear what other transactions tell with NOTIFY, on a connection of its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import psycopg
from psycopg import sql

from lode_hub.errors import UnavailableError

_QUIET_S = 10.0  # after so long without a word the connection is asked whether it lives
_ALIVE_S = 5.0


async def listen(url: str, channels: Sequence[str]) -> AsyncIterator[tuple[str, str]]:
    """Give (channel, payload) of every notification; first ("", "") once it listens.

    Raises:
        UnavailableError: the connection cannot be made, or broke.
    """
    try:
        async with await psycopg.AsyncConnection.connect(
            url, autocommit=True, connect_timeout=5, application_name="lode-live"
        ) as conn:
            for channel in channels:
                await conn.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
            yield "", ""
            while True:
                async for notify in conn.notifies(timeout=_QUIET_S):
                    yield notify.channel, notify.payload
                async with asyncio.timeout(_ALIVE_S):
                    await conn.execute("select 1")
    except (psycopg.Error, OSError, TimeoutError) as error:
        raise UnavailableError(
            f"database: the live connection broke: {error}; it is made anew"
        ) from error
