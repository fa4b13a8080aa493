"""A bad value stops the operator with a sentence that names the variable and never the value."""

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from delivr_operator.outcome import IntegrationType
from delivr_operator.sealing import Envelope
from delivr_operator.settings import ProbeSettings, Settings, SettingsError

GOOD = {
    "DATABASE_URL": "mysql+pymysql://delivr:pa55-canary@db:3306/delivr",
    "INTEGRATION_ENCRYPTION_KEY": "0123456789abcdef" * 4,
}


def test_only_the_database_and_the_key_must_be_given() -> None:
    settings = Settings.from_environment(GOOD | {"PATH": "/bin"})
    assert settings.github_api_rate_limit == 5000
    assert settings.appstore_connect_timeout == timedelta(seconds=30)
    assert settings.endpoints.github == "https://api.github.com"
    assert settings.disabled_types == frozenset()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("DATABASE_URL", "", "DATABASE_URL must be set"),
        ("DATABASE_URL", "postgres://u:pa55-canary@h/d", "mysql+pymysql://"),
        # SQLAlchemy and the standard library divide these differently, and would say a piece of the password:
        ("DATABASE_URL", "mysql+pymysql://u:p@ss:pa55-canary@h/d", "written as %40"),
        ("DATABASE_URL", "mysql+pymysql://u:12/pa55-canary@h", "written as %40"),
        ("DATABASE_URL", "mysql+pymysql://u:pa55-canary%zz@h/d", "written as %40"),
        ("DATABASE_URL", "mysql+pymysql://u:p@h/d?ssl_check_hostname=pa55-canary", "ssl_check_hostname=true"),
        ("DATABASE_URL", "mysql+pymysql://u:p@h/d?ssl_ca=pa55-canary&ssl_ca=b", "each once"),
        ("INTEGRATION_ENCRYPTION_KEY", "", "INTEGRATION_ENCRYPTION_KEY must be set"),
        ("INTEGRATION_ENCRYPTION_KEY", "pa55-canary", "64 hexadecimal digits"),
        ("INTEGRATION_ENCRYPTION_KEY", "z" * 64, "64 hexadecimal digits"),
        ("INTEGRATION_ENCRYPTION_ENVELOPE", "pa55-canary", "INTEGRATION_ENCRYPTION_ENVELOPE"),
        ("INTEGRATION_ENCRYPTION_ENVELOPE", "pbkdf2-base64", "BACKEND_STORAGE_ENCRYPTION_KEY must be set"),
        ("BACKEND_STORAGE_ENCRYPTION_KEY", "pa55-canary", "BACKEND_STORAGE_ENCRYPTION_KEY"),
        ("GITHUB_API_RATE_LIMIT", "many", "GITHUB_API_RATE_LIMIT"),
        ("GITHUB_API_RATE_LIMIT", "0", "GITHUB_API_RATE_LIMIT"),
        ("APPSTORE_CONNECT_TIMEOUT", "30s", "milliseconds"),
        ("PLAYSTORE_API_TIMEOUT", "-1", "milliseconds"),
        ("PLAYSTORE_API_TIMEOUT", "1", "PLAYSTORE_API_TIMEOUT"),
        ("ENABLE_JENKINS_INTEGRATION", "perhaps", "must be true or false"),
        ("ENABLE_GITHUB_ACTIONS_INTEGRATION", "2", "must be true or false"),
        ("ENABLE_SLACK_INTEGRATION", "off!", "must be true or false"),
        ("GITHUB_API_URL", "http://plain.test", "https://"),
        ("SLACK_API_URL", "https://user:pa55-canary@slack.test", "https://"),
        ("LINEAR_API_URL", "https://linear.test/#pa55-canary", "https://"),
        ("GOOGLE_TOKEN_URL", "https://google.test/token?x=1", "https://"),
        ("EXTRA_CA_FILE", "/nowhere/pa55-canary.pem", "readable PEM file"),
        ("MAX_STALENESS", "a day", "30m, 1h or 1h30m"),
        ("INTEGRATION_ENCRYPTION_KEY_PREVIOUS", "pa55-canary", "64 hexadecimal digits"),
        ("BACKEND_STORAGE_ENCRYPTION_KEY_PREVIOUS", "pa55-canary", "BACKEND_STORAGE_ENCRYPTION_KEY_PREVIOUS"),
        ("PROJECTIONS", "pa55-canary", "must be plan, or plan,delivr"),
        ("PROJECTIONS", "delivr", "must be plan, or plan,delivr"),
        ("PROJECTIONS", "plan,delivr", "BACKEND_STORAGE_ENCRYPTION_KEY must be set"),
        ("DRIFT_INTERVAL", "0", "30m, 1h or 1h30m"),
        ("WORKERS", "0", "WORKERS"),
    ],
)
def test_each_bad_value_is_named_and_never_repeated(variable: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(GOOD | {variable: value})
    assert variable in str(caught.value) or said.startswith("BACKEND")
    assert said in str(caught.value)
    assert "pa55-canary" not in str(caught.value)


def test_the_categories_are_sealed_only_where_they_are_asked_for() -> None:
    passphrase = {"BACKEND_STORAGE_ENCRYPTION_KEY": "a passphrase of thirty-two chars"}
    assert Settings.from_environment(GOOD | passphrase).category_sealer is None
    asked = Settings.from_environment(GOOD | passphrase | {"PROJECTIONS": "plan,delivr"})
    assert asked.category_sealer is not None
    assert asked.category_sealer.envelope is Envelope.PBKDF2


def test_every_bad_value_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"WORKERS": "none"})
    assert len(str(caught.value).splitlines()) == 3


def test_the_switches_turn_types_off() -> None:
    off = {f"ENABLE_{name}_INTEGRATION": "false" for name in ("JENKINS", "GITHUB_ACTIONS", "SLACK")}
    expected = {IntegrationType.JENKINS, IntegrationType.GITHUB_ACTIONS, IntegrationType.SLACK}
    assert ProbeSettings.from_environment(off).disabled_types == expected


def test_trusted_hosts_are_names_and_ranges() -> None:
    settings = ProbeSettings.from_environment({"TRUSTED_HOSTS": "Jenkins.internal, 10.0.0.0/8 127.0.0.1"})
    assert settings.trusted_names == {"jenkins.internal"}
    assert settings.trusted_networks == (ip_network("10.0.0.0/8"), ip_network("127.0.0.1/32"))


def test_secrets_do_not_show_in_the_settings() -> None:
    assert "pa55-canary" not in repr(Settings.from_environment(GOOD))


def test_a_file_of_certificates_is_accepted(tmp_path: Path) -> None:
    import ssl

    found = ssl.get_default_verify_paths().cafile or ssl.get_default_verify_paths().openssl_cafile
    copy = tmp_path / "ca.pem"
    copy.write_bytes(Path(found).read_bytes())
    assert ProbeSettings.from_environment({"EXTRA_CA_FILE": str(copy)}).extra_ca_file == str(copy)
