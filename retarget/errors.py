"""The one exception this package raises for problems a user can fix."""


class RetargetError(RuntimeError):
    """A robot description, config or input is unusable; the message says what is wrong and what to do."""
