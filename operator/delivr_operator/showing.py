"""PURE: how each integration reads in the per-category tables, in the words of today's Delivr."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from delivr_operator.outcome import IntegrationType
from delivr_operator.projection import Category, Projected, SealedObject
from delivr_operator.resource import Target
from delivr_operator.rows import Config, DesiredRows
from delivr_operator.shown import Shown
from delivr_operator.store_rows import show_app_store, show_firebase, show_play_store

GITHUB_HOME, BITBUCKET_HOME = "https://github.com", "https://bitbucket.org"
_WORKFLOWS = {Target.APP_STORE: "TEST_FLIGHT_BUILD", Target.PLAY_STORE: "AAB_BUILD"}


def project(desired: DesiredRows, stored: Mapping[IntegrationType, Config]) -> Iterator[Projected]:
    """Yield every row of the categories, parents first.

    Args:
        desired: the tenant's rows as they should read.
        stored: configs that stand in `tenant_integrations`, for what is said there in clear of an integration
            whose credential cannot be read now.
    """
    configs = {row.type: row.config or stored.get(row.type, {}) for row in desired.integrations}
    for row in desired.integrations:
        if (show := _SHOWN.get(row.type)) is not None and configs[row.type]:
            yield from show(Shown(row, configs[row.type], configs))


def _repository(shown: Shown) -> tuple[str, str, str]:
    kind = shown.row.type
    if kind is IntegrationType.GITLAB:
        home, path = shown.text("apiUrl").removesuffix("/api/v4"), shown.text("projectId")
        owner, _, repo = path.rpartition("/")
        return home, owner, repo
    if kind is IntegrationType.BITBUCKET:
        return shown.text("url", BITBUCKET_HOME), shown.text("workspace"), shown.text("repoSlug")
    home = _github_home(shown.text("apiUrl"))
    return home, shown.text("organization"), shown.text("repoName")


def _github_home(api_url: str) -> str:
    parts = urlsplit(api_url)
    return f"https://{parts.netloc}" if parts.netloc and parts.hostname != "api.github.com" else GITHUB_HOME


def _scm(shown: Shown) -> Iterator[Projected]:
    home, owner, repo = _repository(shown)
    token = "accessToken" if shown.row.type is IntegrationType.GITHUB else "token"
    named = {"scmType": shown.row.type.value, "owner": owner, "repo": repo}
    url = "/".join(part for part in (home, owner, repo) if part)
    yield Projected(
        table=Category.SCM,
        type=shown.row.type,
        slot=shown.row.type,
        identities=({**named, "repositoryUrl": url},),
        columns={**named, "repositoryUrl": url, "isActive": shown.row.enabled, **shown.verified},
        credentials=shown.secrets(accessToken=token),
        initial={"displayName": repo, **shown.made_by},
        whole=shown.whole,
    )


def _jenkins(shown: Shown) -> Iterator[Projected]:
    url = shown.text("url")
    login = {"hostUrl": url, "authType": "BASIC", "username": shown.text("username")}
    yield _ci_cd(shown, "Jenkins", login, shown.secrets(apiToken="apiToken"))
    for one in shown.build("pipelines"):
        path = "".join(f"/job/{quote(part)}" for part in str(one["jobPath"]).split("/"))
        yield _workflow(shown, one, f"{url}{path}", {"jobPath": one["jobPath"]})


def _github_actions(shown: Shown) -> Iterator[Projected]:
    """Show workflows with GITHUB's repository and token where they have none of their own."""
    github = shown.configs.get(IntegrationType.GITHUB, {})
    own = Shown(shown.row, {**github, **shown.config}, shown.configs)
    home, owner, repo = _repository(own)
    token = own.config.get("accessToken")
    login = {"hostUrl": home, "authType": "BEARER", "username": None}
    yield _ci_cd(shown, "GitHub Actions", login, {"apiToken": token} if isinstance(token, SecretStr) else {})
    for one in shown.build("workflows"):
        file = str(one["workflowPath"]).rpartition("/")[2]
        url = f"{home}/{owner}/{repo}/actions/workflows/{quote(file)}"
        yield _workflow(shown, one, url, {"workflowPath": one["workflowPath"]})


