"""Files of rigs and their readings, as people have them."""

from lode_models.files.readings import Readings
from lode_models.files.rigs import read_rigs

__all__ = ["Readings", "read_rigs"]
