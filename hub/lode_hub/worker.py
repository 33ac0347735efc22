"""What takes readings in: an ingest worker with the domains that judge what it commits.

In the hub's own process, or in processes of their own that share the partitions by lease.
"""

import dataclasses
import ssl
from collections.abc import Sequence
from functools import partial

from lode_hub import alerts
from lode_hub.broker import EmbeddedBroker
from lode_hub.domains import Domains
from lode_hub.ingest.gmqtt_link import GmqttLink
from lode_hub.ingest.ingress import Address, MakeLink
from lode_hub.ingest.paho_link import PahoLink
from lode_hub.ingest.worker import Worker, WorkerSettings
from lode_hub.rules.own import OwnRules
from lode_hub.settings import BrokerSettings, HubSettings, secret
from lode_hub.sites import Sites
from lode_hub.store import Store
from lode_hub.supervise import Supervisor
from lode_hub.trust.told import door_of
from lode_models import rig

LINKS: dict[str, MakeLink] = {"gmqtt": GmqttLink, "paho": PahoLink}


class Ingesting:
    """A worker and its domains, as parts of a process."""

    def __init__(
        self,
        store: Store,
        url: str,
        name: str,
        brokers: Sequence[Address],
        settings: HubSettings,
    ) -> None:
        self._owned: frozenset[int] = frozenset()
        folder = settings.detection.rig_model
        load_model = partial(rig.load, folder) if folder else rig.load
        self._sites = Sites(
            store,
            partitions=lambda: self._owned,
            load_model=load_model,
            own=OwnRules(store),
        )
        self._domains = Domains([self._sites], partial(alerts.take, store))
        self._worker = Worker(
            WorkerSettings(
                database_url=url,
                name=name,
                brokers=brokers,
                make_link=LINKS[settings.ingest.client],
            ),
            on_committed=self._domains.consume,
            on_findings=self._domains.find,
            on_owned=self._own,
        )

    def start(self, parts: Supervisor) -> None:
        """Start them; the first is stopped last, and writes down what the others have learned."""
        parts.start("judgement", self._sites.keep)
        parts.start("domains", self._domains.run)
        parts.start("ingest", self._worker.run)

    async def _own(self, partitions: frozenset[int]) -> None:
        self._owned = partitions
        await self._domains.restore(partitions)


def brokers_of(settings: HubSettings) -> list[Address]:
    """Give the brokers' addresses with the hub's login: the given ones, or our own's."""
    if settings.broker.urls:
        return [_given(url, settings.broker) for url in settings.broker.urls]
    own = own_broker(settings)
    host, port = own.entrance
    if own.tls is not None:
        return [Address(host=host, port=port, tls=own.tls)]
    password = own.hub_password_file.read_text().strip()
    return [Address(host=host, port=port, username="hub", password=password)]


def own_broker(settings: HubSettings) -> EmbeddedBroker:
    """Give the hub's own broker, not yet started."""
    broker = settings.broker
    return EmbeddedBroker(
        settings.data_dir / "broker",
        kind=broker.kind,
        host=broker.host,
        port=broker.port,
        program=broker.program,
        door=door_of(settings),
    )


def _given(url: str, settings: BrokerSettings) -> Address:
    address = Address.of(url, password=secret(settings.password, settings.password_file))
    # A certificate alone names the hub by itself, and nats-server refuses two names.
    is_named = settings.cert_file is not None and not address.password
    return dataclasses.replace(
        address,
        username=address.username or (None if is_named else settings.username),
        tls=_tls(settings) if address.tls else None,
    )


def _tls(settings: BrokerSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.cert_file is not None:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context
