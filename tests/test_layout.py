"""The house rules a linter does not know: small files, short functions, no junk rooms."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PARTS = ["wire", "firmware-configs", "edge-agent", "models", "hub", "ui", "tests"]
FILES = [path for part in PARTS for path in sorted((ROOT / part).rglob("*.py"))] + [ROOT / "dev.py"]
JUNK = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_small_and_says_what_it_is(path):
    text = path.read_text()
    tree = ast.parse(text)
    assert text.count("\n") <= 400
    assert path.stem not in JUNK
    assert not text.strip() or ast.get_docstring(tree), "no module docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= 40, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("part", sorted(ROOT.glob("*/lode_*/__init__.py")), ids=str)
def test_every_part_is_typed(part):
    assert part.with_name("py.typed").exists()


def test_the_tests_weigh_as_much_as_the_code():
    def lines(*parts: str) -> int:
        return sum(
            len(p.read_text().splitlines()) for part in parts for p in (ROOT / part).rglob("*.py")
        )

    assert lines("tests") >= lines(*PARTS[:-1]) * 0.7
