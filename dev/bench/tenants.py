"""A tenant of the benchmarks: its own credentials at the simulator, and what it declares with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from dev.simulator.client import Issued, Simulator

OWNER = "owner@example.test"
WORKFLOW = ".github/workflows/ios-build.yml"
_TYPES = {
    "github": "GITHUB",
    "githubActions": "GITHUB_ACTIONS",
    "appStoreConnect": "APP_STORE_CONNECT",
    "playStore": "PLAY_STORE",
    "jenkins": "JENKINS",
    "slack": "SLACK",
}
Secrets = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Tenant:
    """One tenant in the namespace of its name."""

    namespace: str
    id: str
    members: Mapping[str, Mapping[str, Any]]
    secrets: Secrets
    labels: Mapping[str, str]
    """By integration type, what the simulator calls its credential in its record."""
    interval: str = "24h"

    @property
    def spec(self) -> dict[str, Any]:
        """What its ReleaseSetup says."""
        targets = {"targets": ["APP_STORE", "PLAY_STORE"], "platforms": ["IOS", "ANDROID"]}
        more = targets if "appStoreConnect" in self.members else {}
        return {"tenantId": self.id, "owner": OWNER, "interval": self.interval, **more, **self.members}

    def moved(self, namespace: str, identity: str) -> Tenant:
        """Return a tenant that declares the same, with the same credentials."""
        return Tenant(namespace, identity, self.members, self.secrets, self.labels)


def with_github(simulator: Simulator, namespace: str, identity: str) -> Tenant:
    """Return a tenant with one integration."""
    issued, repository = _repository(simulator, identity)
    member = {**repository, "secretRef": {"name": "github"}}
    return Tenant(
        namespace, identity, {"github": member}, {"github": issued.secret}, {"GITHUB": issued.label}
    )


def with_six(simulator: Simulator, namespace: str, identity: str) -> Tenant:
    """Return a tenant with the plan's six integrations, each with a credential of its own."""
    github, repository = _repository(simulator, identity)
    actions, workflows = _workflows(simulator, f"{identity}-ci")
    apple, bundle = _app(simulator, "APP_STORE_CONNECT", "app", identity)
    play, package = _app(simulator, "PLAY_STORE", "package", identity)
    jenkins, slack = simulator.issue("JENKINS"), simulator.issue("SLACK")
    simulator.target("JENKINS", "job", f"folder-{identity}/job")
    simulator.target("SLACK", "channel", "releases", workspace=slack.fields["workspace"])
    pipeline = {"name": "p", "jobPath": f"folder-{identity}/job", "platform": "WEB"}
    found: dict[str, tuple[Issued, dict[str, Any]]] = {
        "github": (github, repository),
        "githubActions": (actions, workflows),
        "appStoreConnect": (apple, {"bundleId": bundle}),
        "playStore": (play, {"packageName": package}),
        "jenkins": (jenkins, {"url": simulator.settings["JENKINS_URL"], "pipelines": [pipeline]}),
        "slack": (slack, {"channels": ["releases"]}),
    }
    members = {name: {**member, "secretRef": {"name": name.lower()}} for name, (_, member) in found.items()}
    secrets = {
        name.lower(): {key: value for key, value in issued.secret.items() if key != "serviceAccountKey"}
        for name, (issued, _) in found.items()
    }
    labels = {_TYPES[name]: issued.label for name, (issued, _) in found.items()}
    return Tenant(namespace, identity, members, secrets, labels)


def _repository(simulator: Simulator, identity: str) -> tuple[Issued, dict[str, Any]]:
    issued = simulator.issue("GITHUB", quota=10_000_000)
    simulator.target("GITHUB", "repository", f"org-{identity}/mobile-app", visible_to=[issued.id])
    return issued, {"organization": f"org-{identity}", "repoName": "mobile-app"}


def _workflows(simulator: Simulator, identity: str) -> tuple[Issued, dict[str, Any]]:
    issued, repository = _repository(simulator, identity)
    simulator.target("GITHUB", "workflow", WORKFLOW, repository=f"org-{identity}/mobile-app")
    workflow = {"name": "iOS", "workflowPath": WORKFLOW, "platform": "IOS", "target": "APP_STORE"}
    return issued, {**repository, "workflows": [workflow]}


def _app(simulator: Simulator, provider: str, kind: str, identity: str) -> tuple[Issued, str]:
    name = f"com.bench.{identity}"
    simulator.target(provider, kind, name)
    fields = {"private_key": "shared"} if provider == "PLAY_STORE" else {}
    return simulator.issue(provider, **fields), name


def exchanges(simulator: Simulator, tenant: Tenant) -> dict[str, list[list[Any]]]:
    """Return what was sent with a tenant's credential of each type, ready to be sent again."""
    return {
        kind: [_again(one) for one in simulator.requests(credential=label)]
        for kind, label in tenant.labels.items()
    }


def _again(request: Any) -> list[Any]:
    headers = {name: value for name, value in request.headers if name.lower() not in _OF_THE_SESSION}
    host = next(value for name, value in request.headers if name.lower() == "host")
    return [request.method, f"https://{urlsplit('//' + host).netloc}{request.path}", headers, request.body]


_OF_THE_SESSION = {"host", "content-length", "connection"}
