"""A Jenkins controller under a context path: users with API tokens, folders and jobs, the `tree` filter."""

import base64
import binascii
import html
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar
from urllib.parse import quote

from dev.simulator.exchange import Answer, Ask, Json, html_answer, json_answer
from dev.simulator.provider import Provider, bearer
from dev.simulator.state import Credential, CredentialState, Target, TargetState

CONTEXT = "/ci"
REFUSED = (CredentialState.WRONG, CredentialState.EXPIRED, CredentialState.REVOKED, CredentialState.DISABLED)
OVERALL_READ = "hudson.model.Hudson.Read"
API = ["api", "json"]
TREE_TOKEN = re.compile(r"[^,\[\]]+|[,\[\]]")
FOLDER = "com.cloudbees.hudson.plugins.folder.Folder"


@dataclass(kw_only=True)
class ApiToken(Credential):
    """A user's API token."""

    username: str = field(default_factory=lambda: f"user-{secrets.token_hex(4)}")
    token: str = field(default_factory=lambda: "11" + secrets.token_hex(16))

    @property
    def lookup(self) -> str:
        """User and token, as Basic authentication joins them."""
        return f"{self.username}:{self.token}"

    @property
    def secret(self) -> dict[str, str]:
        """The fields of the Secret."""
        return {"username": self.username, "apiToken": self.token}


@dataclass(kw_only=True)
class Job(Target):
    """A job, named by its path through folders; the folders come with it."""

    parameters: tuple[str, ...] = ("BRANCH",)
    blue_ocean: bool | None = None


class Jenkins(Provider):
    """One controller, read through /api/json."""

    name = "JENKINS"
    setting = "JENKINS_URL"
    path = CONTEXT
    credential_type = ApiToken
    target_types: ClassVar[Mapping[str, type[Target]]] = MappingProxyType({"job": Job})

    def presented(self, ask: Ask) -> str | None:
        """Give user and token as sent; Jenkins takes them without having asked."""
        value = bearer(ask, "basic")
        if value is None:
            return None
        try:
            return base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            return value

    def answer(self, ask: Ask) -> Answer:
        """Answer like a controller: HTML for people, JSON under /api/json."""
        return self._answer(ask).with_headers(
            {
                "X-Jenkins": "2.528.2",
                "X-Hudson": "1.395",
                "X-Jenkins-Session": "5a1d0f3c",
                "Server": "Jetty(12.0.25)",
                "X-Content-Type-Options": "nosniff",
            }
        )

    def _answer(self, ask: Ask) -> Answer:
        parts = ask.segments()
        if parts[:1] != [CONTEXT.strip("/")]:
            return _page(404, "Not Found")
        lookup = self.presented(ask)
        found = self.find(lookup)
        token = found if isinstance(found, ApiToken) else None
        if lookup is not None and (token is None or token.standing(ask.now) in REFUSED):
            user = lookup.partition(":")[0]
            return _page(401, f"Invalid password/token for user: {html.escape(user)}").with_headers(
                {"WWW-Authenticate": 'Basic realm="Jenkins"'}
            )
        if parts[1:] == ["whoAmI", *API]:
            return json_answer(200, _who(token))
        if parts[1:2] == ["login"]:
            return html_answer(
                200, "<!DOCTYPE html><html><head><title>Sign in - Jenkins</title></head></html>"
            )
        if token is None:
            return _login_page(ask)
        return self._refused(ask, token) or self._route(ask, token, parts[1:])

    def _refused(self, ask: Ask, token: ApiToken) -> Answer | None:
        standing = token.standing(ask.now)
        if standing is CredentialState.RATE_LIMITED:
            return _page(429, "Too Many Requests").with_headers(token.rate_limit.retry_after(ask.now))
        if standing is CredentialState.SSO_REQUIRED:
            where = f"{ask.origin}{CONTEXT}/securityRealm/commenceLogin?from={quote(ask.path, safe='')}"
            return html_answer(302, "", {"Location": where})
        if standing in (CredentialState.INSUFFICIENT_PERMISSION, CredentialState.LOGIN_BLOCKED):
            return _forbidden(token, OVERALL_READ)
        return None

    def _route(self, ask: Ask, token: ApiToken, parts: list[str]) -> Answer:
        if ask.method not in ("GET", "HEAD"):
            return _page(405, "The simulator takes no writes")
        if parts == ["me", *API]:
            return _shown(ask, _user(ask, token))
        if parts == API:
            return _shown(ask, self._controller(ask, token))
        if parts[:2] == ["blue", "rest"]:
            return self._blue_ocean(token, parts)
        if parts[-2:] == API and (name := _job_name(parts[:-2])):
            return self._job(ask, token, name)
        return _page(404, "Not Found")

    def _controller(self, ask: Ask, token: ApiToken) -> dict[str, Json]:
        quiet = token.standing(ask.now) is CredentialState.MAINTENANCE
        tops = dict.fromkeys(job.name.partition("/")[0] for job in self._jobs(token))
        return {
            "_class": "hudson.model.Hudson",
            "mode": "NORMAL",
            "nodeDescription": "the Jenkins controller's node",
            "nodeName": "",
            "numExecutors": 2,
            "description": None,
            "quietingDown": quiet,
            "slaveAgentPort": -1,
            "url": f"{ask.origin}{CONTEXT}/",
            "useCrumbs": True,
            "useSecurity": True,
            "views": [],
            "jobs": [{"_class": FOLDER, "name": name} for name in tops],
        }

    def _jobs(self, token: ApiToken) -> Iterator[Job]:
        return (job for job in self.world.targets(self.name, Job) if job.seen_by(token.id))

    def _job(self, ask: Ask, token: ApiToken, name: str) -> Answer:
        job = self.world.target(self.name, Job, name)
        if job is not None and job.seen_by(token.id):
            return _shown(ask, _job_body(ask, job))
        if any(other.name.startswith(name + "/") for other in self._jobs(token)):
            leaf = name.rpartition("/")[2]
            return _shown(ask, {"_class": FOLDER, "name": leaf, "fullName": name, "url": _job_url(ask, name)})
        return _page(404, "Not Found")

    def _blue_ocean(self, token: ApiToken, parts: list[str]) -> Answer:
        name = "/".join(parts[5::2]) if parts[2:4] == ["organizations", "jenkins"] else ""
        job = self.world.target(self.name, Job, name)
        if job is None or job.blue_ocean is None or not job.seen_by(token.id):
            return _page(404, "Not Found")
        rights = {
            "create": False,
            "configure": False,
            "read": True,
            "start": job.blue_ocean,
            "stop": job.blue_ocean,
        }
        body = {
            "_class": "io.jenkins.blueocean.rest.impl.pipeline.PipelineImpl",
            "fullName": name,
            "organization": "jenkins",
            "permissions": rights,
        }
        return json_answer(200, body)


