"""What each provider is asked, in which order, and what its answers add up to."""

import base64
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr

from delivr_operator.outcome import (
    Caveat,
    Doubt,
    Expired,
    IntegrationType,
    Outcome,
    Rejected,
    Rejection,
    Unknown,
    Verified,
)
from delivr_operator.providers.declaration import Credential, read_credential
from delivr_operator.providers.exchange import Request, Response
from delivr_operator.providers.service_account import ServiceAccount, buy
from tests.unit.providers.samples import (
    PIPELINE,
    WORKFLOW,
    credential,
    data,
    declared,
    key_file,
    rsa_key,
    samples,
)
from tests.unit.providers.scripted import NOW, Scripted, answer

T = IntegrationType
EXPIRY = {"github-authentication-token-expiration": "2026-06-28 17:58:10 UTC"}


async def proved(found: Credential, *answers: Response) -> tuple[Outcome, Scripted]:
    exchange = Scripted(answers)
    declaration = found.declaration
    outcome = await declaration.provider.probe(exchange, declaration.config, found.secrets)
    return outcome, exchange


def with_members(kind: IntegrationType, **changes: Any) -> Credential:
    sample = samples()[kind]
    found = read_credential(declared(**{sample.member: {**sample.written, **changes}}), data(sample.secret))
    assert isinstance(found, Credential)
    return found


def opened(request: Request, header: str) -> str:
    value = request.headers[header]
    assert isinstance(value, SecretStr)
    return value.get_secret_value()


USER = answer(200, {"login": "bot"}, EXPIRY)
CLASSIC = answer(200, {"login": "bot"}, {**EXPIRY, "x-oauth-scopes": "repo"})
REPOSITORY: dict[str, Any] = {
    "full_name": "Acme/Mobile-App",
    "private": True,
    "archived": False,
    "disabled": False,
    "permissions": {"push": True},
}


async def test_github_is_asked_who_before_what() -> None:
    found = credential(T.GITHUB)
    outcome, asked = await proved(found, CLASSIC, answer(200, REPOSITORY))
    assert isinstance(outcome, Verified)
    assert outcome.caveats == ()
    assert outcome.expires_at is not None
    assert asked.paths == [
        "https://api.github.com/user",
        "https://api.github.com/repos/acme/mobile-app",
    ]
    assert all(request.follows_redirects for request in asked.asked)
    assert opened(asked.asked[0], "Authorization") == "Bearer ghp_canary7Zq"
    assert asked.asked[0].headers["X-GitHub-Api-Version"] == "2022-11-28"


async def test_github_is_not_asked_about_a_repository_with_a_token_that_it_refuses() -> None:
    refused = answer(401, {"message": "Bad credentials"})
    outcome, asked = await proved(credential(T.GITHUB), refused)
    assert outcome == Rejected(Rejection.BAD_CREDENTIALS, http_status=401)
    assert len(asked.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "headers", "reason", "detail"),
    [
        (
            404,
            {"message": "Not Found"},
            {},
            Rejection.TARGET_NOT_FOUND,
            "Repository acme/mobile-app is absent, or hidden from this token.",
        ),
        (
            200,
            {**REPOSITORY, "permissions": {"push": False}},
            {},
            Rejection.INSUFFICIENT_PERMISSION,
            "Repository acme/mobile-app may not be written to with this token.",
        ),
        (
            200,
            {**REPOSITORY, "archived": True},
            {},
            Rejection.TARGET_DISABLED,
            "Repository acme/mobile-app is archived or disabled.",
        ),
    ],
)
async def test_github_names_the_declared_repository(
    status: int, body: Any, headers: dict[str, str], reason: Rejection, detail: str
) -> None:
    outcome, _ = await proved(credential(T.GITHUB), USER, answer(status, body, headers))
    assert outcome == Rejected(reason, detail, status)


async def test_a_renamed_repository_still_counts_and_is_noted() -> None:
    moved = answer(200, {**REPOSITORY, "full_name": "acme/app"})
    outcome, _ = await proved(credential(T.GITHUB), CLASSIC, moved)
    assert isinstance(outcome, Verified)
    assert outcome.caveats == (Caveat.RENAMED,)


