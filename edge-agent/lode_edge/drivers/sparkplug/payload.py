"""Sparkplug B payloads: bytes to metrics and back.

The messages are described here by field number, after the Sparkplug 3.0 specification, chapter 6;
what Lode has no use for (data sets, templates, metadata) is left out and passed over. Google's
protobuf is imported with this module, and so only where Sparkplug is configured.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from lode_edge.errors import BadAnswer

MAX_PAYLOAD_BYTES = 4 << 20
MAX_METRICS = 20_000
MAX_NAME = 512
_MAX_TEXT = 4096


class DataType(enum.IntEnum):
    """The types of a metric's value that Lode knows."""

    UNKNOWN = 0
    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14
    UUID = 15


BITS = {DataType.INT8: 8, DataType.INT16: 16, DataType.INT32: 32, DataType.INT64: 64}
BITS |= {DataType.UINT8: 8, DataType.UINT16: 16, DataType.UINT32: 32, DataType.UINT64: 64}
BITS |= {DataType.DATETIME: 64}
NUMBERS = frozenset({*BITS, DataType.FLOAT, DataType.DOUBLE, DataType.BOOLEAN})
SIGNED = frozenset({DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64})
_TEXTS = frozenset({DataType.STRING, DataType.TEXT, DataType.UUID})
_LONGS = frozenset({DataType.INT64, DataType.UINT64, DataType.DATETIME})

