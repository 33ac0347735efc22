"""What documents name and never hold: a file for each secret in one folder."""

from pathlib import Path

from lode_hub.errors import SettingsError
from lode_hub.settings import secret


def named(folder: Path | None, name: str) -> str:
    """Give a secret by its name.

    Raises:
        SettingsError: there is no folder, or its file cannot be read.
    """
    if folder is None:
        raise SettingsError(f"secret {name}: energy.secrets_dir is not set; set it")
    return secret(None, folder / name)
