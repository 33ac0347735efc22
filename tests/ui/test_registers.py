"""Raw registers in every reading, and what a probe has found; neither is trusted."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_ui import probed, registers
from lode_ui.figures import MINUS, MISSING
from tests.ui.made_commands import PROBED, REGISTERS


def test_a_float_is_read_in_both_orders():
    first, *_, last = registers.read(40, REGISTERS)
    assert (first.register, first.hex, first.unsigned) == (40, "4366", "17,254")
    assert first.float_high_first == "230.2"
    assert first.long_high_first == "1,130,771,251"
    assert last.signed == f"{MINUS}2"
    assert last.float_high_first == last.long_low_first == MISSING


@given(st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_any_float_comes_back_from_its_two_registers(value):
    high, low = struct.unpack(">HH", struct.pack(">f", value))
    for words, column in (((high, low), "float_high_first"), ((low, high), "float_low_first")):
        shown = getattr(registers.read(0, words)[0], column)
        assert float(shown.replace(MINUS, "-")) == pytest.approx(value, rel=1e-5)


@given(st.integers(-(1 << 31), (1 << 31) - 1))
def test_any_whole_number_comes_back_from_its_two_registers(value):
    high, low = struct.unpack(">HH", struct.pack(">i", value))
    shown = registers.read(0, (low, high))[0].long_low_first
    assert int(shown.replace(MINUS, "-").replace(",", "")) == value


@pytest.mark.parametrize("word", [0x7FC0, 0x7F80, 0xFF80])
def test_what_is_no_number_is_said(word):
    assert registers.read(0, [word, 0])[0].float_high_first in {"NaN", "∞", f"{MINUS}∞"}


@pytest.mark.parametrize("answer", [None, {}, [], [-1], [65_536], ["1"], [1] * 126, "1"])
def test_only_words_are_taken_for_registers(answer):
    assert not registers.is_words(answer)


def test_a_probe_is_read():
    answer = probed.read(PROBED)
    (device,) = answer.found
    assert device.heading == "Eastron SDM630"
    assert device.facts["Suggested profile"] == "eastron-sdm630"
    assert device.facts["Serial"] == MISSING
    assert [name for name, _ in device.values] == ["Power", "Voltage", "Freq"]
    assert answer.notes == ["asic: 10.0.4.17:4028 refused the connection"]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each),
    max_leaves=8,
)


@given(JSON, JSON, JSON)
def test_any_answer_at_all_is_read(found, facts, values):
    probed.read(found)
    probed.read({"found": [found, {"facts": facts, "values": values}], "notes": facts})
