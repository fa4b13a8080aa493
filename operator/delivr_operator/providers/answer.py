"""What is read the same way from every provider's answer: its clock, its wish to wait, and plain doubt."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from delivr_operator.outcome import Doubt, Unknown
from delivr_operator.providers.exchange import Response

SKEW = timedelta(seconds=60)
"""Clocks further apart than this make a refused signature no proof of a bad key."""
LIMITED_PAUSE = timedelta(seconds=60)
"""How long to wait where a provider limits requests and does not say for how long."""
LONGEST_PAUSE = timedelta(days=30)
"""Keeps absurd wishes inside what dates can hold."""

_DOUBTS = {
    408: Doubt.TIMED_OUT,
    410: Doubt.PROBE_OUTDATED,
    425: Doubt.UPSTREAM_ERROR,
    429: Doubt.RATE_LIMITED,
}
_SERVER_ERRORS = range(500, 600)


def doubtful(response: Response, reason: Doubt | None = None, code: str = "") -> Unknown:
    """Return "cannot tell" for an answer that no verdict table lists, or lists with this reason."""
    upstream = Doubt.UPSTREAM_ERROR if response.status in _SERVER_ERRORS else Doubt.UNEXPECTED_RESPONSE
    chosen = reason or _DOUBTS.get(response.status, upstream)
    wish = retry_after(response)
    if chosen is Doubt.RATE_LIMITED:
        wish = wish or LIMITED_PAUSE
    return Unknown(chosen, http_status=response.status, code=code, retry_after=wish)


def retry_after(response: Response) -> timedelta | None:
    """Return what Retry-After asks for, in either of its forms."""
    value = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,12}", value):
        return min(timedelta(seconds=int(value)), LONGEST_PAUSE)
    moment = _http_date(value)
    return None if moment is None else until(moment, response)


def bucket_pause(response: Response) -> timedelta | None:
    """Return how long Atlassian's Data Centers take to fill a spent bucket of requests again."""
    pace = response.headers.get("x-ratelimit-interval-seconds", "")
    return timedelta(seconds=int(pace)) if re.fullmatch(r"[1-9][0-9]{0,5}", pace) else None


def until(moment: datetime, response: Response) -> timedelta:
    """Return how long it is to `moment` by the provider's own clock, where it shows one."""
    left = moment - (sent_at(response) or response.received_at)
    return min(max(left, timedelta()), LONGEST_PAUSE)


def sent_at(response: Response) -> datetime | None:
    """Return when the provider says to have answered."""
    return _http_date(response.headers.get("date", ""))


def is_skewed(response: Response) -> bool:
    """Tell whether the provider's clock and the operator's are too far apart to judge signatures."""
    theirs = sent_at(response)
    return theirs is not None and abs(theirs - response.received_at) > SKEW


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):  # the parser refuses in all of these ways
        return None
