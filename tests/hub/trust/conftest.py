"""A store, a home, an authority, and what lets agents in."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lode_hub.settings import TrustSettings
from lode_hub.store import Store
from lode_hub.trust.ca import Authority
from lode_hub.trust.enrol import Broker, Trust
from tests.hub.app.opened import home, store

__all__ = ["home", "store"]

MakeTrust = Callable[..., Trust]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.open(tmp_path / "trust")


@pytest.fixture
def make_trust(store: Store, tmp_path: Path, authority: Authority) -> MakeTrust:
    """Give what lets agents in; the broker takes certificates until told otherwise."""

    def make(*, certificate_s: float = 600.0, login: str = "certificate", **settings) -> Trust:
        told = TrustSettings(certificate_d=certificate_s / 86400, **settings)
        broker = Broker(urls=["mqtts://hub.test:8883"], login=login, ca=authority.pem)
        return Trust(
            store, tmp_path / "trust", authority, told, broker, command_keys=lambda: b"KEYS"
        )

    return make
