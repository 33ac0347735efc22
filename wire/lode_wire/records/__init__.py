"""The records that travel between edge and hub: frozen, one type per kind, units in the names."""

from lode_wire.records.base import Record
from lode_wire.records.chain import (
    Block,
    ChainEvent,
    ChainEventKind,
    TokenTransfer,
    Transaction,
    TxInput,
    TxOutput,
)
from lode_wire.records.conduct import AuditRecord, Command, CommandState, Screening, Stage
from lode_wire.records.market import BookDelta, BookGap, BookSnapshot, Candle, Level, Side, Trade
from lode_wire.records.mining import (
    MeterReading,
    PointReading,
    PowerSource,
    Quality,
    RigReading,
    State,
)
from lode_wire.records.state import (
    Birth,
    Controls,
    Death,
    Device,
    DeviceKind,
    Gap,
    GapReason,
    Health,
)

KINDS: dict[str, type[Record]] = {
    kind.tag: kind
    for kind in (
        *(RigReading, MeterReading, PointReading),
        *(Birth, Death, Device, Controls, Health, Gap),
        *(Block, Transaction, TokenTransfer, ChainEvent),
        *(Trade, BookDelta, BookSnapshot, BookGap, Candle),
        *(AuditRecord, Screening, Command, CommandState),
    )
}

__all__ = [
    "KINDS",
    "AuditRecord",
    "Birth",
    "Block",
    "BookDelta",
    "BookGap",
    "BookSnapshot",
    "Candle",
    "ChainEvent",
    "ChainEventKind",
    "Command",
    "CommandState",
    "Controls",
    "Death",
    "Device",
    "DeviceKind",
    "Gap",
    "GapReason",
    "Health",
    "Level",
    "MeterReading",
    "PointReading",
    "PowerSource",
    "Quality",
    "Record",
    "RigReading",
    "Screening",
    "Side",
    "Stage",
    "State",
    "TokenTransfer",
    "Trade",
    "Transaction",
    "TxInput",
    "TxOutput",
]
