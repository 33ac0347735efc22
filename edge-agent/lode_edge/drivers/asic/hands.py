"""What a family's acting part is made of: the rig it is for."""

from dataclasses import dataclass

from lode_edge.drivers.driver import Login
from lode_profiles import RigProfile


@dataclass(frozen=True, kw_only=True, slots=True)
class Rig:
    """One rig, as the hands of its family need to know it.

    A family's hands are an `Acting` without turns and without a limit on the whole: the driver
    keeps both. Each of their requests ends within `timeout_s`.
    """

    host: str
    port: int  # of the 4028 API, or what the settings say
    login: Login | None  # None: the vendor's default
    timeout_s: float
    profile: RigProfile | None
