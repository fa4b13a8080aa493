"""The verdict matrix: every class of answer of every type, and the one verdict that follows from it.

This one table is what tests/integration/test_verdict_matrix.py runs, each row for real at the simulator, and
what docs/reference/verdicts.md shows. To add a type:

1. write `scene` for it in tests/integration/scenes.py, and a sample in tests/unit/providers/samples.py;
2. add a module here, as slack.py is one: its own rows, then `*in_the_cluster(...)` and `*on_the_wire(...)`,
   which all types share, and the classes of answers that it cannot give (a test tells which are left);
3. add its Matrix to MATRICES below;
4. run `.venv/bin/python -m tests.verdict_matrix`, which writes the page anew.

A row names what happens at the simulator (`causes`, after the credential was proved there) and the `course`:
the verdict for an integration that was never proved, for one that was VALID, and after a second such answer.
A row that differs from what the operator does is a finding: look into providers and plan before the table.
"""

from tests.verdict_matrix.app_store_connect import APP_STORE_CONNECT
from tests.verdict_matrix.code_signing import CODE_SIGNING
from tests.verdict_matrix.github import GITHUB, GITHUB_ACTIONS
from tests.verdict_matrix.jenkins import JENKINS
from tests.verdict_matrix.play_store import PLAY_STORE
from tests.verdict_matrix.row import Matrix
from tests.verdict_matrix.slack import SLACK

MATRICES: tuple[Matrix, ...] = (
    GITHUB,
    APP_STORE_CONNECT,
    PLAY_STORE,
    CODE_SIGNING,
    JENKINS,
    GITHUB_ACTIONS,
    SLACK,
)
"""In the order in which people read them."""
