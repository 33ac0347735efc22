"""Prices and calls by MQTT: what the topics of sources and programmes tell, kept or refused.

sources, programmes ─► topics that are listened to ─► message ─► values, calls ─► counted
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from lode_hub.energy.hearing import MAX_BYTES, Hearing, Key, Place, Take
from lode_hub.energy.secrets import authority
from lode_hub.energy.signals.programme import Programme
from lode_hub.energy.signals.taking import Ours, take_message
from lode_hub.energy.sources import decode
from lode_hub.energy.sources.described import Source
from lode_hub.energy.sources.keep import keep
from lode_hub.energy.sources.rows import iso
from lode_hub.energy.topic import Broker
from lode_hub.errors import InvalidError, SettingsError
from lode_hub.ingest.ingress import Delivery, MakeLink
from lode_hub.store import Store, energy_documents, trust
from lode_hub.store.asking import asking

MAX_TROUBLE = 500
Row = dict[str, Any]


class Messages:
    """Listens for the documents that name a topic.

    Args:
        store: where what they tell is kept.
        secret: gives a secret by its name.
        clock_ms: the time.
        make_link: opens a connection to a broker.
    """

    def __init__(
        self,
        store: Store,
        secret: Callable[[str], str],
        clock_ms: Callable[[], int],
        make_link: MakeLink,
    ) -> None:
        self._store = store
        self._secret = secret
        self._clock_ms = clock_ms
        self._make_link = make_link
        self._hearing: Hearing | None = None
        self._noted: dict[Key, str] = {}

    async def follow(
        self,
        sources: Sequence[tuple[Row, Source]],
        programmes: Sequence[tuple[Row, Programme]],
    ) -> None:
        """Listen to the topics of these from now on, and note which cannot be listened to."""
        wanted: dict[Key, tuple[Place, Take]] = {}
        troubles: dict[Key, str] = {}
        for row, source in sources:
            if (broker := source.broker) is not None:
                take = partial(self._take_values, row, source)
                self._want(wanted, troubles, row, broker, take)
        for row, programme in programmes:
            if programme.mqtt is not None and row["site_id"] is not None:
                ours = Ours(site_id=row["site_id"], site=row["site"], name=row["name"],
                            told=programme)  # fmt: skip
                take = partial(self._take_calls, ours)
                self._want(wanted, troubles, row, programme.mqtt, take)
        hearing = await self._ears(bool(wanted))
        if hearing is not None:
            await hearing.follow(wanted)
            troubles |= {key: hearing.trouble(key) for key in wanted}
        await self._note(troubles)

    async def close(self) -> None:
        """Listen to none."""
        if self._hearing is not None:
            await self._hearing.close()

    def _want(
        self, wanted: dict[Key, tuple[Place, Take]], troubles: dict[Key, str], row: Row,
        broker: Broker, take: Take,
    ) -> None:  # fmt: skip
        key = (row["kind"], row["site_id"], row["name"])
        try:
            password = self._secret(broker.secret) if broker.secret else ""
            ca = authority(broker.ca, self._secret(broker.ca)) if broker.ca else ""
        except SettingsError as error:
            troubles[key] = str(error)
            return
        place = Place(url=broker.url, revision=row["revision"], password=password, ca=ca)
        wanted[key] = (place, take)

    async def _ears(self, is_wanted: bool) -> Hearing | None:
        if self._hearing is None and is_wanted:
            async with asking(self._store) as conn:
                self._hearing = Hearing(self._make_link, await trust.session_suffix(conn))
        return self._hearing

    async def _note(self, troubles: dict[Key, str]) -> None:
        """Note what changed of whether the topics can be listened to."""
        changed = {key: said for key, said in troubles.items() if self._noted.get(key) != said}
        if changed:
            async with asking(self._store) as conn:
                for (kind, site, name), said in changed.items():
                    await energy_documents.reached(
                        conn, site, kind, name, said[:MAX_TROUBLE], at_ms=self._clock_ms()
                    )
        self._noted = troubles

    async def _take_values(self, row: Row, source: Source, delivery: Delivery) -> None:
        key, now_ms = ("source", row["site_id"], row["name"]), self._clock_ms()
        try:
            parsed = await asyncio.to_thread(decode, source, _sized(delivery))
            async with asking(self._store) as conn:
                await keep(conn, row["site_id"], row["name"], parsed, now_ms)
        except InvalidError as error:
            await self._count(key, delivery, str(error), 0, ok_ms=None)
            return
        first = parsed.refused[0] if parsed.refused else None
        trouble = f"line {first.line}: {first.reason}" if first else ""
        await self._count(key, delivery, trouble, parsed.refused_n, ok_ms=now_ms)

    async def _take_calls(self, ours: Ours, delivery: Delivery) -> None:
        key, now_ms = ("programme", ours.site_id, ours.name), self._clock_ms()
        try:
            taken = await take_message(
                self._store, ours, _sized(delivery), "mqtt", now_ms=now_ms,
                is_retained=delivery.is_retained,
            )  # fmt: skip
        except InvalidError as error:
            await self._count(key, delivery, str(error), 0, ok_ms=None)
            return
        is_bad = taken.refused and not taken.calls
        await self._count(
            key, delivery, taken.trouble, len(taken.refused), ok_ms=None if is_bad else now_ms
        )

    async def _count(
        self, key: Key, delivery: Delivery, trouble: str, refused: int, *, ok_ms: int | None
    ) -> None:
        kind, site, name = key
        when = f"message of {iso(delivery.received_ms)} on {delivery.topic}: "
        said = (when + trouble)[:MAX_TROUBLE] if trouble else ""
        async with asking(self._store) as conn:
            await energy_documents.heard(
                conn, site, kind, name, ok_ms=ok_ms, trouble=said, refused=refused
            )


def _sized(delivery: Delivery) -> bytes:
    if len(delivery.payload) > MAX_BYTES:
        raise InvalidError(f"more than {MAX_BYTES} bytes; send it in parts")
    return delivery.payload
