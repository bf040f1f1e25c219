"""Fetching: nothing is kept that is not what its publisher said, whoever made it."""

import io
import json
import shutil
import urllib.request
import zipfile
from email.message import Message
from pathlib import Path

import pytest
from weights_small import save, zip_folder

from handbone.core.errors import HandboneError
from handbone.core.files import sha256_of
from handbone.method.two_stage import TwoStage
from handbone.weights import archive, download, fetch, find, known

ADDRESS = "https://example.org/files/small.zip?download=1"


def nothing_kept(places):
    return not places.fetched.exists() or list(places.fetched.iterdir()) == []


def remade(packed, tmp_path, change):
    """A .zip of the packed set after a change to a copy of it."""
    copy = Path(shutil.copytree(packed, tmp_path / "copy"))
    change(copy)
    return zip_folder(copy, tmp_path / "changed.zip")


class Response(io.BytesIO):
    def __init__(self, content, length=None):
        super().__init__(content)
        self.headers = Message()
        if length is not None:
            self.headers["Content-Length"] = str(length)


@pytest.fixture
def web(monkeypatch):
    """Let every https address answer with the given response, or fail with the given error."""

    def answer(response):
        def open_address(self, request, timeout):
            assert request.full_url == ADDRESS and timeout > 0
            if isinstance(response, Exception):
                raise response
            return response

        monkeypatch.setattr(urllib.request.OpenerDirector, "open", open_address)

    return answer


def test_a_zip_becomes_a_set_that_predicts(zipped, places, capsys):
    path, digest = zipped
    found = fetch(path, sha256=f"sha256:{digest.upper()}", progress=False)
    assert (found.name, found.origin, found.folder) == ("small", "fetched", places.fetched / "small")
    assert known() == [found] and [p.name for p in places.fetched.iterdir()] == ["small"]
    find("small").verify()
    assert TwoStage.from_path("small").refine_stage is not None
    assert "Fetching" not in capsys.readouterr().err


def test_another_digest_keeps_nothing_and_names_both(zipped, places):
    path, digest = zipped
    with pytest.raises(HandboneError, match=f"its sha256 is {digest}, not {64 * '0'}, so it was discarded"):
        fetch(path, sha256=64 * "0")
    assert nothing_kept(places)
    with pytest.raises(HandboneError, match="is not a SHA-256 digest; give the publisher's 64"):
        fetch(path, sha256="abc")


def test_names_that_are_taken_are_not_replaced_unasked(zipped, packed, places):
    path, digest = zipped
    fetch(path, sha256=digest, name="mine")
    (places.fetched / "mine" / "MODEL_CARD.md").write_text("older")
    with pytest.raises(HandboneError, match="already been fetched; choose another name with --name"):
        fetch("https://never.asked", sha256=digest, name="mine")
    assert fetch(path, sha256=digest, name="mine", overwrite=True).name == "mine"
    assert "older" not in (places.fetched / "mine" / "MODEL_CARD.md").read_text()
    shutil.copytree(packed, places.shipped / "small")
    with pytest.raises(HandboneError, match="own weights are named 'small'"):
        fetch(path, sha256=digest, overwrite=True)
    with pytest.raises(HandboneError, match=r"'\.\./x' is not a valid name for weights"):
        fetch(path, sha256=digest, name="../x")


def test_one_weights_file_becomes_a_set(tmp_path, places):
    file = save(tmp_path / "their_net.safetensors", "coarse")
    found = fetch(file, sha256=sha256_of(file))
    assert found.name == "their_net" and list(found.files) == ["coarse"] and found.licence == "not stated"
    assert file.is_file()
    refiner = save(tmp_path / "fine.safetensors", "refiner")
    with pytest.raises(HandboneError, match=r"fine\.safetensors: these weights belong to the stage 'refiner'"):
        fetch(refiner, sha256=sha256_of(refiner))
    coarse = save(tmp_path / "coarse.safetensors", "coarse")
    with pytest.raises(HandboneError, match="'coarse' is not a valid name for weights; choose one with --name"):
        fetch(coarse, sha256=sha256_of(coarse))
    text = tmp_path / "page.html"
    text.write_text("<html>not found</html>")
    with pytest.raises(HandboneError, match=r"page\.html: is not a complete \.safetensors"):
        fetch(text, sha256=sha256_of(text))
    assert [p.name for p in places.fetched.iterdir()] == ["their_net"]


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ("../evil.json", "points outside"),
        ("/etc/evil.json", "points outside"),
        ("a/../../evil.json", "points outside"),
        ("a\\..\\evil.json", "points outside"),
        ("C:evil.json", "points outside"),
        ("../evil/", "points outside"),
        ("evil.py", "is not one of .safetensors, .json, .md"),
        ("evil.pth", "is not one of .safetensors, .json, .md"),
        (".json", "is not one of"),
        ("a/b/more.json", "more than one folder"),
        ("one/card.json", "twice"),
    ],
)
def test_archives_with_anything_else_are_refused(packed, tmp_path, places, member, words):
    path, _ = zip_folder(packed, tmp_path / "evil.zip")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(member, "{}")
    with pytest.raises(HandboneError, match=words):
        fetch(path, sha256=sha256_of(path))
    assert nothing_kept(places) and not list(tmp_path.rglob("evil*.json"))


