"""GitHub's REST API, as far as GITHUB and GITHUB_ACTIONS ask it."""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from types import MappingProxyType
from typing import ClassVar

from dev.simulator import github_bodies as bodies
from dev.simulator.exchange import Answer, Ask, json_answer
from dev.simulator.github_access import (
    API_VERSIONS,
    DOCS,
    NOT_A_JWT,
    RefusedError,
    admit,
    admit_to,
    is_visible,
    presented,
    refused,
)
from dev.simulator.github_state import GitHubCredential, Repository, Workflow
from dev.simulator.provider import Provider
from dev.simulator.state import Target, TargetState, Usage

ANONYMOUS_QUOTA = 60
SERVER = "/api/v3"
"""Where an Enterprise Server has its API; its limits are off, so that it tells of none."""
REPOSITORY_PATH = re.compile(r"/repos/([^/]+)/([^/]+)(/.*)?")
RENAMED_PATH = re.compile(r"/repositories/(\d+)(/.*)?")


class GitHub(Provider):
    """api.github.com for personal access tokens (both kinds) and GitHub Apps."""

    name = "GITHUB"
    setting = "GITHUB_API_URL"
    credential_type = GitHubCredential
    target_types: ClassVar[Mapping[str, type[Target]]] = MappingProxyType(
        {"repository": Repository, "workflow": Workflow}
    )

    def presented(self, ask: Ask) -> str | None:
        """Give the token, or the App that a JWT says to be from."""
        return presented(ask)

    def answer(self, ask: Ask) -> Answer:
        """Answer like api.github.com, quota included; below /api/v3 like an Enterprise Server."""
        if not ask.path.startswith(f"{SERVER}/"):
            return self._answer(ask)
        inner = replace(ask, path=ask.path.removeprefix(SERVER), origin=ask.origin + SERVER)
        answer = self._answer(inner)
        kept = {name: value for name, value in answer.headers.items() if not name.startswith("x-ratelimit")}
        return Answer(answer.status, answer.body, answer.content_type, kept).with_headers(
            {"X-GitHub-Enterprise-Version": "3.18.1"}
        )

    def _answer(self, ask: Ask) -> Answer:
        if not ask.header("user-agent"):
            return Answer(403, b"Missing or invalid User Agent string.", "application/octet-stream")
        lookup = presented(ask)
        found = self.find(lookup)
        credential = found if isinstance(found, GitHubCredential) else None
        try:
            admit(ask, lookup, credential)
            answer = self._route(ask, credential)
        except RefusedError as refusal:
            answer = refusal.answer
        return self._with_quota(ask, credential, answer)

    def _route(self, ask: Ask, credential: GitHubCredential | None) -> Answer:
        if ask.method not in ("GET", "HEAD"):
            raise refused(405, "The simulator takes no writes")
        if ask.path == "/user":
            return self._user(ask, credential)
        if ask.path == "/app":
            if credential is None or credential.kind != "app":
                raise refused(401, NOT_A_JWT)
            return json_answer(200, bodies.app(ask.origin, credential))
        if match := REPOSITORY_PATH.fullmatch(ask.path):
            rest = match[3] or ""
            repository = self._repository(ask, credential, f"{match[1]}/{match[2]}", rest)
            return self._in_repository(ask, credential, repository, rest)
        if match := RENAMED_PATH.fullmatch(ask.path):
            return self._in_repository(
                ask, credential, self._numbered(int(match[1]), credential), match[2] or ""
            )
        raise refused(404, "Not Found")

    def _user(self, ask: Ask, credential: GitHubCredential | None) -> Answer:
        if credential is None:
            raise refused(401, "Requires authentication")
        if credential.kind == "app":
            raise refused(403, "Resource not accessible by integration")
        return json_answer(200, bodies.user(ask.origin, credential.login, credential.number))

    def _repository(self, ask: Ask, credential: GitHubCredential | None, name: str, rest: str) -> Repository:
        repository = self.world.target(self.name, Repository, name.lower())
        if repository is None or not is_visible(repository, credential):
            raise refused(404, "Not Found")
        if repository.renamed_to is not None:
            url = f"{ask.origin}/repositories/{repository.number}{rest}"
            body = {"message": "Moved Permanently", "url": url, "documentation_url": DOCS}
            raise RefusedError(json_answer(301, body, {"Location": url}))
        return repository

    def _numbered(self, number: int, credential: GitHubCredential | None) -> Repository:
        for repository in self.world.targets(self.name, Repository):
            if repository.number == number and is_visible(repository, credential):
                return replace(repository, name=repository.renamed_to or repository.name, renamed_to=None)
        raise refused(404, "Not Found")

    def _in_repository(
        self, ask: Ask, credential: GitHubCredential | None, repository: Repository, rest: str
    ) -> Answer:
        if rest == "/installation":
            if credential is None or credential.kind != "app":
                raise refused(401, NOT_A_JWT)
            return json_answer(200, bodies.installation(ask.origin, credential, repository))
        admit_to(ask, repository, credential, rest)
        if rest == "":
            role = credential.role(repository.key) if credential else None
            return json_answer(200, bodies.repository(ask.origin, repository, role, credential is not None))
        flows = self.world.targets(self.name, Workflow, repository.key)
        shown = [flow for flow in flows if flow.state is not TargetState.ABSENT]
        if rest == "/actions/workflows":
            listed = [bodies.workflow(ask.origin, repository, flow) for flow in shown]
            return json_answer(200, {"total_count": len(listed), "workflows": listed})
        if rest.startswith("/actions/workflows/"):
            wanted = rest.removeprefix("/actions/workflows/")
            for flow in shown:
                if wanted in (flow.file, str(flow.number)):
                    return json_answer(200, bodies.workflow(ask.origin, repository, flow))
        raise refused(404, "Not Found")

    def _with_quota(self, ask: Ask, credential: GitHubCredential | None, answer: Answer) -> Answer:
        tag = f'W/"{hashlib.sha256(answer.body).hexdigest()}"' if answer.status == HTTPStatus.OK else None
        sent = [part.strip() for part in ask.header("if-none-match").split(",")]
        unchanged = tag is not None and tag in sent
        quota = ANONYMOUS_QUOTA if credential is None else credential.hourly
        key = credential.id if credential else ""
        # An unchanged answer and a refused token cost nothing. The quota that anonymous callers share is
        # shown but not enforced: tests that run side by side would meet in it.
        cost = 0 if unchanged or answer.status == HTTPStatus.UNAUTHORIZED else 1
        usage = self.world.spend(self.name, key, ask.now, cost)
        if credential is not None and usage.spent > quota:
            body = {
                "message": f"API rate limit exceeded for user ID {credential.number}.",
                "documentation_url": DOCS,
            }
            answer, tag, unchanged = json_answer(403, body), None, False
        headers = self._headers(quota, usage)
        if credential is not None and answer.status != HTTPStatus.UNAUTHORIZED:
            headers |= credential.token_headers()
        if tag is not None:
            headers |= {"ETag": tag, "Cache-Control": "private, max-age=60, s-maxage=60"}
        return Answer(304, b"", "", headers) if unchanged else answer.with_headers(headers)

    def _headers(self, quota: int, usage: Usage) -> dict[str, str]:
        return {
            "Server": "github.com",
            "Vary": "Accept, Authorization, Cookie, X-GitHub-OTP",
            "x-github-media-type": "github.v3; format=json",
            "x-github-api-version-selected": API_VERSIONS[0],
            "x-github-request-id": ":".join(secrets.token_hex(2).upper() for _ in range(5)),
            "x-ratelimit-limit": str(quota),
            "x-ratelimit-remaining": str(max(0, quota - usage.spent)),
            "x-ratelimit-used": str(min(quota, usage.spent)),
            "x-ratelimit-reset": str(int(usage.resets_at)),
            "x-ratelimit-resource": "core",
        }
