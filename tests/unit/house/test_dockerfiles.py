"""The three images' recipes: one form, a base that cannot move, locked packages, a user without rights."""

from __future__ import annotations

import importlib
import json
import re
import tomllib
from typing import Any

import pytest
import yaml

from candle_files import ROOT
from cbbot.contract.tradingbot_pods import POD_USER
from locked_versions import pins

PARTS = ("bot", "bridge", "operator")
TEXTS = {part: (ROOT / f"Dockerfile.{part}").read_text(encoding="utf-8") for part in PARTS}
BUILDS = {"images": "docker/build-push-action", "package": "-m hatchling build"}
INSTRUCTION = re.compile(r"^[A-Z]+ (?:.*\\\n)*.*$", re.MULTILINE)
# What an image may have for itself: its own code, its process, what it is, and a folder for the state.
OWN = re.compile(
    r'COPY (?:bridge|operator)/ .*|(?:EXPOSE|ENTRYPOINT|CMD) .*|(?<=image\.description=)".*"'
    r'|ARG CHART=.*|RUN test "\$CHART"(?:.|\n)*'
    r"| \\\n && install -d -o cbbot -g cbbot /opt/coinbase/state"
)


def instructions(part: str, word: str) -> list[str]:
    return [found for found in INSTRUCTION.findall(TEXTS[part]) if found.startswith(f"{word} ")]


def test_images_differ_in_nothing_but_what_is_in_them() -> None:
    forms = {
        part: [
            shared.replace(f"cbbot-{part}", "cbbot-PART").replace(f"/{part}.txt", "/PART.txt")
            for found in INSTRUCTION.findall(text)
            if (shared := OWN.sub("", found))
        ]
        for part, text in TEXTS.items()
    }
    assert len(forms["bot"]) > 10
    assert forms["bridge"] == forms["bot"]
    assert forms["operator"] == forms["bot"]


@pytest.mark.parametrize("part", PARTS)
def test_every_stage_is_the_base_that_a_digest_names(part: str) -> None:
    first, *others = instructions(part, "FROM")
    assert re.fullmatch(r"FROM python:3\.13-slim@sha256:[0-9a-f]{64} AS base", first)
    assert others == ["FROM base AS build", "FROM base"]


def test_renovate_renews_the_digest() -> None:
    renovate: Any = json.loads((ROOT / "renovate.json").read_text(encoding="utf-8"))
    assert "dockerfile" in renovate["enabledManagers"]
    held = [rule for rule in renovate["packageRules"] if "dockerfile" in rule["matchManagers"] and not rule["enabled"]]
    assert [rule["matchUpdateTypes"] for rule in held] == [["major", "minor"]]


@pytest.mark.parametrize("part", PARTS)
def test_nothing_is_installed_but_what_the_locks_name(part: str) -> None:
    text = "\n".join(instructions(part, "RUN"))
    installs = re.findall(r"pip (?:--python \S+ )?install (.*?)(?: \\)?$", text, re.MULTILINE)
    hashed = [re.search(r"--require-hashes --no-deps -r (\S+)$", each) for each in installs]
    assert [found[1] for found in hashed if found] == [f"requirements/{part}.txt", "requirements/build.txt"]
    assert [each for each, found in zip(installs, hashed, strict=True) if not found and "--no-index" not in each] == []
    assert "apt" not in text


def test_no_image_has_what_research_and_tests_take() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    names = {
        extra: {re.split(r"[<>=;\[]", line)[0].lower() for line in lines} - {"cbbot"} for extra, lines in extras.items()
    }
    needed = names["bot"] | names["bridge"] | names["operator"]
    unneeded = (names["research"] | names["dev"]) - needed
    assert len(unneeded) > 10
    for part in PARTS:
        assert not unneeded & set(pins(part)), part
    assert not (names["bridge"] - names["bot"]) & set(pins("bot"))


@pytest.mark.parametrize("part", PARTS)
def test_the_process_runs_as_the_user_whom_the_pods_name(part: str) -> None:
    assert instructions(part, "USER") == [f"USER {POD_USER}:{POD_USER}"]
    assert f"useradd --uid {POD_USER} --user-group" in TEXTS[part]
    values = yaml.safe_load((ROOT / "charts/values.yaml").read_text(encoding="utf-8"))
    assert values["podSecurityContext"]["runAsUser"] == POD_USER


@pytest.mark.parametrize("part", PARTS)
def test_an_image_says_what_it_is(part: str) -> None:
    (label,) = instructions(part, "LABEL")
    static = dict(re.findall(r'org\.opencontainers\.image\.([\w.]+)="([^"]+)"', label))
    assert static["title"] == f"cbbot-{part}"
    base = instructions(part, "FROM")[0].split()[1].partition("@")[0]
    assert static["base.name"] == f"docker.io/library/{base}"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert static["licenses"] == project["license"]
    lines = build_step()["with"]["labels"].splitlines()
    added = {line.partition("=")[0].removeprefix("org.opencontainers.image.") for line in lines}
    assert set(static) | added == {
        "title", "description", "licenses", "base.name", "source", "revision", "version",
    }  # fmt: skip
    assert not set(static) & added, "said once"


def test_the_bots_image_is_not_built_without_the_pages_library_by_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "tools")
    page_library = importlib.import_module("page_library")
    (guard,) = [step for step in instructions("bot", "RUN") if "$CHART" in step]
    assert str(page_library.LIBRARY.relative_to(ROOT) / page_library.FILES[page_library.ENTRY]) in guard
    assert instructions("bot", "ARG") == ["ARG CHART=with"]


@pytest.mark.parametrize("job", ["images", "package"])
def test_a_release_fetches_the_pages_library_before_it_builds(job: str) -> None:
    workflow: Any = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    steps = [f"{step.get('uses', '')} {step.get('run', '')}" for step in workflow["jobs"][job]["steps"]]
    whole = "\n".join(steps)
    fetched, built = (whole.index(word) for word in ("tools/page_library.py", BUILDS[job]))
    assert fetched < built


def test_a_release_has_both_architectures() -> None:
    assert build_step()["with"]["platforms"].split(",") == ["linux/amd64", "linux/arm64"]


def build_step() -> dict[str, Any]:
    """The step of the release that builds an image."""
    workflow: Any = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    found: dict[str, Any]
    (found,) = [step for step in workflow["jobs"]["images"]["steps"] if "build-push-action" in step.get("uses", "")]
    return found


def test_what_is_copied_is_in_the_context_and_nothing_else() -> None:
    admitted = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source.rstrip("/").partition("/")[0]
        for part in PARTS
        for copy in instructions(part, "COPY")
        if "--from" not in copy
        for source in copy.split()[1:-1]
    }
    assert copied == admitted
