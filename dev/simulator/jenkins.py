"""A Jenkins controller under a context path: users with API tokens, folders and jobs."""

import base64
import binascii
import html
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar
from urllib.parse import quote

from dev.simulator.exchange import Answer, Ask, Json, html_answer, json_answer
from dev.simulator.jenkins_bodies import (
    CONTEXT,
    OVERALL_READ,
    forbidden,
    job_body,
    job_name,
    job_url,
    login_page,
    page,
    shown,
    user_body,
    who_body,
)
from dev.simulator.jenkins_state import ApiToken, Job
from dev.simulator.provider import Provider, bearer
from dev.simulator.state import CredentialState, Target

REFUSED = (CredentialState.WRONG, CredentialState.EXPIRED, CredentialState.REVOKED, CredentialState.DISABLED)
API = ["api", "json"]
FOLDER = "com.cloudbees.hudson.plugins.folder.Folder"


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
            return page(404, "Not Found")
        lookup = self.presented(ask)
        found = self.find(lookup)
        token = found if isinstance(found, ApiToken) else None
        if lookup is not None and (token is None or token.standing(ask.now) in REFUSED):
            user = lookup.partition(":")[0]
            return page(401, f"Invalid password/token for user: {html.escape(user)}").with_headers(
                {"WWW-Authenticate": 'Basic realm="Jenkins"'}
            )
        if parts[1:] == ["whoAmI", *API]:
            return json_answer(200, who_body(token))
        if parts[1:2] == ["login"]:
            return html_answer(
                200, "<!DOCTYPE html><html><head><title>Sign in - Jenkins</title></head></html>"
            )
        if token is None:
            return login_page(ask)
        return self._refused(ask, token) or self._route(ask, token, parts[1:])

    def _refused(self, ask: Ask, token: ApiToken) -> Answer | None:
        standing = token.standing(ask.now)
        if standing is CredentialState.RATE_LIMITED:
            return page(429, "Too Many Requests").with_headers(token.rate_limit.retry_after(ask.now))
        if standing is CredentialState.SSO_REQUIRED:
            where = f"{ask.origin}{CONTEXT}/securityRealm/commenceLogin?from={quote(ask.path, safe='')}"
            return html_answer(302, "", {"Location": where})
        if standing in (CredentialState.INSUFFICIENT_PERMISSION, CredentialState.LOGIN_BLOCKED):
            return forbidden(token, OVERALL_READ)
        return None

    def _route(self, ask: Ask, token: ApiToken, parts: list[str]) -> Answer:
        if ask.method not in ("GET", "HEAD"):
            return page(405, "The simulator takes no writes")
        if parts == ["me", *API]:
            return shown(ask, user_body(ask, token))
        if parts == API:
            return shown(ask, self._controller(ask, token))
        if parts[:2] == ["blue", "rest"]:
            return self._blue_ocean(token, parts)
        if parts[-2:] == API and (name := job_name(parts[:-2])):
            return self._job(ask, token, name)
        return page(404, "Not Found")

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
            return shown(ask, job_body(ask, job))
        if any(other.name.startswith(name + "/") for other in self._jobs(token)):
            leaf = name.rpartition("/")[2]
            return shown(ask, {"_class": FOLDER, "name": leaf, "fullName": name, "url": job_url(ask, name)})
        return page(404, "Not Found")

    def _blue_ocean(self, token: ApiToken, parts: list[str]) -> Answer:
        name = "/".join(parts[5::2]) if parts[2:4] == ["organizations", "jenkins"] else ""
        job = self.world.target(self.name, Job, name)
        if job is None or job.blue_ocean is None or not job.seen_by(token.id):
            return page(404, "Not Found")
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
