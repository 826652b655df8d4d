"""What README.md shows a stranger is so: the Secret's keys, the columns, pictures that are small and ask nobody."""

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
from cbbot.views.bot_metrics import BotMetrics
from cbbot_operator.keys import WATCH_LABEL
from repository_files import ROOT, repository_files

README = (ROOT / "README.md").read_text(encoding="utf-8")
PICTURES = ROOT / "docs" / "pictures"
LARGEST_PICTURE = 200 * 1024


def commands_with(word: str) -> str:
    """The block of commands that has the word."""
    blocks = [block for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if word in block]
    (block,) = blocks
    return str(block)


def test_the_secret_is_made_as_the_operator_wants_it() -> None:
    example = (ROOT / "examples" / "live.yaml").read_text(encoding="utf-8")
    for text in (commands_with("create secret"), example):
        assert set(re.findall(r"--from-file=(\w+)", text)) == set(API_KEY_PAIR)
        assert f"{WATCH_LABEL}=true" in text
    name = re.findall(r"secret generic (\S+)", README)[0]
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


def test_metrics_that_are_shown_exist() -> None:
    known = {definition.name for definition in BotMetrics().made.definitions}
    shown = re.findall(r"^(bot_\w+)(?:\{.*\})? [\d.]+$", README, re.MULTILINE)
    assert len(shown) > 4
    assert set(shown) <= known


def test_pictures_are_small_shown_and_load_nothing_from_elsewhere() -> None:
    pictures = [file for file in repository_files() if file.is_relative_to(PICTURES)]
    assert pictures
    for picture in pictures:
        assert f"]({picture.relative_to(ROOT)})" in README
        assert picture.stat().st_size < LARGEST_PICTURE
        if picture.suffix == ".svg":
            assert not re.search(r"url\((?!#)|href=|@import|<script", picture.read_text(encoding="utf-8"))


def test_nothing_names_an_owner() -> None:
    owners = set(re.findall(r"(?:github\.com|ghcr\.io)/(\w+)", README))
    assert owners == {"OWNER"}
