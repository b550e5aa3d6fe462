"""What a server's URL means, and that each address has one normal form only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.server.urls import BucketUrl, FolderUrl, TalerUrl, UrlError, parse_identity, parse_server_url

ENDPOINT = "endpoint=https://minio.example.org/"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://sync.example.org", "https://sync.example.org/"),
        ("https://sync.example.org/", "https://sync.example.org/"),
        (" https://sync.example.org/\n", "https://sync.example.org/"),
        ("HTTPS://Sync.Example.ORG:443/", "https://sync.example.org/"),
        ("https://sync.example.org./", "https://sync.example.org/"),
        ("https://sync.example.org:8443/a", "https://sync.example.org:8443/a/"),
        ("https://sync.example.org:/a", "https://sync.example.org/a/"),
        ("https://sync.example.org//a//b", "https://sync.example.org/a/b/"),
        ("https://sync.example.org/%7Eme/%c3%a4", "https://sync.example.org/~me/%C3%A4/"),
        ("https://sync.example.org/ä b", "https://sync.example.org/%C3%A4%20b/"),
        ("https://sync.example.org/A", "https://sync.example.org/A/"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://[2001:DB8::0:1]/", "https://[2001:db8::1]/"),
        ("https://192.0.2.7:80/", "https://192.0.2.7:80/"),
        ("http://localhost:9967", "http://localhost:9967/"),
        ("http://sync.localhost:80/", "http://sync.localhost/"),
        ("http://127.0.0.1:9967/x", "http://127.0.0.1:9967/x/"),
        ("http://[::1]:9967", "http://[::1]:9967/"),
        ("http://abcdef.onion/sync", "http://abcdef.onion/sync/"),
    ],
)
def test_a_sync_servers_address_is_its_identity(text, url):
    parsed = parse_server_url(text)
    assert isinstance(parsed, TalerUrl)
    assert (parsed.url, parsed.identity) == (url, url)
    assert parse_server_url(url) == parsed


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "scheme"),
        ("sync.example.org", "has no scheme.*https://host"),
        ("ftp://sync.example.org/", "ftp:// is no kind of server.*https://"),
        ("localhost:9967", "localhost:// is no kind"),
        ("/mnt/nas/my wallet", "file:///mnt/nas/my%20wallet/"),
        ("http://sync.example.org/", "https:// for sync.example.org"),
        ("http://192.168.1.5/", "https://"),
        ("http://notonion.example/", "https://"),
        ("https://", "names a host"),
        ("https:///path", "names a host"),
        ("https://sync.example.org/?a=b", "no place for a query: https://sync.example.org/ would be right"),
        ("https://sync.example.org/#f", "no place for a fragment"),
        ("https://bücher.example/", "xn--"),
        ("https://sync.example.org:0/", "port"),
        ("https://sync.example.org:99999/", "port"),
        ("https://sync.example.org:x/", "port"),
        ("https://sync.example.org/a/../b", "'..'"),
        ("https://sync.example.org/%2E%2e/b", "'..'"),
        ("https://127.1/", "no host name"),
        ("https://0x7f000001/", "no host name"),
        ("https://a..b/", "no host name"),
        ("https://-a.example/", "no host name"),
        ("https://[fe80::1%25eth0]/", "no host name"),
        ("https://[::1/", "is no URL"),
        ("https://a b.example/", "no host name"),
        ("https://sync.example.org/a\tb", "unprintable"),
        ("https://sync.example.org/\x1b[2J", "unprintable"),
        ("https://" + "a" * 3000, "2000"),
    ],
)
def test_what_is_no_server_is_told_what_would_be(text, complaint):
    with pytest.raises(UrlError, match=complaint):
        parse_server_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://me:hunter2@sync.example.org/",
        "http://me:hunter2@localhost/",
        "s3://me:hunter2@bucket/?region=eu-central-1",
        "s3://bucket/?region=eu-central-1&secret_access_key=hunter2",
        "s3://bucket/?endpoint=https://me:hunter2@minio.example.org/",
        "//me:hunter2@sync.example.org/",
        "https://me:hunter2@[sync/",
    ],
)
def test_a_password_is_refused_and_not_repeated(text):
    with pytest.raises(UrlError) as caught:
        parse_server_url(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "path", "url"),
    [
        ("file:///mnt/nas/wallets", "/mnt/nas/wallets", "file:///mnt/nas/wallets/"),
        ("file:///mnt//nas/./wallets/", "/mnt/nas/wallets", "file:///mnt/nas/wallets/"),
        ("file:////mnt/nas", "/mnt/nas", "file:///mnt/nas/"),
        ("file://localhost/mnt/nas", "/mnt/nas", "file:///mnt/nas/"),
        ("file:///media/My Disk/ä", "/media/My Disk/ä", "file:///media/My%20Disk/%C3%A4/"),
        ("file:///media/50%25%3F", "/media/50%?", "file:///media/50%25%3F/"),
        ("file:///", "/", "file:///"),
    ],
)
def test_a_folder_is_an_absolute_path_and_keeps_its_identity_to_itself(text, path, url):
    parsed = parse_server_url(text)
    assert parsed == FolderUrl(path)
    assert (parsed.url, parsed.identity) == (url, None)
    assert parse_server_url(url) == parsed


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("file://mnt/nas", "three slashes"),
        ("file://~/wallets", "three slashes"),
        ("file:wallets", "absolute path"),
        ("file:///mnt/../nas", "'..'"),
        ("file:///mnt/a?b", "question mark"),
        ("file:///mnt/a#b", "fragment"),
        ("file:///mnt/a%00b", "absolute path"),
        ("file:///media/M%FCller", "UTF-8.*rename the folder"),
        ("file:///media/%ED%B3%BF", "UTF-8.*rename the folder"),
    ],
)
def test_what_is_no_folder_is_told_what_would_be(text, complaint):
    with pytest.raises(UrlError, match=complaint):
        parse_server_url(text)


@pytest.mark.parametrize(
    ("text", "parsed", "url", "identity"),
    [
        (
            "s3://wallets?region=eu-central-1",
            BucketUrl("wallets", "", None, "eu-central-1"),
            "s3://wallets/?region=eu-central-1",
            "s3://wallets/",
        ),
        (
            f"s3://wallets/a//b?region=eu-1&{ENDPOINT}",
            BucketUrl("wallets", "a/b/", "https://minio.example.org/", "eu-1"),
            f"s3://wallets/a/b/?{ENDPOINT}&region=eu-1",
            f"s3://wallets/a/b/?{ENDPOINT}",
        ),
        (
            "s3://wallets/?endpoint=HTTP://LOCALHOST:9000/minio%2520x",
            BucketUrl("wallets", "", "http://localhost:9000/minio%20x/", None),
            "s3://wallets/?endpoint=http://localhost:9000/minio%2520x/",
            "s3://wallets/?endpoint=http://localhost:9000/minio%2520x/",
        ),
    ],
)
def test_a_bucket_is_identified_by_all_but_its_region(text, parsed, url, identity):
    assert parse_server_url(text) == parsed
    assert (parsed.url, parsed.identity) == (url, identity)
    assert parse_server_url(url) == parsed


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("s3://wallets/", r"\?region=NAME at Amazon"),
        ("s3:///prefix?region=a", "no bucket name"),
        ("s3://Wallets/?region=a", "no bucket name"),
        ("s3://wallets:9000/?region=a", "no bucket name"),
        ("s3://wallets/a b/?region=a", "'a b' cannot be part of a prefix"),
        ("s3://wallets/a/../b?region=a", "'..' cannot be part"),
        ("s3://wallets/?region=Europe", "'Europe' is no region"),
        ("s3://wallets/?region=", "is no region"),
        ("s3://wallets/?region=a&region=b", "at most once"),
        ("s3://wallets/?bucket=a", "endpoint and region only"),
        ("s3://wallets/?endpoint=minio.example.org", "endpoint=https://host"),
        ("s3://wallets/?endpoint=", "endpoint=https://host"),
        ("s3://wallets/?endpoint=http://minio.example.org/", "endpoint=https://minio.example.org"),
        ("s3://wallets/?endpoint=http://abc.onion/", "https"),
        ("s3://wallets/?region=a#f", "fragment"),
    ],
)
def test_what_is_no_bucket_is_told_what_would_be(text, complaint):
    with pytest.raises(UrlError, match=complaint):
        parse_server_url(text)


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_this_machine_is_known_as_such(host):
    parsed = parse_server_url(f"http://{host}/")
    assert isinstance(parsed, TalerUrl)
    assert parsed.is_loopback
    assert not parsed.is_onion


def test_an_onion_address_is_known_as_such():
    parsed = parse_server_url("http://abcdef.onion/")
    assert isinstance(parsed, TalerUrl)
    assert parsed.is_onion
    assert not parsed.is_loopback


texts = st.text(st.characters(codec="utf-8"), max_size=40)


@given(st.sampled_from(["https://", "http://localhost", "https://h/", "file:///", "s3://wallets/", ""]), texts)
def test_a_normal_form_is_its_own_normal_form(beginning, rest):
    for text in (beginning + rest, f"{beginning}{rest}?region=a"):
        try:
            parsed = parse_server_url(text)
        except UrlError:
            continue
        assert parse_server_url(parsed.url) == parsed
        assert parsed.url.isascii()
        assert parsed.url.isprintable()


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("folder:7G4TQD3JX0T7F5D2R1M8", "folder:7G4TQD3JX0T7F5D2R1M8"),
        ("HTTPS://Sync.Example.org", "https://sync.example.org/"),
        ("http://abc.onion/", "http://abc.onion/"),
        (
            "s3://bucket/wallets?endpoint=https://s3.example&region=x",
            "s3://bucket/wallets/?endpoint=https://s3.example/",
        ),
    ],
)
def test_an_identity_is_read_in_its_normal_form(text, identity):
    assert parse_identity(text) == identity


@pytest.mark.parametrize("text", ["", "hello", "folder:", "folder:abc", "file:///a/", "file://a", "ftp://a/"])
def test_what_is_no_identity_is_refused(text):
    with pytest.raises(UrlError):
        parse_identity(text)
