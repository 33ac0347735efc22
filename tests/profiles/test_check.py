"""`lode-edge profile`: what is said to people who write descriptions, and its page in the docs."""

import re
import struct
import subprocess
import sys
import threading
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest

from lode_edge.errors import EdgeError
from lode_edge.profiles.check import against, checked, rounds
from lode_profiles import MeterProfile, RigProfile, load, meters, text_of
from lode_profiles.faults import line_of
from lode_profiles.library import parse

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "profiles.md").read_text()
EXAMPLE, CONTROLS, MODES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
GOOD = text_of("eastron-sdm120")


@pytest.fixture
def own(tmp_path):
    """Write a description of one's own; gives its path."""

    def write(text: str) -> Path:
        path = tmp_path / "my-meter.toml"
        path.write_text(text)
        return path

    return write


def lode_edge(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = [str(Path(sys.executable).parent / "lode-edge"), "profile", *arguments]
    return subprocess.run(program, check=False, capture_output=True, text=True, timeout=30)


def test_the_page_s_example_is_in_order(own):
    done = lode_edge("check", str(own(EXAMPLE)))
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout.endswith(
            "is in order: Acme M3\n2 vectors hold\n"
            "every poll: 2 requests\n"
            "  function 3, 0x0000 to 0x0011: 18 registers for 3 values\n"
            "  function 3, 0x0030 to 0x0031: 2 registers for 1 values\n"
            "slow, every 60 s: 1 requests\n"
            "  function 3, 0x0040 to 0x0040: 1 registers for 1 values\n"
            "rare, every 300 s: 1 requests\n"
            "  function 3, 0x0050 to 0x0050: 1 registers for 1 values\n"
        )
        or "every poll: 3 requests" in done.stdout
    )


def test_the_page_s_other_examples_are_in_order(own):
    profile = checked(own(EXAMPLE.replace("[probe]", f"{CONTROLS}\n[probe]")))
    assert isinstance(profile, MeterProfile)
    assert profile.controls is not None
    assert set(profile.controls.outlets) == {"1"}
    rig = text_of("antminer-s19").replace("boards = 3", f"boards = 3\n{MODES}")
    model = parse(rig, "x.toml")
    assert isinstance(model, RigProfile)
    assert [mode.name for mode in model.modes] == ["eco", "default"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('0x0012, type = "f32"', '0x0012, type = "f16"',
         "line 26: points.apparent.type: invalid enum value 'f16'"),
        ('unit = "VA"', 'units = "VA"', "line 26: points.apparent.units: object contains unknown"),
        ("0x0156, type", "0x1FFFF, type", 'line 28: points."energy.total".register: expected int'),
        ("slow = 60.0", "slow = -1.0", "line 14: poll_s.slow: expected float > 0.0"),
        ("gap_limit = 40", 'gap_limit = "40"', "line 10: gap_limit: expected int, got str"),
        ('note = "NaN', 'nte = "NaN', "line 45: vectors[2].nte: object contains unknown field"),
        ("min_gap_ms = 0", "min_gap_ms = 0\nholes = [[70, 70]]",
         "line 22: fields.freq_hz: freq_hz lies in a hole"),
        ('function = 4', "function = = 4", "no valid TOML: Invalid value (at line 7, column 12)"),
        ('function = 4', "", "describes no known device; it needs the key"),
        ("= 230.2,", "= 231.0,", "voltage_v is 230.20"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(old, new, said, own):
    assert old in GOOD
    path = own(GOOD.replace(old, new))
    with pytest.raises(EdgeError, match=re.escape(said)) as caught:
        checked(path)
    assert str(caught.value).startswith(str(path))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(EdgeError, match=r"none\.toml: cannot be read: No such file"):
        checked(tmp_path / "none.toml")
    with pytest.raises(EdgeError, match=r"meter\.yaml: .* ends in \.toml; rename it"):
        checked(tmp_path / "meter.yaml")
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (2 << 20))
    with pytest.raises(EdgeError, match="larger than"):
        checked(large)


def test_the_command_ends_with_status_2_when_something_must_be_corrected(own):
    done = lode_edge("check", str(own(GOOD.replace("f32", "f31", 1))))
    assert done.returncode == 2
    assert "line 17: fields.voltage_v.type" in done.stderr
    done = lode_edge("show", "no-such")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown; use a path to a .toml, or one of" in done.stderr


def test_descriptions_are_listed_and_shown():
    listed = lode_edge("list").stdout
    assert re.search(r"^eastron-sdm630 +Eastron SDM630$", listed, re.MULTILINE)
    assert re.search(r"^schneider-pm5000 .*\(not verified\)$", listed, re.MULTILINE)
    assert lode_edge("show", "eastron-sdm630").stdout == text_of("eastron-sdm630")


def test_every_description_s_requests_are_few():
    for name, profile in meters().items():
        first = rounds(profile)[0]
        assert first.every == "every poll"
        assert len(first.requests) <= 8, name


class _Meter(BaseRequestHandler):
    """Answers every register with the float 230.2."""

    def handle(self) -> None:
        while asked := self.request.recv(12):
            transaction, unit, function, count = struct.unpack(">H4xBB2xH", asked)
            data = b"\x43\x66\x33\x34" * (count // 2)
            head = struct.pack(">HHHBBB", transaction, 0, len(data) + 3, unit, function, len(data))
            self.request.sendall(head + data)


def test_a_device_is_read_by_a_description_of_one_s_own(own):
    server = ThreadingTCPServer(("127.0.0.1", 0), _Meter)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"127.0.0.1:{server.server_address[1]}"
        done = lode_edge("check", str(own(GOOD)), "--against", address, "--unit", "3")
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, done.stderr
    assert f"{address} unit 3 says:" in done.stdout
    assert re.search(r"voltage_v +230\.2$", done.stdout, re.MULTILINE)
    assert re.search(r"power_factor +missing$", done.stdout, re.MULTILINE)
    assert "a value cannot be: look at word_order" in done.stdout


async def test_a_device_that_is_not_there_is_told(own):
    with pytest.raises(EdgeError, match="no connection"):
        await against(str(own(GOOD)), "127.0.0.1:1", 1, 0.5)


def test_a_path_and_a_name_find_the_same(own):
    assert load(str(own(GOOD))).vendor == load("eastron-sdm120").vendor
    assert load(str(own(GOOD))).name == "my-meter"


def test_lines_are_found_in_tables_and_lists_of_tables():
    text = 'a = 1\n[b."c.d"]\ne.f = 2\n[[g]]\nh = 1\n[[g]]\n"h" = 2\n'
    assert line_of(text, ("a",)) == 1
    assert line_of(text, ("b", "c.d", "e", "f")) == 3
    assert line_of(text, ("g", 1, "h")) == 7
    assert line_of(text, ("g", 0, "x")) == 4
    assert line_of(text, ("z",)) is None
