"""The HTML page, by its structure."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report.verdicts import FINE, POD, verdicts, written

from ecirun.policy.load import load_policy
from ecirun.report.capability_picture import container_rows
from ecirun.report.html import HtmlOutput
from ecirun.report.verdict import Verdict

VOID = {"meta", "br", "path", "rect"}
CAPABILITIES = """\
apiVersion: v1
kind: Pod
metadata: {name: caps}
spec:
  securityContext: {runAsUser: 0}
  containers:
  - name: root
    image: busybox
    securityContext: {capabilities: {drop: [ALL], add: [NET_ADMIN, SYS_ADMIN]}}
  - name: user
    image: busybox
    securityContext: {runAsUser: 1000, capabilities: {drop: [KILL]}}
"""


class Page(HTMLParser):
    """The elements of a page, with the text of each; fails when they are not nested rightly."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        wanted = {name.strip("_"): value for name, value in attributes.items()}
        return [found for name, found in self.elements if name == tag and wanted.items() <= found.items()]


def page(found: list[Verdict]) -> tuple[Page, str]:
    html = written(lambda write: HtmlOutput(write, load_policy()), found)
    return Page(html), html


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Verdict]:
    monkeypatch.chdir(tmp_path)
    Path("pods.yaml").write_text(POD + "---\n" + FINE)
    return verdicts("pods.yaml")


def test_the_page_needs_nothing_from_elsewhere(both: list[Verdict]) -> None:
    parsed, html = page(both)
    assert parsed.all("script") == parsed.all("link") == parsed.all("img") == parsed.all("iframe") == []
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//|url\(|@import|\son\w+=""", html)
    assert "<title>ecirun check: 1 admitted, 1 refused</title>" in html


def test_every_cell_of_the_matrix_leads_to_its_finding(both: list[Verdict]) -> None:
    parsed, _html = page(both)
    cells = [cell for cell in parsed.all("a") if (cell.get("class") or "").startswith("mark ")]
    assert [cell["title"] for cell in cells] == [
        "capability-not-permitted: error",
        "field-has-no-effect: warning",
        "host-ipc: error",
        "host-pid: note",
    ]
    findings = {card["id"] for card in parsed.all("article")}
    assert findings == {"f0", "f1", "f2", "f3", "f4"}
    assert {(cell["href"] or "").removeprefix("#") for cell in cells} <= findings
    assert len(parsed.all("tr", class_="refused")) == len(parsed.all("tr", class_="admitted")) == 1


def test_every_id_is_there_once(both: list[Verdict]) -> None:
    parsed, _html = page(both)
    ids = [element["id"] for _tag, element in parsed.elements if "id" in element]
    assert len(set(ids)) == len(ids)


def test_a_finding_shows_its_line_among_its_neighbours(both: list[Verdict]) -> None:
    _parsed, html = page(both)
    assert (
        "<pre>    6  spec:\n    7    hostPID: true\n<mark>    8    hostIPC: true</mark>\n    9    containers:\n"
        "   10    - name: main</pre>" in html
    )
    assert '<a href="pods.yaml#L8">pods.yaml:8:12</a>' in html


def test_what_a_file_says_stays_text(tmp_path: Path) -> None:
    evil = "</pre><script>alert(1)</script>"
    file = tmp_path / "<b>&'.yaml"
    file.write_text(FINE.replace("name: fine", f"name: '{evil}'").replace("spec:", f"spec:\n  nodeName: '{evil}'"))
    parsed, html = page(verdicts(str(file)))
    assert parsed.all("script") == []
    assert "<b>&'" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_a_capability_is_held_out_of_reach_dropped_or_refused(tmp_path: Path) -> None:
    file = tmp_path / "caps.yaml"
    file.write_text(CAPABILITIES)
    found = verdicts(str(file))
    assert found[0].pod is not None
    root, user = container_rows(found[0].pod, load_policy())
    assert (root.user, user.user) == ("uid 0", "uid 1000")
    assert {root.states[name] for name in load_policy().capabilities_default} == {"dropped"}
    assert (root.states["NET_ADMIN"], root.states["SYS_ADMIN"]) == ("held", "refused")
    assert (user.states["CHOWN"], user.states["KILL"], user.states.get("NET_ADMIN")) == ("bounding", "dropped", None)
    parsed, _html = page(found)
    labels = [picture["aria-label"] for picture in parsed.all("svg", role="img")]
    assert labels[1:] == ["capabilities held by root: NET_ADMIN", "capabilities held by user: none"]


def test_equal_containers_share_a_row(tmp_path: Path) -> None:
    file = tmp_path / "many.yaml"
    file.write_text("---\n".join(FINE.replace("fine", f"fine{number}") for number in range(3)))
    _parsed, html = page(verdicts(str(file)))
    assert html.count("capabilities held by c:") == 1
    assert "fine0 and 2 more" in html


def test_a_table_ends_where_a_browser_would(both: list[Verdict]) -> None:
    parsed, html = page([both[1]] * 1002)
    assert len(parsed.all("tr", class_="admitted")) == 1000
    assert "2 more pods were judged" in html
    assert "1002 admitted" in html


def test_a_page_of_nothing_is_a_page() -> None:
    parsed, _html = page([])
    assert parsed.all("article") == []
