"""The rigs of a simulated fleet: models, firmwares with their ways, sites, racks, weather."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RACK = 48
SITES = 4

MODELS = (
    # name, TH/s, W, boards, chips, fans, rpm, °C above the air, share
    ("Antminer S19 Pro", 110.0, 3250.0, 3, 342, 4, 6000.0, 46.0, 0.30),
    ("Antminer S21", 200.0, 3500.0, 3, 324, 4, 5600.0, 48.0, 0.25),
    ("Whatsminer M30S+", 100.0, 3400.0, 3, 444, 2, 6400.0, 50.0, 0.18),
    ("Whatsminer M60", 172.0, 3340.0, 3, 390, 2, 6200.0, 47.0, 0.15),
    ("Avalon 1466", 150.0, 3230.0, 3, 480, 4, 6700.0, 44.0, 0.119),
    ("Antminer S21 Hydro", 335.0, 5360.0, 3, 612, 0, 1.0, 30.0, 0.001),
)

FIRMWARES = np.array(
    # average, luck, hash step, power step, temp step; counts chips, measures power, chip temp,
    # uptime, shows a stopped fan
    [
        (5.0, 0.030, 0.01, 1.0, 1.0, True, True, True, True, True),
        (30.0, 0.012, 0.1, 10.0, 1.0, True, True, True, False, False),
        (30.0, 0.015, 0.01, 1.0, 0.1, True, True, True, True, True),
        (60.0, 0.008, 0.1, 1.0, 0.5, False, True, True, True, True),
    ],
    [(name, "f8") for name in ("average_s", "luck", "hash_step", "power_step", "temp_step")]
    + [(name, "?") for name in ("counts_chips", "measures_power", "has_chip_temp", "has_uptime",
                                "shows_stopped_fan")],
)  # fmt: skip
FIRMWARE_OF = ((0, 2), (0, 2), (1, 1), (1, 3), (2, 3), (2, 2))  # by model


@dataclass(kw_only=True)
class Hall:
    """Arrays by slot."""

    model: npt.NDArray[np.intp]
    site: npt.NDArray[np.intp]
    rack: npt.NDArray[np.intp]
    firmware: npt.NDArray[np.void]
    interval_s: Floats
    hashrate_ths: Floats
    power_w: Floats
    boards: Floats
    chips: Floats
    fans: Floats
    fan_rpm: Floats
    rise_c: Floats
    warmer_c: Floats  # than the site's air: its rack, its place, itself
    uptime_s: Floats
    site_phase_h: Floats
    site_swing_c: Floats

    def ambient(self, now_s: float) -> Floats:
        """Give the air each rig breathes, °C: the day, and a gust that comes and goes."""
        hour = now_s / 3600
        day = self.site_swing_c * np.sin(2 * np.pi * (hour + self.site_phase_h) / 24)
        gust = 1.2 * np.sin(2 * np.pi * (hour / 1.7 + self.site_phase_h))
        air: Floats = (20.0 + day + gust)[self.site]
        return air


def build(chance: np.random.Generator, rigs: int, interval_s: tuple[float, ...]) -> Hall:
    """Place rigs in racks of sites; a rack is mostly of one model, as they are bought."""
    racks = -(-rigs // RACK)
    shares = np.array([model[-1] for model in MODELS])
    rack_model = chance.choice(len(MODELS), racks, p=shares / shares.sum())
    rack = np.arange(rigs) // RACK
    model = np.where(chance.random(rigs) < 0.9, rack_model[rack],
                     chance.choice(len(MODELS), rigs, p=shares / shares.sum()))  # fmt: skip
    site = rack * SITES // racks
    figures = np.array([m[1:8] for m in MODELS])[model].T
    choice = np.array(FIRMWARE_OF)[model, chance.integers(0, 2, rigs)]
    place_c = 2.0 * np.linspace(-1, 1, RACK)[np.arange(rigs) % RACK]
    # All rigs of a firmware at a site are polled alike, as an agent does.
    interval = np.array(interval_s)[(site + choice) % len(interval_s)]
    return Hall(
        model=model, site=site, rack=rack, firmware=FIRMWARES[choice], interval_s=interval,
        hashrate_ths=figures[0] * (1 + chance.normal(0, 0.015, rigs)),
        power_w=figures[1] * (1 + chance.normal(0, 0.02, rigs)),
        boards=figures[2], chips=figures[3] - chance.integers(0, 3, rigs), fans=figures[4],
        fan_rpm=figures[5] * (1 + chance.normal(0, 0.03, rigs)), rise_c=figures[6],
        warmer_c=chance.normal(0, 1.5, rigs) + chance.normal(0, 3.0, racks)[rack] + place_c,
        uptime_s=chance.uniform(2e3, 2e6, rigs),
        site_phase_h=chance.uniform(0, 24, SITES), site_swing_c=chance.uniform(3, 8, SITES),
    )  # fmt: skip
