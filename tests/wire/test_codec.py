"""The codec: what goes in comes out, and nothing else ever does."""

import json
import os
import struct
import time
from pathlib import Path

import google_crc32c
import hypothesis.strategies as st
import msgspec
import pytest
import zstandard
from hypothesis import given, settings

from lode_wire import codec, records
from lode_wire.errors import DecodeError, EncodeError
from lode_wire.records import Record, RigReading, State
from tests.wire import samples

GOLDEN = Path(__file__).parent.parent / "golden" / "wire"


def payload(batch: list[Record], seq: int = 7) -> bytes:
    return codec.frame(codec.pack(batch), agent="north-1", epoch="e1", seq=seq)


def reframed(header: bytes, columns: bytes, version: int = codec.VERSION) -> bytes:
    content = header + columns
    crc = google_crc32c.value(content)
    return struct.pack("<4sBxHI", b"LODE", version, len(header), crc) + content


def altered(batch: list[Record], change: dict[str, object]) -> bytes:
    """Make a well-framed payload whose columns differ from what the codec would write."""
    whole = codec.pack(batch)
    columns = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(whole.columns))
    columns = {k: v for k, v in (columns | change).items() if v is not None}
    header = codec.Header("a", "e", 1, whole.kind, whole.n, whole.from_ms, whole.to_ms)
    packed = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(columns))
    return reframed(msgspec.msgpack.encode(header), packed)


@given(samples.batches())
def test_decode_returns_what_was_encoded(batch):
    decoded = codec.decode(payload(batch))
    assert decoded.records() == batch
    assert decoded.header.n == len(batch)
    assert decoded.header.from_ms == min(record.at_ms for record in batch)
    assert decoded.header.to_ms == max(record.at_ms for record in batch)


@given(samples.batches())
def test_peek_reads_the_same_header(batch):
    whole = payload(batch, seq=99)
    assert codec.peek(whole) == codec.decode(whole).header
    assert codec.peek(whole).seq == 99


@pytest.mark.parametrize("name", sorted(file.stem for file in GOLDEN.glob("*.v1")))
def test_version_1_is_pinned_by_golden_files(name):
    """A payload written in 2026 must decode for ever; rewrite a golden file never.

    What has become a field since it was written is missing in it, and nothing else.
    """
    written = (GOLDEN / f"{name}.v1").read_bytes()
    header, listed = json.loads((GOLDEN / f"{name}.v1.json").read_text())
    decoded = codec.decode(written)
    kind = records.KINDS[decoded.header.kind]
    since = {field.name: field.default for field in msgspec.structs.fields(kind)}
    expected = [{**{k: v for k, v in since.items() if k not in one}, **one} for one in listed]
    assert json.loads(msgspec.json.encode([decoded.header, decoded.records()])) == [
        header,
        expected,
    ]


@pytest.mark.parametrize("tag", records.KINDS)
def test_every_field_is_in_a_golden_file(tag):
    files = [json.loads(file.read_text()) for file in GOLDEN.glob("*.v1.json")]
    written = {field for head, listed in files if head[3] == tag for one in listed for field in one}
    assert written == {field.name for field in msgspec.structs.fields(records.KINDS[tag])}


@pytest.mark.parametrize("tag", records.KINDS)
def test_every_truncation_is_a_decode_error(tag):
    whole = payload(samples.fixed(records.KINDS[tag], 3))
    for end in range(len(whole)):
        with pytest.raises(DecodeError):
            codec.decode(whole[:end])


@given(samples.batches(), st.data())
def test_any_flipped_bit_is_a_decode_error(batch, data):
    whole = bytearray(payload(batch))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(DecodeError):
        codec.decode(bytes(whole))


@given(st.binary(max_size=300))
def test_noise_is_a_decode_error(noise):
    with pytest.raises(DecodeError):
        codec.decode(noise)


@given(st.sampled_from(list(records.KINDS)), st.integers(1, 50), st.binary(max_size=300))
def test_noise_behind_a_true_frame_is_a_decode_error(tag, n, noise):
    header = msgspec.msgpack.encode(codec.Header("a", "e", 1, tag, n, 0, 0))
    for columns in (noise, zstandard.ZstdCompressor().compress(noise)):
        with pytest.raises(DecodeError):
            codec.decode(reframed(header, columns))


@given(st.dictionaries(st.text(max_size=9), st.binary(max_size=64), max_size=4))
def test_strange_columns_are_a_decode_error(columns):
    header = msgspec.msgpack.encode(codec.Header("a", "e", 1, "rig", 1, 0, 0))
    packed = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(columns))
    with pytest.raises(DecodeError):
        codec.decode(reframed(header, packed))


