"""What a provider and the HTTP edge say to each other: addresses, requests, responses, no I/O."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from delivr_operator.outcome import Unknown


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Base addresses of the providers whose host a tenant does not choose; no trailing slash."""

    github: str = "https://api.github.com"
    app_store_connect: str = "https://api.appstoreconnect.apple.com"
    play_store: str = "https://androidpublisher.googleapis.com"
    google_token: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    slack: str = "https://slack.com/api"


@dataclass(frozen=True, slots=True)
class Request:
    """One read-only question; secret header and form values stay closed until they are sent."""

    method: str
    url: str
    headers: Mapping[str, str | SecretStr] = field(default_factory=dict)
    form: Mapping[str, str | SecretStr] | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """One whole answer: lower-case header names, a body within the size cap."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> object | None:
        """Return the parsed body, or None where it is not JSON by type and by content."""
        if "json" not in self.headers.get("content-type", ""):
            return None
        try:
            return json.loads(self.body)  # type: ignore[no-any-return]
        except ValueError:
            return None


Model = TypeVar("Model", bound=BaseModel)


def read(response: Response, model: type[Model]) -> Model | None:
    """Return the body as `model`, or None where it has another shape."""
    try:
        return model.model_validate(response.json())
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
