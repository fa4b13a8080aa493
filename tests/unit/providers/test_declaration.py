"""What a spec declares and what a Secret holds: parsed once, refused in words that name fields only."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from pydantic import SecretBytes, SecretStr

from delivr_operator.outcome import Doubt, IntegrationType, Rejected, Rejection, Unknown
from delivr_operator.providers import PROVIDERS
from delivr_operator.providers.declaration import (
    Credential,
    Declaration,
    InvalidMember,
    declarations,
    read_credential,
)
from delivr_operator.providers.exchange import Endpoints
from tests.unit.providers.samples import (
    CANARY,
    PIPELINE,
    WORKFLOW,
    credential,
    data,
    declared,
    elliptic_key,
    invalid,
    key_file,
    pem,
    rsa_key,
    samples,
    spec,
)

T = IntegrationType
GITHUB = dict(samples()[T.GITHUB].written)
APPLE = dict(samples()[T.APP_STORE_CONNECT].written)
PLAY = dict(samples()[T.PLAY_STORE].written)
JENKINS = dict(samples()[T.JENKINS].written)
SLACK = dict(samples()[T.SLACK].written)
INHERITING = {"workflows": [WORKFLOW]}


def read(declaration: Declaration, values: dict[str, Any]) -> Credential | Rejected | Unknown:
    return read_credential(declaration, data(values))


def refused(declaration: Declaration, values: dict[str, Any]) -> str:
    found = read(declaration, values)
    assert isinstance(found, Rejected), found
    assert found.reason is Rejection.MISCONFIGURED
    assert found.http_status is None
    return found.detail


def test_everything_declared_is_found_in_the_order_people_read() -> None:
    members = {sample.member: dict(sample.written) for sample in samples().values()}
    found = declarations(spec(**dict(reversed(members.items()))))
    assert [one.type for one in found] == [provider.type for provider in PROVIDERS]
    assert all(isinstance(one, Declaration) for one in found)


def test_nothing_declared_is_nothing() -> None:
    assert declarations(spec()) == ()


def test_an_unknown_member_is_said_to_be_unknown() -> None:
    found = invalid(github=GITHUB, gitHub=GITHUB)
    assert (found.member, found.type) == ("gitHub", None)
    assert found.problems[0].startswith("spec.gitHub: there is no such field; the integrations are github, ")


BAD: list[tuple[dict[str, Any], str]] = [
    ({"github": None}, "spec.github: must be an object"),
    ({"github": [CANARY]}, "spec.github: must be an object"),
    ({"github": {**GITHUB, "organization": f"{CANARY}/x"}}, "spec.github.organization: "),
    ({"github": {**GITHUB, "organization": None}}, "spec.github.organization: "),
    ({"github": {**GITHUB, "repoName": ".."}}, "spec.github.repoName: "),
    ({"github": {**GITHUB, "repoName": 7}}, "spec.github.repoName: "),
    ({"github": {**GITHUB, "branch": CANARY}}, "spec.github.branch: "),
    ({"github": {**GITHUB, "secretRef": CANARY}}, "spec.github.secretRef: "),
    ({"github": {"organization": "acme", "repoName": "app"}}, "spec.github.secretRef: "),
    ({"github": {**GITHUB, "secretRef": {"keys": {}}}}, "spec.github.secretRef.name: "),
    (
        {"github": {**GITHUB, "secretRef": {"name": "a", "keys": {"token": "x"}}}},
        "spec.github.secretRef.keys.token: no field of this credential; its fields are accessToken",
    ),
    ({"appStoreConnect": {**APPLE, "bundleId": f"{CANARY} x"}}, "spec.appStoreConnect.bundleId: "),
    ({"playStore": {**PLAY, "packageName": CANARY}}, "spec.playStore.packageName: "),
    ({"jenkins": {**JENKINS, "url": f"http://{CANARY}.example"}}, "spec.jenkins.url: "),
    ({"jenkins": {**JENKINS, "pipelines": []}}, "spec.jenkins.pipelines: "),
    (
        {"jenkins": {**JENKINS, "pipelines": [{**PIPELINE, "jobPath": f"/{CANARY}"}]}},
        "spec.jenkins.pipelines.0.jobPath: ",
    ),
    (
        {"jenkins": {**JENKINS, "pipelines": [{**PIPELINE, "jobPath": "a/../b"}]}},
        "spec.jenkins.pipelines.0.jobPath: ",
    ),
    (
        {"jenkins": {**JENKINS, "pipelines": [{**PIPELINE, "platform": "IOS"}]}},
        "spec.jenkins.pipelines.0: target PLAY_STORE is for platform ANDROID",
    ),
    (
        {
            "github": GITHUB,
            "githubActions": {"workflows": [{**WORKFLOW, "workflowPath": f"../{CANARY}.yml"}]},
        },
        "spec.githubActions.workflows.0.workflowPath: ",
    ),
    (
        {"githubActions": INHERITING},
        "spec.githubActions: declare spec.github, whose repository and token it uses, or name its own ",
    ),
    (
        {"github": GITHUB, "githubActions": {**INHERITING, "organization": "acme"}},
        "spec.githubActions: name all of organization, repoName, secretRef, or none of them",
    ),
    (
        {"github": {**GITHUB, "repoName": "a b"}, "githubActions": INHERITING},
        "spec.githubActions: uses spec.github, which cannot be read: mend that",
    ),
    ({"slack": {**SLACK, "channels": ["#releases"]}}, "spec.slack.channels.0: "),
    ({"slack": {**SLACK, "channels": []}}, "spec.slack.channels: "),
    ({"slack": {**SLACK, "notifyOnEvents": [f"{CANARY} "]}}, "spec.slack.notifyOnEvents.0: "),
]


@pytest.mark.parametrize(("members", "problem"), BAD)
def test_a_malformed_member_is_named_and_its_values_are_not_repeated(
    members: dict[str, Any], problem: str
) -> None:
    found = invalid(**members)
    assert found.type is not None
    assert any(one.startswith(problem) for one in found.problems), found.problems
    assert CANARY not in repr(found)


def test_actions_use_githubs_repository_and_token() -> None:
    github = {**GITHUB, "secretRef": {"name": "github", "keys": {"accessToken": "token"}}}
    declaration = declared(github=github, githubActions=INHERITING)
    assert declaration.secret_ref.name == "github"
    found = read(declaration, {"token": "ghp_x"})
    assert isinstance(found, Credential)
    assert found.row_config() == {"workflows": [WORKFLOW]}


def test_actions_with_a_repository_of_their_own_keep_it_in_their_row() -> None:
    own = {**INHERITING, "organization": "other", "repoName": "builds", "secretRef": {"name": "builds"}}
    found = read(declared(github=GITHUB, githubActions=own), {"accessToken": "ghp_x"})
    assert isinstance(found, Credential)
    assert found.row_config() == {
        "workflows": [WORKFLOW],
        "organization": "other",
        "repoName": "builds",
        "accessToken": SecretStr("ghp_x"),
    }


def test_github_and_actions_with_one_token_share_one_budget() -> None:
    endpoints = Endpoints()
    both = [
        read(one, {"accessToken": "ghp_x"})
        for one in declarations(spec(github=GITHUB, githubActions=INHERITING))
        if isinstance(one, Declaration)
    ]
    keys = {one.budget_key(endpoints) for one in both if isinstance(one, Credential)}
    assert len(both) == 2
    assert len(keys) == 1
    other = read(declared(github=GITHUB), {"accessToken": "ghp_y"})
    assert isinstance(other, Credential)
    assert other.budget_key(endpoints) not in keys


def test_a_missing_key_is_waited_for_under_the_name_that_the_secret_uses() -> None:
    github = {**GITHUB, "secretRef": {"name": "vault", "keys": {"accessToken": "token"}}}
    assert read(declared(github=github), {"accessToken": "ghp_x"}) == Unknown(
        Doubt.SECRET_KEY_MISSING, "Secret vault lacks the key token: add it."
    )
    assert read(declared(playStore=PLAY), {}) == Unknown(
        Doubt.SECRET_KEY_MISSING,
        "Secret google lacks the key serviceAccountEmail (or serviceAccountKey with all of it): add it.",
    )


@pytest.mark.parametrize("value", ["", " \n", b"\xff\xfe", "gh p", "ghp_\x00", "ghp_é", "a\nb", '"x y"'])
def test_a_token_that_cannot_be_one_is_refused_before_anybody_is_asked(value: str | bytes) -> None:
    detail = refused(declared(github=GITHUB), {"accessToken": value})
    assert detail.startswith("Key accessToken of Secret github ")
    assert detail.endswith(".")


@pytest.mark.parametrize(
    "value", ["ghp_x\n", "  ghp_x  ", "\ufeffghp_x", "github_pat_11AA_x", "0123abcd" * 5, "v1.anything+/="]
)
def test_a_token_that_might_be_valid_is_never_refused(value: str) -> None:
    found = read(declared(github=GITHUB), {"accessToken": value})
    assert isinstance(found, Credential)
    assert found.row_config()["accessToken"] == SecretStr(value.strip().strip("\ufeff"))


def _encrypted_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()


def test_a_whole_file_is_no_token() -> None:
    longest = "x" * 16384
    assert isinstance(read(declared(github=GITHUB), {"accessToken": longest}), Credential)
    said = refused(declared(github=GITHUB), {"accessToken": longest + "x"})
    assert "is longer than 16384 characters: put only the token there" in said
    names = {**samples()[T.JENKINS].secret, "username": longest + "x"}
    assert "account name" in refused(declared(jenkins=dict(samples()[T.JENKINS].written)), names)


@pytest.mark.parametrize(
    "value",
    [
        f"{CANARY}",
        f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
        pem(ec.generate_private_key(ec.SECP384R1())),
        rsa_key(),
        _encrypted_key(),
    ],
)
def test_a_key_of_another_kind_is_no_apple_key(value: str) -> None:
    values = {**samples()[T.APP_STORE_CONNECT].secret, "privateKey": value}
    detail = refused(declared(appStoreConnect=APPLE), values)
    assert detail.startswith("Key privateKey of Secret apple must be the whole .p8 file")
    assert CANARY not in detail


@pytest.mark.parametrize("value", [CANARY, elliptic_key(), pem(rsa.generate_private_key(65537, 4104))])
def test_a_key_of_another_kind_is_no_google_key(value: str) -> None:
    values = {**samples()[T.PLAY_STORE].secret, "privateKey": value}
    assert "RSA private key" in refused(declared(playStore=PLAY), values)


@pytest.mark.parametrize("kind", [T.APP_STORE_CONNECT, T.PLAY_STORE])
def test_a_key_with_its_line_breaks_escaped_is_understood(kind: IntegrationType) -> None:
    sample = samples()[kind]
    whole = sample.secret["privateKey"]
    values = {**sample.secret, "privateKey": whole.replace("\n", "\\n")}
    found = read(declared(**{sample.member: dict(sample.written)}), values)
    assert isinstance(found, Credential)
    assert found.row_config()["privateKey"] == SecretStr(whole.strip())


def test_a_whole_key_file_serves_as_its_fields() -> None:
    found = read(declared(playStore=PLAY), {"serviceAccountKey": key_file()})
    assert isinstance(found, Credential)
    assert found.row_config() == credential(T.PLAY_STORE).row_config()


def test_a_key_file_and_its_fields_may_stand_together_if_they_agree() -> None:
    both = {**samples()[T.PLAY_STORE].secret, "serviceAccountKey": key_file()}
    assert isinstance(read(declared(playStore=PLAY), both), Credential)
    differing = {**both, "serviceAccountEmail": "other@acme.iam.gserviceaccount.com"}
    assert "keep only one of them" in refused(declared(playStore=PLAY), differing)


@pytest.mark.parametrize(
    "value",
    [
        CANARY,
        "[]",
        key_file(type="authorized_user"),
        key_file(client_email=None),
        key_file(private_key=None),
        key_file(private_key=CANARY),
        key_file(client_email=CANARY),
        key_file(token_uri=f"https://{CANARY}.example/token"),
        key_file(token_uri="http://oauth2.googleapis.com/token"),
        key_file(token_uri="https://oauth2.googleapis.com.evil.example/token"),
        key_file(token_uri="https://oauth2.googleapis.com@evil.example/token"),
        key_file(token_uri="https://[broken"),
    ],
)
def test_a_key_file_that_is_none_or_points_elsewhere_is_refused(value: str) -> None:
    assert CANARY not in refused(declared(playStore=PLAY), {"serviceAccountKey": value})


@pytest.mark.parametrize("value", ["a:b", "a\nb", "a\x07"])
def test_a_user_name_must_fit_into_basic_authentication(value: str) -> None:
    values = {"username": value, "apiToken": "11x"}
    assert "Key username of Secret jenkins" in refused(declared(jenkins=JENKINS), values)


def test_a_user_name_may_hold_spaces_and_letters_of_any_script() -> None:
    found = read(declared(jenkins=JENKINS), {"username": "Zoë Müller", "apiToken": "11x"})
    assert isinstance(found, Credential)
    assert found.row_config()["username"] == "Zoë Müller"


def test_the_fingerprint_follows_config_and_credential_and_nothing_else() -> None:
    first = read(declared(github=GITHUB), {"accessToken": "ghp_x", "other": "1"})
    same = read(
        declared(github={**GITHUB, "secretRef": {"name": "moved", "keys": {"accessToken": "t"}}}),
        {"t": "ghp_x\n"},
    )
    others = [
        read(declared(github=GITHUB), {"accessToken": "ghp_y"}),
        read(declared(github={**GITHUB, "repoName": "other"}), {"accessToken": "ghp_x"}),
    ]
    assert isinstance(first, Credential)
    assert isinstance(same, Credential)
    assert first.fingerprint_text() == same.fingerprint_text()
    for other in others:
        assert isinstance(other, Credential)
        assert other.fingerprint_text() != first.fingerprint_text()


def test_a_build_without_a_store_leaves_it_out_of_the_row() -> None:
    web = {"name": "web", "jobPath": "web", "platform": "WEB"}
    found = read(declared(jenkins={**JENKINS, "pipelines": [web]}), dict(samples()[T.JENKINS].secret))
    assert isinstance(found, Credential)
    assert found.row_config()["pipelines"] == [web]


def test_an_invalid_member_stands_for_itself_only() -> None:
    found = declarations(spec(github={**GITHUB, "repoName": "a b"}, slack=SLACK))
    assert isinstance(found[0], InvalidMember)
    assert isinstance(found[1], Declaration)


def test_a_secrets_bytes_are_read_as_they_are() -> None:
    found = read_credential(declared(github=GITHUB), {"accessToken": SecretBytes(b"ghp_x")})
    assert isinstance(found, Credential)
