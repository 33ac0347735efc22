"""A topic at somebody's MQTT broker as a URL: mqtts://user@host:8883/prices/HB_WEST."""

from typing import Annotated
from urllib.parse import unquote, urlsplit

import msgspec

from lode_hub.energy.secrets import Secret

MAX_TOPIC_BYTES = 500


class Broker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A topic at somebody's broker, and how that lets us in and shows who it is."""

    url: Annotated[str, msgspec.Meta(max_length=2000)]
    secret: Secret | None = None  # the user's password, by its name among the energy secrets
    ca: Secret | None = None  # the authority its certificate is of; None: one the system trusts

    def __post_init__(self) -> None:
        """Check the address, and what goes with it."""
        topic(self.url)
        if bool(urlsplit(self.url).username) != bool(self.secret):
            raise ValueError("a user in the url goes with a secret, its password")
        if self.ca and not self.url.startswith("mqtts://"):
            raise ValueError("ca goes with a url of mqtts://")


def is_topic(url: str) -> bool:
    """Tell whether a URL names a topic, rather than an address to be asked."""
    return url.partition("://")[0] in {"mqtt", "mqtts"}


def topic(url: str) -> str:
    """Give the topic; + stands for one level, %23 at its end for all that follow.

    Raises:
        ValueError: there is none, or the URL has something in it that it must not.
    """
    parts = urlsplit(url)
    if not is_topic(url) or not parts.hostname or parts.port == 0:
        raise ValueError("url names no broker; expected mqtts://user@host/topic")
    if parts.password is not None:
        raise ValueError("url has a password in it; use secret")
    if parts.query or parts.fragment or url.endswith(("#", "?")):
        raise ValueError("url has ? or # in it; write them as %3F and %23")
    found = unquote(parts.path.removeprefix("/"))
    levels = found.split("/")
    is_sound = all(level in {"+", "#"} or not set(level) & set("+#\x00") for level in levels)
    if not found or len(found.encode()) > MAX_TOPIC_BYTES or not is_sound or "#" in levels[:-1]:
        raise ValueError(f"url has no topic that can be: {found[:40]!r}; see docs/energy.md")
    return found
