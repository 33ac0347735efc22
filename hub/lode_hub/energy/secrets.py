"""What documents name and never hold: a file for each secret in one folder."""

import ssl
from pathlib import Path
from typing import Annotated

import msgspec

from lode_hub.errors import SettingsError
from lode_hub.settings import secret

Secret = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
"""The name of one."""


def named(folder: Path | None, name: str) -> str:
    """Give a secret by its name.

    Raises:
        SettingsError: there is no folder, or its file cannot be read.
    """
    if folder is None:
        raise SettingsError(f"secret {name}: energy.secrets_dir is not set; set it")
    return secret(None, folder / name)


def authority(name: str, pem: str) -> str:
    """Give the certificates of a secret as they are, if they are any.

    Raises:
        SettingsError: there is none in it.
    """
    try:
        ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError):
        raise SettingsError(
            f"secret {name}: no certificate in PEM in it; put its CA's in"
        ) from None
    return pem
