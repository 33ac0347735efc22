"""What every record has: a tag, a topic kind, and the time it was observed."""

from typing import ClassVar

import msgspec

from lode_wire.columns import I64


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A thing observed, decided or done at the edge.

    `tag` names the kind in a batch's header, `topic` is the topic segment it travels under, and
    `at_ms` is when it was observed, by the edge's clock (Unix ms, UTC); nobody rewrites it.
    """

    tag: ClassVar[str]
    topic: ClassVar[str]

    at_ms: I64
