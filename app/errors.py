"""The one exception this package raises for problems a user can fix."""


class AppError(RuntimeError):
    """A source, asset or setting is unusable; the message says what is wrong and what to do."""
