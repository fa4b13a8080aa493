"""The inventory: whom each piece of news concerns, and what is left when everything is gone."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivr_operator.inventory import Inventory, secret_names
from delivr_operator.resource import FINALIZER, Key, ReleaseSetup

TENANT, TWIN = "Kp3xQ7_m-Z", "kp3xq7_m-z"
A, B, FAR = Key("falcon", "a"), Key("falcon", "b"), Key("eagle", "far")
NOBODY: frozenset[Key] = frozenset()
GITHUB = {"organization": "acme", "repoName": "app", "secretRef": {"name": "github"}}


def setup(
    key: Key = A,
    version: int | str = 1,
    uid: str | None = None,
    *,
    deleting: bool = False,
    finalizers: tuple[str, ...] = (),
    **spec: Any,
) -> ReleaseSetup:
    metadata: dict[str, Any] = {
        "namespace": key.namespace,
        "name": key.name,
        "uid": uid or f"uid-{key}",
        "resourceVersion": str(version),
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "finalizers": list(finalizers),
    }
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-02T00:00:00Z"
    wanted = {"tenantId": TENANT, "owner": "owner@example.test", **spec}
    return ReleaseSetup.parse(
        {"metadata": metadata, "spec": {name: value for name, value in wanted.items() if value is not None}}
    )


@pytest.fixture
def inventory() -> Inventory:
    return Inventory()


def test_a_new_resource_concerns_itself_and_is_known(inventory: Inventory) -> None:
    assert inventory.put(setup()) == {A}
    assert inventory.get(A) == setup()
    assert list(inventory) == [A]


@pytest.mark.parametrize("owner", ["owner@example.test", 7, None])
@pytest.mark.parametrize("deleting", [True, False])
def test_what_is_kept_is_all_that_was_read(inventory: Inventory, owner: object, *, deleting: bool) -> None:
    body: dict[str, Any] = {
        "metadata": {
            "namespace": A.namespace,
            "name": A.name,
            "uid": "u",
            "resourceVersion": "7",
            "generation": 3,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "finalizers": ["release.delivr.live/rows"],
            "annotations": {"release.delivr.live/requestedAt": "now", "other": "kept by nobody"},
        },
        "spec": {"tenantId": TENANT, "owner": owner, "interval": "24h", "github": GITHUB},
        "status": {"message": "\u2713", "integrations": [{"type": "GITHUB", "failures": None}]},
    }
    if deleting:
        body["metadata"]["deletionTimestamp"] = "2026-01-02T00:00:00Z"
    read = ReleaseSetup.parse(body)
    inventory.put(read)
    assert inventory.get(A) == read


@pytest.mark.parametrize("version", [7, 6, "7"])
def test_an_echo_or_something_older_concerns_nobody_and_changes_nothing(
    inventory: Inventory, version: int | str
) -> None:
    inventory.put(setup(version=7, owner="now@example.test"))
    assert inventory.put(setup(version=version, owner="then@example.test")) == NOBODY
    assert inventory.get(A) == setup(version=7, owner="now@example.test")


def test_versions_are_compared_as_numbers(inventory: Inventory) -> None:
    inventory.put(setup(version=9))
    assert inventory.put(setup(version=10)) == {A}
    assert inventory.put(setup(version=9)) == NOBODY


def test_versions_that_are_no_numbers_differ_or_not(inventory: Inventory) -> None:
    inventory.put(setup(version="x"))
    assert inventory.put(setup(version="x")) == NOBODY
    assert inventory.put(setup(version="y")) == {A}


def test_an_own_write_is_remembered_so_that_its_echo_concerns_nobody(inventory: Inventory) -> None:
    inventory.put(setup(version=1))
    inventory.remember(setup(version=2, github=GITHUB))
    assert inventory.put(setup(version=2, github=GITHUB)) == NOBODY
    assert inventory.get(A) == setup(version=2, github=GITHUB)
    assert inventory.concerned_by_secret("falcon", "github") == {A}


@pytest.mark.parametrize("late", [setup(version=1), setup(version=9, uid="another")])
def test_what_an_own_write_returned_too_late_is_forgotten(inventory: Inventory, late: ReleaseSetup) -> None:
    inventory.put(setup(version=3))
    inventory.remember(late)
    assert inventory.get(A) == setup(version=3)
    inventory.drop(setup(version=4))
    inventory.remember(setup(version=5))
    assert inventory.get(A) is None


def test_rivals_are_the_other_living_resources_of_exactly_this_tenant(inventory: Inventory) -> None:
    for one in (setup(A), setup(B), setup(FAR), setup(Key("falcon", "twin"), tenantId=TWIN)):
        inventory.put(one)
    inventory.put(setup(Key("falcon", "going"), deleting=True))
    inventory.put(setup(Key("falcon", "unreadable"), owner=None))
    assert [rival.key for rival in inventory.rivals(setup(A))] == [FAR, B]
    assert inventory.rivals(setup(owner=None)) == ()


def test_a_resource_that_comes_changes_or_goes_concerns_its_rivals(inventory: Inventory) -> None:
    inventory.put(setup(A))
    assert inventory.put(setup(FAR)) == {A, FAR}
    assert inventory.put(setup(FAR, 2, deleting=True)) == {A, FAR}
    assert inventory.drop(setup(FAR, 3)) == {A}
    assert inventory.drop(setup(FAR, 3)) == NOBODY
    assert inventory.rivals(setup(A)) == ()


@pytest.mark.parametrize(
    ("finalizers", "deleting", "owed"),
    [((FINALIZER,), False, True), ((FINALIZER,), True, False), (("other",), False, False)],
)
def test_one_that_goes_in_spite_of_its_finalizer_is_unreleased(
    inventory: Inventory, finalizers: tuple[str, ...], *, deleting: bool, owed: bool
) -> None:
    gone = setup(A, 2, finalizers=finalizers, deleting=deleting)
    inventory.put(setup(A, finalizers=finalizers))
    inventory.put(setup(B))
    assert inventory.drop(gone) == ({A, B} if owed else {B})
    assert inventory.get(A) is None
    assert inventory.unreleased(A) == ((gone,) if owed else ())
    assert inventory.is_unreleased(gone.uid) is owed
    assert inventory.declared_tenant(A) == (TENANT if owed else None), "by which it is found again"
    inventory.put(setup(A, 3, uid="next", tenantId=TWIN))
    assert inventory.declared_tenant(A) == TWIN
    inventory.released(gone)
    assert inventory.unreleased(A) == ()


def test_a_resource_that_turns_to_another_tenant_concerns_both(inventory: Inventory) -> None:
    inventory.put(setup(A))
    inventory.put(setup(B))
    inventory.put(setup(FAR, tenantId=TWIN))
    assert inventory.put(setup(B, 2, tenantId=TWIN)) == {A, B, FAR}
    assert inventory.put(setup(B, 3, owner=None)) == {B, FAR}


def test_news_of_an_object_and_of_the_next_in_its_place_may_overtake_each_other(inventory: Inventory) -> None:
    inventory.put(setup(version=1, uid="old"))
    assert inventory.put(setup(version=5, uid="new")) == {A}
    assert inventory.put(setup(version=3, uid="old")) == NOBODY
    assert inventory.drop(setup(version=4, uid="old")) == NOBODY
    assert inventory.get(A) == setup(version=5, uid="new")


def test_a_secret_concerns_whom_the_newest_spec_refers_to(inventory: Inventory) -> None:
    inventory.put(setup(A, github=GITHUB, githubActions={"workflows": []}))
    inventory.put(setup(B, slack={"channels": ["x"], "secretRef": {"name": "github"}}))
    inventory.put(setup(FAR, github=GITHUB))
    assert inventory.concerned_by_secret("falcon", "github") == {A, B}
    inventory.put(setup(A, 2, github={**GITHUB, "secretRef": {"name": "other"}}))
    assert inventory.concerned_by_secret("falcon", "github") == {B}
    assert inventory.concerned_by_secret("falcon", "other") == {A}
    inventory.drop(setup(A, 3))
    assert inventory.concerned_by_secret("falcon", "other") == NOBODY
    assert inventory.concerned_by_secret("nowhere", "github") == NOBODY


def test_an_unreadable_spec_or_member_refers_to_no_secret() -> None:
    assert secret_names(setup(owner=None, github=GITHUB)) == frozenset()
    assert secret_names(setup(github={"organization": "acme"}, slack=7)) == frozenset()


def test_a_namespace_that_is_bound_otherwise_concerns_what_is_in_it(inventory: Inventory) -> None:
    for key in (A, B, FAR):
        inventory.put(setup(key))
    assert not inventory.knows_namespace("falcon")
    assert inventory.bind("falcon", None) == {A, B}
    assert (inventory.knows_namespace("falcon"), inventory.tenant_of("falcon")) == (True, None)
    assert inventory.bind("falcon", None) == NOBODY
    assert inventory.bind("falcon", TENANT) == {A, B}
    assert inventory.bind("falcon", TENANT) == NOBODY
    assert inventory.tenant_of("falcon") == TENANT
    inventory.unbind("falcon")
    assert not inventory.knows_namespace("falcon")


Step = tuple[str, Key, str, str]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "remember", "drop"]),
        st.sampled_from([A, B, FAR]),
        st.sampled_from([TENANT, TWIN, "#"]),
        st.sampled_from(["github", "other"]),
    ),
    max_size=30,
)


@given(STEPS)
def test_the_indices_say_what_the_resources_say_and_leave_nothing_behind(steps: list[Step]) -> None:
    inventory, alive = Inventory(), dict[Key, ReleaseSetup]()
    for version, (step, key, tenant, secret) in enumerate(steps):
        members: Mapping[str, Any] = {"github": {**GITHUB, "secretRef": {"name": secret}}}
        one = setup(key, version, tenantId=tenant, **members)
        if step == "drop":
            inventory.drop(one)
            alive.pop(key, None)
        elif step == "put":
            inventory.put(one)
            alive[key] = one
        else:
            inventory.remember(one)
            alive = {k: one if k == key else v for k, v in alive.items()}
        for name in ("github", "other"):
            for namespace in ("falcon", "eagle"):
                wanted = {k for k, v in alive.items() if (namespace, name) in secret_names(v)}
                assert inventory.concerned_by_secret(namespace, name) == wanted
        for other in alive.values():
            tenants = {k for k, v in alive.items() if _tenant(v) == _tenant(other) != ""} - {other.key}
            assert {rival.key for rival in inventory.rivals(other)} == tenants
    for one in list(alive.values()):
        inventory.drop(one)
    left = (inventory._setups, inventory._by_namespace, inventory._by_tenant, inventory._by_secret)
    assert [len(one) for one in left] == [0, 0, 0, 0]


def _tenant(one: ReleaseSetup) -> str:
    return getattr(one.spec, "tenant_id", "")
