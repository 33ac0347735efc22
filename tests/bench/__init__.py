"""How fast Lode is: each `<name>_bench.py` has `run() -> Iterable[Figure]`."""
