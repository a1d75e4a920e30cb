"""The one exception this package raises for problems a user can fix."""


class RobotError(RuntimeError):
    """A robot server, address or message is unusable; the message says what is wrong and what to do."""
