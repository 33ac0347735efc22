"""The rigs a site is made of: name plates, and what cools them.

Hashrate and power are the makers' figures; the LuxOS rig runs at its recorded `default` profile.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """One model under one firmware, as its name plate and its recordings say."""

    key: str
    vendor: str  # key in lode_sim.vendors.VENDORS: who speaks for it
    name: str
    hashrate_ths: float
    power_w: float
    boards: int
    chips_per_board: int
    fans: int
    fan_max_rpm: float
    chip_target_c: float  # what the fan controller holds the hottest chip at
    share: float  # of a mixed site


MODELS = (
    Model(
        key="antminer-s19pro",
        vendor="antminer",
        name="Antminer S19 Pro",
        hashrate_ths=110.0,
        power_w=3250.0,
        boards=3,
        chips_per_board=114,
        fans=4,
        fan_max_rpm=6600.0,
        chip_target_c=72.0,
        share=0.40,
    ),
    Model(
        key="luxos-s19kpro",
        vendor="luxos",
        name="Antminer S19k Pro",
        hashrate_ths=121.8,
        power_w=2794.0,
        boards=3,
        chips_per_board=77,
        fans=4,
        fan_max_rpm=6600.0,
        chip_target_c=68.0,
        share=0.20,
    ),
    Model(
        key="whatsminer-m50s",
        vendor="whatsminer",
        name="M50S",
        hashrate_ths=126.0,
        power_w=3276.0,
        boards=3,
        chips_per_board=135,
        fans=2,
        fan_max_rpm=7200.0,
        chip_target_c=78.0,
        share=0.20,
    ),
    Model(
        key="braiins-s19jpro",
        vendor="braiins",
        name="Antminer S19J Pro",
        hashrate_ths=104.0,
        power_w=3068.0,
        boards=3,
        chips_per_board=126,
        fans=4,
        fan_max_rpm=6600.0,
        chip_target_c=75.0,
        share=0.10,
    ),
    Model(
        key="avalon-1246",
        vendor="avalon-1246",
        name="AvalonMiner 1246",
        hashrate_ths=83.0,
        power_w=3420.0,
        boards=3,
        chips_per_board=120,
        fans=4,
        fan_max_rpm=7400.0,
        chip_target_c=77.0,
        share=0.06,
    ),
    Model(
        key="avalon-q",
        vendor="avalon-q",
        name="Avalon Q",
        hashrate_ths=90.0,
        power_w=1674.0,
        boards=1,
        chips_per_board=160,
        fans=4,
        fan_max_rpm=3800.0,
        chip_target_c=76.0,
        share=0.04,
    ),
    Model(
        key="antminer-s21",
        vendor="antminer-web",
        name="Antminer S21",
        hashrate_ths=200.0,
        power_w=3500.0,
        boards=3,
        chips_per_board=108,
        fans=4,
        fan_max_rpm=6600.0,
        chip_target_c=72.0,
        share=0.0,
    ),
    Model(
        key="vnish-s19",
        vendor="vnish",
        name="Antminer S19",
        hashrate_ths=95.0,
        power_w=3250.0,
        boards=3,
        chips_per_board=76,
        fans=4,
        fan_max_rpm=6000.0,
        chip_target_c=74.0,
        share=0.0,  # only where it is asked for: what it serves on its pages is not counted
    ),
    Model(
        key="whatsminer-m60s",
        vendor="whatsminer-v3",
        name="M60S",
        hashrate_ths=186.0,
        power_w=3441.0,
        boards=3,
        chips_per_board=75,
        fans=2,
        fan_max_rpm=7200.0,
        chip_target_c=78.0,
        share=0.0,
    ),
    Model(
        key="braiins-s21pro",
        vendor="braiins-rest",
        name="Antminer S21 Pro",
        hashrate_ths=234.0,
        power_w=3510.0,
        boards=3,
        chips_per_board=65,
        fans=4,
        fan_max_rpm=6600.0,
        chip_target_c=65.0,
        share=0.0,
    ),
    Model(
        key="braiins-s19jpro-graphql",
        vendor="braiins-graphql",
        name="Antminer S19J Pro",
        hashrate_ths=104.0,
        power_w=3068.0,
        boards=3,
        chips_per_board=126,
        fans=4,
        fan_max_rpm=6600.0,
        chip_target_c=75.0,
        share=0.0,
    ),
    Model(
        key="epic-s19xp",
        vendor="epic",
        name="Antminer S19 XP",
        hashrate_ths=140.0,
        power_w=3010.0,
        boards=3,
        chips_per_board=110,
        fans=4,
        fan_max_rpm=6600.0,
        chip_target_c=70.0,
        share=0.0,
    ),
    Model(
        key="bitaxe-gamma",
        vendor="bitaxe",
        name="Bitaxe Gamma",
        hashrate_ths=1.2,
        power_w=18.0,
        boards=1,
        chips_per_board=1,
        fans=1,
        fan_max_rpm=5000.0,
        chip_target_c=60.0,
        share=0.0,
    ),
    Model(
        key="bitaxe-supra",
        vendor="bitaxe-old",
        name="Bitaxe Supra",
        hashrate_ths=0.7,
        power_w=15.0,
        boards=1,
        chips_per_board=1,
        fans=1,
        fan_max_rpm=5000.0,
        chip_target_c=60.0,
        share=0.0,
    ),
)
BY_KEY = {model.key: model for model in MODELS}
