"""The docs are true: every setting and command is in them, and what they name exists."""

import re
import subprocess
import sys
from pathlib import Path

import pydantic
import pytest

from lode_edge.settings import Settings
from lode_hub.settings import HubSettings

ROOT = Path(__file__).resolve().parent.parent
OPERATING = (ROOT / "docs" / "operating.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def keys(model: type[pydantic.BaseModel], prefix: str = "") -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, pydantic.BaseModel):
            found += keys(inner, f"{prefix}{name}.")
        elif name not in {"password", "url"}:
            found.append(f"{prefix}{name}")
    return found


@pytest.mark.parametrize("key", [*keys(Settings), *keys(HubSettings)])
def test_every_setting_is_in_the_docs(key):
    assert f"`{key}`" in OPERATING


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_links_to_exists(page):
    for target in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_command_in_the_docs_exists():
    told = {
        tuple(found)
        for page in PAGES
        for found in re.findall(r"\b(lode-(?:edge|hub|sim)) ([a-z]+)\b", page.read_text())
    }
    assert len(told) > 8
    for program in {program for program, _ in told}:
        arguments = [Path(sys.executable).parent / program, "--help"]
        said = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
        there = set(re.findall(r"^\W*([a-z]+)\s", said.partition("Commands")[2], re.MULTILINE))
        assert {command for its, command in told if its == program} <= there
