"""Which proxy a connection takes, as curl would; what cannot be used is told by the variable's name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbbot.errors import BadInput
from cbbot.process.proxies import PROXY_VARIABLES, proxy_for

COINBASE = "https://api.coinbase.com"
STREAM = "wss://advanced-trade-ws.coinbase.com"
PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, COINBASE, None),
        ({"HTTPS_PROXY": PROXY}, COINBASE, PROXY),
        ({"HTTPS_PROXY": PROXY}, STREAM, PROXY),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other:1"}, COINBASE, PROXY),
        ({"https_proxy": " ", "HTTPS_PROXY": PROXY}, COINBASE, PROXY),
        ({"HTTPS_PROXY": "proxy.example:3128"}, COINBASE, PROXY),
        ({"HTTPS_PROXY": "https://user:word@[fd00::1]:3129"}, COINBASE, "https://user:word@[fd00::1]:3129"),
        ({"HTTP_PROXY": PROXY}, COINBASE, None),
        ({"HTTP_PROXY": PROXY}, "http://simulator:8788", PROXY),
        ({"HTTP_PROXY": PROXY}, "ws://simulator:8788", PROXY),
        ({"ALL_PROXY": PROXY}, COINBASE, PROXY),
        ({"ALL_PROXY": "socks5://127.0.0.1:1080", "HTTPS_PROXY": PROXY}, STREAM, PROXY),
    ],
)
def test_the_variable_of_the_scheme_decides_then_the_general_ones(
    environment: dict[str, str], url: str, proxy: str | None
) -> None:
    assert proxy_for(url, environment) == proxy


@pytest.mark.parametrize("variable", ["ALL_PROXY", "all_proxy", "SOCKS_PROXY", "socks_proxy", "HTTPS_PROXY"])
@pytest.mark.parametrize("url", [COINBASE, STREAM])
def test_a_socks_proxy_is_refused_by_the_name_of_its_variable(variable: str, url: str) -> None:
    for value in ("socks5://127.0.0.1:1080", "socks5h://proxy:1080", "socks://"):
        with pytest.raises(BadInput, match=rf"^{variable}='{value}' is not accepted: an address of an HTTP proxy"):
            proxy_for(url, {variable: value})


@pytest.mark.parametrize(
    "value", ["http://", "http://h:port", "http://[::1", "http://a b", "ftp://x", "http://h:99999"]
)
def test_an_address_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(BadInput, match=r"^HTTPS_PROXY="):
        proxy_for(COINBASE, {"HTTPS_PROXY": value})


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(BadInput) as caught:
        proxy_for(COINBASE, {"ALL_PROXY": "socks5://me:s3cret@proxy:1080"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.9.9.9"])
def test_this_machine_needs_no_proxy_whatever_the_variables_say(host: str) -> None:
    assert proxy_for(f"http://{host}:8787", {"ALL_PROXY": "socks5://x:1", "HTTP_PROXY": "rubbish://"}) is None


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("localhost,fd00::/8", "https://[fd00::12]", True),
        ("localhost,fd00::/8", COINBASE, False),
        ("[::1]", COINBASE, False),
        ("[fd00::1]", "https://[fd00::1]", True),
        ("[fd00::1]:8443", "https://[fd00::1]:8443", True),
        ("[fd00::1]:8443", "https://[fd00::1]", False),
        ("fd00::1", "https://[fd00::1]", True),
        ("10.0.0.0/8", "https://10.2.3.4:8443", True),
        ("10.0.0.7/8", "https://10.2.3.4:8443", True),
        ("10.0.0.0/8", "https://11.2.3.4", False),
        ("*", COINBASE, True),
        ("coinbase.com", COINBASE, True),
        (".coinbase.com", COINBASE, True),
        ("*.coinbase.com", COINBASE, True),
        ("API.Coinbase.Com", COINBASE, True),
        ("api.coinbase.com:443", COINBASE, True),
        ("api.coinbase.com:80", COINBASE, False),
        ("base.com", COINBASE, False),
        ("one.example two.example\tcoinbase.com", COINBASE, True),
        (" , ,", COINBASE, False),
        ("fd00::/999,[,:,::::,*:x,/", COINBASE, False),
    ],
)
def test_no_proxy_names_hosts_networks_and_addresses_in_every_way(no_proxy: str, url: str, direct: bool) -> None:
    for variable in ("NO_PROXY", "no_proxy"):
        assert (proxy_for(url, {"HTTPS_PROXY": PROXY, variable: no_proxy}) is None) is direct


@given(st.dictionaries(st.sampled_from(PROXY_VARIABLES), st.text(max_size=40), max_size=4))
def test_any_text_gives_a_proxy_a_direct_connection_or_bad_input_that_names_a_variable(
    environment: dict[str, str],
) -> None:
    complaint = ""
    proxy = None
    try:
        proxy = proxy_for(COINBASE, environment)
    except BadInput as error:
        complaint = str(error)
    assert not complaint or complaint.partition("=")[0] in environment
    assert proxy is None or proxy.startswith(("http://", "https://"))
