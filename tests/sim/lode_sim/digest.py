"""Digest login as a rig's web server asks for it (RFC 7616, MD5, quality of protection `auth`)."""

import hashlib
import re
import secrets

from lode_sim.vendors.recorded import Page, Request

_PAIR = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')
_NONCES = 64  # remembered


class Digest:
    """One realm with one login; a nonce count that does not rise is refused."""

    def __init__(self, realm: str, username: str, password: str) -> None:
        self.realm = realm
        self._username = username
        self._known = _hashed(username, realm, password)
        self._counts: dict[str, int] = {}

    def refusal(self, request: Request) -> Page | None:
        """Give the page that asks for the login; None when the request carries it."""
        said = {n: q or b for n, q, b in _PAIR.findall(request.headers.get("authorization", ""))}
        nonce, count = said.get("nonce", ""), int(said.get("nc", "0"), 16)
        if nonce in self._counts and count > self._counts[nonce] and self._fits(request, said):
            self._counts[nonce] = count
            return None
        fresh = secrets.token_hex(16)
        self._counts[fresh] = 0
        for old in list(self._counts)[:-_NONCES]:
            del self._counts[old]
        challenge = f'Digest realm="{self.realm}", nonce="{fresh}", qop="auth"'
        return Page(401, b"401 - Unauthorized", (("WWW-Authenticate", challenge),))

    def _fits(self, request: Request, said: dict[str, str]) -> bool:
        asked = _hashed(request.method, said.get("uri", ""))
        parts = (said.get("nonce", ""), said.get("nc", ""), said.get("cnonce", ""), "auth", asked)
        return (
            said.get("username") == self._username
            and said.get("uri") == request.path
            and said.get("response") == _hashed(self._known, *parts)
        )


def _hashed(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()
