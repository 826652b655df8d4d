"""What README.md shows a stranger is so: columns, figures, pictures that are small and ask nobody; it is short."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cbbot.contract.bridge_settings_table import API_KEY_PAIR
from cbbot_operator.keys import WATCH_LABEL
from repository_files import ROOT, repository_files

README = (ROOT / "README.md").read_text(encoding="utf-8")
GOING_LIVE = (ROOT / "docs" / "going-live.md").read_text(encoding="utf-8")
PICTURES = ROOT / "docs" / "pictures"
LARGEST_PICTURE = 200 * 1024


def commands_with(word: str) -> str:
    """The block of commands that has the word."""
    blocks = [block for block in re.findall(r"```sh\n(.*?)```", GOING_LIVE, re.DOTALL) if word in block]
    (block,) = blocks
    return str(block)


def test_the_secret_is_made_as_the_operator_wants_it() -> None:
    example = (ROOT / "examples" / "live.yaml").read_text(encoding="utf-8")
    for text in (commands_with("create secret"), example):
        assert set(re.findall(r"--from-file=(\w+)", text)) == set(API_KEY_PAIR)
        assert f"{WATCH_LABEL}=true" in text
    name = re.findall(r"secret generic (\S+)", GOING_LIVE)[0]
    assert yaml.safe_load(example)["spec"]["exchange"]["credentialsSecretRef"]["name"] == name


@pytest.mark.parametrize("named", ["name", "id"])
@pytest.mark.skipif(
    not all(map(shutil.which, ("kubectl", "jq", "bash"))), reason="needs kubectl, jq and bash, as the reader does"
)
def test_the_commands_take_the_portals_file(tmp_path: Path, named: str) -> None:
    key = {named: "organizations/o/apiKeys/k", "privateKey": "-----BEGIN EC PRIVATE KEY-----\nabc\n"}
    (tmp_path / "cdp_api_key.json").write_text(json.dumps(key))
    create = commands_with("create secret").partition("kubectl label")[0].strip()
    command = ["bash", "-c", f"{create} --dry-run=client -o json"]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    data = {name: base64.b64decode(value).decode() for name, value in json.loads(made.stdout)["data"].items()}
    assert data == dict(zip(API_KEY_PAIR, (key[named], key["privateKey"]), strict=True))


def test_the_columns_are_those_of_the_definition() -> None:
    (version,) = yaml.safe_load((ROOT / "crds" / "tradingbots.yaml").read_text(encoding="utf-8"))["spec"]["versions"]
    columns = [column["name"].upper() for column in version["additionalPrinterColumns"] if not column.get("priority")]
    assert ["NAME", *columns] in [line.split() for line in README.splitlines()]


def test_the_row_has_the_figures_of_the_picture() -> None:
    shown = re.sub(r"<[^>]+>", " ", (PICTURES / "up.svg").read_text(encoding="utf-8")).replace("&#160;", " ")
    equity, lots, day = (
        re.findall(pattern, shown)[0]
        for pattern in (r"equity +([\d,.]+) USD", r"lots +(\d+) ", r"day\s+PnL +([-+][\d.]+)")
    )
    (row,) = [line.split() for line in README.splitlines() if line.startswith("try ")]
    assert row[4:7] == [f"{float(equity.replace(',', '')):.2f}", f"{float(day):.2f}", lots]


def test_it_is_read_in_a_minute() -> None:
    """Code, tables and pictures apart: they are looked at, not read."""
    prose = re.sub(r"```.*?```|^\|.*$|!\[.*?\]\(.*?\)", "", README, flags=re.DOTALL | re.MULTILINE)
    assert len(re.findall(r"\w+", re.sub(r"\]\([^)]*\)", "", prose))) < 320


def test_pictures_are_small_shown_and_load_nothing_from_elsewhere() -> None:
    pictures = [file for file in repository_files() if file.is_relative_to(PICTURES)]
    assert pictures
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    for picture in pictures:
        assert f"]({picture.relative_to(ROOT)})" in README or f"]({picture.relative_to(ROOT / 'docs')})" in pages
        assert picture.stat().st_size < LARGEST_PICTURE
        if picture.suffix == ".svg":
            assert not re.search(r"url\((?!#)|href=|@import|<script", picture.read_text(encoding="utf-8"))


def test_nothing_names_an_owner() -> None:
    owners = set(re.findall(r"(?:github\.com|ghcr\.io)/(\w+)", README))
    assert owners == {"OWNER"}