async def test_the_scopes_are_those_of_the_answer_that_is_always_a_new_one() -> None:
    narrowed = answer(200, {"login": "bot"}, {"x-oauth-scopes": "read:org"})
    kept = answer(200, REPOSITORY, {"x-oauth-scopes": "repo"})
    outcome, asked = await proved(credential(T.GITHUB), narrowed, kept)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Rejection.INSUFFICIENT_PERMISSION
    assert [request.revalidates for request in asked.asked] == [False, True]


async def test_an_end_past_the_last_year_is_no_end() -> None:
    far = {"github-authentication-token-expiration": "9999-12-31 23:59:59 -1200", "x-oauth-scopes": "repo"}
    outcome, _ = await proved(
        credential(T.GITHUB), answer(200, {"login": "bot"}, far), answer(200, REPOSITORY)
    )
    assert outcome == Verified()


async def test_a_fine_grained_token_leaves_writing_unproven() -> None:
    outcome, _ = await proved(credential(T.GITHUB), USER, answer(200, REPOSITORY))
    assert isinstance(outcome, Verified)
    assert outcome.caveats == (Caveat.WRITE_UNPROVEN,)


async def test_every_workflow_is_asked_for_by_its_file() -> None:
    second = {**WORKFLOW, "name": "two", "workflowPath": ".github/workflows/a b.yaml"}
    found = with_members(T.GITHUB_ACTIONS, workflows=[WORKFLOW, second])
    active = answer(200, {"state": "active"})
    outcome, asked = await proved(found, USER, answer(200, REPOSITORY), active, active)
    assert isinstance(outcome, Verified)
    assert asked.paths[2:] == [
        "https://api.github.com/repos/acme/mobile-app/actions/workflows/ios-build.yml",
        "https://api.github.com/repos/acme/mobile-app/actions/workflows/a%20b.yaml",
    ]


async def test_one_idle_workflow_is_enough_for_a_refusal() -> None:
    second = {**WORKFLOW, "name": "two", "workflowPath": ".github/workflows/two.yml"}
    found = with_members(T.GITHUB_ACTIONS, workflows=[WORKFLOW, second])
    states = [answer(200, {"state": state}) for state in ("active", "disabled_inactivity")]
    outcome, _ = await proved(found, USER, answer(200, REPOSITORY), *states)
    assert outcome == Rejected(
        Rejection.TARGET_DISABLED,
        "Workflow .github/workflows/two.yml was disabled by GitHub because the repository was inactive.",
        200,
        "disabled_inactivity",
    )


async def test_a_missing_workflow_is_not_taken_for_a_bad_token() -> None:
    absent = answer(404, {"message": "Not Found"})
    outcome, _ = await proved(credential(T.GITHUB_ACTIONS), USER, answer(200, REPOSITORY), absent)
    assert outcome == Rejected(
        Rejection.TARGET_NOT_FOUND,
        "Workflow .github/workflows/ios-build.yml is absent, or hidden from this token.",
        404,
    )


def app(number: str, bundle: str) -> dict[str, Any]:
    return {"type": "apps", "id": number, "attributes": {"bundleId": bundle, "name": "x"}}


