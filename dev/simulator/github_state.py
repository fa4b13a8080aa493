"""What GitHub holds: tokens and Apps, repositories, workflows."""

import secrets
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Literal

from dev.simulator.signing import new_rsa_key
from dev.simulator.state import Credential, CredentialState, Target, TargetState

APP_PREFIX = "app:"
ROLES = ("read", "triage", "write", "maintain", "admin")
Role = Literal["read", "triage", "write", "maintain", "admin"]
WorkflowState = Literal["active", "deleted", "disabled_fork", "disabled_inactivity", "disabled_manually"]


def random_token(prefix: str, length: int = 36) -> str:
    """Give a token of the vendor's look that nobody else has."""
    return prefix + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))


def random_number() -> int:
    """Give a number that no other object is likely to have."""
    return secrets.randbelow(900_000_000) + 100_000_000


@dataclass(kw_only=True)
class GitHubCredential(Credential):
    """A personal access token, classic or fine-grained, or a GitHub App with its installation."""

    kind: Literal["classic", "fine_grained", "app"] = "classic"
    token: str = ""
    login: str = "release-bot"
    number: int = field(default_factory=random_number)
    scopes: tuple[str, ...] = ("repo", "workflow")
    grants: dict[str, Role] = field(default_factory=lambda: {"*": "write"})
    expiry_format: str = "%Y-%m-%d %H:%M:%S UTC"
    private_key: str = ""
    app_permissions: dict[str, str] = field(
        default_factory=lambda: {
            "contents": "write",
            "metadata": "read",
            "pull_requests": "write",
            "actions": "write",
        }
    )
    suspended_at: datetime | None = None

    def __post_init__(self) -> None:
        """Fill in what the vendor would have made up."""
        if self.kind == "app":
            self.private_key = self.private_key or new_rsa_key()
        elif not self.token:
            fine = self.kind == "fine_grained"
            self.token = random_token("github_pat_", 82) if fine else random_token("ghp_")

    @property
    def lookup(self) -> str:
        """The token itself, or the App's number."""
        return f"{APP_PREFIX}{self.number}" if self.kind == "app" else self.token

    @property
    def secret(self) -> dict[str, str]:
        """The fields of the Secret."""
        if self.kind == "app":
            return {"appId": str(self.number), "privateKey": self.private_key}
        return {"accessToken": self.token}

    @property
    def is_small(self) -> bool:
        """Whether its permissions were made too small."""
        return self.state is CredentialState.INSUFFICIENT_PERMISSION

    @property
    def hourly(self) -> int:
        """Requests that it may make in an hour."""
        return 5000 if self.quota is None else self.quota

    def role(self, repository: str) -> Role | None:
        """Give its user's role on a repository (by key); a small credential may only read."""
        for pattern, role in self.grants.items():
            if fnmatchcase(repository, pattern.lower()):
                return "read" if self.is_small else role
        return None

    def permissions(self) -> dict[str, str]:
        """Give what the App's installation was granted."""
        if self.is_small:
            return dict.fromkeys(self.app_permissions, "read")
        return self.app_permissions

    def token_headers(self) -> dict[str, str]:
        """Give the headers that tell of the token itself."""
        headers: dict[str, str] = {}
        if self.kind == "classic":
            headers |= {"x-oauth-scopes": ", ".join(self.scopes), "x-accepted-oauth-scopes": "repo"}
        if self.expires_at is not None and self.kind != "app":
            moment = self.expires_at if self.expires_at.tzinfo else self.expires_at.replace(tzinfo=UTC)
            if "%z" not in self.expiry_format:
                moment = moment.astimezone(UTC)
            headers["github-authentication-token-expiration"] = moment.strftime(self.expiry_format)
        return headers


@dataclass(kw_only=True)
class Repository(Target):
    """A repository, named organization/name."""

    number: int = field(default_factory=random_number)
    private: bool = True
    renamed_to: str | None = None
    default_branch: str = "main"

    @property
    def key(self) -> str:
        """Names are compared without case."""
        return self.name.lower()


@dataclass(kw_only=True)
class Workflow(Target):
    """A workflow of a repository, named by its path in it."""

    repository: str
    number: int = field(default_factory=random_number)
    activity: WorkflowState = "active"

    @property
    def group(self) -> str:
        """The repository that it is in."""
        return self.repository.lower()

    @property
    def file(self) -> str:
        """The file name, which the API takes for an id."""
        return self.name.rpartition("/")[2]

    @property
    def shown_state(self) -> str:
        """The state as the API shows it."""
        return "disabled_manually" if self.state is TargetState.DISABLED else self.activity
