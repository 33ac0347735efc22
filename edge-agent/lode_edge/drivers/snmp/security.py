"""By what a question shows who asks, and an answer who answers: a community, or a user."""

import time
from typing import Protocol

from lode_edge.drivers.snmp import usm
from lode_edge.drivers.snmp.ber import Malformed
from lode_edge.drivers.snmp.message import REPORT, Pdu, read_v2c, write_v2c
from lode_edge.errors import BadAnswer, EdgeError, Refused

_SHORTEST = 8  # characters of a passphrase, RFC 3414


class Security(Protocol):
    """How messages to one agent are wrapped."""

    def seal(self, pdu: Pdu) -> bytes:
        """Write a question."""

    def open(self, data: bytes, asked: Pdu) -> Pdu:
        """Read an answer, or a report about who we are.

        Raises:
            Malformed: it is malformed, or not from whom it should be.
        """

    def heed(self, place: str, report: Pdu) -> None:
        """Take in a report, so that the question can be asked again.

        Raises:
            DriverError: asking again is of no use.
        """


class Community:
    """Version 2c: a word in plain text."""

    def __init__(self, community: str) -> None:
        self._community = community.encode()

    def seal(self, pdu: Pdu) -> bytes:
        """Write a question."""
        return write_v2c(self._community, pdu)

    def open(self, data: bytes, asked: Pdu) -> Pdu:  # noqa: ARG002 -- User's needs it
        """Read an answer."""
        community, pdu = read_v2c(data)
        if community != self._community or pdu.kind == REPORT:
            raise Malformed("not from our community")
        return pdu

    def heed(self, place: str, report: Pdu) -> None:
        """Refuse a report: there are none in this version."""
        raise BadAnswer(f"{place}: a report {report.kind:#x} in version 2c")


class User:
    """Version 3, authenticated and encrypted.

    A passphrase serves for both; where the agent has two, a space stands between them. The digest
    is found by asking: SHA-1, which every agent has, then SHA-256 and SHA-512.
    """

    def __init__(self, name: str, passphrase: str) -> None:
        first, _, second = passphrase.partition(" ")
        self._name, self._passphrases = name, (first, second or first)
        if min(map(len, self._passphrases)) < _SHORTEST:
            raise EdgeError(f"user {name}: a passphrase of version 3 has at least 8 characters")
        self._digests: list[usm.Digest] = ["sha1", "sha256", "sha512"]
        self._engine, self._since_s = usm.Engine(), 0.0
        self._keys: usm.Keys | None = None
        self._news: usm.Engine | None = None  # what a report said of the engine
        self._news_is_proved = False

    def seal(self, pdu: Pdu) -> bytes:
        """Write a question; as long as the engine is not known, the one for its name."""
        if self._keys is None:
            return usm.discovery(pdu.request)
        return usm.sealed(pdu.request, self._now(), self._keys, pdu)

    def open(self, data: bytes, asked: Pdu) -> Pdu:
        """Read an answer or a report."""
        answer = usm.opened(data, self._keys)
        if answer.message != asked.request:
            raise Malformed("an answer to another question")
        if answer.pdu.kind == REPORT:
            self._news, self._news_is_proved = answer.engine, answer.is_authentic
            return answer.pdu
        if not answer.is_authentic:
            raise Malformed("an answer without a proof")
        self._check_time(answer.engine)
        return answer.pdu

    def heed(self, place: str, report: Pdu) -> None:
        """Take in what the agent says of itself, or what it did not like."""
        said = {usm.REPORTS.get(oid) for oid, _ in report.bindings}
        news, self._news = self._news, None
        is_another = news is not None and news.id not in (b"", self._engine.id)
        if news is not None and is_another and said & {"unknown engine", "unknown user"}:
            self._meet(news)
        elif "not in time window" in said and news is not None and self._news_is_proved:
            self._engine, self._since_s = news, time.monotonic()
        elif "wrong digest" in said and len(self._digests) > 1:
            self._digests = self._digests[1:]
            self._keys = self._made(self._engine.id)
        else:
            why = ", ".join(sorted(filter(None, said))) or "an unknown report"
            raise Refused(f"{place}: refuses user {self._name}: {why}; correct the login")

    def _meet(self, engine: usm.Engine) -> None:
        self._keys = self._made(engine.id)
        self._engine, self._since_s = engine, time.monotonic()

    def _made(self, engine: bytes) -> usm.Keys:
        return usm.keys(self._name, self._passphrases, self._digests[0], engine)

    def _now(self) -> usm.Engine:
        return usm.advanced(self._engine, time.monotonic() - self._since_s)

    def _check_time(self, engine: usm.Engine) -> None:
        """Refuse an answer of another engine or another time: it may be an old one, sent again."""
        known = self._now()
        is_late = engine.boots == known.boots and engine.time_s < known.time_s - usm.WINDOW_S
        if engine.id != known.id or engine.boots < known.boots or is_late:
            raise Malformed("an answer of another engine or time")
        if (engine.boots, engine.time_s) > (known.boots, known.time_s):
            self._engine, self._since_s = engine, time.monotonic()
