"""What a provider and the HTTP edge say to each other: addresses, requests, responses, no I/O."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from delivr_operator.outcome import Unknown

Headers: TypeAlias = Mapping[str, str | SecretStr]


def authority(url: str) -> str:
    """Return the `host:port` that an https address stands for."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    return f"[{host}]:{parts.port or 443}" if ":" in host else f"{host}:{parts.port or 443}"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Base addresses of the providers whose host a tenant does not choose; no trailing slash."""

    github: str = "https://api.github.com"
    app_store_connect: str = "https://api.appstoreconnect.apple.com"
    play_store: str = "https://androidpublisher.googleapis.com"
    google_token: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    slack: str = "https://slack.com/api"
    microsoft_login: str = "https://login.microsoftonline.com"
    microsoft_graph: str = "https://graph.microsoft.com"
    gitlab: str = "https://gitlab.com/api/v4"
    bitbucket: str = "https://api.bitbucket.org/2.0"
    firebase: str = "https://firebase.googleapis.com"
    cloud_resource_manager: str = "https://cloudresourcemanager.googleapis.com"
    linear: str = "https://api.linear.app"


@dataclass(frozen=True, slots=True)
class Request:
    """One read-only question; secret header and form values stay closed until they are sent."""

    method: str
    url: str
    headers: Headers = field(default_factory=dict)
    form: Mapping[str, str | SecretStr] | None = None
    json: Mapping[str, object] | None = None
    """A body for an API that reads questions as JSON; nothing secret belongs into it."""
    follows_redirects: bool = False
    """Whether a GET may be led elsewhere on the same host; a login page must not pass for an answer."""
    revalidates: bool = False
    """Whether the provider may answer that nothing changed since it last told this credential.

    Only for what is asked after a question that is always answered anew: that one proves the credential.
    """


@dataclass(frozen=True, slots=True)
class Response:
    """One whole answer: lower-case header names, a body within the size cap, when it came."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: datetime

    @property
    def is_json(self) -> bool:
        """Whether the body says to be JSON; Hudson says JavaScript."""
        kind = self.headers.get("content-type", "").lower()
        return "json" in kind or "javascript" in kind


class Body(BaseModel):
    """The part of an answer's JSON that is looked at; the rest of it is passed over."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


Shape = TypeVar("Shape", bound=Body)
Found = TypeVar("Found")


def read(response: Response, shape: type[Shape]) -> Shape | None:
    """Return the body as `shape`, or None where it is no JSON or has another shape."""
    if not response.is_json:
        return None
    try:
        return shape.model_validate_json(response.body)
    except ValidationError:
        return None


class Unreachable(Exception):  # noqa: N818 - an outage, not a programming error
    """No answer came; carries the verdict and no text from outside."""

    def __init__(self, outcome: Unknown) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class Exchange(Protocol):
    """What a probe may use: the addresses, the time, and a way to ask."""

    @property
    def endpoints(self) -> Endpoints:
        """Where the providers are."""

    @property
    def now(self) -> datetime:
        """When this probe began."""

    async def send(self, request: Request) -> Response:
        """Return the whole answer to `request`.

        Raises:
            Unreachable: no answer within the deadline, the size cap and the address rules.
        """

    async def aside(self, work: Callable[[], Found]) -> Found:
        """Return what `work` finds, done where it holds nobody up; for what keeps a processor busy."""
