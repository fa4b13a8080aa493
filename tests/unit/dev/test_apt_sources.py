import pytest

from dev.apt_sources import Source, at_suite, of_distribution, os_release, parse_deb822, parse_one_line

DEB822 = """\
Types: deb deb-src
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/archive.gpg

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://sources.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://vendor.example/deb
Suites: vendor-bookworm nodistro
Components: main
"""

ONE_LINE = """\
# deb http://commented.example/ubuntu noble main
deb http://mirror.example/ubuntu noble main universe # trailing
deb [arch=amd64 signed-by=/etc/keys/x.gpg] http://mirror.example/ubuntu noble-updates main
deb-src http://mirror.example/ubuntu noble main
deb http://flat.example/repository ./
"""

MIRROR = Source(
    ("http://mirror.example/debian",),
    ("bookworm", "bookworm-updates"),
    ("main", "contrib"),
    "/usr/share/keyrings/archive.gpg",
)


def test_deb822_gives_the_enabled_binary_sources() -> None:
    assert [source.uris[0] for source in parse_deb822(DEB822)] == [
        "http://mirror.example/debian",
        "http://security.example/debian-security",
        "http://vendor.example/deb",
    ]
    assert parse_deb822(DEB822)[0] == MIRROR


def test_a_source_survives_being_written_and_read_again() -> None:
    assert parse_deb822(MIRROR.as_deb822()) == [MIRROR]


def test_an_embedded_key_keeps_its_lines() -> None:
    key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----"
    text = f"Types: deb\nURIs: http://mirror.example\nSuites: noble\nComponents: main\nSigned-By:{key}\n"
    (source,) = parse_deb822(text)
    assert parse_deb822(source.as_deb822()) == [source]
    assert " mQINBF" in source.as_deb822()


def test_one_line_sources_keep_their_key_and_drop_comments() -> None:
    assert parse_one_line(ONE_LINE) == [
        Source(("http://mirror.example/ubuntu",), ("noble",), ("main", "universe")),
        Source(("http://mirror.example/ubuntu",), ("noble-updates",), ("main",), "/etc/keys/x.gpg"),
        Source(("http://flat.example/repository",), ("./",), ()),
    ]


def test_only_the_distributions_own_suites_are_its_own() -> None:
    own = of_distribution(parse_deb822(DEB822), "bookworm")
    assert [source.suites for source in own] == [("bookworm", "bookworm-updates"), ("bookworm-security",)]
    assert of_distribution(parse_one_line(ONE_LINE), "noble")[-1].suites == ("noble-updates",)


@pytest.mark.parametrize(("suites", "codename"), [(("bookworm",), "bookworm"), (("stable",), "trixie")])
def test_another_suite_is_asked_of_the_main_mirror(suites: tuple[str, ...], codename: str) -> None:
    security = Source(("http://security.example",), (f"{codename}-security",), ("main",))
    mirror = Source(("http://mirror.example/debian",), suites, ("main", "contrib"), "/key.gpg")
    assert at_suite([security, mirror], codename, "sid") == [
        Source(("http://mirror.example/debian",), ("sid",), ("main",), "/key.gpg")
    ]


def test_without_a_mirror_of_the_distribution_there_is_nothing_to_ask() -> None:
    assert at_suite([Source(("http://vendor.example",), ("any",), ("main",))], "bookworm", "sid") == []


def test_os_release_values_may_be_quoted() -> None:
    text = "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n# note\nVERSION_CODENAME='bookworm'\n"
    assert os_release(text)["VERSION_CODENAME"] == "bookworm"
    assert os_release(text)["PRETTY_NAME"] == "Debian GNU/Linux 12 (bookworm)"
