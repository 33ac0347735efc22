"""What a benchmark says."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measured figure, and its ratio to what it was measured against in the same run."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    against: str = ""

    def as_json(self) -> dict[str, object]:
        """Give it for a machine to read."""
        return asdict(self)

    def as_line(self) -> str:
        """Give it for a person to read."""
        ratio = "" if self.ratio is None else f"  {self.ratio:8.2f} of {self.against}"
        return f"{self.name:<44} {self.value:>14,.6g} {self.unit:<12}{ratio}"
