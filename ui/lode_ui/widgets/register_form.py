"""Which raw registers of a Modbus device to read."""

from collections.abc import Awaitable, Callable
from typing import Literal, get_args

from lode_ui.widgets.answer import AnswerView
from lode_ui.widgets.button import Button
from lode_ui.widgets.form import NumberField, SelectField
from lode_ui.widgets.layout import card, columns
from lode_ui.widgets.outcome import Outcome
from lode_ui.widgets.text import Words, note
from lode_wire.orders import ReadRegisters

Function = Literal["1", "2", "3", "4"]
FUNCTIONS: dict[Function, str] = {
    "3": "3, holding registers",
    "4": "4, input registers",
    "1": "1, coils",
    "2": "2, discrete inputs",
}
LAST = 0xFFFF
MOST = 125
WRONG = "Give a register from 0 to 65535 and a count from 1 to 125, all below 65536."


class RegisterForm:
    """Function, first register, count."""

    def __init__(self, read: Callable[[ReadRegisters], Awaitable[None]], why_not: str) -> None:
        self._read = read
        with card("Raw registers") as self._card:
            with columns("fields"):
                self._function = SelectField[Function]("Function", FUNCTIONS, "3")
                self._register = NumberField(
                    "First register",
                    value=0,
                    low=0,
                    high=LAST,
                    is_whole=True,
                    hint="counted from 0, as on the wire: 40001 is 0",
                )
                self._count = NumberField("Count", value=2, low=1, high=MOST, is_whole=True)
            self._wrong = Words("", "lode-wrong", "p")
            with columns("buttons"):
                self._button = Button("Read", self._clicked, "lode-button-main")
            note(why_not)
            self.outcome = Outcome()
            self.answer = AnswerView()

        self._button.forbid(why_not)

    def show(self, *, has_registers: bool) -> None:
        """Show it for devices that have registers."""
        self._card.set_visibility(has_registers)

    async def _clicked(self) -> None:
        register, count = self._register.value, self._count.value
        is_range = register is not None and count is not None and register + count <= LAST + 1
        self._wrong.text = "" if is_range else WRONG
        if register is not None and count is not None and is_range:
            function = next(f for f in get_args(_Wire) if str(f) == self._function.value)
            await self._read(
                ReadRegisters(function=function, register=int(register), count=int(count))
            )


_Wire = Literal[1, 2, 3, 4]
