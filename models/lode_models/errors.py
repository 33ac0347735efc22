"""What can go wrong with models.

ModelsError
├── FileError      a file that cannot be read as what it should be
├── ModelError     a shipped or trained model that may not be used
└── TrainingError  readings that no model can be trained on, or nothing to train with
"""


class ModelsError(Exception):
    """Anything that goes wrong with models: `where: what, with values; what to do`."""


class FileError(ModelsError):
    """A file that cannot be read as what it should be; the message names the line."""


class ModelError(ModelsError):
    """A model that may not be used: unknown schema, other features, or a file that was changed."""


class TrainingError(ModelsError):
    """Nothing can be trained: too few or too many readings, or the extra is not installed."""
