"""Evidence survives its way as JSON, an answer of any shape within it included."""

import msgspec
import pytest

from lode_wire import orders
from lode_wire.errors import DecodeError
from lode_wire.orders import Change, Evidence


@pytest.mark.parametrize("answer", [b"[1,2]", b'{"found":[]}', b'"text"', b"7"])
def test_an_answer_comes_through_as_it_was(answer):
    told = Evidence(entry=3, said="yes", answer=msgspec.Raw(answer))
    read = orders.decode_evidence(orders.encode_evidence(told))
    assert read.answer is not None
    assert bytes(read.answer) == answer
    assert (read.entry, read.said) == (3, "yes")


def test_evidence_without_an_answer_has_none():
    told = Evidence(target="r1", changes=(Change(key="mode", before="0", after="1"),))
    assert orders.decode_evidence(orders.encode_evidence(told)) == told
    assert orders.decode_evidence("") == Evidence()


@pytest.mark.parametrize("text", ["{", "[]", '{"entry":"x"}', '{"unknown":1}'])
def test_what_is_no_evidence_is_refused(text):
    with pytest.raises(DecodeError, match="evidence"):
        orders.decode_evidence(text)