RIGS = [RigReading(at_ms=1, rig=1, state=State.MINING), RigReading(at_ms=2, rig=2, state=State(0))]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"rig": b"\0" * 7}, "column rig: 7 bytes, expected 8"),
        ({"rig": None}, "rig misses 'rig'"),
        ({"volts": b""}, "rig has no field 'volts'"),
        ({"state": b"\x01\x63"}, "column state: 99 is not a valid State"),
        ({"rig": "text"}, "columns: "),
    ],
)
def test_the_error_names_the_place(change, place):
    with pytest.raises(DecodeError, match=place):
        codec.decode(altered(RIGS, change)).records()


def test_a_missing_optional_column_takes_the_default():
    decoded = codec.decode(altered(RIGS, {"power_w": None, "power_source": None}))
    assert decoded.records() == RIGS


def test_an_unknown_kind_and_another_version_are_named():
    header = msgspec.msgpack.encode(codec.Header("a", "e", 1, "poem", 1, 0, 0))
    with pytest.raises(DecodeError, match="unknown kind 'poem'"):
        codec.decode(reframed(header, b""))
    with pytest.raises(DecodeError, match="version 2, expected 1"):
        codec.decode(reframed(header, b"", version=2))


def test_an_oversized_payload_is_refused_unread():
    with pytest.raises(DecodeError, match="4194305 bytes"):
        codec.decode(b"\0" * (codec.MAX_PAYLOAD_BYTES + 1))


@pytest.mark.parametrize("claim", [codec.MAX_DECODED_BYTES + 1, 1 << 40])
def test_a_decompression_bomb_is_refused_before_memory_is_taken(claim):
    # A zstd frame header with an 8-byte content size, then one raw block of nothing.
    bomb = b"\x28\xb5\x2f\xfd" + b"\xe0" + struct.pack("<Q", claim) + b"\x01\x00\x00"
    header = msgspec.msgpack.encode(codec.Header("a", "e", 1, "rig", 1, 0, 0))
    with pytest.raises(DecodeError, match="bytes decoded, more than"):
        codec.decode(reframed(header, bomb))


def test_a_deeply_nested_column_does_not_overflow_the_stack():
    deep = b"\x91" * 100_000 + b"\xc0"
    tx = samples.fixed(records.Transaction, 1)
    with pytest.raises(DecodeError, match="column inputs"):
        codec.decode(altered(tx, {"inputs": deep}))


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"rig": -1}, "field rig"),
        ({"rig": 1 << 32}, "field rig"),
        ({"rig": "seven"}, "field rig"),
        ({"power_w": "much"}, "field power_w"),
        ({"fans_alive": -(1 << 15)}, "field fans_alive: -32768 stands for a missing value"),
    ],
)
def test_a_value_of_the_wrong_type_is_not_sent(bad, field):
    with pytest.raises(EncodeError, match=field):
        codec.pack([msgspec.structs.replace(RIGS[0], **bad)])


def test_mixed_and_empty_batches_are_not_sent():
    with pytest.raises(EncodeError, match="several kinds"):
        codec.pack([RIGS[0], samples.fixed(records.MeterReading, 1)[0]])
    with pytest.raises(EncodeError, match="0 records"):
        codec.pack([])


@pytest.mark.slow
def test_a_fuzz_run_finds_nothing_but_decode_errors():
    """Mutate true payloads, refit their CRC, and decode, for a bounded time."""
    rng = __import__("random").Random(int(os.environ.get("LODE_FUZZ_SEED", "1")))
    seeds = [payload(samples.fixed(kind, 4)) for kind in records.KINDS.values()]
    until = time.monotonic() + float(os.environ.get("LODE_FUZZ_S", "5"))
    tried = 0
    while time.monotonic() < until:
        content = bytearray(rng.choice(seeds)[12:])
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(content))
            content[place : place + rng.randint(0, 2)] = rng.randbytes(rng.randint(0, 3))
            content = content or bytearray(1)
        length = rng.choice([rng.randrange(len(content) + 1), 30])
        crc = google_crc32c.value(bytes(content))
        mutant = struct.pack("<4sBxHI", b"LODE", 1, length, crc) + bytes(content)
        tried += 1
        try:
            codec.decode(mutant).records()
        except DecodeError:
            continue
    assert tried > 1000


@settings(max_examples=30)
@given(st.integers(1, 400))
def test_a_batch_of_readings_is_small(n):
    batch = samples.fixed(RigReading, n)
    assert len(codec.pack(batch).columns) <= 600 + 40 * n
