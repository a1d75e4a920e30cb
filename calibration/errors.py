"""Problems a user can solve."""


class CalibrationError(Exception):
    """One sentence: what is wrong and what to do."""
