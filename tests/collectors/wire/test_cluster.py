"""The URL of a cluster as plain URLs of its nodes."""

import pytest

from collectors.wire.cluster import is_cluster, seeds


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("redis+cluster://a:7000", ["redis://a:7000"]),
        ("redis+cluster://a,b:7001/", ["redis://a", "redis://b:7001"]),
        ("redis+cluster://:s3,cret@a:7000,[2001:db8::1]:7001", None),
        (
            "rediss+cluster://u:p@a:1,[2001:db8::1]:2/0?ssl_ca_certs=ca.pem",
            ["rediss://u:p@a:1?ssl_ca_certs=ca.pem", "rediss://u:p@[2001:db8::1]:2?ssl_ca_certs=ca.pem"],
        ),
    ],
)
def test_each_node_has_user_password_and_options_of_the_whole(url: str, plain: list[str] | None) -> None:
    assert is_cluster(url)
    assert seeds(url) == (plain or ["redis://:s3,cret@a:7000", "redis://:s3,cret@[2001:db8::1]:7001"])


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("redis+cluster://", "no name"),
        ("redis+cluster://:s3cret@a,,b", "no name"),
        ("redis+cluster://:s3cret@:7000", "no name"),
        ("redis+cluster://:s3cret@a:0", "no port"),
        ("redis+cluster://:s3cret@a:99999", "not readable"),
        ("redis+cluster://:s3cret@a/3", "no databases"),
        ("redis+cluster://:s3cret@[a", "not readable"),
        ("redis://:s3cret@a", "not readable"),
    ],
)
def test_what_is_wrong_is_said_without_the_password(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        seeds(url)
    assert "s3cret" not in str(caught.value)


def test_a_single_server_is_no_cluster() -> None:
    assert not is_cluster("redis://redis+cluster:6379")
    assert not is_cluster("unix:///tmp/redis+cluster")