async def test_apple_gets_a_signed_request_and_its_loose_filter_is_compared_exactly() -> None:
    listed = answer(200, {"data": [app("1", "com.acme.app.beta"), app("2", "com.acme.app")], "links": {}})
    outcome, asked = await proved(credential(T.APP_STORE_CONNECT), listed, answer(200, {"data": []}))
    assert outcome == Verified()
    first, second = (urlsplit(path) for path in asked.paths)
    assert parse_qs(first.query)["filter[bundleId]"] == ["com.acme.app"]
    assert second.path == "/v1/apps/2/appStoreVersions"
    token = opened(asked.asked[0], "Authorization").removeprefix("Bearer ")
    secret = samples()[T.APP_STORE_CONNECT].secret
    public = load_pem_private_key(secret["privateKey"].encode(), None).public_key()
    claims = jwt.decode(
        token,
        public,  # type: ignore[arg-type]
        algorithms=["ES256"],
        audience="appstoreconnect-v1",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": secret["apiKeyId"], "typ": "JWT"}
    assert claims["iss"] == secret["issuerId"]
    assert 0 < claims["exp"] - claims["iat"] <= 20 * 60
    assert claims["iat"] <= NOW.timestamp() < claims["exp"]


@pytest.mark.parametrize("bundle", ["com.acme.app.beta", "com.acme.App"])
async def test_an_app_that_only_looks_alike_is_absent(bundle: str) -> None:
    listed = answer(200, {"data": [app("1", bundle)], "links": {}})
    outcome, _ = await proved(credential(T.APP_STORE_CONNECT), listed)
    detail = "App com.acme.app is absent, or hidden from this key."
    assert outcome == Rejected(Rejection.TARGET_NOT_FOUND, detail, 200)


async def test_a_list_that_goes_on_does_not_prove_absence() -> None:
    listed = answer(200, {"data": [], "links": {"next": "https://elsewhere.example/"}})
    outcome, _ = await proved(credential(T.APP_STORE_CONNECT), listed)
    assert isinstance(outcome, Unknown)


async def test_an_app_id_that_would_lead_elsewhere_is_not_followed() -> None:
    listed = answer(200, {"data": [app("../../x", "com.acme.app")], "links": {}})
    outcome, _ = await proved(credential(T.APP_STORE_CONNECT), listed)
    assert isinstance(outcome, Unknown)


async def test_google_sells_a_token_for_a_signed_assertion_and_the_store_takes_it() -> None:
    sold = answer(200, {"access_token": "ya29.x", "expires_in": 3599})
    found = read_credential(
        declared(playStore=dict(samples()[T.PLAY_STORE].written)), data({"serviceAccountKey": key_file()})
    )
    assert isinstance(found, Credential)
    outcome, asked = await proved(found, sold, answer(200, {}))
    assert outcome == Verified((Caveat.RELEASE_PERMISSION_UNPROVEN,))
    buying, listing = asked.asked
    assert (buying.method, buying.url) == ("POST", "https://oauth2.googleapis.com/token")
    assert buying.form is not None
    assert buying.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assertion = buying.form["assertion"]
    assert isinstance(assertion, SecretStr)
    text = assertion.get_secret_value()
    claims = jwt.decode(
        text,
        load_pem_private_key(rsa_key().encode(), None).public_key(),  # type: ignore[arg-type]
        algorithms=["RS256"],
        audience="https://oauth2.googleapis.com/token",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert jwt.get_unverified_header(text)["kid"] == "0a1b2c"
    assert claims["iss"] == "publisher@acme.iam.gserviceaccount.com"
    assert claims["scope"] == "https://www.googleapis.com/auth/androidpublisher"
    assert claims["exp"] - claims["iat"] == 3600
    assert listing.url == (
        "https://androidpublisher.googleapis.com/androidpublisher/v3/applications/com.acme.app"
        "/tracks/production/releases"
    )
    assert opened(listing, "Authorization") == "Bearer ya29.x"


async def test_a_refused_service_account_is_not_shown_to_the_store() -> None:
    refused = answer(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
    outcome, asked = await proved(credential(T.PLAY_STORE), refused)
    assert outcome == Rejected(Rejection.BAD_CREDENTIALS, http_status=400, code="invalid_grant")
    assert len(asked.asked) == 1


async def test_a_damaged_key_is_a_verdict_and_nobody_is_asked() -> None:
    account = ServiceAccount.model_construct(
        service_account_email=SecretStr("a@b.example"), private_key=SecretStr("damaged"), private_key_id=None
    )
    exchange = Scripted([])
    outcome = await buy(exchange, account, "scope")
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Rejection.MISCONFIGURED
    assert exchange.asked == []


WHO = answer(200, {"id": "admin"})
CONTROLLER = answer(200, {"mode": "NORMAL", "quietingDown": False})
JOB = answer(200, {"name": "job", "buildable": True})
NO_BLUE_OCEAN = answer(404, b"<html>")


async def test_jenkins_gets_the_credential_unasked_and_jobs_by_their_folders() -> None:
    odd = {**PIPELINE, "jobPath": "team a/app?b/job"}
    found = with_members(T.JENKINS, pipelines=[odd])
    outcome, asked = await proved(found, WHO, CONTROLLER, JOB, NO_BLUE_OCEAN)
    assert outcome == Verified((Caveat.BUILD_PERMISSION_UNPROVEN,))
    assert [urlsplit(path).path for path in asked.paths] == [
        "/ci/me/api/json",
        "/ci/api/json",
        "/ci/job/team%20a/job/app%3Fb/job/job/api/json",
        "/ci/blue/rest/organizations/jenkins/pipelines/team%20a/pipelines/app%3Fb/pipelines/job/",
    ]
    basic = opened(asked.asked[0], "Authorization").removeprefix("Basic ")
    assert base64.b64decode(basic) == b"admin:11canary7Zq"
    assert {request.method for request in asked.asked} == {"GET"}
    assert not any(request.follows_redirects for request in asked.asked)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (True, Verified()),
        (
            False,
            Rejected(Rejection.INSUFFICIENT_PERMISSION, "Job folder/job may not be built by this user."),
        ),
    ],
)
async def test_blue_ocean_tells_of_the_right_to_build(start: bool, expected: Outcome) -> None:
    rights = answer(200, {"permissions": {"start": start}})
    outcome, _ = await proved(credential(T.JENKINS), WHO, CONTROLLER, JOB, rights)
    assert outcome == expected


async def test_a_jenkins_that_is_going_down_is_not_asked_about_jobs() -> None:
    outcome, asked = await proved(credential(T.JENKINS), WHO, answer(200, {"quietingDown": True}))
    assert isinstance(outcome, Unknown)
    assert outcome.reason is Doubt.MAINTENANCE
    assert len(asked.asked) == 2


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (
            answer(404, b"<html>"),
            Rejected(Rejection.TARGET_NOT_FOUND, "Job folder/job is absent, or hidden from this user.", 404),
        ),
        (
            answer(200, {"name": "job", "buildable": False}),
            Rejected(Rejection.TARGET_DISABLED, "Job folder/job is disabled.", 200),
        ),
        (
            answer(200, {"_class": "com.cloudbees.hudson.plugins.folder.Folder", "name": "job"}),
            Rejected(
                Rejection.TARGET_NOT_FOUND,
                "Job folder/job is a folder or multibranch project, not a job:"
                " declare a job in it, as in folder/job.",
                200,
            ),
        ),
    ],
)
async def test_jenkins_names_the_declared_job(job: Response, expected: Outcome) -> None:
    outcome, _ = await proved(credential(T.JENKINS), WHO, CONTROLLER, job)
    assert outcome == expected


