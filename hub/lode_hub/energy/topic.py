"""A topic at somebody's MQTT broker as a URL: mqtts://user@host:8883/prices/HB_WEST."""

from urllib.parse import unquote, urlsplit

MAX_TOPIC_BYTES = 500


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


def check_login(url: str, secret: str | None) -> None:
    """Check that a user and the name of its password's secret come together.

    Raises:
        ValueError: one is without the other.
    """
    if bool(urlsplit(url).username) != bool(secret):
        raise ValueError("a user in the url goes with a secret, its password")
