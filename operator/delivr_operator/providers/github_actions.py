"""GITHUB_ACTIONS: the workflows that build, in GITHUB's repository or in one of their own."""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from pydantic import Field

from delivr_operator.outcome import IntegrationType, Outcome, Rejected, Rejection, Verified
from delivr_operator.providers import repository
from delivr_operator.providers.answer import doubtful
from delivr_operator.providers.build import Build
from delivr_operator.providers.exchange import Body, Exchange, Response, read
from delivr_operator.providers.provider import Provider


class Workflow(Build):
    """One workflow and what it builds."""

    workflow_path: Annotated[str, Field(pattern=r"^\.github/workflows/[^/\x00-\x1f]{1,200}\.ya?ml$")]

    @property
    def file(self) -> str:
        """The file's name, which the API takes for an id."""
        return self.workflow_path.rpartition("/")[2]


class GitHubActionsConfig(repository.RepositoryConfig):
    """Which workflows, and of which repository."""

    workflows: Annotated[tuple[Workflow, ...], Field(min_length=1, max_length=50)]


class _State(Body):
    state: str


_INACTIVE = {
    "deleted": "is deleted",
    "disabled_fork": "is disabled because the repository is a fork",
    "disabled_inactivity": "was disabled by GitHub because the repository was inactive",
    "disabled_manually": "was disabled by a person",
}


def judge_workflow(response: Response) -> Outcome:
    """Judge the answer about one workflow after its repository was proved."""
    found = read(response, _State) if response.status == HTTPStatus.OK else None
    if found is None:
        return repository.judge_target(response)
    if found.state == "active":
        return Verified()
    if found.state in _INACTIVE:
        return Rejected(
            Rejection.TARGET_DISABLED, detail=_INACTIVE[found.state], http_status=200, code=found.state
        )
    return doubtful(response)


async def _probe(exchange: Exchange, config: GitHubActionsConfig, secrets: repository.AccessToken) -> Outcome:
    outcome = await repository.prove(exchange, config, secrets)
    if not isinstance(outcome, Verified):
        return outcome
    home = f"{config.path}/actions/workflows/"
    for workflow in config.workflows:
        path = home + quote(workflow.file, safe="")
        answer = await repository.ask(exchange, config, path, secrets.access_token)
        verdict = judge_workflow(answer)
        if isinstance(verdict, Rejected):
            why = verdict.detail or "is absent, or hidden from this token"
            return replace(verdict, detail=f"Workflow {workflow.workflow_path} {why}.")
        if not isinstance(verdict, Verified):
            return verdict
    return outcome


GITHUB_ACTIONS = Provider(
    type=IntegrationType.GITHUB_ACTIONS,
    member="githubActions",
    config=GitHubActionsConfig,
    secrets=repository.AccessToken,
    sealed=frozenset({"accessToken"}),
    permissions=repository.PERMISSIONS,
    hosts=repository.hosts,
    probe=_probe,
    judge=judge_workflow,
    tenant_chosen_host=repository.chosen_host,
    inherits=IntegrationType.GITHUB,
)
