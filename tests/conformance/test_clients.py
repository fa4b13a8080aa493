"""Clients that nobody here wrote, talking to the simulator: what they ask it answers as they expect."""

import json
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import atlassian
import github
import gitlab
import google.auth.exceptions
import google.auth.transport.requests
import google.oauth2.service_account
import jenkins
import jira
import msal.oauth2cli.oauth2
import pytest
import requests
import slack_sdk
import slack_sdk.errors
import testrail_api
from atlassian.bitbucket.cloud import Cloud
from jwcrypto import jwk, jwt

from delivr_operator.outcome import IntegrationType as T
from delivr_operator.probing.limits import Limits
from dev.simulator.client import Request, Simulator
from tests.conformance.forms import FORMS
from tests.integration.scenes import Scene, scene
from tests.integration.test_probing import NOBODY, prober


@pytest.fixture(scope="module")
def sim(simulator: dict[str, str]) -> Iterator[Simulator]:
    with Simulator(simulator) as client:
        yield client


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _trusted(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    # What all these clients go by, whatever they set on a session that is given to them.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", sim.settings["EXTRA_CA_FILE"])
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def hub(sim: Simulator, auth: github.Auth.Auth, below: str = "") -> github.Github:
    url = sim.settings["GITHUB_API_URL"] + below
    return github.Github(auth=auth, base_url=url, verify=sim.settings["EXTRA_CA_FILE"], retry=None)


@pytest.mark.parametrize("below", ["", "/api/v3"])
def test_pygithub_sees_the_user_the_repository_and_the_workflow(sim: Simulator, below: str) -> None:
    given = scene(sim, T.GITHUB_ACTIONS)
    client = hub(sim, github.Auth.Token(given.issued.secret["accessToken"]), below)
    assert client.get_user().login == given.issued.fields["login"]
    repository = client.get_repo(f"{given.written['organization']}/mobile-app")
    assert (repository.permissions.push, repository.archived) == (True, False)
    workflow = repository.get_workflow("ios-build.yml")
    assert (workflow.path, workflow.state) == (given.written["workflows"][0]["workflowPath"], "active")


def test_pygithub_is_refused_as_by_github(sim: Simulator) -> None:
    given = scene(sim, T.GITHUB, state="WRONG")
    client = hub(sim, github.Auth.Token(given.issued.secret["accessToken"]))
    with pytest.raises(github.BadCredentialsException):
        assert client.get_user().login
    limited = scene(sim, T.GITHUB, state="RATE_LIMITED")
    client = hub(sim, github.Auth.Token(limited.issued.secret["accessToken"]))
    with pytest.raises(github.RateLimitExceededException):
        assert client.get_user().login


def test_python_gitlab_sees_the_token_and_the_project(sim: Simulator, session: requests.Session) -> None:
    given = scene(sim, T.GITLAB)
    url = sim.settings["GITLAB_API_URL"].removesuffix("/api/v4")
    client = gitlab.Gitlab(url, private_token=given.issued.secret["token"], session=session)
    token = client.personal_access_tokens.get("self")
    assert (token.active, token.revoked) == (True, False)
    project = client.projects.get(given.written["projectId"])
    assert project.permissions["project_access"]["access_level"] >= gitlab.const.DEVELOPER_ACCESS
    assert project.members_all.get(token.user_id).access_level >= gitlab.const.DEVELOPER_ACCESS


@pytest.mark.parametrize(
    ("state", "words"),
    [("WRONG", "401 Unauthorized"), ("EXPIRED", "invalid_token"), ("REVOKED", "invalid_token")],
)
def test_python_gitlab_is_refused(sim: Simulator, session: requests.Session, state: str, words: str) -> None:
    given = scene(sim, T.GITLAB, state=state)
    url = sim.settings["GITLAB_API_URL"].removesuffix("/api/v4")
    client = gitlab.Gitlab(url, private_token=given.issued.secret["token"], session=session)
    with pytest.raises(gitlab.GitlabAuthenticationError, match=words):
        client.personal_access_tokens.get("self")


def test_slack_sdk_sees_the_bot_and_its_channels(sim: Simulator) -> None:
    given = scene(sim, T.SLACK)
    client = slack_sdk.WebClient(
        given.issued.secret["botToken"],
        base_url=sim.settings["SLACK_API_URL"] + "/",
        ssl=ssl.create_default_context(cafile=sim.settings["EXTRA_CA_FILE"]),
    )
    assert client.auth_test()["bot_id"] == given.issued.fields["bot_id"]
    (channel,) = client.conversations_list(types="public_channel,private_channel", limit=1000)["channels"]
    assert (channel["name"], channel["is_member"]) == ("releases", True)
    assert client.conversations_info(channel=channel["id"])["channel"]["is_archived"] is False
    sim.change(given.issued, state="REVOKED")
    with pytest.raises(slack_sdk.errors.SlackApiError) as refused:
        client.auth_test()
    assert refused.value.response["error"] == "token_revoked"


@pytest.mark.parametrize("form", ["jira cloud", "jira scoped", "jira data center"])
def test_jira_sees_who_asks_the_project_and_the_rights(sim: Simulator, form: str) -> None:
    given = FORMS[form](sim)
    secret = given.issued.secret
    basic = None if form == "jira data center" else (secret["email"], secret["apiToken"])
    version = "2" if form == "jira data center" else "3"
    client = jira.JIRA(
        given.written["url"],
        options={"verify": sim.settings["EXTRA_CA_FILE"], "rest_api_version": version},
        basic_auth=basic,
        token_auth=None if basic else secret["apiToken"],
        get_server_info=False,
        max_retries=0,
    )
    assert client.myself()
    assert client.project(given.written["projectKey"]).key == given.written["projectKey"]
    rights = client.my_permissions(
        projectKey=given.written["projectKey"], permissions="BROWSE_PROJECTS,CREATE_ISSUES"
    )
    granted: Any = rights["permissions"]
    assert granted["CREATE_ISSUES"]["havePermission"] is True
    sim.change(given.issued, state="WRONG")
    with pytest.raises(jira.JIRAError) as refused:
        client.myself()
    assert refused.value.status_code == 401


def test_atlassian_sees_a_repository_in_the_cloud(sim: Simulator, session: requests.Session) -> None:
    given = scene(sim, T.BITBUCKET)
    client = Cloud(
        url=sim.settings["BITBUCKET_API_URL"].removesuffix("/2.0"),
        username=given.issued.secret["email"],
        password=given.issued.secret["token"],
        session=session,
        cloud=True,
    )
    found = client.repositories.get(given.written["workspace"], given.written["repoSlug"])
    assert found.get_data("full_name") == f"{given.written['workspace']}/{given.written['repoSlug']}"
    sim.change(given.issued, state="WRONG")
    with pytest.raises(requests.HTTPError) as refused:
        client.repositories.get(given.written["workspace"], given.written["repoSlug"])
    assert refused.value.response is not None
    assert refused.value.response.status_code == HTTPStatus.UNAUTHORIZED


def test_atlassian_sees_a_repository_in_a_data_center(sim: Simulator, session: requests.Session) -> None:
    given = FORMS["bitbucket data center"](sim)
    session.headers["Authorization"] = f"Bearer {given.issued.secret['token']}"
    client = atlassian.Bitbucket(given.written["url"], session=session)
    repository = client.get_repo(given.written["workspace"], given.written["repoSlug"])
    assert repository["slug"] == given.written["repoSlug"]
    assert repository["project"]["key"] == given.written["workspace"].upper()


def test_python_jenkins_sees_who_asks_and_the_job(sim: Simulator) -> None:
    given = scene(sim, T.JENKINS)
    secret = given.issued.secret
    client = jenkins.Jenkins(
        given.written["url"] + "/", username=secret.get("username") or "", password=secret["apiToken"]
    )
    assert client.get_whoami()["id"] == secret["username"]
    assert client.get_job_info(given.written["pipelines"][0]["jobPath"])["buildable"] is True
    with pytest.raises(jenkins.JenkinsException):
        client.get_job_info("absent")


def test_testrail_api_sees_who_asks_the_project_and_the_suite(
    sim: Simulator, session: requests.Session
) -> None:
    given = scene(sim, T.TEST_RAIL)
    number = given.written["projectId"]
    sim.target("TEST_RAIL", "suite", str(number), project=str(number))
    secret = given.issued.secret
    client = testrail_api.TestRailAPI(
        given.written["url"], secret["username"], secret["apiKey"], session=session
    )
    assert client.projects.get_project(number)["is_completed"] is False
    assert client.suites.get_suite(number)["project_id"] == number
    with pytest.raises(testrail_api.StatusCodeError):
        client.projects.get_project(number + 1)


@pytest.mark.parametrize("kind", [T.PLAY_STORE, T.FIREBASE])
def test_google_auth_gets_a_token_that_the_api_takes(
    sim: Simulator, session: requests.Session, kind: T
) -> None:
    given = scene(sim, kind)
    account = key_file(sim, given)
    scope = {
        T.PLAY_STORE: "https://www.googleapis.com/auth/androidpublisher",
        T.FIREBASE: "https://www.googleapis.com/auth/firebase.readonly",
    }[kind]
    made = google.oauth2.service_account.Credentials.from_service_account_info(account, scopes=[scope])
    made.refresh(google.auth.transport.requests.Request(session))
    asked = {
        T.PLAY_STORE: sim.settings["PLAY_STORE_API_URL"]
        + f"/androidpublisher/v3/applications/{given.written.get('packageName')}/tracks/production/releases",
        T.FIREBASE: f"{sim.settings['FIREBASE_API_URL']}/v1beta1/projects/{given.written.get('projectId')}",
    }[kind]
    answer = google.auth.transport.requests.AuthorizedSession(made)
    answer.verify = sim.settings["EXTRA_CA_FILE"]
    assert answer.get(asked).status_code == 200
    sim.change(given.issued, state="REVOKED")
    with pytest.raises(google.auth.exceptions.RefreshError, match="invalid_grant"):
        made.refresh(google.auth.transport.requests.Request(session))


def key_file(sim: Simulator, given: Scene) -> dict[str, Any]:
    """Give the account as the file that Google hands out, whose token endpoint is the simulator's."""
    secret, fields = given.issued.secret, given.issued.fields
    whole: dict[str, Any] = json.loads(secret["serviceAccountKey"]) if "serviceAccountKey" in secret else {}
    return {
        "type": "service_account",
        "client_email": fields["email"],
        "private_key_id": fields["key_id"],
        "private_key": fields["private_key"],
        **whole,
        "token_uri": sim.settings["GOOGLE_TOKEN_URL"],
    }


@pytest.mark.parametrize(("state", "error"), [("VALID", None), ("EXPIRED", "invalid_client")])
def test_msal_gets_a_token(sim: Simulator, session: requests.Session, state: str, error: str | None) -> None:
    given = scene(sim, T.TEAMS, state=state)
    client = msal.oauth2cli.oauth2.Client(
        {
            "token_endpoint": f"{sim.settings['MICROSOFT_LOGIN_URL']}/{given.written['tenantId']}"
            "/oauth2/v2.0/token"
        },
        given.written["clientId"],
        default_body={"client_secret": given.issued.secret["clientSecret"]},  # as MSAL's applications send it
        http_client=session,
    )
    answer = client.obtain_token_for_client(scope=["https://graph.microsoft.com/.default"])
    assert answer.get("error") == error
    if error is None:
        bearer = {"Authorization": f"Bearer {answer['access_token']}"}
        url = f"{sim.settings['MICROSOFT_GRAPH_URL']}/v1.0/teams/{given.written['teamId']}"
        assert session.get(url, headers=bearer).json()["id"] == given.written["teamId"]


async def asked(sim: Simulator, given: Scene) -> list[Request]:
    async with prober(sim, Limits()) as opened:
        await opened.prove(given.credential(), NOBODY, datetime.now(UTC))
    return sim.requests(credential=given.issued.label)


def public_key(private: str, directory: Path) -> Path:
    """Give the public half of a private key, taken out of it by OpenSSL."""
    whole, half = directory / "private.pem", directory / "public.pem"
    whole.write_text(private)
    subprocess.run(["openssl", "pkey", "-in", whole, "-pubout", "-out", half], check=True, timeout=30)
    return half


async def test_jwcrypto_believes_the_signature_for_apple(sim: Simulator, tmp_path: Path) -> None:
    given = scene(sim, T.APP_STORE_CONNECT)
    key = jwk.JWK.from_pem(public_key(given.issued.fields["private_key"], tmp_path).read_bytes())
    for request in await asked(sim, given):
        token = dict(request.headers)["Authorization"].removeprefix("Bearer ")
        read = jwt.JWT(jwt=token, key=key, algs=["ES256"], check_claims={"aud": "appstoreconnect-v1"})
        header, claims = json.loads(read.header), json.loads(read.claims)
        assert (header["kid"], claims["iss"]) == (
            given.issued.fields["key_id"],
            given.issued.fields["issuer_id"],
        )
        assert claims["exp"] - claims["iat"] <= 20 * 60


async def test_jwcrypto_believes_the_assertion_for_google(sim: Simulator, tmp_path: Path) -> None:
    given = scene(sim, T.PLAY_STORE)
    key = jwk.JWK.from_pem(public_key(given.issued.fields["private_key"], tmp_path).read_bytes())
    (request,) = (one for one in await asked(sim, given) if one.provider == "GOOGLE_TOKEN")
    assertion = parse_qs(request.body)["assertion"][0]
    read = jwt.JWT(jwt=assertion, key=key, algs=["RS256"])
    header, claims = json.loads(read.header), json.loads(read.claims)
    assert (header["kid"], claims["iss"]) == (given.issued.fields["key_id"], given.issued.fields["email"])
    assert urlsplit(claims["aud"]).path == urlsplit(sim.settings["GOOGLE_TOKEN_URL"]).path
