"""Records as they come in, made into batches of one kind and of a size that travels well."""

from collections.abc import Iterable, Iterator, Sequence

from lode_wire import codec
from lode_wire.codec import Packed
from lode_wire.errors import EncodeError
from lode_wire.records import Record

MAX_RECORDS = 500
MAX_BYTES = 64 << 10  # larger batches make head-of-line waits on slow links


def packed(records: Iterable[Record]) -> Iterator[Packed | tuple[Record, EncodeError]]:
    """Pack records into batches by kind, in their order; one that cannot be encoded comes back.

    A batch has at most MAX_RECORDS, and exceeds MAX_BYTES only when a single record does.
    """
    kinds: dict[type[Record], list[Record]] = {}
    for record in records:
        kinds.setdefault(type(record), []).append(record)
    for batch in kinds.values():
        for start in range(0, len(batch), MAX_RECORDS):
            yield from _halved(batch[start : start + MAX_RECORDS])


def _halved(batch: Sequence[Record]) -> Iterator[Packed | tuple[Record, EncodeError]]:
    try:
        whole = codec.pack(batch)
    except EncodeError as error:
        if len(batch) == 1:
            yield batch[0], error
            return
    else:
        if len(whole.columns) <= MAX_BYTES or len(batch) == 1:
            yield whole
            return
    middle = len(batch) // 2
    yield from _halved(batch[:middle])
    yield from _halved(batch[middle:])