SCOPES = {"x-oauth-scopes": "chat:write,channels:read,groups:read"}
BOT = answer(200, {"ok": True, "team_id": "T1", "bot_id": "B1"}, SCOPES)


def channel(name: str, *, archived: bool = False, member: bool | None = True) -> dict[str, Any]:
    shown = {"id": f"C{name.upper()}0000", "name": name, "is_archived": archived}
    return shown if member is None else shown | {"is_member": member}


def page(*channels: dict[str, Any], after: str = "") -> Response:
    return answer(200, {"ok": True, "channels": list(channels), "response_metadata": {"next_cursor": after}})


async def test_slack_channels_are_found_by_name_over_pages() -> None:
    found = with_members(T.SLACK, channels=["releases", "dev-team"])
    pages = (page(channel("releases"), after="abc="), page(channel("dev-team"), after="more"))
    outcome, asked = await proved(found, BOT, *pages)
    assert outcome == Verified()
    assert [urlsplit(path).path for path in asked.paths] == [
        "/api/auth.test",
        "/api/conversations.list",
        "/api/conversations.list",
    ]
    forms = [request.form for request in asked.asked]
    assert forms[1] == {"limit": "200", "types": "public_channel,private_channel"}
    assert forms[2] == {"limit": "200", "types": "public_channel,private_channel", "cursor": "abc="}


