"""The way to the hub's door: who may answer, how long, how much."""

import http.server
import json
import threading
import time
from collections.abc import Iterator

import pytest

from lode_edge.trust import door as module
from lode_edge.trust.door import Door
from lode_edge.trust.errors import RefusedByHub, TrustError


class Hub(http.server.ThreadingHTTPServer):
    """Answers what a test puts in, and remembers what it was asked."""

    daemon_threads = True
    status, body, pause_s = 200, b'{"is": "well"}', 0.0
    headers: dict[str, str] = {}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, object]] = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        hub: Hub = self.server  # type: ignore[assignment]
        size = int(self.headers["Content-Length"])
        hub.asked.append((self.path, json.loads(self.rfile.read(size))))
        self.send_response(hub.status)
        for name, value in hub.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(hub.body)))
        self.end_headers()
        for place in range(len(hub.body)) if hub.pause_s else ():
            try:
                self.wfile.write(hub.body[place : place + 1])
                self.wfile.flush()
            except OSError:
                return
            time.sleep(hub.pause_s)
        if not hub.pause_s:
            self.wfile.write(hub.body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def hub() -> Iterator[Hub]:
    found = Hub()
    yield found
    found.shutdown()
    found.server_close()


def test_it_posts_json_and_gives_json(hub):
    assert Door(url=f"{hub.url}/lode/").post("/enrolment", {"a": 1}) == {"is": "well"}
    assert hub.asked == [("/lode/api/v1/enrolment", {"a": 1})]


@pytest.mark.parametrize("url", ["http://10.0.0.2:8420", "http://hub.example", "http://0.0.0.0:1"])
def test_plain_http_is_for_this_machine_only(url):
    with pytest.raises(TrustError, match=r"anybody could answer there; use https"):
        Door(url=url).post("/enrolment", {})


@pytest.mark.parametrize("url", ["hub.example", "ftp://x", "https://", ""])
def test_what_is_no_url_is_said(url):
    with pytest.raises(TrustError, match=r"write https://HOST"):
        Door(url=url).post("/enrolment", {})


def test_a_hub_that_is_not_there_is_said():
    with pytest.raises(TrustError, match=r"127.0.0.1:1: .*refused.*see whether it runs"):
        Door(url="http://127.0.0.1:1").post("/enrolment", {})


def test_a_no_is_told_from_a_not_now(hub):
    hub.status, hub.body = 401, b'{"detail": "token: not known"}'
    with pytest.raises(RefusedByHub, match=r"refused \(401\): token: not known"):
        Door(url=hub.url).post("/enrolment", {})
    for status in (429, 500, 503):
        hub.status = status
        with pytest.raises(TrustError) as caught:
            Door(url=hub.url).post("/enrolment", {})
        assert not isinstance(caught.value, RefusedByHub)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'"x"', b"[" * 100_000, b"\xff"])
def test_nonsense_is_one_error(hub, body):
    hub.body = body
    with pytest.raises(TrustError, match="no JSON; is it the hub"):
        Door(url=hub.url).post("/enrolment", {})


def test_a_redirect_is_not_followed(hub):
    hub.status, hub.headers = 302, {"Location": "http://evil.example/"}
    hub.body = b"{}"
    assert Door(url=hub.url).post("/enrolment", {}) == {}
    assert len(hub.asked) == 1


def test_too_much_is_not_read(hub, monkeypatch):
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 1000)
    hub.body = b'"' + b"x" * 2000 + b'"'
    with pytest.raises(TrustError, match="more than 1000 bytes"):
        Door(url=hub.url).post("/enrolment", {})


def test_a_slow_answer_ends_at_the_deadline(hub, monkeypatch):
    monkeypatch.setattr(module, "DEADLINE_S", 0.5)
    hub.pause_s = 0.1
    began = time.monotonic()
    with pytest.raises(TrustError, match=r"no whole answer|timed out"):
        Door(url=hub.url).post("/enrolment", {})
    assert time.monotonic() - began < 20


def test_a_fingerprint_is_read_however_it_is_written():
    plain = "ab" * 32
    for text in (plain, plain.upper(), ":".join(["ab"] * 32), f"sha256:{plain}", f" {plain}\n"):
        assert module.plain_fingerprint(text) == plain
    for text in ("", "ab", "zz" * 32, plain + "a"):
        with pytest.raises(TrustError, match="64 hex digits"):
            module.plain_fingerprint(text)
