"""The chart as a release publishes it: its own owner, its images by digest, its runbooks at an address."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart.rendered_charts import PROMETHEUS_OPERATOR, ROOT, helm, one

PARTS = ("operator", "bot", "bridge")
DIGESTS = {part: f"sha256:{letter * 64}" for part, letter in zip(PARTS, "abc", strict=True)}
VERSION = yaml.safe_load((ROOT / "charts/Chart.yaml").read_text(encoding="utf-8"))["appVersion"]
OWN = ("--registry=ghcr.io/me", "--repository=Me/trading", "--tag=v1.2.3")


def written(chart: Path, digests: dict[str, str] = DIGESTS) -> subprocess.CompletedProcess[str]:
    given = [f"--digest={part}={digest}" for part, digest in digests.items()]
    command = [sys.executable, str(ROOT / "tools/release_chart.py"), str(chart), *OWN, *given]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A copy of the chart that a release has written into."""
    copied = Path(shutil.copytree(ROOT / "charts", tmp_path / "charts"))
    ended = written(copied)
    assert ended.returncode == 0, ended.stderr
    return copied


def objects(chart: Path, **values: Any) -> list[dict[str, Any]]:
    ended = helm("template", "cbbot", str(chart), *PROMETHEUS_OPERATOR, values=values)
    assert ended.returncode == 0, ended.stderr
    return [obj for obj in yaml.safe_load_all(ended.stdout) if obj]


def images(chart: Path, **values: Any) -> dict[str, str]:
    """What the chart would run, by part."""
    (container,) = one(objects(chart, image=values), "Deployment")["spec"]["template"]["spec"]["containers"]
    told = {entry["name"]: entry.get("value", "") for entry in container["env"]}
    return {"operator": container["image"], "bot": told["CBBOT_BOT_IMAGE"], "bridge": told["CBBOT_BRIDGE_IMAGE"]}


def test_it_names_its_own_owner_everywhere(chart: Path) -> None:
    for name in ("Chart.yaml", "README.md", "values.yaml"):
        text = (chart / name).read_text(encoding="utf-8")
        assert "OWNER" not in text, name
        assert "Me/trading" in text or "ghcr.io/me/charts" in text, name
    about = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    assert about["home"] == "https://github.com/Me/trading"
    assert "ghcr.io/me/cbbot-operator:" in about["annotations"]["artifacthub.io/images"]


def test_its_readme_tells_the_defaults_that_it_has(chart: Path) -> None:
    text = (chart / "README.md").read_text(encoding="utf-8")
    assert '| `image.registry` | `"ghcr.io/me"` |' in text
    assert f'| `image.digests.bot` | `"{DIGESTS["bot"]}"` |' in text


@pytest.mark.usefixtures("needs_helm")
def test_its_images_are_those_that_were_released_with_it(chart: Path) -> None:
    assert images(chart) == {part: f"ghcr.io/me/cbbot-{part}:{VERSION}@{DIGESTS[part]}" for part in PARTS}
    mirrored = one(objects(chart, **{"global": {"imageRegistry": "r.example/m"}}), "Deployment")
    (container,) = mirrored["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"r.example/m/cbbot-operator:{VERSION}@{DIGESTS['operator']}"


@pytest.mark.usefixtures("needs_helm")
def test_whoever_names_another_image_gets_that_one(chart: Path) -> None:
    assert images(chart, tag="ci") == {part: f"ghcr.io/me/cbbot-{part}:ci" for part in PARTS}
    named = images(chart, bot="mine/bot:7", bridge=f"b@{DIGESTS['bot']}")
    assert named["bot"] == "ghcr.io/me/mine/bot:7"
    assert named["bridge"] == f"ghcr.io/me/b@{DIGESTS['bot']}"
    assert named["operator"].endswith(DIGESTS["operator"])


@pytest.mark.usefixtures("needs_helm")
def test_its_alerts_name_the_runbooks_of_its_version(chart: Path) -> None:
    groups = one(objects(chart), "PrometheusRule")["spec"]["groups"]
    addresses = {rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"]}
    start = "https://github.com/Me/trading/blob/v1.2.3/"
    assert [address for address in addresses if not address.startswith(start)] == []
    pages = {address.removeprefix(start).partition("#")[0] for address in addresses}
    assert [page for page in pages if not (ROOT / page).is_file()] == []


@pytest.mark.parametrize(
    "digests",
    [{}, {"operator": DIGESTS["operator"]}, DIGESTS | {"bot": ""}, DIGESTS | {"bot": "sha256:12"}],
    ids=["none", "one of three", "an empty one", "a short one"],
)
def test_a_digest_that_is_missing_ends_the_release(tmp_path: Path, digests: dict[str, str]) -> None:
    copied = Path(shutil.copytree(ROOT / "charts", tmp_path / "charts"))
    ended = written(copied, digests)
    assert ended.returncode == 1
    assert "a digest for each of operator, bot, bridge is needed" in ended.stderr
    assert (copied / "values.yaml").read_text() == (ROOT / "charts/values.yaml").read_text()


def test_a_value_that_is_not_there_or_stands_already_ends_the_release(chart: Path) -> None:
    ended = written(chart)
    assert ended.returncode == 1
    assert "image.registry is not there once and empty" in ended.stderr


def test_the_workflow_hands_over_the_digest_of_each_image_that_it_builds() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    built, chart = workflow["jobs"]["images"], workflow["jobs"]["chart"]
    assert set(built["outputs"]) == set(built["strategy"]["matrix"]["part"]) == set(PARTS)
    (step,) = [step for step in chart["steps"] if "release_chart.py" in step.get("run", "")]
    for part in PARTS:
        assert built["outputs"][part] == f"${{{{ steps.digest.outputs.{part} }}}}"
        assert step["env"][part.upper()] == f"${{{{ needs.images.outputs.{part} }}}}"
        assert f'--digest "{part}=${part.upper()}"' in step["run"]
    assert re.search(r"release_chart\.py charts (?s:.*)helm package charts ", step["run"])
