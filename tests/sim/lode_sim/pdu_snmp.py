"""PDUs that speak SNMP: pysnmp's own agent over a table of objects, and what can go wrong with it.

Two kinds, by their vendors' MIBs: Raritan PX2/PX3 (PDU2-MIB) and APC rPDU2 (PowerNet-MIB).
"""

import bisect
import contextlib
import os
from typing import Any, Literal, Self

from pysnmp.carrier.asyncio.dgram import udp  # type: ignore[import-untyped]
from pysnmp.entity import config, engine  # type: ignore[import-untyped]
from pysnmp.entity.rfc3413 import cmdrsp, context  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]
from pysnmp.smi import error as smi_error  # type: ignore[import-untyped]
from pysnmp.smi.instrum import AbstractMibInstrumController  # type: ignore[import-untyped]

Oid = tuple[int, ...]
Vendor = Literal["raritan", "apc"]
USER, AUTH_PASSPHRASE, PRIVACY_PASSPHRASE = "lode", "authenticate_me", "hide_me_well"
READ, WRITE = "public", "private"
RARITAN: Oid = (1, 3, 6, 1, 4, 1, 13742, 6)
APC: Oid = (1, 3, 6, 1, 4, 1, 318, 1, 1, 26)
_ON, _OFF = 7, 8  # Raritan's sensor states


class Pdu:
    """A PDU with outlets; `objects` is all it says, and may be changed at will."""

    def __init__(self, vendor: Vendor, outlets: int = 8, *, is_switched: bool = True) -> None:
        self.vendor, self.outlets, self.is_switched = vendor, outlets, is_switched
        self.objects: dict[Oid, Any] = {}
        self.is_on = dict.fromkeys(range(1, outlets + 1), True)
        self.power_w = {n: 100.0 * n for n in range(1, outlets + 1)}
        self.refuses_sets = False  # with genErr
        self.ignores_sets = False  # says yes and does nothing
        self.port = 0
        self.engine_id = b"\x80\x00\x4f\xb8\x05" + os.urandom(8)
        self.starts = 0  # which version 3 tells with every message
        self.asked = 0  # requests that reached it
        self.sets: list[tuple[Oid, int]] = []
        self._engine: Any = None
        self.refresh()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen on loopback, on the same port as before if there was one."""
        made = engine.SnmpEngine()
        self.starts += 1
        _name(made, self.engine_id, self.starts)
        transport = udp.UdpAsyncioTransport().open_server_mode(("127.0.0.1", self.port))
        config.add_transport(made, udp.DOMAIN_NAME, transport)
        _let_in(made)
        place = context.SnmpContext(made)
        place.unregister_context_name(v2c.OctetString(b""))
        place.register_context_name(v2c.OctetString(b""), _Objects(self))
        for responder in (
            cmdrsp.GetCommandResponder,
            cmdrsp.NextCommandResponder,
            cmdrsp.BulkCommandResponder,
            cmdrsp.SetCommandResponder,
        ):
            responder(made, place)
        self._engine = made
        await transport._lport  # pysnmp has no other way to wait for its socket
        self.port = transport.transport.get_extra_info("sockname")[1]

    def stop(self) -> None:
        """Listen no more."""
        with contextlib.suppress(Exception):
            self._engine.close_dispatcher()

    def switch(self, outlet: int, *, is_on: bool) -> None:
        """Switch an outlet, as its relay does."""
        self.is_on[outlet] = is_on
        self.refresh()

    def refresh(self) -> None:
        """Measure anew."""
        rows = self._raritan() if self.vendor == "raritan" else self._apc()
        self.objects = dict(sorted(rows.items()))

    def _power_w(self, outlet: int) -> float:
        return self.power_w[outlet] if self.is_on[outlet] else 0.0

    def _total_w(self) -> float:
        return sum(self._power_w(outlet) for outlet in self.is_on)

    def _raritan(self) -> dict[Oid, Any]:
        rows: dict[Oid, Any] = {
            (1, 3, 6, 1, 2, 1, 1, 1, 0): v2c.OctetString("Raritan PDU - simulated"),
            (*RARITAN, 3, 2, 1, 1, 2, 1): v2c.OctetString("Raritan"),
            (*RARITAN, 3, 2, 1, 1, 3, 1): v2c.OctetString("PX3-5190R"),
            (*RARITAN, 3, 2, 1, 1, 4, 1): v2c.OctetString("QWX1234567"),
            (*RARITAN, 3, 2, 3, 1, 6, 1, 1, 1): v2c.OctetString("3.6.0.5-46120"),
        }
        for inlet in (1,):
            place = (1, inlet)
            _raritan_sensor(rows, 3, 2, place, 5, round(self._total_w()), 0)  # activePower, W
            _raritan_sensor(rows, 3, 2, place, 8, 123_456, 1)  # activeEnergy, Wh
        for outlet in self.is_on:
            place = (1, outlet)
            _raritan_sensor(rows, 5, 4, place, 5, round(10 * self._power_w(outlet)), 1)
            state = _ON if self.is_on[outlet] else _OFF
            if self.is_switched:
                rows[(*RARITAN, 4, 1, 2, 1, 2, *place)] = v2c.Integer32(int(self.is_on[outlet]))
                rows[(*RARITAN, 4, 1, 2, 1, 3, *place)] = v2c.Integer32(state)
            rows[(*RARITAN, 3, 5, 3, 1, 28, *place)] = v2c.Integer32(1 if self.is_switched else 2)
        return rows

    def _apc(self) -> dict[Oid, Any]:
        rows: dict[Oid, Any] = {
            (1, 3, 6, 1, 2, 1, 1, 1, 0): v2c.OctetString("APC Web/SNMP - simulated"),
            (*APC, 2, 1, 6, 1): v2c.OctetString("v7.0.6"),
            (*APC, 2, 1, 8, 1): v2c.OctetString("AP8959EU3"),
            (*APC, 2, 1, 9, 1): v2c.OctetString("5A1234E01234"),
            (*APC, 4, 3, 1, 5, 1): v2c.Integer32(round(self._total_w() / 10)),
            (*APC, 4, 3, 1, 9, 1): v2c.Integer32(12_345),  # 0.1 kWh
            (*APC, 6, 3, 1, 7, 1): v2c.Integer32(round(self._total_w() / 10)),
        }
        for outlet in self.is_on:
            rows[(*APC, 9, 4, 3, 1, 7, outlet)] = v2c.Integer32(round(self._power_w(outlet)))
            if self.is_switched:
                state = 2 if self.is_on[outlet] else 1
                rows[(*APC, 9, 2, 3, 1, 5, outlet)] = v2c.Integer32(state)
                rows[(*APC, 9, 2, 4, 1, 5, outlet)] = v2c.Integer32(3 - state)
        return rows

    def obey(self, oid: Oid, value: int) -> None:
        """Take a set request.

        Raises:
            SmiError: there is nothing to set at this place, or it refuses.
        """
        self.sets.append((oid, value))
        if self.refuses_sets:
            raise smi_error.GenError(idx=0)
        if self.ignores_sets:
            return
        column = (*RARITAN, 4, 1, 2, 1, 2, 1) if self.vendor == "raritan" else (*APC, 9, 2, 4, 1, 5)
        orders = {1: True, 0: False} if self.vendor == "raritan" else {1: True, 2: False}
        if oid not in self.objects or oid[:-1] != column:
            raise smi_error.NotWritableError(idx=0)
        if value not in orders:
            raise smi_error.WrongValueError(idx=0)
        self.switch(oid[-1], is_on=orders[value])


class _Objects(AbstractMibInstrumController):  # type: ignore[misc]
    """A PDU's objects, as pysnmp asks for them."""

    def __init__(self, pdu: Pdu) -> None:
        self._pdu = pdu

    def read_variables(self, *varBinds: Any, **_context: Any) -> Any:  # noqa: N803 -- pysnmp's
        """Answer a GET."""
        self._pdu.asked += 1
        return [
            (name, self._pdu.objects.get(tuple(name), v2c.NoSuchInstance("")))
            for name, _ in varBinds
        ]

    def read_next_variables(self, *varBinds: Any, **_context: Any) -> Any:  # noqa: N803
        """Answer one step of a GETNEXT or GETBULK."""
        self._pdu.asked += 1
        names = list(self._pdu.objects)
        found = []
        for name, _ in varBinds:
            at = bisect.bisect_right(names, tuple(name))
            if at == len(names):
                found.append((name, v2c.EndOfMibView("")))
            else:
                found.append((v2c.ObjectIdentifier(names[at]), self._pdu.objects[names[at]]))
        return found

    def write_variables(self, *varBinds: Any, **context: Any) -> Any:  # noqa: N803
        """Answer a SET."""
        self._pdu.asked += 1
        for name, value in varBinds:
            if context["acFun"]("write", (name, value), **context):
                raise smi_error.NoAccessError(idx=0)
            self._pdu.obey(tuple(name), int(value))
        return list(varBinds)


