"""What is written about the chart agrees with the chart: README.md, Chart.yaml, what a release writes into it."""

from __future__ import annotations

import re

import pytest
import yaml

from cbbot.contract.spec_reader import read_spec
from cbbot_operator.crd import crd
from chart.rendered_charts import ROOT
from markdown_tables import tables

README = (ROOT / "charts/README.md").read_text(encoding="utf-8")
CHART = yaml.safe_load((ROOT / "charts/Chart.yaml").read_text(encoding="utf-8"))
ANNOTATIONS = {key.removeprefix("artifacthub.io/"): yaml.safe_load(text) for key, text in CHART["annotations"].items()}
IMAGES = ("operator", "bot", "bridge")


def test_every_value_and_every_group_is_in_the_readme_with_its_meaning() -> None:
    (table,) = tables(README)
    rows = {row["value"].strip("`"): row for row in table}
    assert len(rows) > 70
    assert [path for path, row in rows.items() if not row["meaning"]] == []
    assert rows["replicas"]["default"] == "`1`"
    assert rows["monitoring.podSelector"]["default"] == '`{"app.kubernetes.io/name": "prometheus"}`'
    assert rows["monitoring"]["default"] == ""
    assert {"resources", "extraObjects", "monitoring.slack.channel"} <= rows.keys()


def test_no_host_is_made_up() -> None:
    text = (ROOT / "charts/Chart.yaml").read_text(encoding="utf-8") + README
    hosts = set(re.findall(r"(?:https?|oci)://([^\s`\")\]]+)", text))
    assert hosts
    assert [host for host in hosts if not re.match(r"(github\.com|ghcr\.io)/OWNER", host)] == []


def test_artifact_hub_is_told_the_images_of_this_version() -> None:
    names = [f"ghcr.io/OWNER/cbbot-{part}:{CHART['appVersion']}" for part in IMAGES]
    assert [image["image"] for image in ANNOTATIONS["images"]] == names


def test_artifact_hub_is_told_the_definition_and_an_example_that_is_accepted() -> None:
    (told,) = ANNOTATIONS["crds"]
    definition = crd()
    assert told["name"] == definition["metadata"]["name"]
    assert told["kind"] == definition["spec"]["names"]["kind"]
    assert told["version"] == definition["spec"]["versions"][0]["name"]
    for example in ANNOTATIONS["crdsExamples"]:
        read_spec(example["spec"])


@pytest.mark.parametrize("part", ["home", "sources", "icon", "maintainers", "keywords", "kubeVersion"])
def test_the_chart_says_what_people_look_for(part: str) -> None:
    assert CHART[part]
