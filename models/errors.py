"""The one exception this package raises for problems a user can fix."""


class ModelError(RuntimeError):
    """A model file, name or input is unusable; the message says what is wrong and what to do."""
