"""Firmware images of simulated rigs, and what a rig does with one that is uploaded.

An image is its vendor's magic, a version, a filling and a digest over all of it: one that came cut,
or is another vendor's, is refused, and the old firmware goes on.
"""

import hashlib
from email.message import Message

from lode_sim.rig import Rig
from lode_sim.vendors.recorded import Request
from lode_sim.writes import WriteFault

MAGIC = {
    "antminer": b"\xab\xab\xab\xab",  # .bmu
    "vnish": b"\x1f\x8b\x08\x00",  # .tar.gz
    "epic": b"PK\x03\x04",  # .zip
    "bitaxe": b"\xe9\x06\x02\x2f",  # an ESP32's application
}
_VERSION_BYTES = 32
_DIGEST_BYTES = 32


def image(vendor: str, version: str, size_bytes: int = 700_000) -> bytes:
    """Make an image of a version."""
    head = MAGIC[vendor] + version.encode().ljust(_VERSION_BYTES, b"\0")
    whole = head + bytes(size_bytes - len(head) - _DIGEST_BYTES)
    return whole + hashlib.sha256(whole).digest()


def install(rig: Rig, vendor: str, data: bytes) -> bool:
    """Install an image, and restart with it; tell whether it was one for this rig."""
    whole, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    is_fit = data.startswith(MAGIC[vendor]) and hashlib.sha256(whole).digest() == digest
    if not is_fit or WriteFault.REFUSED in rig.writes:
        return False
    version = data[len(MAGIC[vendor]) :][:_VERSION_BYTES].rstrip(b"\0").decode()

    def flash() -> None:
        rig.kept["firmware"] = version
        rig.reboot()

    rig.writes.do(flash)
    return True


def version(rig: Rig, before: str) -> str:
    """Give the version that a rig runs; `before` is what it runs until one is installed."""
    return str(rig.kept.get("firmware", before))


def parts(request: Request) -> dict[str, bytes]:
    """Take a form apart, each part by its name.

    Raises:
        ValueError: it is no whole form.
    """
    head = Message()
    head["Content-Type"] = request.headers.get("content-type", "")
    edge = str(head.get_param("boundary", "")).encode()
    first, *between, last = (b"\r\n" + request.body).split(b"\r\n--" + edge)
    if head.get_content_type() != "multipart/form-data" or not edge or first or last != b"--\r\n":
        raise ValueError("no whole form")
    found = {}
    for part in between:
        about, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        line = about.split(b"\r\n")[0].decode()
        found[line.partition('name="')[2].partition('"')[0]] = content
    return found
