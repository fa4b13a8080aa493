"""What the API server's failures mean; no word of its answers goes further than here."""

import contextlib
from collections.abc import Iterator

import aiohttp
from kubernetes.aio.client.exceptions import ApiException

FORBIDDEN = 403


class ClusterUnavailable(Exception):  # noqa: N818 - an outage, not a programming error
    """The API server gave no usable answer; carries its HTTP status and none of its words."""

    def __init__(self, status: int | None) -> None:
        super().__init__(f"HTTP {status}" if status else "no answer")
        self.status = status

    @property
    def forbidden(self) -> bool:
        """Tell whether the operator's role does not allow the question."""
        return self.status == FORBIDDEN


@contextlib.contextmanager
def outages() -> Iterator[None]:
    """Turn every way in which the API server fails to answer into one, without its words."""
    try:
        yield
    except ApiException as error:
        raise ClusterUnavailable(error.status) from None
    except (TimeoutError, aiohttp.ClientError, OSError):
        raise ClusterUnavailable(None) from None