def test_archives_that_grow_too_large_are_refused(zipped, places, monkeypatch):
    path, digest = zipped
    monkeypatch.setattr(archive, "MOST_BYTES", 1000)
    with pytest.raises(HandboneError, match="contains more than"):
        fetch(path, sha256=digest)
    monkeypatch.setattr(download, "MOST_BYTES", 1000)
    with pytest.raises(HandboneError, match="is larger than"):
        fetch(path, sha256=digest)
    assert nothing_kept(places)


def test_damaged_archives_are_refused(zipped, tmp_path, places):
    whole = bytearray(zipped[0].read_bytes())
    whole[len(whole) // 2] ^= 255
    for name, content in (("flipped.zip", whole), ("cut.zip", whole[:-200]), ("cut2.zip", whole[:300])):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(HandboneError, match=r"is not a readable \.zip file"):
            fetch(path, sha256=sha256_of(path))
    assert nothing_kept(places)


def test_a_set_has_to_agree_with_its_own_card(packed, tmp_path, places):
    def swap(folder):
        (folder / "coarse.safetensors").rename(folder / "x")
        (folder / "refiner.safetensors").rename(folder / "coarse.safetensors")
        (folder / "x").rename(folder / "refiner.safetensors")

    def swap_honestly(folder):
        swap(folder)
        card = json.loads((folder / "card.json").read_text())
        files = card["files"]
        files["coarse.safetensors"], files["refiner.safetensors"] = (
            files["refiner.safetensors"],
            files["coarse.safetensors"],
        )
        (folder / "card.json").write_text(json.dumps(card))

    def forget_refiner(folder):
        card = json.loads((folder / "card.json").read_text())
        del card["files"]["refiner.safetensors"]
        (folder / "card.json").write_text(json.dumps(card))

    def lose_card(folder):
        (folder / "card.json").unlink()

    cases = {
        "is not the file": swap,
        "to the stage": swap_honestly,
        "not in the set's": forget_refiner,
        r"contains no card\.json": lose_card,
    }
    for words, change in cases.items():
        path, digest = remade(packed, tmp_path, change)
        with pytest.raises(HandboneError, match=rf"changed\.zip: .*{words}"):
            fetch(path, sha256=digest)
        shutil.rmtree(tmp_path / "copy")
    assert nothing_kept(places)


def test_an_https_address_is_read_in_pieces(zipped, places, web, monkeypatch):
    path, digest = zipped
    content = path.read_bytes()
    monkeypatch.setattr(download, "_CHUNK", 1000)
    web(Response(content, len(content)))
    assert fetch(ADDRESS, sha256=digest).name == "small"
    web(Response(content))
    assert fetch(ADDRESS, sha256=digest, name="without_length").name == "without_length"


def test_a_network_that_fails_is_one_sentence(zipped, places, web):
    path, digest = zipped
    content = path.read_bytes()
    web(Response(content[:5000], len(content)))
    with pytest.raises(HandboneError, match="stopped after 5000 of"):
        fetch(ADDRESS, sha256=digest)
    web(Response(b"", download.MOST_BYTES + 1))
    with pytest.raises(HandboneError, match="is larger than 2 GB"):
        fetch(ADDRESS, sha256=digest)
    web(urllib.request.HTTPError(ADDRESS, 404, "Not Found", Message(), None))
    with pytest.raises(HandboneError, match=r"cannot be downloaded \(.*Not Found\); check the address"):
        fetch(ADDRESS, sha256=digest)
    assert nothing_kept(places)


def test_a_server_of_a_byte_a_second_is_given_up(places, web, monkeypatch):
    seconds = iter(range(10_000))
    monkeypatch.setattr(download.time, "monotonic", lambda: float(next(seconds)))

    class Slow(Response):
        def read1(self, size=-1):
            return b"x"

        def read(self, size=-1):
            raise AssertionError("waits until as much has come")

    web(Slow(b"", 100_000))
    with pytest.raises(HandboneError, match="sends less than 1 kB a second; check the address"):
        fetch(ADDRESS, sha256=64 * "0")
    assert nothing_kept(places)


@pytest.mark.parametrize("source", ["http://example.org/a.zip", "ftp://example.org/a.zip", "file:///etc/passwd"])
def test_other_addresses_are_refused(source, places):
    with pytest.raises(HandboneError, match="only https"):
        fetch(source, sha256=64 * "0")
    with pytest.raises(HandboneError, match="no such file"):
        fetch("nowhere.zip", sha256=64 * "0")
    assert nothing_kept(places)


def test_redirects_stay_on_https():
    request = urllib.request.Request(ADDRESS)
    follow = download.HttpsOnly().redirect_request
    with pytest.raises(HandboneError, match=r"redirects to http://other\.org/a, which is not https"):
        follow(request, None, 302, "Found", Message(), "http://other.org/a")
    assert follow(request, None, 302, "Found", Message(), "https://other.org/a").full_url == "https://other.org/a"
