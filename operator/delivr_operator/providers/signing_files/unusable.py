"""How a file that cannot be used is told of: by the verdict that follows."""

from delivr_operator.outcome import Rejected, Rejection


class Unusable(Exception):  # noqa: N818 - a finding about a file, not a programming error
    """A file says no; carries the verdict in the operator's own words, and nothing of the file."""

    def __init__(self, reason: Rejection, detail: str) -> None:
        super().__init__(reason)
        self.outcome = Rejected(reason, detail)


class Malformed(Exception):  # noqa: N818 - a finding about a file, not a programming error
    """The bytes are not what they should be; whoever knows which file it is says so."""


class WrongPassword(Exception):  # noqa: N818 - a finding about a file, not a programming error
    """The password does not open what it should."""
