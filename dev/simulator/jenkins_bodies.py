"""The pages and JSON that Jenkins answers with, and its `tree` filter."""

import html
import re
from collections.abc import Iterator
from urllib.parse import quote

from dev.simulator.exchange import Answer, Ask, Json, html_answer, json_answer
from dev.simulator.jenkins_state import ApiToken, Job
from dev.simulator.state import TargetState

CONTEXT = "/ci"
OVERALL_READ = "hudson.model.Hudson.Read"
TREE_WORD = re.compile(r"[^,\[\]]+|[,\[\]]")


def job_name(parts: list[str]) -> str | None:
    """Give the path of `/job/a/job/b`, none if it is something else."""
    if len(parts) % 2 or not all(parts) or any(part != "job" for part in parts[::2]):
        return None
    return "/".join(parts[1::2])


def job_url(ask: Ask, name: str) -> str:
    """Give the URL of a job or folder."""
    return f"{ask.origin}{CONTEXT}/" + "".join(f"job/{quote(part, safe='')}/" for part in name.split("/"))


def job_body(ask: Ask, job: Job) -> dict[str, Json]:
    """Give a job as the API shows it."""
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
        "url": job_url(ask, job.name),
        "buildable": usable,
        "disabled": not usable,
        "color": "blue" if usable else "disabled",
        "inQueue": False,
        "keepDependencies": False,
        "nextBuildNumber": 7,
        "property": [holder] if job.parameters else [],
        "builds": [],
    }


def user_body(ask: Ask, token: ApiToken) -> dict[str, Json]:
    """Give the user that a token belongs to."""
    return {
        "_class": "hudson.model.User",
        "absoluteUrl": f"{ask.origin}{CONTEXT}/user/{token.username}",
        "description": None,
        "fullName": token.username,
        "id": token.username,
        "property": [],
    }


def who_body(token: ApiToken | None) -> dict[str, Json]:
    """Give who the caller is, signed in or not."""
    name = token.username if token else "anonymous"
    return {
        "_class": "hudson.security.WhoAmI",
        "anonymous": token is None,
        "authenticated": True,
        "name": name,
        "authorities": ["authenticated"] if token else ["anonymous"],
    }


def shown(ask: Ask, body: dict[str, Json]) -> Answer:
    """Answer with what `tree` asks for; `_class` always comes along, as in Jenkins."""
    tree = ask.parameters().get("tree")
    return json_answer(200, body if tree is None else _pruned(body, _tree(iter(TREE_WORD.findall(tree)))))


def _tree(words: Iterator[str]) -> dict[str, Json]:
    fields: dict[str, Json] = {}
    last = ""
    for word in words:
        if word == "[":
            fields[last] = _tree(words)
        elif word == "]":
            break
        elif word != ",":
            last = word
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


def page(status: int, reason: str) -> Answer:
    """Give the servlet container's error page."""
    return html_answer(
        status,
        f"<html><head><title>Error {status} {reason}</title></head><body><h2>HTTP ERROR {status} {reason}"
        "</h2><hr/><i>Powered by Jetty</i></body></html>",
    )


def forbidden(token: ApiToken, permission: str) -> Answer:
    """Refuse a user who is known but may not."""
    headers = {
        "X-You-Are-Authenticated-As": token.username,
        "X-Required-Permission": permission,
        "X-Permission-Implied-By": "hudson.security.Permission.GenericRead",
    }
    words = f"{html.escape(token.username)} is missing the Overall/Read permission"
    return page(403, words).with_headers(headers)


def login_page(ask: Ask) -> Answer:
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
