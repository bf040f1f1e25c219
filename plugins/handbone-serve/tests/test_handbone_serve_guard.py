"""Nobody without the token, no other page, no other name and nothing too large gets in."""

import pytest
from handbone_serve.names import safe_name
from servers import HEADERS, Scripted, hand_in, served


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.setattr("handbone_serve.work.measure", lambda folder: [])
    with served(tmp_path, Scripted(), max_bytes=20_000) as client:
        yield client


PATHS = [
    "/api/formats",
    "/api/images",
    "/api/images/x",
    "/api/images/x/cards",
    "/api/images/x/masks/png",
    "/api/events",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Basic YTpi", "Bearer a-token-for-test\u00e9"])
def test_nothing_is_told_without_the_token(path, given, client):
    answer = client.get(path, headers={"Authorization": given.encode("latin-1")})
    assert answer.status_code == 401 and answer.json() == {"detail": "the token is missing or wrong"}


def test_a_token_in_the_address_or_a_cookie_is_none(client):
    token = HEADERS["Authorization"].split()[1]
    answer = client.get(f"/api/images?token={token}", headers={"Authorization": "", "Cookie": f"token={token}"})
    assert answer.status_code == 401
    assert "set-cookie" not in client.get("/").headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "testserver.evil"])
def test_a_name_that_was_rebound_to_this_machine_is_refused(host, client):
    for path in ("/", "/api/images"):
        assert client.get(path, headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["testserver", "testserver:8765"])
def test_its_own_names_are_answered_at_any_port(host, client):
    assert client.get("/api/images", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://testserver", "http://testserver:1"])
def test_other_pages_are_refused_even_with_the_token(origin, client):
    assert client.get("/api/images", headers={"Origin": origin}).status_code == 403
    assert client.get("/api/images", headers={"Origin": "http://testserver"}).status_code == 200


def test_a_file_that_is_too_large_is_refused_whether_it_says_so_or_not(client):
    told = hand_in(client, content=bytes(30_000))
    assert told.status_code == 413 and "at most" in told.json()["detail"]

    def silent():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        yield from [bytes(10_000)] * 3
        yield b"\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert client.post("/api/images", content=silent(), headers=headers).status_code == 413
    assert client.get("/api/images").json() == []
    assert hand_in(client, content=bytes(15_000)).status_code == 202


@pytest.mark.parametrize("path", ["/", "/api/images", "/api/none", "/openapi.json"])
def test_no_page_may_frame_it_or_load_anything_else(path, client):
    headers = client.get(path).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"


def test_the_page_needs_nothing_from_elsewhere(client):
    text = client.get("/").text
    assert "://" not in text.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/abs.png", "..", ".", "a/../../b.png", "C:\\x\\y.png", "a\0b.png", "x" * 300 + ".png"]
)
def test_no_name_leads_out_of_the_radiographs_own_folder(name, client, tmp_path):
    before = set(tmp_path.parent.rglob("*"))
    answer = hand_in(client, name)
    assert answer.status_code in (202, 400, 422)
    new = set(tmp_path.parent.rglob("*")) - before
    assert all(tmp_path in path.parents for path in new)
    if answer.status_code == 202:
        (file,) = [path for path in new if path.is_file()]
        assert file.parent == tmp_path / answer.json()["id"] / "image"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/pass\0wd.png", "pass_wd.png"),
        ("Hände räntgen.dcm", "Hände räntgen.dcm"),
        ("a#1?%00<b>.tif", "a_1__00_b_.tif"),
        (".hidden", "hidden"),
        ("..", "radiograph"),
        (None, "radiograph"),
        ("x\u202egnp.exe", "x_gnp.exe"),
    ],
)
def test_names_are_made_safe_and_stay_readable(name, safe):
    assert safe_name(name) == safe


def test_a_long_name_keeps_its_ending():
    short = safe_name("x" * 300 + ".png")
    assert short.endswith("x.png") and len(short) <= 120
