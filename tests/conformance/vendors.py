"""Which published text describes a recorded exchange, and where the vendor's own paths begin in it."""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from dev.published import APPLE, DIRECTORY, GITHUB, GITLAB, GOOGLE, GRAPH, SLACK, published
from dev.simulator.client import Request
from tests.conformance.description import Description, Exchange, complaints
from tests.conformance.discovery import Discovery
from tests.conformance.open_api import OpenApi
from tests.conformance.sdk_types import AppleTypes, gitlab_answers, graph_answers, one_name, slack_answers
from tests.conformance.typescript import TypeScript

_OPEN_API = {
    "api.github.com": GITHUB,
    "ghes-3.19": GITHUB,
    "bitbucket.org": DIRECTORY,
    "graph": DIRECTORY,
    "jira": DIRECTORY,
    "slack.com": DIRECTORY,
}
_GOOGLE = ("androidpublisher.v3", "firebase.v1beta1", "firebaseappdistribution.v1", "cloudresourcemanager.v1")
_SLACK_METHODS = ("auth.test", "conversations.list", "conversations.info")
_PLACES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("GITHUB", r"/api/v3", ("ghes-3.19",)),
    ("GITHUB", r"", ("api.github.com",)),
    ("GITLAB", r"/gitlab/api/v4", ("gitbeaker",)),
    ("APP_STORE_CONNECT", r"", ("app store connect",)),
    ("BITBUCKET", r"/2\.0", ("bitbucket.org",)),
    ("TEAMS", r"/v1\.0", ("graph", "graph types")),
    ("JIRA", r"/ex/jira/[^/]+(?=/rest/api/3/)", ("jira",)),
    ("JIRA", r"(?=/rest/api/3/)", ("jira",)),
    ("SLACK", r"/api", ("slack.com", "slack types")),
    ("PLAY_STORE", r"", ("androidpublisher.v3",)),
    ("FIREBASE", r"(?=/v1beta1/)", ("firebase.v1beta1",)),
    ("FIREBASE", r"(?=/v1/)", ("firebaseappdistribution.v1",)),
    ("CLOUD_RESOURCE_MANAGER", r"", ("cloudresourcemanager.v1",)),
)
_REQUESTS_ONLY = frozenset({"graph"})
_ANSWERS_ONLY = frozenset({"graph types", "slack types", "gitbeaker"})


@cache
def description(name: str) -> Description:
    """Give the description of that name, read once."""
    if name in _GOOGLE:
        return Discovery.at(published(GOOGLE) / f"{name}.json")
    if name in _OPEN_API:
        return OpenApi.at(published(_OPEN_API[name]) / f"{name}.json")
    if name == "app store connect":
        return AppleTypes(TypeScript.at(published(APPLE) / "types.gen.d.ts"))
    if name == "graph types":
        return graph_answers(TypeScript.at(published(GRAPH) / "microsoft-graph.d.ts"))
    if name == "gitbeaker":
        return gitlab_answers(TypeScript.at(published(GITLAB) / "index.d.ts"))
    folder = published(SLACK)
    files = {
        method: TypeScript.at(folder / "WebClient.d.ts", folder / f"{one_name(method)}.d.ts")
        for method in _SLACK_METHODS
    }
    return slack_answers(files)


def described(request: Request) -> tuple[tuple[str, ...], Exchange] | None:
    """Give the descriptions that cover a recorded request, and the exchange under their own paths."""
    for provider, prefix, names in _PLACES:
        matched = re.match(prefix, request.path)
        if request.provider == provider and matched:
            return names, exchange(request, request.path[matched.end() :])
    return None


def complaints_of(request: Request) -> list[str] | None:
    """What the vendor's texts do not allow in a request and its answer; None where there is no text."""
    found = described(request)
    if found is None:
        return None
    names, seen = found
    if request.provider == "SLACK":
        # Slack takes by POST as a form what it takes by GET as a query; its specification writes the latter.
        # It answers 200 to a refusal too, which it describes as `default`.
        refused = json.loads(seen.answer).get("ok") is not True
        seen = replace(seen, method="GET", query=seen.body, body="", status=0 if refused else seen.status)
    return [
        f"{name}: {each}"
        for name in names
        for each in complaints(
            description(name),
            seen,
            of_request=name not in _ANSWERS_ONLY,
            of_answer=name not in _REQUESTS_ONLY,
        )
    ]


def exchange(request: Request, target: str) -> Exchange:
    """Give a recorded request and its answer, under the path and query that the vendor knows."""
    path, _, query = target.partition("?")
    headers = {name.lower(): value for name, value in request.answer_headers}
    return Exchange(
        request.method,
        path,
        query,
        request.body,
        request.status or 0,
        headers.get("content-type", ""),
        request.answer_body,
    )


def distinct(requests: Iterable[Request]) -> list[Request]:
    """Give the requests that were answered by the provider itself, each question and answer once."""
    found = {(one.method, one.path, one.status, one.answer_body): one for one in requests if not one.fault}
    return list(found.values())
