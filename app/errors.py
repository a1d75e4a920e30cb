"""The exceptions this package raises for problems a user can fix."""


class AppError(RuntimeError):
    """A source, asset or setting is unusable; the message says what is wrong and what to do."""


class UsageError(AppError):
    """A flag has an illegal value; the message lists the legal ones."""


class CancelledError(AppError):
    """Whoever was guided gave up; the message says what became of it."""
