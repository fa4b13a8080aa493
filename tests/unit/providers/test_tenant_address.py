"""Which addresses a tenant may write at all."""

import pytest

from delivr_operator.providers.exchange import authority
from delivr_operator.providers.tenant_address import tenant_address


@pytest.mark.parametrize(
    ("url", "stands_for"),
    [
        ("https://jenkins.acme.example", "jenkins.acme.example:443"),
        ("https://Jenkins.Acme.example:8443/ci/", "jenkins.acme.example:8443"),
        ("https://jenkins.acme.example./", "jenkins.acme.example:443"),
        ("https://jenkins", "jenkins:443"),
        ("https://ci_1.acme.example", "ci_1.acme.example:443"),
        ("https://10.0.0.7:8443", "10.0.0.7:8443"),
        ("https://[2001:db8::1]/", "[2001:db8::1]:443"),
        ("https://1.example", "1.example:443"),
    ],
)
def test_a_plain_https_address_stands_for_its_host_and_port(url: str, stands_for: str) -> None:
    assert tenant_address(url) == url
    assert authority(url) == stands_for


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "jenkins.acme.example",
            "http://jenkins.acme.example",
            "ftp://a.example",
            "https://",
            "https:///ci",
        ),
        *("https://user@a.example", "https://user:pass@a.example", "https://a.example@evil.example"),
        *(
            "https://a.example?x=1",
            "https://a.example/#x",
            "https://a.example/ci?",
            "https://a.example\\@evil",
        ),
        *("https://a.example:0", "https://a.example:99999", "https://a.example:x", "https://a.example /"),
        *("https://a.example/../x", "https://a.example/./x", "https://a.example\n", "https://ä.example"),
        *(
            "https://2130706433",
            "https://0x7f000001",
            "https://0x7f.1",
            "https://127.1",
            "https://0177.0.0.1",
        ),
        *("https://127.0.0.0x1", "https://1.2.3.4.5", "https://a.example.1", "https://2130706433."),
        *("https://-a.example", "https://a..example", f"https://{'a' * 64}.example", "https://[::1%25eth0]"),
        *("https://[::1", "https://a%2eexample", "https://a.example%00.evil"),
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^must "):
        tenant_address(url)
