"""Debian's Prometheus and Alertmanager on loopback, with the repository's own configuration and shortened durations."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from free_port import free_port
from prerequisites import debian_program
from repository_files import ROOT
from started_processes import start

__all__ = ["PATIENCE_SECONDS", "MonitoringStack", "monitoring_stack"]

EXAMPLES: Final = ROOT / "examples" / "monitoring"
PATIENCE_SECONDS: Final = 40
# What an age must exceed, in the rules: three times the setting, and no less than this.
_SHORTEST_AGES: Final = {", 60)": ", 3)"}


class MonitoringStack:
    """``query`` asks Prometheus; ``until_firing`` waits for an alert."""

    def __init__(self, prometheus: int, folder: Path) -> None:
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{prometheus}/api/v1", trust_env=False, timeout=10)
        self._folder = folder

    async def close(self) -> None:
        await self._http.aclose()

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """An instant query's result."""
        answer = (await self._http.get("/query", params={"query": expression})).json()
        assert answer["status"] == "success", (expression, answer)
        return list(answer["data"]["result"])

    async def firing(self) -> set[str]:
        return {each["metric"]["alertname"] for each in await self.query('ALERTS{alertstate="firing"}')}

    async def until(self, expression: str, what: str) -> list[dict[str, Any]]:
        """The result once there is one."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (found := await self.query(expression)):
            if time.monotonic() > end:
                log = (self._folder / "prometheus.log").read_text()[-1500:]
                raise AssertionError(f"{what} did not come; firing: {await self.firing()}; {log}")
            await asyncio.sleep(0.2)
        return found

    async def until_firing(self, alert: str) -> dict[str, str]:
        """Its labels."""
        found = await self.until(f'ALERTS{{alertname="{alert}",alertstate="firing"}}', alert)
        return dict(found[0]["metric"])


@asynccontextmanager
async def monitoring_stack(folder: Path, targets: Mapping[str, int], webhook: str) -> AsyncIterator[MonitoringStack]:
    """Both run; ``targets`` are the ports of the jobs, ``lonely`` a second operator's."""
    programs = {
        "prometheus": debian_program("prometheus", "prometheus"),
        "alertmanager": debian_program("prometheus-alertmanager", "prometheus-alertmanager"),
    }
    ports = {name: free_port() for name in programs}
    (folder / "webhook").write_text(webhook)
    (folder / "alerts.yaml").write_text(yaml.safe_dump(_shortened_rules()))
    (folder / "slack.tmpl").write_bytes((EXAMPLES / "slack.tmpl").read_bytes())
    (folder / "prometheus.yml").write_text(yaml.safe_dump(_prometheus(targets, ports["alertmanager"])))
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(_alertmanager(folder / "webhook")))
    storage = {"prometheus": "--storage.tsdb.path", "alertmanager": "--storage.path"}
    more = {"prometheus": ["--log.level=warn"], "alertmanager": ["--cluster.listen-address=", "--log.level=debug"]}
    running = []
    try:
        for name, program in programs.items():
            with (folder / f"{name}.log").open("wb") as log:
                command = [
                    program, f"--config.file={folder / f'{name}.yml'}", f"{storage[name]}={folder / name}",
                    f"--web.listen-address=127.0.0.1:{ports[name]}", *more[name],
                ]  # fmt: skip
                running.append(start(command, stdout=log, stderr=subprocess.STDOUT))
        for name, port in ports.items():
            await _until_ready(port, folder / f"{name}.log")
        yield MonitoringStack(ports["prometheus"], folder)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def _until_ready(port: int, log: Path) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await http.get("/-/ready")).is_success:
                    return
            assert time.monotonic() < end, _end_of(log)
            await asyncio.sleep(0.1)


def _end_of(log: Path) -> str:
    return log.read_text()[-2000:]


def _shortened_rules() -> Any:
    text = (EXAMPLES / "alerts.yaml").read_text(encoding="utf-8")
    for long, short in _SHORTEST_AGES.items():
        assert long in text
        text = text.replace(long, short)
    rules = yaml.safe_load(text)
    for group in rules["groups"]:
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = "1s"
    return rules


def _prometheus(targets: Mapping[str, int], alertmanager: int) -> Any:
    configuration = yaml.safe_load((EXAMPLES / "prometheus.yml").read_text(encoding="utf-8"))
    configuration["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    (sent,) = configuration["alerting"]["alertmanagers"]
    sent["static_configs"] = [{"targets": [f"127.0.0.1:{alertmanager}"]}]
    jobs = {job["job_name"]: job for job in configuration["scrape_configs"]}
    # On one machine there is no operator.
    operators: list[dict[str, Any]] = [{"labels": {"namespace": place}} for place in ("local", "lonely")]
    jobs["cbbot-operator"] = {"job_name": "cbbot-operator", "static_configs": operators}
    for name, job in jobs.items():
        job["static_configs"][0]["targets"] = [f"127.0.0.1:{targets[name]}"]
    operators[1]["targets"] = [f"127.0.0.1:{targets['lonely']}"]
    configuration["scrape_configs"] = list(jobs.values())
    return configuration


def _alertmanager(webhook: Path) -> Any:
    configuration = yaml.safe_load((EXAMPLES / "alertmanager.yml").read_text(encoding="utf-8"))
    configuration["route"] |= {"group_wait": "0s", "group_interval": "1s"}
    configuration["receivers"][0]["slack_configs"][0]["api_url_file"] = str(webhook)
    return configuration
