"""A message as a text message: what is said first survives the cut, what is needed is at its end.

GSM-7 has 160 characters in one part and 153 in each of several; one foreign letter makes all of it
UCS-2, with 70 and 67. So foreign signs are replaced where a plain one says the same.
Source: 3GPP TS 23.038 (alphabet), TS 23.040 9.2.3.24 (parts).
"""

import unicodedata

from lode_hub.notify import text
from lode_hub.notify.text import Message

MAX_PARTS = 2
TELEGRAM_UNITS = 4096

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")  # two characters each
_PLAIN = str.maketrans(
    {
        "\u00a0": " ",  # no-break space
        "\u00b0": "",  # degree
        "\u00b5": "u",  # micro
        "\u00b7": "-",  # middle dot
        "\u00d7": "x",  # times
        "\u2013": "-",  # dashes
        "\u2014": "-",
        "\u2018": "'",  # quotation marks
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2026": "...",  # ellipsis
        "\u2264": "<=",
        "\u2265": ">=",
    }
)


def sms(message: Message) -> str:
    """Say a message in at most MAX_PARTS parts; its end is the link and the reference."""
    head = text.subject(message, text.MAX_TEXT_CHARS)
    tail = f" Ack: {message.ack_url}" if message.ack_url else ""
    return fit(head, f"{tail} #{message.key[:6]}")


def telegram(message: Message) -> str:
    """Say a message in one Telegram message."""
    head = text.subject(message, text.MAX_TEXT_CHARS)
    link = f"\nAcknowledge: {message.ack_url}" if message.ack_url else ""
    tail = f"{link}\n#{message.key[:6]}"
    lines = [f"{item.title}\n  {item.likely_cause}".rstrip() for item in message.items[:10]]
    body = "\n".join(text.clean(line) for line in "\n".join(lines).splitlines())
    said = f"{head}\n\n{body}" if message.overview.alerts > 1 else f"{head}\n{body}"
    room = TELEGRAM_UNITS - _units(tail)
    while _units(said) > room:
        said = said[: max(0, len(said) - max(1, (_units(said) - room) // 2))]
    return said + tail


def fit(head: str, tail: str) -> str:
    """Cut a head so that it and its tail are at most MAX_PARTS parts."""
    plain_head = plain(head)
    whole = plain_head + tail
    if parts(whole) <= MAX_PARTS:
        return whole
    short, step = 0, len(plain_head)  # the longest that fits, by bisection
    while step := step // 2 if step > 1 else 0:
        while (
            short + step < len(plain_head)
            and parts(plain_head[: short + step] + "..." + tail) <= MAX_PARTS
        ):
            short += step
    cut = plain_head[:short]
    at_word = cut.rpartition(" ")[0]
    return (at_word if len(at_word) > len(cut) * 0.7 else cut).rstrip(" ,;:") + "..." + tail


def plain(words: str) -> str:
    """Replace signs that GSM-7 lacks by ones that say the same, if all of it is GSM-7 then."""
    simple = words.translate(_PLAIN)
    bare = "".join(char if char in _BASIC or char in _EXTENDED else _bare(char) for char in simple)
    return bare if is_gsm7(bare) else words


def is_gsm7(words: str) -> bool:
    """Tell whether a text can be sent in GSM-7."""
    return all(char in _BASIC or char in _EXTENDED for char in words)


def parts(words: str) -> int:
    """Count the parts that a text message of these words is sent in; none cuts a character."""
    if is_gsm7(words):
        sizes, alone, each = [2 if char in _EXTENDED else 1 for char in words], 160, 153
    else:
        sizes, alone, each = [2 if char > "\uffff" else 1 for char in words], 70, 67
    if sum(sizes) <= alone:
        return 1
    count, room = 1, each
    for size in sizes:
        if size > room:
            count, room = count + 1, each
        room -= size
    return count


def _bare(char: str) -> str:
    return "".join(
        part for part in unicodedata.normalize("NFD", char) if not unicodedata.combining(part)
    )


def _units(words: str) -> int:
    """Count UTF-16 units."""
    return len(words.encode("utf-16-le")) // 2
