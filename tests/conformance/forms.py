"""Every form of every type, as scenes at the simulator, with all that may be wrong with them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from delivr_operator.outcome import IntegrationType as T
from dev.simulator.client import Simulator
from dev.simulator.state import CredentialState
from tests.integration.scenes import Scene, scene

Form: TypeAlias = Callable[..., Scene]
STATES = tuple(state.value for state in CredentialState)
TARGETS: Mapping[T, tuple[str, str, str]] = MappingProxyType(
    {
        T.GITHUB: ("GITHUB", "repository", "{organization}/{repoName}"),
        T.GITHUB_ACTIONS: ("GITHUB", "repository", "{organization}/{repoName}"),
        T.GITLAB: ("GITLAB", "project", "{projectId}"),
        T.BITBUCKET: ("BITBUCKET", "repository", "{workspace}/{repoSlug}"),
        T.APP_STORE_CONNECT: ("APP_STORE_CONNECT", "app", "{bundleId}"),
        T.PLAY_STORE: ("PLAY_STORE", "package", "{packageName}"),
        T.JENKINS: ("JENKINS", "job", "{pipelines[0][jobPath]}"),
        T.JIRA: ("JIRA", "project", "{projectKey}"),
        T.FIREBASE: ("FIREBASE", "project", "{projectId}"),
        T.TEST_RAIL: ("TEST_RAIL", "project", "{projectId}"),
        T.TEAMS: ("TEAMS", "team", "{teamId}"),
    }
)


def _plain(which: T, **always: Any) -> Form:
    return lambda sim, **fields: scene(sim, which, **always, **fields)


def _github_enterprise(sim: Simulator, **fields: Any) -> Scene:
    given = scene(sim, T.GITHUB_ACTIONS, **fields)
    url = sim.settings["GITHUB_API_URL"] + "/api/v3"
    return Scene(given.type, given.issued, given.written | {"apiUrl": url})


def _jira(kind: str) -> Form:
    def made(sim: Simulator, **fields: Any) -> Scene:
        given = scene(sim, T.JIRA, kind=kind, **fields)
        below = {"data_center": "/jira", "scoped": f"/ex/jira/{given.issued.fields['cloud_id']}"}
        url = sim.settings["JIRA_URL"] + below.get(kind, "")
        return Scene(T.JIRA, given.issued, given.written | {"url": url})

    return made


def _bitbucket_data_center(sim: Simulator, **fields: Any) -> Scene:
    given = scene(sim, T.BITBUCKET, kind="data_center", **fields)
    url = sim.settings["BITBUCKET_API_URL"].removesuffix("/2.0") + "/bitbucket"
    return Scene(T.BITBUCKET, given.issued, given.written | {"url": url})


def _jenkins_with_blue_ocean(sim: Simulator, **fields: Any) -> Scene:
    given = scene(sim, T.JENKINS, **fields)
    sim.target("JENKINS", "job", given.written["pipelines"][0]["jobPath"], blue_ocean=True)
    return given


def _linear_project(sim: Simulator, **fields: Any) -> Scene:
    given = scene(sim, T.LINEAR, **fields)
    number = given.issued.id if len(given.issued.id) == 36 else "9cfb482a-81e3-4154-b5b9-2c805e70a02d"
    sim.target("LINEAR", "project", number, workspace=given.issued.fields["workspace"], teams=["MOB"])
    return Scene(T.LINEAR, given.issued, given.written | {"projectId": number})


def _slack_by_id(sim: Simulator, **fields: Any) -> Scene:
    given = scene(sim, T.SLACK, **fields)
    made = sim.target("SLACK", "channel", "by-id", workspace=given.issued.fields["workspace"])
    return Scene(T.SLACK, given.issued, given.written | {"channels": ["releases", made["number"]]})


def _teams_by_id(sim: Simulator, **fields: Any) -> Scene:
    given = scene(sim, T.TEAMS, **fields)
    number = f"19:{'4a' * 16}@thread.tacv2"
    sim.target("TEAMS", "channel", "by id", team=given.written["teamId"], number=number)
    return Scene(T.TEAMS, given.issued, given.written | {"channels": ["Releases", number]})


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "github classic": _plain(T.GITHUB_ACTIONS),
        "github fine-grained": _plain(T.GITHUB_ACTIONS, kind="fine_grained"),
        "github enterprise": _github_enterprise,
        "gitlab": _plain(T.GITLAB),
        "gitlab before 15.5": _plain(T.GITLAB, knows_itself=False),
        "bitbucket api token": _plain(T.BITBUCKET),
        "bitbucket access token": _plain(T.BITBUCKET, kind="access"),
        "bitbucket data center": _bitbucket_data_center,
        "app store connect team key": _plain(T.APP_STORE_CONNECT),
        "play store": _plain(T.PLAY_STORE),
        "firebase": _plain(T.FIREBASE),
        "jenkins": _plain(T.JENKINS),
        "jenkins with blue ocean": _jenkins_with_blue_ocean,
        "slack": _slack_by_id,
        "teams": _teams_by_id,
        "jira cloud": _jira("cloud"),
        "jira scoped": _jira("scoped"),
        "jira data center": _jira("data_center"),
        "linear": _linear_project,
        "testrail": _plain(T.TEST_RAIL),
        "testrail before 7.0": _plain(T.TEST_RAIL, old_server=True),
    }
)


def performances(sim: Simulator, form: Form) -> list[tuple[str, Scene]]:
    """Give the form in which all is well, then with every state of its credential, then of its target."""
    given = [(state, form(sim, state=state)) for state in STATES]
    for state in ("ABSENT", "ARCHIVED", "DISABLED"):
        one = form(sim)
        if one.type in TARGETS:
            provider, kind, name = TARGETS[one.type]
            sim.target(provider, kind, name.format(**one.written), state=state)
            given.append((f"target {state}", one))
    return given
