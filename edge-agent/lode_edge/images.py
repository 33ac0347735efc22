"""Firmware images: which may be sent to a rig, and how one is sent without being held whole.

approved name and SHA-256 ─► the file of `control.images_dir` ─► checked ─► sent, and checked again
"""

import asyncio
import contextlib
import hashlib
import re
import secrets
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lode_edge.errors import Refused, Unsupported
from lode_edge.http import Response, Web
from lode_wire.orders import UpdateFirmware

MAX_BYTES = 256 << 20
FLASH_S = 300.0  # from the last byte sent to the rig's answer
_SLOWEST_BYTES_PER_S = 256 << 10
_BLOCK = 256 << 10
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+() -]*")
_BINARY = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Image:
    """A file that is the one that was approved."""

    path: Path
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Upload:
    """An image as the body of a request, with what goes before and after it."""

    image: Image
    content_type: str = _BINARY
    before: bytes = field(default=b"", repr=False)  # may have a password in it
    after: bytes = b""

    @property
    def size(self) -> int:
        """Give its length in bytes."""
        return len(self.before) + self.image.size_bytes + len(self.after)

    @property
    def limit_s(self) -> float:
        """Say how long sending it may take, with the rig's writing it down."""
        return FLASH_S + self.size / _SLOWEST_BYTES_PER_S

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """Give it block by block; the last one of the image only if the whole is as approved.

        Raises:
            Refused: the file has changed meanwhile; what was sent is no whole image.
        """
        yield self.before
        try:
            async with contextlib.aclosing(self._checked()) as blocks:
                async for block in blocks:
                    yield block
        except OSError as error:
            raise Refused(f"image {self.image.path.name}: {error.strerror}") from error
        yield self.after

    async def _checked(self) -> AsyncGenerator[bytes, None]:
        digest, left = hashlib.sha256(), self.image.size_bytes
        # Not opened in a thread: who is cancelled meanwhile could not close it.
        with self.image.path.open("rb") as file:
            while left:
                block = await asyncio.to_thread(file.read, min(_BLOCK, left))
                digest.update(block)
                left -= len(block)
                if not block or (not left and digest.hexdigest() != self.image.sha256):
                    raise Refused(f"image {self.image.path.name}: changed while it was sent")
                yield block


def in_form(
    image: Image,
    part: str,
    *,
    fields: Mapping[str, str] | None = None,
    content_type: str = _BINARY,
) -> Upload:
    """Put an image into a form (multipart/form-data), after its other fields."""
    edge = f"lode-{secrets.token_hex(16)}"
    says = "Content-Disposition: form-data; name="
    before = "".join(
        f'--{edge}\r\n{says}"{name}"\r\n\r\n{value}\r\n' for name, value in (fields or {}).items()
    )
    before += f'--{edge}\r\n{says}"{part}"; filename="{image.path.name}"\r\n'
    before += f"Content-Type: {content_type}\r\n\r\n"
    return Upload(
        image=image,
        content_type=f"multipart/form-data; boundary={edge}",
        before=before.encode(),
        after=f"\r\n--{edge}--\r\n".encode(),
    )


async def post(
    web: Web, path: str, upload: Upload, headers: Mapping[str, str] | None = None
) -> Response:
    """Post an image, within the time that this may take.

    Raises:
        DriverError: no answer came, or none that makes sense; it may or may not be installed.
    """
    headers = {"Content-Type": upload.content_type} | dict(headers or {})
    deadline = asyncio.get_running_loop().time() + upload.limit_s
    return await web.request("POST", path, headers=headers, body=upload, deadline=deadline)


async def checked(folder: Path | None, intent: UpdateFirmware) -> Image:
    """Find the image that was approved, and make sure that it is that one.

    Raises:
        Unsupported: there is no such image, or another of its name; nothing was sent.
    """
    try:
        return await asyncio.to_thread(_checked, folder, intent)
    except OSError as error:
        raise _unusable(intent, f"{error.strerror}; put it into control.images_dir") from None


def _checked(folder: Path | None, intent: UpdateFirmware) -> Image:
    if folder is None:
        raise _unusable(intent, "control.images_dir is not set; set it")
    if not _NAME.fullmatch(intent.image):
        raise _unusable(intent, "its name is none of a file in control.images_dir; rename it")
    home = folder.resolve(strict=True)
    path = (home / intent.image).resolve(strict=True)
    if not path.is_relative_to(home) or not path.is_file():
        raise _unusable(intent, "it is no file in control.images_dir; put it there")
    with path.open("rb") as file:
        size = path.stat().st_size
        if not 0 < size <= MAX_BYTES:
            raise _unusable(intent, f"it has {size} bytes, and may have 1 to {MAX_BYTES}")
        if hashlib.file_digest(file, "sha256").hexdigest() != intent.sha256:
            raise _unusable(intent, "its SHA-256 is not the one that was approved")
    return Image(path, size, intent.sha256)


def _unusable(intent: UpdateFirmware, why: str) -> Unsupported:
    return Unsupported(f"image {intent.image}: {why}; nothing was sent")
