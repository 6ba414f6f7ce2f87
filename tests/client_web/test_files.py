"""The page's files, read as text."""

from pathlib import Path


def test_nothing_comes_from_elsewhere() -> None:
    """No script, style, font or picture from another host, and nothing inline that a strict policy would refuse."""
    web = Path(__file__).resolve().parents[2] / "client" / "web"
    page = (web / "index.html").read_text()
    assert "<style" not in page
    assert " style=" not in page
    assert " onclick=" not in page
    for file in web.iterdir():
        foreign = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in foreign, file.name
        assert "https://" not in foreign, file.name
        assert "innerHTML" not in foreign, file.name
