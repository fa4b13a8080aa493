"""Rows and courses that many types share: outages, rate limits, clocks, and what is wrong with a Secret."""

from delivr_operator.cluster import Absent
from delivr_operator.outcome import Caveat, Doubt, Rejection
from tests.verdict_matrix.row import (
    INTERVAL,
    ROLE_CHANGES,
    SECRET_APPEARS,
    SECRET_CHANGES,
    Answer,
    Fault,
    MemberHolds,
    NextTry,
    Row,
    SecretHolds,
    Surroundings,
    flawed,
    limited,
    refused,
    settled,
    told,
    turns,
    unsure,
    verified,
    waiting,
)

A, D, R = Answer, Doubt, Rejection
WELL: tuple[()] = ()
BAD = refused(R.BAD_CREDENTIALS)
SMALL = refused(R.INSUFFICIENT_PERMISSION, INTERVAL)
MISSING = refused(R.TARGET_NOT_FOUND, INTERVAL)
DISABLED = refused(R.TARGET_DISABLED, INTERVAL)
LIMITED = unsure(D.RATE_LIMITED, told(90))
UNREADABLE = unsure(D.UNEXPECTED_RESPONSE)
WRONG, REVOKED, EXPIRED = turns(state="WRONG"), turns(state="REVOKED"), turns(state="EXPIRED")
ACCOUNT_OFF, TOO_SMALL = turns(state="DISABLED"), turns(state="INSUFFICIENT_PERMISSION")
GONE = {"state": "ABSENT"}
AGAIN_LATER = "after 1 minute, then ever later, at most an hour"
OPERATORS_HOST = "a host that nobody allowed (the platform team names it, no tenant)"


def in_the_cluster(missing: SecretHolds, malformed: SecretHolds) -> tuple[Row, ...]:
    """Return the rows about the Secret, which no provider is asked for.

    Args:
        missing: a Secret that lacks a key.
        malformed: a Secret whose value can be no credential.
    """
    return (
        Row(
            A.SECRET_MISSING,
            "The Secret is not there",
            (Absent.NOT_FOUND,),
            waiting(D.SECRET_NOT_FOUND, SECRET_APPEARS),
        ),
        Row(
            A.SECRET_UNREADABLE,
            "The operator may not read the Secret",
            (Absent.FORBIDDEN,),
            waiting(D.SECRET_UNREADABLE, ROLE_CHANGES),
        ),
        Row(
            A.KEY_MISSING,
            "The Secret lacks a key",
            (missing,),
            waiting(D.SECRET_KEY_MISSING, SECRET_CHANGES),
        ),
        Row(A.MALFORMED, "A value in the Secret can be no credential", (malformed,), flawed()),
    )


def at_a_chosen_host(unplain: MemberHolds) -> tuple[Row, ...]:
    """Return the rows about a host that the tenant chooses, which is asked only once it is allowed.

    Args:
        unplain: an address that can be none.
    """
    private = "The Secret names the host, but its address is private and opened by nobody"
    return (
        Row(
            A.HOST_NOT_ALLOWED,
            "The Secret does not name the host (or no longer); it was not asked",
            (Surroundings.NO_TRUSTED_HOSTS,),
            settled(R.HOST_NOT_ALLOWED, INTERVAL),
        ),
        Row(
            A.HOST_NOT_ALLOWED,
            private,
            (Surroundings.PRIVATE_ADDRESS,),
            refused(R.HOST_NOT_ALLOWED, INTERVAL),
        ),
        Row(A.MALFORMED, "The address is none that can be asked", (unplain,), flawed()),
    )


def reaching_it() -> tuple[Row, ...]:
    """Return the rows about the way to a host, which is another one where the tenant chooses the host."""
    network = unsure(D.NETWORK_ERROR)
    elsewhere = {"status": 302, "location": "https://127.0.0.1:1/login"}
    return (
        Row(A.RESET, "Accepts no connection", (Surroundings.NO_LISTENER,), network),
        Row(A.TLS, "Shows a certificate that is not trusted", (Surroundings.BAD_CERTIFICATE,), network),
        Row(A.DNS, "Has a host name that does not resolve", (Surroundings.NO_SUCH_NAME,), network),
        Row(A.REDIRECT, "Redirects to another host", (Fault("REDIRECT", elsewhere),), UNREADABLE),
    )


