"""Ask the hub's web door something, once, within a deadline."""

import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import json
import re
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from lode_edge.trust.errors import RefusedByHub, TrustError

DEADLINE_S = 20.0
MAX_ANSWER_BYTES = 256 << 10
_PREFIX = "/api/v1"
_SAID_CHARS = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """Where the hub is, and how we know that it is the hub.

    By https: the certificate's SHA-256 (`fingerprint`), or who signed it (`ca_file`; None: the
    system's list). By http: only on this machine. `anyone`: no matter, for what is no secret and
    has an answer that is signed.
    """

    url: str
    ca_file: Path | None = None
    fingerprint: str = ""
    anyone: Literal["refused", "taken"] = "refused"

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send JSON and give the JSON that comes back.

        Raises:
            RefusedByHub: the hub said no.
            TrustError: it cannot be reached, is not the hub, or answers nonsense.
        """
        until_s = time.monotonic() + DEADLINE_S
        parts = urlsplit(self.url)
        connection = self._connection()
        try:
            connection.connect()
            self._check(connection)
            headers = {"Content-Type": "application/json", "Accept": "application/json"}
            connection.request(
                "POST", f"{parts.path.rstrip('/')}{_PREFIX}{path}", _json(body), headers
            )
            sock = connection.sock  # the answer takes it away from the connection
            with contextlib.closing(connection.getresponse()) as answer:
                said = _read(sock, answer, until_s)
        except (OSError, http.client.HTTPException) as error:
            raise TrustError(
                f"hub {self.url}: {error}; see whether it runs, whether its address is right, and "
                "whether --ca-file or --fingerprint fits"
            ) from error
        finally:
            connection.close()
        return self._understood(answer.status, said)

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise TrustError(f"hub {self.url!r:.200}: write https://HOST[:PORT]")
        if parts.scheme == "https":
            context = self._context()
            return http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=DEADLINE_S, context=context
            )
        if not _is_here(parts.hostname):
            raise TrustError(
                f"hub {self.url}: anybody could answer there; use https, with --ca-file or the "
                "--fingerprint that was shown with the token"
            )
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=DEADLINE_S)

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise TrustError(
                f"{self.ca_file}: no list of authorities: {error}; check --ca-file"
            ) from error
        if self.fingerprint or self.anyone == "taken":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # its certificate itself is compared, or no matter
        return context

    def _check(self, connection: http.client.HTTPConnection) -> None:
        if not self.fingerprint or not isinstance(connection.sock, ssl.SSLSocket):
            return
        shown = hashlib.sha256(connection.sock.getpeercert(binary_form=True) or b"").hexdigest()
        if not hmac.compare_digest(shown, plain_fingerprint(self.fingerprint)):
            raise TrustError(
                f"hub {self.url}: its certificate has the fingerprint {shown}; nothing was sent. "
                "Compare it with the one shown with the token"
            )

    def _understood(self, status: int, said: bytes) -> dict[str, Any]:
        try:
            found = json.loads(said)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise TrustError(f"hub {self.url}: answered {status} and no JSON; is it the hub?")
        if status >= http.HTTPStatus.BAD_REQUEST:
            detail = str(found.get("detail", ""))[:_SAID_CHARS]
            text = f"hub {self.url}: refused ({status}): {detail}"
            is_no = status < http.HTTPStatus.INTERNAL_SERVER_ERROR
            is_final = is_no and status != http.HTTPStatus.TOO_MANY_REQUESTS
            raise RefusedByHub(text) if is_final else TrustError(text)
        return found


def plain_fingerprint(text: str) -> str:
    """Give a SHA-256 as 64 small hex digits, however it was written.

    Raises:
        TrustError: it is none.
    """
    plain = re.sub(r"[\s:]", "", text).lower().removeprefix("sha256")
    if not re.fullmatch(r"[0-9a-f]{64}", plain):
        raise TrustError("--fingerprint: expected the 64 hex digits shown with the token")
    return plain


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


def _read(sock: socket.socket, answer: http.client.HTTPResponse, until_s: float) -> bytes:
    said = b""
    while len(said) <= MAX_ANSWER_BYTES:
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError(f"no whole answer within {DEADLINE_S:.0f} s")
        sock.settimeout(left_s)
        chunk = answer.read1(64 << 10)
        if not chunk:
            return said
        said += chunk
    raise TrustError(f"answer: more than {MAX_ANSWER_BYTES} bytes; is it the hub?")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