def _ci_cd(shown: Shown, title: str, login: Mapping[str, Any], credentials: Mapping[str, Any]) -> Projected:
    kind = {"providerType": shown.row.type.value}
    return Projected(
        table=Category.CI_CD,
        type=shown.row.type,
        slot=shown.row.type,
        identities=(kind,),
        columns={**kind, **login, **shown.verified_if_enabled},
        credentials=credentials,
        initial={"displayName": title, "providerConfig": {}, **shown.made_by},
        whole=bool(credentials),
    )


def _workflow(shown: Shown, one: Mapping[str, Any], url: str, identifiers: Mapping[str, Any]) -> Projected:
    named = {"displayName": one["name"], "platform": one["platform"]}
    target = one.get("target")
    return Projected(
        table=Category.WORKFLOW,
        type=shown.row.type,
        slot=f"{shown.row.type}/{one['name']}/{one['platform']}",
        identities=(named,),
        columns={
            **named,
            "workflowUrl": url,
            "providerIdentifiers": identifiers,
            "providerType": shown.row.type.value,
            "workflowType": _WORKFLOWS[Target(target)] if target in set(Target) else "CUSTOM",
        },
        initial=shown.made_by,
        parent=shown.row.type,
    )


def _slack(shown: Shown) -> Iterator[Projected]:
    kind = {"communicationType": "SLACK"}
    yield Projected(
        table=Category.COMMUNICATION,
        type=shown.row.type,
        slot=shown.row.type,
        identities=(kind,),
        columns={**kind, **shown.verified_if_enabled},
        credentials=shown.secrets(slackBotToken="botToken"),
        initial=shown.made_by,
        whole=shown.whole,
    )


_TRACKERS = {
    IntegrationType.JIRA: (
        "Jira",
        {"baseUrl": "url", "email": "email", "projectKey": "projectKey"},
        "apiToken",
    ),
    IntegrationType.LINEAR: ("Linear", {"teamId": "teamId", "projectId": "projectId"}, "apiKey"),
}


def _tracker(shown: Shown) -> Iterator[Projected]:
    title, names, token = _TRACKERS[shown.row.type]
    members = {name: shown.text(source) for name, source in names.items() if source in shown.config}
    kind = {"providerType": shown.row.type.value}
    name = f"{title} (ReleaseSetup)"
    same = {f"config.{key}": value for key, value in members.items() if key != "email"}
    yield Projected(
        table=Category.PROJECT,
        type=shown.row.type,
        slot=shown.row.type,
        identities=({**kind, **same}, {"name": name}),
        columns={**kind, "isEnabled": shown.row.enabled, **shown.verified},
        credentials=_with_token(shown, members, token),
        initial={"name": name, **shown.made_by},
        whole=shown.whole,
    )


def _test_rail(shown: Shown) -> Iterator[Projected]:
    names = {"baseUrl": "url", "username": "username", "projectId": "projectId", "suiteId": "suiteId"}
    members = {name: shown.text(source) for name, source in names.items() if source in shown.config}
    kind, name = {"provider_type": "testrail"}, "TestRail (ReleaseSetup)"
    same = {f"config.{key}": members[key] for key in ("baseUrl", "projectId")}
    yield Projected(
        table=Category.TEST,
        type=shown.row.type,
        slot=shown.row.type,
        identities=({**kind, **same}, {"name": name}),
        columns=kind,
        credentials=_with_token(shown, members, "apiKey"),
        initial={"name": name, "created_by_account_id": shown.row.configured_by},
        whole=shown.whole,
    )


def _with_token(shown: Shown, members: Mapping[str, str], token: str) -> dict[str, Any]:
    sealed = shown.config.get(token)
    return {"config": SealedObject({**members, "apiToken": sealed})} if shown.whole else {}


_SHOWN: Mapping[IntegrationType, Callable[[Shown], Iterator[Projected]]] = {
    IntegrationType.GITHUB: _scm,
    IntegrationType.GITLAB: _scm,
    IntegrationType.BITBUCKET: _scm,
    IntegrationType.JENKINS: _jenkins,
    IntegrationType.GITHUB_ACTIONS: _github_actions,
    IntegrationType.SLACK: _slack,
    IntegrationType.APP_STORE_CONNECT: show_app_store,
    IntegrationType.PLAY_STORE: show_play_store,
    IntegrationType.FIREBASE: show_firebase,
    IntegrationType.JIRA: _tracker,
    IntegrationType.LINEAR: _tracker,
    IntegrationType.TEST_RAIL: _test_rail,
}
