"""What keeps a notification from going out, and whether trying again helps."""


class SendError(Exception):
    """An attempt failed.

    `permanent`: trying again does not help, somebody must change something.
    `uncertain`: it may have gone out all the same, so that another attempt may be a repeat.
    """

    def __init__(self, message: str, *, permanent: bool, uncertain: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.uncertain = uncertain
