"""The JSON that GitHub answers with: every field that its published schema requires, and little more."""

from dev.simulator.exchange import Json
from dev.simulator.github_state import ROLES, GitHubCredential, Repository, Role, Workflow
from dev.simulator.state import TargetState

WEB = "https://github.com"
MADE = "2024-01-26T19:01:12Z"
CHANGED = "2026-01-26T19:14:43Z"
REPOSITORY_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
ACCOUNT_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}


def account(origin: str, login: str, number: int, kind: str) -> dict[str, Json]:
    """Give the short form of a user or organization."""
    url = f"{origin}/users/{login}"
    return {
        "login": login,
        "id": number,
        "node_id": f"U_{number}",
        "gravatar_id": "",
        "url": url,
        "avatar_url": f"https://avatars.githubusercontent.com/u/{number}?v=4",
        "html_url": f"{WEB}/{login}",
        **{name: url + rest for name, rest in ACCOUNT_LINKS.items()},
        "type": kind,
        "site_admin": False,
        "user_view_type": "public",
    }


def user(origin: str, login: str, number: int) -> dict[str, Json]:
    """Give the account that a token belongs to."""
    return account(origin, login, number, "User") | {
        "name": login,
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": MADE,
        "updated_at": CHANGED,
    }


def repository(origin: str, found: Repository, role: Role | None, signed_in: bool) -> dict[str, Json]:
    """Give a repository; `permissions` is there only for a caller who is signed in."""
    owner, _, name = found.name.partition("/")
    url = f"{origin}/repos/{found.name}"
    body: dict[str, Json] = {
        "id": found.number,
        "node_id": f"R_{found.number}",
        "name": name,
        "full_name": found.name,
        "private": found.private,
        "owner": account(origin, owner, found.number % 100_000, "Organization"),
        "html_url": f"{WEB}/{found.name}",
        "description": None,
        "fork": False,
        "url": url,
        **{link: url + rest for link, rest in REPOSITORY_LINKS.items()},
        "git_url": f"git://github.com/{found.name}.git",
        "ssh_url": f"git@github.com:{found.name}.git",
        "clone_url": f"{WEB}/{found.name}.git",
        "svn_url": f"{WEB}/{found.name}",
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        "forks_count": 0,
        "forks": 0,
        "size": 108,
        "stargazers_count": 0,
        "watchers_count": 0,
        "watchers": 0,
        "open_issues_count": 0,
        "open_issues": 0,
        "network_count": 0,
        "subscribers_count": 1,
        "default_branch": found.default_branch,
        "topics": [],
        "is_template": False,
        "has_issues": True,
        "has_projects": True,
        "has_wiki": True,
        "has_pages": False,
        "has_discussions": False,
        "archived": found.state is TargetState.ARCHIVED,
        "disabled": found.state is TargetState.DISABLED,
        "visibility": "private" if found.private else "public",
        "created_at": MADE,
        "updated_at": CHANGED,
        "pushed_at": CHANGED,
    }
    if signed_in:
        held = ROLES[: ROLES.index(role) + 1] if role else ()
        body["permissions"] = {
            "admin": "admin" in held,
            "maintain": "maintain" in held,
            "push": "write" in held,
            "triage": "triage" in held,
            "pull": "read" in held or not found.private,
        }
    return body


def workflow(origin: str, found: Repository, flow: Workflow) -> dict[str, Json]:
    """Give a workflow of a repository."""
    return {
        "id": flow.number,
        "node_id": f"W_{flow.number}",
        "name": flow.file.partition(".")[0],
        "path": flow.name,
        "state": flow.shown_state,
        "created_at": MADE,
        "updated_at": CHANGED,
        "url": f"{origin}/repos/{found.name}/actions/workflows/{flow.number}",
        "html_url": f"{WEB}/{found.name}/blob/{found.default_branch}/{flow.name}",
        "badge_url": f"{WEB}/{found.name}/workflows/{flow.file}/badge.svg",
    }


def app(origin: str, credential: GitHubCredential) -> dict[str, Json]:
    """Give the App that a JWT was signed by."""
    return {
        "id": credential.number,
        "slug": credential.login,
        "client_id": f"Iv23{credential.number}",
        "node_id": f"A_{credential.number}",
        "owner": account(origin, credential.login, 1, "Organization"),
        "name": credential.login,
        "description": "",
        "external_url": WEB,
        "html_url": f"{WEB}/apps/{credential.login}",
        "created_at": MADE,
        "updated_at": CHANGED,
        "permissions": credential.permissions(),
        "events": [],
        "installations_count": 1,
    }


def installation(origin: str, credential: GitHubCredential, found: Repository) -> dict[str, Json]:
    """Give the App's installation on the owner of a repository."""
    owner = found.name.partition("/")[0]
    since = credential.suspended_at
    return {
        "id": credential.number,
        "account": account(origin, owner, found.number % 100_000, "Organization"),
        "repository_selection": "selected",
        "app_id": credential.number,
        "app_slug": credential.login,
        "access_tokens_url": f"{origin}/app/installations/{credential.number}/access_tokens",
        "repositories_url": f"{origin}/installation/repositories",
        "html_url": f"{WEB}/organizations/{owner}/settings/installations/{credential.number}",
        "target_id": found.number % 100_000,
        "target_type": "Organization",
        "permissions": credential.permissions(),
        "events": [],
        "created_at": MADE,
        "updated_at": CHANGED,
        "single_file_name": None,
        "suspended_by": None if since is None else account(origin, owner, 1, "User"),
        "suspended_at": None if since is None else since.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
