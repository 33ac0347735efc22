"""Read rigs with one library, and print how many a CPU second reads; run as a program.

    python rig_readers.py lode|pyasic|pyasic_rs CYCLES HOST...

The clock runs over the reading alone: what a library does to identify a rig is done before.
"""

# ruff: noqa: PLC0415 -- each library is loaded only where it is: they cannot live together

import asyncio
import json
import os
import sys
import time

AT_ONCE = 64


async def lode(hosts, cycles):
    from lode_edge.drivers.asic import AsicDriver
    from lode_edge.drivers.driver import DeviceEntry

    entries = [
        DeviceEntry(name=host, driver="asic", address=host, kind="rig", timeout_s=10.0)
        for host in hosts
    ]
    drivers = [AsicDriver(entry, 1) for entry in entries]
    await each(drivers, lambda driver: driver.identify())

    async def read(driver):
        return (await driver.read(1))[0].hashrate_ths

    return await timed(drivers, read, cycles)


async def pyasic(hosts, cycles):
    import pyasic as library

    miners = await each(hosts, library.get_miner)

    async def read(miner):
        data = await miner.get_data()
        return data.hashrate

    return await timed([miner for miner in miners if miner is not None], read, cycles)


async def pyasic_rs(hosts, cycles):
    from pyasic_rs import MinerFactory

    factory = MinerFactory()
    miners = await each(hosts, factory.get_miner)

    async def read(miner):
        data = await miner.get_data()
        return data.hashrate

    return await timed([miner for miner in miners if miner is not None], read, cycles)


async def each(things, ask):
    places = asyncio.Semaphore(AT_ONCE)

    async def one(thing):
        async with places:
            return await ask(thing)

    return await asyncio.gather(*map(one, things))


async def timed(things, read, cycles):
    await each(things, read)  # connections, caches and what is only read once
    begin = time.process_time()
    good = 0
    for _ in range(cycles):
        good += sum(bool(rate) for rate in await each(things, read))
    return {"read": good, "due": cycles * len(things), "cpu_s": time.process_time() - begin}


def main():
    name, cycles, *hosts = sys.argv[1:]
    found = asyncio.run(globals()[name](hosts, int(cycles)))
    print(json.dumps(found), flush=True)
    os._exit(0)  # pyasic_rs has been seen to abort when the interpreter ends


if __name__ == "__main__":
    main()
