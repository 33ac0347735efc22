"""What every test may use: hypothesis' profile, and programs from outside PyPI or a reason."""

import os
import shutil

import hypothesis
import pytest

hypothesis.settings.register_profile("lode", deadline=None, print_blob=True)
hypothesis.settings.load_profile("lode")

IS_STRICT = os.environ.get("LODE_TEST_STRICT") == "1"
PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose program is missing, or fail it where none may be left out."""
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            if shutil.which(program, path=PLACES) is None:
                reason = f"{program} is not on this machine; apt-get install {program}"
                pytest.fail(reason) if IS_STRICT else pytest.skip(reason)
