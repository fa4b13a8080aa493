"""The verdict tables as data: what one answer means, for each provider."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from delivr_operator.outcome import Caveat, Doubt, Expired, Outcome, Rejected, Rejection, Unknown, Verified
from delivr_operator.providers import (
    app_store_connect,
    github_actions,
    jenkins,
    play_store,
    repository,
    service_account,
    slack,
)
from delivr_operator.providers.exchange import Response
from tests.unit.providers.scripted import NOW, answer

HTML = b"<html><body>proxy</body></html>"
SECOND = timedelta(seconds=1)
PUSH: dict[str, Any] = {
    "full_name": "acme/mobile-app",
    "private": True,
    "archived": False,
    "disabled": False,
    "permissions": {"admin": False, "push": True, "pull": True},
}
CLASSIC = {"x-oauth-scopes": "repo, workflow"}
RESET = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 600)}


class Row(NamedTuple):
    status: int
    body: Any
    headers: dict[str, str]
    expected: Outcome


def no(reason: Rejection, status: int, code: str = "", detail: str = "") -> Rejected:
    return Rejected(reason, detail, status, code)


def unsure(reason: Doubt, status: int, code: str = "", wait: int | None = None) -> Unknown:
    return Unknown(reason, "", status, code, retry_after=None if wait is None else timedelta(seconds=wait))


def said(message: str) -> dict[str, str]:
    return {"message": message, "documentation_url": "https://docs.github.com/rest"}


IDENTITY = [
    Row(200, {"login": "bot"}, {}, Verified()),
    Row(
        200,
        {"login": "bot"},
        {"github-authentication-token-expiration": "2023-06-28 17:58:10 UTC"},
        Verified(expires_at=datetime(2023, 6, 28, 17, 58, 10, tzinfo=UTC)),
    ),
    Row(
        200,
        {"login": "bot"},
        {"github-authentication-token-expiration": "2023-06-14 15:09:46 -0700"},
        Verified(expires_at=datetime(2023, 6, 14, 22, 9, 46, tzinfo=UTC)),
    ),
    Row(200, {"login": "bot"}, {"github-authentication-token-expiration": "soon"}, Verified()),
    Row(200, {}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(401, said("Bad credentials"), {}, no(Rejection.BAD_CREDENTIALS, 401)),
    Row(401, said("Requires authentication"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(401, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(400, said("The specified API version is not supported."), {}, unsure(Doubt.PROBE_OUTDATED, 400)),
    Row(403, said("Maximum number of login attempts exceeded."), {}, unsure(Doubt.LOGIN_BLOCKED, 403)),
    Row(403, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(403, b"Missing or invalid User Agent string.", {}, unsure(Doubt.PROBE_OUTDATED, 403)),
    Row(
        403,
        said("You have exceeded a secondary rate limit."),
        {"retry-after": "31"},
        unsure(Doubt.RATE_LIMITED, 403, wait=31),
    ),
    Row(403, said("You have exceeded a secondary rate limit."), {}, unsure(Doubt.RATE_LIMITED, 403, wait=60)),
    Row(403, said("API rate limit exceeded"), RESET, unsure(Doubt.RATE_LIMITED, 403, wait=600)),
    Row(429, HTML, RESET, unsure(Doubt.RATE_LIMITED, 429, wait=600)),
    Row(429, HTML, {"x-ratelimit-reset": "nonsense"}, unsure(Doubt.RATE_LIMITED, 429, wait=60)),
    Row(403, said("abuse detection mechanism"), {}, unsure(Doubt.RATE_LIMITED, 403, wait=60)),
    Row(404, said("Not Found"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(410, said("Gone"), {}, unsure(Doubt.PROBE_OUTDATED, 410)),
]
REPOSITORY = [
    Row(200, PUSH, CLASSIC, Verified()),
    Row(200, PUSH, {}, Verified((Caveat.WRITE_UNPROVEN,))),
    Row(200, PUSH | {"private": False}, {"x-oauth-scopes": "public_repo"}, Verified()),
    Row(200, PUSH, {"x-oauth-scopes": "public_repo"}, no(Rejection.INSUFFICIENT_PERMISSION, 200)),
    Row(200, PUSH, {"x-oauth-scopes": ""}, no(Rejection.INSUFFICIENT_PERMISSION, 200)),
    Row(200, PUSH, {"x-oauth-scopes": "repo:status, read:org"}, no(Rejection.INSUFFICIENT_PERMISSION, 200)),
    Row(200, PUSH | {"permissions": {"push": False}}, CLASSIC, no(Rejection.INSUFFICIENT_PERMISSION, 200)),
    Row(200, PUSH | {"archived": True}, CLASSIC, no(Rejection.TARGET_DISABLED, 200)),
    Row(200, PUSH | {"disabled": True}, CLASSIC, no(Rejection.TARGET_DISABLED, 200)),
    Row(200, {"full_name": "acme/mobile-app"}, CLASSIC, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, PUSH | {"permissions": {"push": "yes"}}, CLASSIC, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(404, said("Not Found"), {}, no(Rejection.TARGET_NOT_FOUND, 404)),
    Row(404, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(404, said("no Route matched"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(
        403,
        said("Resource protected by organization SAML enforcement."),
        {"x-github-sso": "required; url=https://github.com/orgs/acme/sso"},
        no(Rejection.SSO_REQUIRED, 403),
    ),
    Row(
        403,
        said("Resource not accessible by personal access token"),
        {},
        no(Rejection.INSUFFICIENT_PERMISSION, 403),
    ),
    Row(403, said("Resource not accessible by integration"), {}, no(Rejection.INSUFFICIENT_PERMISSION, 403)),
    Row(403, said("Something new"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(401, said("Bad credentials"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(301, said("Moved Permanently"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 301)),
    Row(451, said("Repository access blocked"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 451)),
    Row(502, HTML, {}, unsure(Doubt.UPSTREAM_ERROR, 502)),
]
WORKFLOW = [
    Row(200, {"state": "active"}, {}, Verified()),
    *(
        Row(200, {"state": state}, {}, no(Rejection.TARGET_DISABLED, 200, state, words))
        for state, words in {
            "deleted": "is deleted",
            "disabled_fork": "is disabled because the repository is a fork",
            "disabled_inactivity": "was disabled by GitHub because the repository was inactive",
            "disabled_manually": "was disabled by a person",
        }.items()
    ),
    Row(200, {"state": "paused"}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, {}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(404, said("Not Found"), {}, no(Rejection.TARGET_NOT_FOUND, 404)),
    Row(
        403,
        said("Resource not accessible by personal access token"),
        {},
        no(Rejection.INSUFFICIENT_PERMISSION, 403),
    ),
]


def apple(code: str, detail: str = "") -> dict[str, Any]:
    return {"errors": [{"id": "1", "status": "0", "code": code, "title": "t", "detail": detail}]}


AGREEMENT = "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED"
APPLE = [
    Row(200, {"data": [], "links": {}}, {}, Verified()),
    Row(200, {}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(401, apple("NOT_AUTHORIZED"), {}, no(Rejection.BAD_CREDENTIALS, 401, "NOT_AUTHORIZED")),
    Row(401, apple("NOT_AUTHORIZED.NEW"), {}, no(Rejection.BAD_CREDENTIALS, 401, "NOT_AUTHORIZED")),
    Row(401, apple("NOT_AUTHORIZEDISH"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(401, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(403, apple(AGREEMENT), {}, no(Rejection.AGREEMENT_REQUIRED, 403, AGREEMENT)),
    Row(403, apple(f"{AGREEMENT}.PLA"), {}, no(Rejection.AGREEMENT_REQUIRED, 403, AGREEMENT)),
    Row(
        403,
        apple("FORBIDDEN", "Your Program License Agreement is outdated"),
        {},
        no(Rejection.AGREEMENT_REQUIRED, 403, "FORBIDDEN"),
    ),
    Row(403, apple("FORBIDDEN"), {}, no(Rejection.INSUFFICIENT_PERMISSION, 403, "FORBIDDEN")),
    Row(403, apple("FORBIDDEN.OTHER"), {}, no(Rejection.INSUFFICIENT_PERMISSION, 403, "FORBIDDEN")),
    Row(403, apple("FORBIDDEN_ERROR"), {}, no(Rejection.INSUFFICIENT_PERMISSION, 403, "FORBIDDEN_ERROR")),
    Row(403, apple("UNHEARD"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(403, {"errors": []}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(404, apple("NOT_FOUND"), {}, no(Rejection.TARGET_NOT_FOUND, 404, "NOT_FOUND")),
    Row(404, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(
        429,
        apple("RATE_LIMIT_EXCEEDED"),
        {},
        unsure(Doubt.RATE_LIMITED, 429, "RATE_LIMIT_EXCEEDED", wait=300),
    ),
    Row(429, HTML, {"retry-after": "900"}, unsure(Doubt.RATE_LIMITED, 429, wait=900)),
    Row(502, HTML, {}, unsure(Doubt.UPSTREAM_ERROR, 502)),
]


def oauth(error: str, description: str = "") -> dict[str, str]:
    return {"error": error, "error_description": description}


GRANT = "invalid_grant"
TOKEN = [
    Row(200, {"access_token": "x", "expires_in": 3599}, {}, Verified()),
    Row(200, {"token": "x"}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(400, oauth(GRANT, "Invalid JWT Signature."), {}, no(Rejection.BAD_CREDENTIALS, 400, GRANT)),
    Row(400, oauth(GRANT, "Invalid grant: account not found"), {}, no(Rejection.BAD_CREDENTIALS, 400, GRANT)),
    Row(
        400,
        oauth(
            GRANT,
            "Invalid JWT: Token must be a short-lived token (60 minutes). Check your iat and exp values",
        ),
        {},
        unsure(Doubt.CLOCK_SKEW, 400, GRANT),
    ),
    Row(400, oauth(GRANT, "Something new"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 400, GRANT)),
    Row(
        400,
        oauth(GRANT, "Invalid grant: account not found, nor any associated expert"),
        {},
        no(Rejection.BAD_CREDENTIALS, 400, GRANT),
    ),
    Row(400, oauth("invalid_scope"), {}, unsure(Doubt.PROBE_OUTDATED, 400, "invalid_scope")),
    Row(401, oauth("disabled_client"), {}, no(Rejection.ACCOUNT_DISABLED, 401, "disabled_client")),
    Row(401, oauth("deleted_client"), {}, no(Rejection.ACCOUNT_DISABLED, 401, "deleted_client")),
    Row(
        401,
        oauth("unauthorized_client"),
        {},
        no(Rejection.INSUFFICIENT_PERMISSION, 401, "unauthorized_client"),
    ),
    Row(403, oauth("access_denied"), {}, no(Rejection.INSUFFICIENT_PERMISSION, 403, "access_denied")),
    Row(
        400,
        oauth("admin_policy_enforced"),
        {},
        no(Rejection.INSUFFICIENT_PERMISSION, 400, "admin_policy_enforced"),
    ),
    Row(500, oauth("internal_failure"), {}, unsure(Doubt.UPSTREAM_ERROR, 500)),
    Row(500, oauth("disabled_client"), {}, unsure(Doubt.UPSTREAM_ERROR, 500)),
    Row(400, oauth("unheard_of"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 400)),
    Row(400, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 400)),
]


def google(status: str, reason: str = "", legacy: str = "") -> dict[str, Any]:
    error: dict[str, Any] = {"code": 0, "message": "m", "status": status}
    if legacy:
        error["errors"] = [{"message": "m", "domain": "global", "reason": legacy}]
    if reason:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]
    return {"error": error}


DENIED = "PERMISSION_DENIED"
SMALL = Rejection.INSUFFICIENT_PERMISSION
PLAY = [
    Row(200, {}, {}, Verified((Caveat.RELEASE_PERMISSION_UNPROVEN,))),
    Row(200, {"releases": [{"track": "production"}]}, {}, Verified((Caveat.RELEASE_PERMISSION_UNPROVEN,))),
    Row(200, [], {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(403, google(DENIED), {}, no(SMALL, 403, DENIED)),
    Row(403, google(DENIED, legacy="forbidden"), {}, no(SMALL, 403, "forbidden")),
    Row(401, google("", legacy="permissionDenied"), {}, no(SMALL, 401, "permissionDenied")),
    Row(
        403,
        google(DENIED, "SERVICE_DISABLED", "accessNotConfigured"),
        {},
        no(Rejection.API_DISABLED, 403, "SERVICE_DISABLED"),
    ),
    Row(
        403,
        google(DENIED, legacy="accessNotConfigured"),
        {},
        no(Rejection.API_DISABLED, 403, "accessNotConfigured"),
    ),
    *(
        Row(403, google(DENIED, reason, "forbidden"), {}, no(verdict, 403, reason))
        for reason, verdict in {
            "ACCESS_TOKEN_SCOPE_INSUFFICIENT": SMALL,
            "IAM_PERMISSION_DENIED": SMALL,
            "USER_PROJECT_DENIED": SMALL,
            "ORG_RESTRICTION_VIOLATION": SMALL,
            "CONSUMER_SUSPENDED": Rejection.ACCOUNT_DISABLED,
            "ACCOUNT_STATE_INVALID": Rejection.ACCOUNT_DISABLED,
            "BILLING_DISABLED": Rejection.ACCOUNT_DISABLED,
            "GCP_SUSPENDED": Rejection.ACCOUNT_DISABLED,
            "USER_BLOCKED_BY_ADMIN": Rejection.ACCOUNT_DISABLED,
            "CONSUMER_INVALID": Rejection.MISCONFIGURED,
        }.items()
    ),
    Row(
        404,
        google("NOT_FOUND", legacy="applicationNotFound"),
        {},
        no(Rejection.TARGET_NOT_FOUND, 404, "applicationNotFound"),
    ),
    Row(404, google("NOT_FOUND", legacy="notFound"), {}, no(Rejection.TARGET_NOT_FOUND, 404, "notFound")),
    Row(403, google("", legacy="notFound"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(404, google("NOT_FOUND", "SERVICE_DISABLED"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(404, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(
        401,
        google("UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED", "authError"),
        {},
        unsure(Doubt.UNEXPECTED_RESPONSE, 401, "ACCESS_TOKEN_EXPIRED"),
    ),
    Row(401, google("UNAUTHENTICATED", legacy="authError"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(
        403,
        google(DENIED, legacy="rateLimitExceeded"),
        {},
        unsure(Doubt.RATE_LIMITED, 403, "rateLimitExceeded", wait=60),
    ),
    Row(
        403,
        google(DENIED, legacy="quotaExceeded"),
        {"retry-after": "7"},
        unsure(Doubt.RATE_LIMITED, 403, "quotaExceeded", wait=7),
    ),
    Row(
        429,
        google("RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"),
        {},
        unsure(Doubt.RATE_LIMITED, 429, "RATE_LIMIT_EXCEEDED", wait=60),
    ),
    Row(500, google("INTERNAL", "SERVICE_DISABLED"), {}, unsure(Doubt.UPSTREAM_ERROR, 500)),
]

AS_ADMIN = {"x-you-are-authenticated-as": "admin", "x-required-permission": "hudson.model.Hudson.Read"}
AS_NOBODY = {"x-you-are-authenticated-as": "anonymous", "x-required-permission": "hudson.model.Hudson.Read"}
LOGIN = b"<html><head><meta http-equiv='refresh' content='1;url=/ci/login?from=%2Fci%2F'/></head></html>"
STARTING = b"<html><body>Please wait while Jenkins is getting ready to work ...</body></html>"
JENKINS_WHO = [
    Row(200, {"id": "admin"}, {}, Verified()),
    Row(200, {"id": "admin"}, {"content-type": "application/javascript"}, Verified()),
    Row(200, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(401, HTML, {"www-authenticate": 'Basic realm="Jenkins"'}, no(Rejection.BAD_CREDENTIALS, 401)),
    Row(401, HTML, {"www-authenticate": "Bearer"}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(401, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(403, LOGIN, AS_NOBODY, no(Rejection.BAD_CREDENTIALS, 403)),
    Row(403, LOGIN, {"x-hudson": "1.395"}, no(Rejection.BAD_CREDENTIALS, 403)),
    Row(403, LOGIN, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(403, HTML, {"x-jenkins": "2.528"}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(403, HTML, AS_ADMIN, no(Rejection.INSUFFICIENT_PERMISSION, 403)),
    Row(404, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(302, b"", {"location": "/securityRealm/commenceLogin"}, unsure(Doubt.UNEXPECTED_RESPONSE, 302)),
    Row(503, STARTING, {}, unsure(Doubt.MAINTENANCE, 503, wait=60)),
    Row(503, HTML, {"retry-after": "120"}, unsure(Doubt.MAINTENANCE, 503, wait=120)),
    Row(200, STARTING, {}, unsure(Doubt.MAINTENANCE, 200, wait=60)),
]
JENKINS_CONTROLLER = [
    Row(200, {"mode": "NORMAL", "quietingDown": False}, {}, Verified()),
    Row(200, {"mode": "NORMAL", "quietingDown": True}, {}, unsure(Doubt.MAINTENANCE, 200, wait=60)),
    Row(200, {"mode": "NORMAL"}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(403, LOGIN, AS_NOBODY, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(403, HTML, AS_ADMIN, no(Rejection.INSUFFICIENT_PERMISSION, 403)),
]
JENKINS_JOB = [
    Row(200, {"name": "job", "buildable": True, "property": []}, {}, Verified()),
    Row(200, {"name": "job", "buildable": False}, {}, no(Rejection.TARGET_DISABLED, 200)),
    Row(
        200,
        {"_class": "com.cloudbees.hudson.plugins.folder.Folder", "name": "folder"},
        {},
        Rejected(
            Rejection.TARGET_NOT_FOUND,
            "is a folder or multibranch project, not a job: declare a job in it, as in folder/job",
            200,
        ),
    ),
    Row(200, {"name": "folder"}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(404, {"message": "Not Found"}, {}, no(Rejection.TARGET_NOT_FOUND, 404)),
    Row(404, HTML, {"x-jenkins": "2.528"}, no(Rejection.TARGET_NOT_FOUND, 404)),
    Row(403, HTML, AS_ADMIN, no(Rejection.INSUFFICIENT_PERMISSION, 403)),
    Row(403, LOGIN, AS_NOBODY, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(200, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
]
SLACK = [
    Row(200, {"ok": True}, {}, Verified()),
    Row(200, {"ok": False, "error": "token_expired"}, {}, Expired(http_status=200, code="token_expired")),
    *(
        Row(200, {"ok": False, "error": code}, {}, no(verdict, 200, code))
        for code, verdict in {
            "invalid_auth": Rejection.BAD_CREDENTIALS,
            "not_authed": Rejection.BAD_CREDENTIALS,
            "not_allowed_token_type": Rejection.BAD_CREDENTIALS,
            "token_revoked": Rejection.REVOKED,
            "account_inactive": Rejection.ACCOUNT_DISABLED,
            "missing_scope": Rejection.INSUFFICIENT_PERMISSION,
            "no_permission": Rejection.INSUFFICIENT_PERMISSION,
            "access_denied": Rejection.INSUFFICIENT_PERMISSION,
            "channel_not_found": Rejection.TARGET_NOT_FOUND,
        }.items()
    ),
    *(
        Row(200, {"ok": False, "error": code}, {}, unsure(doubt, 200, code))
        for code, doubt in {
            "internal_error": Doubt.UPSTREAM_ERROR,
            "fatal_error": Doubt.UPSTREAM_ERROR,
            "request_timeout": Doubt.UPSTREAM_ERROR,
            "service_unavailable": Doubt.MAINTENANCE,
            "team_added_to_org": Doubt.MAINTENANCE,
            "org_login_required": Doubt.MAINTENANCE,
            "accesslimited": Doubt.LOGIN_BLOCKED,
            "unknown_method": Doubt.PROBE_OUTDATED,
        }.items()
    ),
    Row(
        200,
        {"ok": False, "error": "ratelimited"},
        {},
        unsure(Doubt.RATE_LIMITED, 200, "ratelimited", wait=60),
    ),
    Row(
        429,
        {"ok": False, "error": "ratelimited"},
        {"retry-after": "9"},
        unsure(Doubt.RATE_LIMITED, 429, wait=9),
    ),
    Row(200, {"ok": False, "error": "brand_new_code"}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, {"ok": False}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, {"ok": "true"}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(401, {"ok": False, "error": "invalid_auth"}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(503, {"ok": False, "error": "invalid_auth"}, {}, unsure(Doubt.UPSTREAM_ERROR, 503)),
]

Judge = Callable[[Response], Outcome]
TABLES: list[tuple[str, Judge, list[Row]]] = [
    ("github-identity", repository.judge_identity, IDENTITY),
    ("github-repository", repository.judge_repository, REPOSITORY),
    ("github-workflow", github_actions.judge_workflow, WORKFLOW),
    ("apple", app_store_connect.judge, APPLE),
    ("google-token", service_account.judge_token, TOKEN),
    ("play", play_store.judge, PLAY),
    ("jenkins-identity", jenkins.judge_identity, JENKINS_WHO),
    ("jenkins-controller", jenkins.judge_controller, JENKINS_CONTROLLER),
    ("jenkins-job", jenkins.judge_job, JENKINS_JOB),
    ("slack", slack.judge, SLACK),
]


@pytest.mark.parametrize(
    ("judge", "row"),
    [
        pytest.param(judge, row, id=f"{name}-{number}-{row.status}")
        for name, judge, rows in TABLES
        for number, row in enumerate(rows)
    ],
)
def test_an_answer_means(judge: Judge, row: Row) -> None:
    assert judge(answer(row.status, row.body, row.headers)) == row.expected


@pytest.mark.parametrize("skew", [61, -61])
def test_a_refused_signature_proves_nothing_while_clocks_differ(skew: int) -> None:
    apart = timedelta(seconds=skew)
    unsigned = answer(401, apple("NOT_AUTHORIZED"), skew=apart)
    assert app_store_connect.judge(unsigned) == unsure(Doubt.CLOCK_SKEW, 401, "NOT_AUTHORIZED")
    refused = answer(400, oauth(GRANT, "Invalid JWT Signature."), skew=apart)
    assert service_account.judge_token(refused) == unsure(Doubt.CLOCK_SKEW, 400, GRANT)


@pytest.mark.parametrize("skew", [59, -59])
def test_clocks_that_nearly_agree_are_no_excuse(skew: int) -> None:
    near = timedelta(seconds=skew)
    unsigned = answer(401, apple("NOT_AUTHORIZED"), skew=near)
    assert app_store_connect.judge(unsigned) == no(Rejection.BAD_CREDENTIALS, 401, "NOT_AUTHORIZED")


def test_a_reset_time_is_read_by_githubs_own_clock() -> None:
    late = answer(429, said("API rate limit exceeded"), RESET, skew=timedelta(seconds=-300))
    assert repository.judge_identity(late) == unsure(Doubt.RATE_LIMITED, 429, wait=900)
