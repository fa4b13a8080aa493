"""GitHub answers tokens, Apps, repositories and workflows like the vendor."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dev.simulator.exchange import Answer, Ask
from dev.simulator.github import GitHub
from dev.simulator.github_state import GitHubCredential, Repository, Workflow
from dev.simulator.state import CredentialState, RateLimit, TargetState, World

Asker = Callable[..., Ask]
Signer = Callable[..., str]
REPO = "/repos/acme/app"


class Sandbox:
    """A GitHub with one repository and one token."""

    def __init__(self, world: World, ask: Asker, **token: Any) -> None:
        self.world, self.ask = world, ask
        self.github = GitHub(world)
        self.token = GitHubCredential(**token)
        world.put_credential("GITHUB", self.token)
        self.put(Repository(name="acme/app"))
        self.put(Workflow(name=".github/workflows/ios.yml", repository="acme/app"))

    def put(self, target: Repository | Workflow) -> None:
        self.world.put_target("GITHUB", target)

    def get(self, path: str, **headers: str) -> Answer:
        sent = {"Authorization": f"Bearer {self.token.token}", **headers}
        return self.github.answer(self.ask(path, sent))


def body(answer: Answer) -> Any:
    return json.loads(answer.body)


def test_a_valid_classic_token_sees_itself_its_scopes_and_the_repository(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    user, repository = sandbox.get("/user"), sandbox.get("/repos/Acme/APP")
    assert (user.status, repository.status) == (200, 200)
    assert user.headers["x-oauth-scopes"] == "repo, workflow"
    assert user.headers["x-ratelimit-remaining"] == "4999"
    assert body(repository)["permissions"]["push"] is True
    assert body(repository)["archived"] is False


def test_a_fine_grained_token_shows_no_scopes_and_its_expiry(world: World, ask: Asker) -> None:
    ends = datetime(2126, 12, 1, tzinfo=UTC)
    answer = Sandbox(world, ask, kind="fine_grained", expires_at=ends).get("/user")
    assert "x-oauth-scopes" not in answer.headers
    assert answer.headers["github-authentication-token-expiration"] == "2126-12-01 00:00:00 UTC"


@pytest.mark.parametrize("state", [CredentialState.WRONG, CredentialState.EXPIRED, CredentialState.REVOKED])
def test_a_token_that_no_longer_counts_is_bad_credentials(
    world: World, ask: Asker, state: CredentialState
) -> None:
    answer = Sandbox(world, ask, state=state).get("/user")
    assert (answer.status, body(answer)["message"]) == (401, "Bad credentials")


def test_a_date_that_has_passed_expires_a_token(world: World, ask: Asker) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    assert Sandbox(world, ask, expires_at=past).get("/user").status == 401


def test_a_small_token_may_not_push(world: World, ask: Asker) -> None:
    answer = Sandbox(world, ask, state=CredentialState.INSUFFICIENT_PERMISSION).get(REPO)
    assert body(answer)["permissions"] == {
        "admin": False, "maintain": False, "push": False, "triage": False, "pull": True
    }  # fmt: skip


def test_a_classic_token_without_the_repo_scope_does_not_see_a_private_repository(
    world: World, ask: Asker
) -> None:
    assert Sandbox(world, ask, scopes=("public_repo",)).get(REPO).status == 404


def test_a_small_fine_grained_token_may_not_read_workflows(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask, kind="fine_grained", state=CredentialState.INSUFFICIENT_PERMISSION)
    answer = sandbox.get(f"{REPO}/actions/workflows/ios.yml")
    assert (answer.status, body(answer)["message"]) == (
        403,
        "Resource not accessible by personal access token",
    )


def test_single_sign_on_is_asked_for_on_the_repository_only(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask, state=CredentialState.SSO_REQUIRED)
    assert sandbox.get("/user").status == 200
    assert sandbox.get(REPO).headers["x-github-sso"].startswith("required; url=https://github.com/orgs/acme/")


@pytest.mark.parametrize(
    ("state", "words"),
    [(CredentialState.DISABLED, "suspended"), (CredentialState.LOGIN_BLOCKED, "login attempts")],
)
def test_a_locked_account_is_forbidden(world: World, ask: Asker, state: CredentialState, words: str) -> None:
    answer = Sandbox(world, ask, state=state).get("/user")
    assert answer.status == 403
    assert words in body(answer)["message"]


def test_the_quota_limit_is_told_by_reset_and_the_secondary_one_by_retry_after(
    world: World, ask: Asker
) -> None:
    limit = RateLimit(style="reset", seconds=90)
    primary = Sandbox(world, ask, state=CredentialState.RATE_LIMITED, rate_limit=limit).get("/user")
    assert primary.headers["x-ratelimit-remaining"] == "0"
    assert 80 < int(primary.headers["x-ratelimit-reset"]) - time.time() < 100
    other = RateLimit(style="date", status=429)
    secondary = Sandbox(world, ask, state=CredentialState.RATE_LIMITED, rate_limit=other).get("/user")
    assert secondary.status == 429
    assert secondary.headers["Retry-After"].endswith("GMT")


def test_a_spent_quota_limits_a_valid_token(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask, quota=2)
    statuses = [sandbox.get("/user").status for _ in range(3)]
    assert statuses == [200, 200, 403]


def test_an_unchanged_answer_is_304_and_free(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    tag = sandbox.get(REPO).headers["ETag"]
    again = sandbox.get(REPO, **{"If-None-Match": tag})
    assert (again.status, again.body, again.headers["x-ratelimit-used"]) == (304, b"", "1")
    sandbox.put(Repository(name="acme/app", state=TargetState.ARCHIVED))
    changed = sandbox.get(REPO, **{"If-None-Match": tag})
    assert (changed.status, body(changed)["archived"]) == (200, True)


def test_absent_disabled_and_renamed_repositories(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    sandbox.put(Repository(name="acme/gone", state=TargetState.ABSENT))
    sandbox.put(Repository(name="acme/off", state=TargetState.DISABLED))
    sandbox.put(Repository(name="acme/old", renamed_to="acme/new"))
    assert sandbox.get("/repos/acme/gone").status == 404
    assert body(sandbox.get("/repos/acme/off"))["disabled"] is True
    moved = sandbox.get("/repos/acme/old")
    assert moved.status == 301
    assert body(sandbox.get(moved.headers["Location"].partition(":4430")[2]))["full_name"] == "acme/new"


def test_a_trailing_slash_is_not_found(world: World, ask: Asker) -> None:
    assert Sandbox(world, ask).get("/user/").status == 404


def test_without_a_user_agent_nothing_is_answered(world: World, ask: Asker) -> None:
    answer = Sandbox(world, ask).get("/user", **{"User-Agent": ""})
    assert (answer.status, answer.content_type) == (403, "application/octet-stream")


def test_an_unknown_api_version_is_refused(world: World, ask: Asker) -> None:
    assert Sandbox(world, ask).get("/user", **{"X-GitHub-Api-Version": "1999-01-01"}).status == 400


def test_anonymous_callers_see_public_repositories_and_bad_tokens_do_not(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    sandbox.put(Repository(name="acme/open", private=False))
    anonymous = sandbox.github.answer(ask("/repos/acme/open"))
    assert anonymous.status == 200
    assert "permissions" not in body(anonymous)
    assert sandbox.github.answer(ask("/user")).status == 401
    bad = ask("/repos/acme/open", {"Authorization": "token ghp_unknown"})
    assert sandbox.github.answer(bad).status == 401


def test_workflows_go_by_file_name_or_number(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    found = body(sandbox.get(f"{REPO}/actions/workflows/ios.yml"))
    assert (found["state"], found["path"]) == ("active", ".github/workflows/ios.yml")
    assert body(sandbox.get(f"{REPO}/actions/workflows/{found['id']}"))["id"] == found["id"]
    assert sandbox.get(f"{REPO}/actions/workflows/android.yml").status == 404
    sandbox.put(Workflow(name="w/off.yml", repository="acme/app", activity="disabled_inactivity"))
    assert body(sandbox.get(f"{REPO}/actions/workflows/off.yml"))["state"] == "disabled_inactivity"


def test_a_write_is_one_and_is_refused(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    headers = {"Authorization": f"Bearer {sandbox.token.token}"}
    dispatch = ask(f"{REPO}/actions/workflows/ios.yml/dispatches", headers, method="POST")
    assert sandbox.github.is_write(dispatch)
    assert sandbox.github.answer(dispatch).status == 405


def test_an_app_proves_itself_with_a_jwt(world: World, ask: Asker, signed: Signer) -> None:
    sandbox = Sandbox(world, ask, kind="app")
    app = sandbox.token

    def get(path: str, **claims: Any) -> Answer:
        now = int(time.time())
        token = signed(app.private_key, "RS256", None, {"iat": now - 60, "iss": str(app.number), **claims})
        return sandbox.github.answer(ask(path, {"Authorization": f"Bearer {token}"}))

    assert body(get("/app"))["id"] == app.number
    assert body(get(f"{REPO}/installation"))["permissions"]["contents"] == "write"
    assert "'exp'" in body(get("/app", exp=int(time.time()) - 10))["message"]
    assert "'iat'" in body(get("/app", iat=int(time.time()) + 90))["message"]
    assert get("/app", iss="1").status == 401