Raw = int | float | bool | str
Value = int | float | bool | str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One value; `raw` is as it was on the wire, because its type may be known from a birth only.

    A null has no `raw`.

    `unit` is the property engUnit.
    """

    name: str | None = None
    alias: int | None = None
    timestamp: int | None = None
    datatype: int = DataType.UNKNOWN
    is_historical: bool = False
    raw: Raw | None = None
    unit: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Payload:
    """One message."""

    timestamp: int | None = None
    seq: int | None = None
    metrics: Sequence[Metric] = ()


def decode(data: bytes) -> Payload:
    """Read a payload.

    Raises:
        BadAnswer: it is none, or larger than any that makes sense.
    """
    if len(data) > MAX_PAYLOAD_BYTES:
        raise BadAnswer(f"Sparkplug payload of {len(data)} bytes; at most {MAX_PAYLOAD_BYTES}")
    try:
        message = _PAYLOAD.FromString(data)
        return Payload(
            timestamp=message.timestamp if message.HasField("timestamp") else None,
            seq=message.seq if message.HasField("seq") else None,
            metrics=_metrics(message.metrics),
        )
    except (DecodeError, UnicodeDecodeError) as error:
        raise BadAnswer(f"no Sparkplug payload: {error}") from None


def encode(payload: Payload) -> bytes:
    """Write a payload."""
    message = _PAYLOAD()
    if payload.timestamp is not None:
        message.timestamp = payload.timestamp
    if payload.seq is not None:
        message.seq = payload.seq
    for metric in payload.metrics:
        _add(message.metrics.add(), metric)
    return bytes(message.SerializeToString())


def value_of(raw: Raw, datatype: int) -> Value:
    """Read a raw value as its type says.

    Raises:
        ValueError: it is no value of this type, or of a type that Lode does not know.
    """
    if datatype in BITS and isinstance(raw, int) and not isinstance(raw, bool):
        return _integer(raw, DataType(datatype))
    if datatype in {DataType.FLOAT, DataType.DOUBLE} and isinstance(raw, float):
        return raw
    if datatype == DataType.BOOLEAN and isinstance(raw, bool):
        return raw
    if datatype in _TEXTS and isinstance(raw, str):
        return raw
    raise ValueError(f"{type(raw).__name__} for type {datatype}")


def _integer(raw: int, datatype: DataType) -> int:
    # A small signed integer comes as 32 bits or as its own; both end in the same bits.
    kept = raw & ((1 << BITS[datatype]) - 1)
    if datatype in SIGNED:
        return kept - (1 << BITS[datatype]) if kept >> (BITS[datatype] - 1) else kept
    if kept != raw:
        raise ValueError(f"{raw} is beyond {datatype.name}")
    return kept


def raw_of(value: Value, datatype: DataType) -> Raw | None:
    """Write a value as its type has it on the wire; None stays None and becomes null."""
    if datatype in SIGNED and isinstance(value, int):
        return value & ((1 << (64 if datatype == DataType.INT64 else 32)) - 1)
    return value


def _metrics(messages: Any) -> list[Metric]:  # noqa: ANN401 -- a class made at run time
    if len(messages) > MAX_METRICS:
        raise BadAnswer(f"Sparkplug payload of {len(messages)} metrics; at most {MAX_METRICS}")
    return [_metric(message) for message in messages]


def _metric(message: Any) -> Metric:  # noqa: ANN401
    field = message.WhichOneof("value")
    raw = getattr(message, field) if field and not message.is_null else None
    # What is no UTF-8 comes as bytes.
    if isinstance(raw, bytes) or not isinstance(message.name, str):
        raise BadAnswer("no Sparkplug payload: a text that is no UTF-8")
    if len(message.name) > MAX_NAME or (isinstance(raw, str) and len(raw) > _MAX_TEXT):
        raise BadAnswer(f"Sparkplug metric {message.name[:40]!r}: a text is too long")
    return Metric(
        name=message.name if message.HasField("name") else None,
        alias=message.alias if message.HasField("alias") else None,
        timestamp=message.timestamp if message.HasField("timestamp") else None,
        datatype=message.datatype,
        is_historical=message.is_historical,
        raw=raw,
        unit=_unit(message.properties) if message.HasField("properties") else None,
    )


def _unit(properties: Any) -> str | None:  # noqa: ANN401
    for key, value in zip(properties.keys, properties.values, strict=False):
        if key == "engUnit" and isinstance(value.string_value, str):
            return value.string_value[:32]
    return None


def _add(message: Any, metric: Metric) -> None:  # noqa: ANN401
    if metric.name is not None:
        message.name = metric.name
    if metric.alias is not None:
        message.alias = metric.alias
    if metric.timestamp is not None:
        message.timestamp = metric.timestamp
    if metric.datatype:
        message.datatype = metric.datatype
    if metric.is_historical:
        message.is_historical = True
    if metric.unit:
        message.properties.keys.append("engUnit")
        message.properties.values.add(type=DataType.STRING, string_value=metric.unit)
    if metric.raw is None:
        message.is_null = True
    else:
        setattr(message, _field_of(metric), metric.raw)


def _field_of(metric: Metric) -> str:
    if metric.datatype in BITS:
        return "long_value" if metric.datatype in _LONGS else "int_value"
    fields = {DataType.FLOAT: "float_value", DataType.DOUBLE: "double_value"}
    fields[DataType.BOOLEAN] = "boolean_value"
    return fields.get(DataType(metric.datatype), "string_value")


_F = descriptor_pb2.FieldDescriptorProto
_U32, _U64, _BOOL, _TEXT = _F.TYPE_UINT32, _F.TYPE_UINT64, _F.TYPE_BOOL, _F.TYPE_STRING
_VALUES = {"int_value": _U32, "long_value": _U64, "float_value": _F.TYPE_FLOAT}
_VALUES |= {"double_value": _F.TYPE_DOUBLE, "boolean_value": _BOOL, "string_value": _TEXT}


def _described() -> Any:  # noqa: ANN401
    """Describe the messages, and make the class of the outermost."""
    file = descriptor_pb2.FileDescriptorProto(name="lode/sparkplug", package="lode.sparkplug")

    def message(name: str, fields: Mapping[int, tuple[str, Any]], values_from: int = 0) -> None:
        made = file.message_type.add(name=name)
        for number, (field, kind) in fields.items():
            made.field.add(name=field, number=number, type=kind, label=_F.LABEL_OPTIONAL)
        if values_from:
            made.oneof_decl.add(name="value")
            for number, (field, kind) in enumerate(_VALUES.items(), values_from):
                added = made.field.add(name=field, number=number, type=kind)
                added.label, added.oneof_index = _F.LABEL_OPTIONAL, 0

    def holds(name: str, field: str, number: int, other: str, *, many: bool = False) -> None:
        made = next(made for made in file.message_type if made.name == name)
        label = _F.LABEL_REPEATED if many else _F.LABEL_OPTIONAL
        kind = _F.TYPE_MESSAGE if other else _TEXT
        added = made.field.add(name=field, number=number, type=kind, label=label)
        if other:
            added.type_name = f".lode.sparkplug.{other}"

    message("PropertyValue", {1: ("type", _U32), 2: ("is_null", _BOOL)}, values_from=3)
    message("PropertySet", {})
    holds("PropertySet", "keys", 1, "", many=True)
    holds("PropertySet", "values", 2, "PropertyValue", many=True)
    head = {1: ("name", _TEXT), 2: ("alias", _U64), 3: ("timestamp", _U64), 4: ("datatype", _U32)}
    flags = {5: ("is_historical", _BOOL), 6: ("is_transient", _BOOL), 7: ("is_null", _BOOL)}
    message("Metric", head | flags, values_from=10)
    holds("Metric", "properties", 9, "PropertySet")
    message("Payload", {1: ("timestamp", _U64), 3: ("seq", _U64)})
    holds("Payload", "metrics", 2, "Metric", many=True)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("lode.sparkplug.Payload"))


_PAYLOAD = _described()