def _job_name(parts: list[str]) -> str | None:
    """Give the path of `/job/a/job/b`, none if it is something else."""
    if len(parts) % 2 or not all(parts) or any(part != "job" for part in parts[::2]):
        return None
    return "/".join(parts[1::2])


def _job_url(ask: Ask, name: str) -> str:
    return f"{ask.origin}{CONTEXT}/" + "".join(f"job/{quote(part, safe='')}/" for part in name.split("/"))


def _job_body(ask: Ask, job: Job) -> dict[str, Json]:
    usable = job.state is TargetState.PRESENT
    definitions = [
        {
            "_class": "hudson.model.StringParameterDefinition",
            "name": name,
            "type": "StringParameterDefinition",
        }
        for name in job.parameters
    ]
    holder = {"_class": "hudson.model.ParametersDefinitionProperty", "parameterDefinitions": definitions}
    leaf = job.name.rpartition("/")[2]
    return {
        "_class": "org.jenkinsci.plugins.workflow.job.WorkflowJob",
        "name": leaf,
        "displayName": leaf,
        "fullName": job.name,
        "fullDisplayName": job.name.replace("/", " » "),
        "url": _job_url(ask, job.name),
        "buildable": usable,
        "disabled": not usable,
        "color": "blue" if usable else "disabled",
        "inQueue": False,
        "keepDependencies": False,
        "nextBuildNumber": 7,
        "property": [holder] if job.parameters else [],
        "builds": [],
    }


def _user(ask: Ask, token: ApiToken) -> dict[str, Json]:
    return {
        "_class": "hudson.model.User",
        "absoluteUrl": f"{ask.origin}{CONTEXT}/user/{token.username}",
        "description": None,
        "fullName": token.username,
        "id": token.username,
        "property": [],
    }


def _who(token: ApiToken | None) -> dict[str, Json]:
    name = token.username if token else "anonymous"
    return {
        "_class": "hudson.security.WhoAmI",
        "anonymous": token is None,
        "authenticated": True,
        "name": name,
        "authorities": ["authenticated"] if token else ["anonymous"],
    }


def _shown(ask: Ask, body: dict[str, Json]) -> Answer:
    """Answer with what `tree` asks for; `_class` always comes along, as in Jenkins."""
    tree = ask.parameters().get("tree")
    return json_answer(200, body if tree is None else _pruned(body, _tree(iter(TREE_TOKEN.findall(tree)))))


def _tree(tokens: Iterator[str]) -> dict[str, Json]:
    fields: dict[str, Json] = {}
    last = ""
    for token in tokens:
        if token == "[":
            fields[last] = _tree(tokens)
        elif token == "]":
            break
        elif token != ",":
            last = token
            fields[last] = {}
    return fields


def _pruned(value: Json, tree: dict[str, Json]) -> Json:
    if isinstance(value, list):
        return [_pruned(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _pruned(item, tree[name]) if name in tree else item
        for name, item in value.items()
        if name in tree or name == "_class"
    }


def _page(status: int, reason: str) -> Answer:
    return html_answer(
        status,
        f"<html><head><title>Error {status} {reason}</title></head><body><h2>HTTP ERROR {status} {reason}</h2>"
        "<hr/><i>Powered by Jetty</i></body></html>",
    )


def _forbidden(token: ApiToken, permission: str) -> Answer:
    headers = {
        "X-You-Are-Authenticated-As": token.username,
        "X-Required-Permission": permission,
        "X-Permission-Implied-By": "hudson.security.Permission.GenericRead",
    }
    page = _page(403, f"{html.escape(token.username)} is missing the Overall/Read permission")
    return page.with_headers(headers)


def _login_page(ask: Ask) -> Answer:
    """Answer an anonymous caller: forbidden, with a page that sends a browser to the login form."""
    where = f"{CONTEXT}/login?from={quote(ask.path, safe='')}"
    headers = {
        "X-You-Are-Authenticated-As": "anonymous",
        "X-Required-Permission": OVERALL_READ,
        "X-Permission-Implied-By": "hudson.security.Permission.GenericRead",
    }
    return html_answer(
        403,
        f"<html><head><meta http-equiv='refresh' content='1;url={where}'/><script id='redirect'"
        f" data-redirect-url='{where}'></script></head><body>Authentication required</body></html>",
        headers,
    )