WAYS = frozenset({A.RESET, A.TLS, A.DNS, A.REDIRECT})
IN_THE_CLUSTER = frozenset({A.SECRET_MISSING, A.SECRET_UNREADABLE, A.KEY_MISSING})
ON_THE_WIRE = frozenset({A.SERVER_ERROR, A.OUTDATED, A.TIMEOUT, A.HTML, A.TRUNCATED, A.HUGE, A.CLOCK_SKEW})


def on_the_wire(busy: Doubt = D.UPSTREAM_ERROR) -> tuple[Row, ...]:
    """Return the rows about outages, which are the same for all types.

    Args:
        busy: what 503 means.
    """
    later = {"Retry-After": "600"}
    failing, network = unsure(D.UPSTREAM_ERROR), unsure(D.NETWORK_ERROR)
    html = {"status": 502, "body": "<html>", "content_type": "text/html"}
    return (
        Row(A.SERVER_ERROR, "Answers 500", (Fault("STATUS", {"status": 500}),), failing),
        Row(A.SERVER_ERROR, "Answers 502 with a page of a proxy", (Fault("STATUS", html),), failing),
        Row(
            A.SERVER_ERROR,
            "Answers 503 and says when to come back",
            (Fault("STATUS", {"status": 503, "headers": later}),),
            unsure(busy, told(600)),
        ),
        Row(
            A.OUTDATED,
            "Answers 410: what is asked for is no more",
            (Fault("STATUS", {"status": 410}),),
            unsure(D.PROBE_OUTDATED),
        ),
        Row(
            A.TIMEOUT,
            "Does not answer in time",
            (Fault("HANG"), Surroundings.IMPATIENT),
            unsure(D.TIMED_OUT),
        ),
        Row(A.RESET, "Breaks the connection off", (Fault("RESET"),), network),
        Row(A.RESET, "Hangs up without an answer", (Fault("CLOSE"),), network),
        Row(A.HTML, "Answers 200 with a page for people", (Fault("HTML"),), UNREADABLE),
        Row(A.TRUNCATED, "Answers, and the connection ends too early", (Fault("TRUNCATED"),), network),
        Row(A.TRUNCATED, "Answers with JSON that breaks off", (Fault("INVALID_JSON"),), UNREADABLE),
        Row(A.HUGE, "Answers with more than a mebibyte", (Fault("HUGE"),), UNREADABLE),
        Row(A.HUGE, "Answers with a packed bomb", (Fault("BOMB"),), UNREADABLE),
        *reaching_it(),
    )


def clocks_do_not_matter(*caveats: Caveat) -> Row:
    """Return the row of a type whose questions are not signed; `caveats` are those of its usual "yes"."""
    skewed = Fault("NONE", {"date_skew": 3600})
    return Row(A.CLOCK_SKEW, "Has a clock that is an hour off", (skewed,), verified(), caveats)


def clocks_matter() -> tuple[Row, ...]:
    """Return the rows of a type whose questions are signed with the time."""
    return tuple(
        Row(
            A.CLOCK_SKEW,
            f"Refuses the signature, and its clock is an hour {word}",
            (Fault("NONE", {"date_skew": skew}),),
            unsure(D.CLOCK_SKEW),
        )
        for word, skew in (("ahead", 3600), ("behind", -3600))
    )


def waits(shortest: NextTry | None = None) -> tuple[Row, ...]:
    """Return the rows of rate limits that Retry-After tells of; `shortest` where the type waits longer."""
    course = unsure(D.RATE_LIMITED, shortest) if shortest else LIMITED
    seconds = "Limits requests, with Retry-After: 90"
    date = "Limits requests, with Retry-After: a date in 90 seconds"
    return (
        Row(A.LIMITED_SECONDS, seconds, (limited("seconds", 90),), course),
        Row(A.LIMITED_DATE, date, (limited("date", 90),), course),
    )
