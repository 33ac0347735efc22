"""`dev.py bench [NAME] [--json]`: measure everything, or one thing by its file's name."""

import argparse
import importlib
import json
import os
import platform
import sys
from pathlib import Path


def main() -> int:
    """Run the benchmarks and print their figures as they come."""
    names = sorted(p.stem.removesuffix("_bench") for p in Path(__file__).parent.glob("*_bench.py"))
    parser = argparse.ArgumentParser(prog="dev.py bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=names)
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args()
    if not options.as_json:
        machine = (
            f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
        )
        print(f"# {machine}, load {os.getloadavg()[0]:.1f}", flush=True)
    for name in [options.name] if options.name else names:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        for figure in importlib.import_module(f"tests.bench.{name}_bench").run():
            line = json.dumps(figure.as_json()) if options.as_json else figure.as_line()
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
