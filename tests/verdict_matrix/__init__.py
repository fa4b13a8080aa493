"""The verdict matrix: every class of answer of every type, and the one verdict that follows from it.

This one table is what tests/integration/test_verdict_matrix.py runs, each row for real at the simulator, and
what docs/reference/verdicts.md shows. To add a type:

1. write `scene` for it in tests/integration/scenes.py, and a sample in tests/unit/providers/samples.py;
2. add a module here, as slack.py is one: its own rows, then `*in_the_cluster(...)` and `*on_the_wire(...)`,
   which all types share, and the classes of answers that it cannot give (a test tells which are left);
3. add its Matrix to MATRICES below; another form of it (a server of the tenant's own, another kind of token)
   is one more Matrix with a Form, which has rows for what differs;
4. run `.venv/bin/python -m tests.verdict_matrix`, which writes the page anew.

A row names what happens at the simulator (`causes`, after the credential was proved there) and the `course`:
the verdict for an integration that was never proved, for one that was VALID, and after a second such answer.
A row that differs from what the operator does is a finding: look into providers and plan before the table.
"""

from tests.verdict_matrix.app_store_connect import APP_STORE_CONNECT
from tests.verdict_matrix.bitbucket import ACCESS_TOKEN, BITBUCKET
from tests.verdict_matrix.bitbucket import DATA_CENTER as BITBUCKET_DATA_CENTER
from tests.verdict_matrix.code_signing import CODE_SIGNING
from tests.verdict_matrix.firebase import FIREBASE
from tests.verdict_matrix.github import ACTIONS_SERVER, GITHUB, GITHUB_ACTIONS, SERVER
from tests.verdict_matrix.gitlab import GITLAB, OWN_GITLAB
from tests.verdict_matrix.jenkins import JENKINS
from tests.verdict_matrix.jira import DATA_CENTER as JIRA_DATA_CENTER
from tests.verdict_matrix.jira import JIRA, SCOPED
from tests.verdict_matrix.linear import LINEAR
from tests.verdict_matrix.play_store import PLAY_STORE
from tests.verdict_matrix.row import Matrix
from tests.verdict_matrix.slack import SLACK
from tests.verdict_matrix.teams import TEAMS
from tests.verdict_matrix.test_rail import TEST_RAIL

MATRICES: tuple[Matrix, ...] = (
    *(GITHUB, SERVER),
    *(GITLAB, OWN_GITLAB),
    *(BITBUCKET, ACCESS_TOKEN, BITBUCKET_DATA_CENTER),
    APP_STORE_CONNECT,
    PLAY_STORE,
    CODE_SIGNING,
    JENKINS,
    *(GITHUB_ACTIONS, ACTIONS_SERVER),
    SLACK,
    TEAMS,
    *(JIRA, SCOPED, JIRA_DATA_CENTER),
    LINEAR,
    FIREBASE,
    TEST_RAIL,
)
"""In the order in which people read them; another form of a type comes after the type's own."""
