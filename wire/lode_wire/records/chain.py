"""What a blockchain node says. Amounts are decimal strings of base units, exact at any size."""

import enum
from typing import ClassVar

import msgspec

from lode_wire.columns import I64, U32
from lode_wire.records.base import Record


class ChainEventKind(enum.IntEnum):
    """What happened to a block or a transaction."""

    CONNECT = 1
    DISCONNECT = 2
    MEMPOOL_ADD = 3
    MEMPOOL_REMOVE = 4
    FINALISE = 5


class TxInput(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An input: the output it spends, and that output's value and address where known."""

    txid: str
    index: int
    amount: str | None = None
    address: str | None = None


class TxOutput(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An output: its value, its script, and its address where it has one."""

    amount: str
    script: bytes
    address: str | None = None


class Block(Record, frozen=True, kw_only=True):
    """A block's header as the node gave it."""

    tag: ClassVar[str] = "block"
    topic: ClassVar[str] = "transactions"

    chain: str
    height: I64
    hash: str
    parent: str
    block_ms: I64
    transactions: U32
    size_bytes: I64 | None = None


class Transaction(Record, frozen=True, kw_only=True):
    """A transaction with its inputs and outputs; `block` is None while it is in the mempool."""

    tag: ClassVar[str] = "tx"
    topic: ClassVar[str] = "transactions"

    chain: str
    txid: str
    block: str | None
    height: I64 | None
    index: I64 | None
    fee: str | None
    size_bytes: I64 | None
    inputs: tuple[TxInput, ...]
    outputs: tuple[TxOutput, ...]


class TokenTransfer(Record, frozen=True, kw_only=True):
    """A token moved by a contract."""

    tag: ClassVar[str] = "token"
    topic: ClassVar[str] = "transactions"

    chain: str
    txid: str
    log_index: U32
    block: str
    height: I64
    token: str
    source: str
    target: str
    amount: str


class ChainEvent(Record, frozen=True, kw_only=True):
    """A block or transaction came, went or became final."""

    tag: ClassVar[str] = "chain_event"
    topic: ClassVar[str] = "transactions"

    chain: str
    kind: ChainEventKind
    hash: str
    height: I64 | None = None
