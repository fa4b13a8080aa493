"""What a Jenkins controller holds: API tokens and jobs."""

import secrets
from dataclasses import dataclass, field

from dev.simulator.state import Credential, Target


@dataclass(kw_only=True)
class ApiToken(Credential):
    """A user's API token."""

    username: str = field(default_factory=lambda: f"user-{secrets.token_hex(4)}")
    token: str = field(default_factory=lambda: "11" + secrets.token_hex(16))

    @property
    def lookup(self) -> str:
        """User and token, as Basic authentication joins them."""
        return f"{self.username}:{self.token}"

    @property
    def secret(self) -> dict[str, str]:
        """The fields of the Secret."""
        return {"username": self.username, "apiToken": self.token}


@dataclass(kw_only=True)
class Job(Target):
    """A job, named by its path through folders; the folders come with it."""

    parameters: tuple[str, ...] = ("BRANCH",)
    blue_ocean: bool | None = None