async def test_a_slack_channel_in_use_wins_over_an_archived_one_of_its_name() -> None:
    pages = (page(channel("releases", archived=True), after="x"), page(channel("releases")))
    outcome, _ = await proved(credential(T.SLACK), BOT, *pages)
    assert outcome == Verified()


async def test_an_archived_slack_channel_does_not_hide_one_in_use_that_came_before() -> None:
    found = with_members(T.SLACK, channels=["releases", "late"])
    pages = (page(channel("releases"), after="x"), page(channel("releases", archived=True), channel("late")))
    outcome, _ = await proved(found, BOT, *pages)
    assert outcome == Verified()


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        ([], Rejection.TARGET_NOT_FOUND),
        ([channel("other")], Rejection.TARGET_NOT_FOUND),
        ([channel("releases", archived=True)], Rejection.TARGET_DISABLED),
        ([channel("releases", member=False)], Rejection.INSUFFICIENT_PERMISSION),
    ],
)
async def test_slack_names_the_declared_channel(shown: list[Any], reason: Rejection) -> None:
    outcome, _ = await proved(credential(T.SLACK), BOT, page(*shown))
    assert isinstance(outcome, Rejected)
    assert outcome.reason is reason
    assert "releases" in outcome.detail


async def test_a_bot_may_write_to_public_channels_that_it_is_no_member_of_with_the_scope() -> None:
    scopes = {"x-oauth-scopes": "chat:write,chat:write.public,channels:read"}
    bot = answer(200, {"ok": True, "team_id": "T1"}, scopes)
    outcome, asked = await proved(credential(T.SLACK), bot, page(channel("releases", member=False)))
    assert outcome == Verified()
    assert asked.asked[1].form == {"limit": "200", "types": "public_channel"}


async def test_what_slack_does_not_say_stays_unproven() -> None:
    silent = answer(200, {"ok": True, "team_id": "T1"})
    outcome, _ = await proved(credential(T.SLACK), silent, page(channel("releases", member=False)))
    assert outcome == Verified((Caveat.WRITE_UNPROVEN,))
    outcome, _ = await proved(credential(T.SLACK), BOT, page(channel("releases", member=None)))
    assert outcome == Verified((Caveat.WRITE_UNPROVEN,))


async def test_a_bot_that_may_not_write_is_refused_at_once() -> None:
    bot = answer(200, {"ok": True, "team_id": "T1"}, {"x-oauth-scopes": "channels:read"})
    outcome, asked = await proved(credential(T.SLACK), bot)
    assert outcome == Rejected(Rejection.INSUFFICIENT_PERMISSION, "The bot token lacks the scope chat:write.")
    assert len(asked.asked) == 1


async def test_a_slack_channel_may_be_declared_by_its_id() -> None:
    found = with_members(T.SLACK, channels=["C024BE91L"])
    outcome, asked = await proved(found, BOT, answer(200, {"ok": True, "channel": channel("releases")}))
    assert outcome == Verified()
    assert asked.asked[1].url.endswith("/conversations.info")
    assert asked.asked[1].form == {"channel": "C024BE91L"}
    gone = answer(200, {"ok": False, "error": "channel_not_found"})
    outcome, _ = await proved(found, BOT, gone)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Rejection.TARGET_NOT_FOUND
    assert "C024BE91L" in outcome.detail


async def test_a_workspace_without_end_is_no_proof_of_absence() -> None:
    outcome, asked = await proved(credential(T.SLACK), BOT, *[page(channel("x"), after="on")] * 20)
    assert isinstance(outcome, Unknown)
    assert "by their ids" in outcome.detail
    assert len(asked.asked) == 21


async def test_a_rotating_bot_token_tells_its_end() -> None:
    rotating = answer(200, {"ok": True, "team_id": "T1", "expires_in": 3600}, SCOPES)
    outcome, _ = await proved(credential(T.SLACK), rotating, page(channel("releases")))
    assert outcome == Verified((), NOW + timedelta(hours=1))
    expired = answer(200, {"ok": False, "error": "token_expired"})
    outcome, _ = await proved(credential(T.SLACK), expired)
    assert outcome == Expired(http_status=200, code="token_expired")