def _raritan_sensor(
    rows: dict[Oid, Any], config_group: int, group: int, place: Oid, kind: int, value: int,
    digits: int,
) -> None:  # fmt: skip
    """Write a sensor's rows: its digits and range, whether it is there, and its value."""
    index = (*place, kind)
    rows[(*RARITAN, 3, config_group, 4, 1, 7, *index)] = v2c.Gauge32(digits)
    rows[(*RARITAN, 3, config_group, 4, 1, 27, *index)] = v2c.Integer32(0)
    rows[(*RARITAN, 5, group, 3, 1, 2, *index)] = v2c.Integer32(1)
    rows[(*RARITAN, 5, group, 3, 1, 4, *index)] = v2c.Gauge32(value)
    rows[(*RARITAN, 5, group, 3, 1, 6, *index)] = v2c.Integer32(value)


def _name(made: Any, engine_id: bytes, starts: int) -> None:
    """Give an engine its name, and say how often it has started."""
    builder = made.get_mib_builder()
    name, boots = builder.import_symbols("__SNMP-FRAMEWORK-MIB", "snmpEngineID", "snmpEngineBoots")
    name.syntax = name.syntax.clone(engine_id)
    made.snmpEngineID = name.syntax
    boots.syntax = boots.syntax.clone(starts)


def _let_in(made: Any) -> None:
    config.add_v1_system(made, "reader", READ)
    config.add_v1_system(made, "writer", WRITE)
    protocols: list[tuple[str, Any]] = [
        (USER, config.USM_AUTH_HMAC96_SHA),
        (f"{USER}256", config.USM_AUTH_HMAC192_SHA256),
    ]
    for user, protocol in protocols:
        config.add_v3_user(
            *(made, user, protocol, AUTH_PASSPHRASE),
            *(config.USM_PRIV_CFB128_AES, PRIVACY_PASSPHRASE),
        )
        config.add_vacm_user(made, 3, user, "authPriv", (1, 3, 6), (1, 3, 6))
    config.add_vacm_user(made, 2, "reader", "noAuthNoPriv", (1, 3, 6), (1, 3, 7))
    config.add_vacm_user(made, 2, "writer", "noAuthNoPriv", (1, 3, 6), (1, 3, 6))
