from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cbbot.contract.constraints import CONSTRAINTS
from cbbot.contract.settings_table import BY_FIELD
from cbbot.contract.tradingbot_constraints import TRANSITIONS
from cbbot_operator import crd

ROOT = Path(__file__).parents[3]


def nodes(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema node with its path."""
    if isinstance(schema, dict):
        yield path, schema
        for name, inner in schema.get("properties", {}).items():
            yield from nodes(inner, f"{path}.{name}")
        for word in ("items", "additionalProperties"):
            yield from nodes(schema.get(word), f"{path}[]")


@pytest.fixture(scope="module")
def root() -> dict[str, Any]:
    schema: dict[str, Any] = crd.crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


@pytest.mark.parametrize("path", crd.FILES)
def test_the_files_are_current_to_the_byte(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == crd.document(), "run python -m cbbot_operator.crd"


def test_check_names_a_file_that_is_not_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert crd.main([]) == 0
    assert crd.main(["--check"]) == 0
    (tmp_path / "crds/tradingbots.yaml").write_text("old", encoding="utf-8")
    assert crd.main(["--check"]) == 1
    assert "crds/tradingbots.yaml is not current" in capsys.readouterr().err
    assert crd.main(["--nonsense"]) == 2


def test_the_schema_is_structural(root: dict[str, Any]) -> None:
    for path, node in nodes(root):
        assert not {"$ref", "anyOf", "oneOf", "allOf", "const", "$defs", "title"} & set(node), path
        assert node["type"] in ("object", "array", "string", "number", "integer", "boolean"), path
        assert node.get("additionalProperties") is not False, path
        assert "properties" not in node or "additionalProperties" not in node, path
        for word in ("exclusiveMinimum", "exclusiveMaximum"):
            assert node.get(word, True) is True, path


def test_every_field_of_the_spec_is_described_and_bounded(root: dict[str, Any]) -> None:
    for path, node in nodes(root["properties"]["spec"], "spec"):
        if path != "spec" and not path.endswith("[]"):
            assert node["description"], path
        if node["type"] == "string":
            assert "enum" in node or "maxLength" in node, path
        if node["type"] in ("number", "integer"):
            assert {"minimum", "maximum"} <= set(node), path
        if node["type"] == "array":
            assert "maxItems" in node, path
        if "additionalProperties" in node:
            assert "maxProperties" in node, path


def test_every_section_has_an_empty_default_and_the_product_is_required(root: dict[str, Any]) -> None:
    spec = root["properties"]["spec"]
    assert spec["required"] == ["product"]
    assert spec["properties"]["product"]["required"] == ["id"]
    for path, node in nodes(spec, "spec"):
        if "properties" in node and path not in ("spec", "spec.product") and not path.endswith("[]"):
            reference = "required" in node
            assert reference or node.get("default") == {}, path


def test_every_setting_of_the_table_is_a_field_with_the_tables_default(root: dict[str, Any]) -> None:
    for path, setting in BY_FIELD.items():
        node = root["properties"]["spec"]
        for part in path.split("."):
            node = node["properties"][part]
        if setting.default is None or path in ("mode", "product.id"):
            continue
        written = node["default"]
        assert setting.parse(setting.text(written) if isinstance(written, bool) else str(written)) == setting.parse(
            setting.default
        ), path


def test_a_validation_never_stands_where_a_default_is_judged_before_its_fields_have_theirs(
    root: dict[str, Any],
) -> None:
    transitions = {rule.cel for rule in TRANSITIONS}
    for path, node in nodes(root):
        if node.get("default") == {}:
            rules = {rule["rule"] for rule in node.get("x-kubernetes-validations", ())}
            assert rules <= transitions, path


def test_every_constraint_is_in_the_schema_once(root: dict[str, Any]) -> None:
    written = [rule["rule"] for _, node in nodes(root) for rule in node.get("x-kubernetes-validations", ())]
    wanted = [constraint.validation for constraint in CONSTRAINTS] + [transition.cel for transition in TRANSITIONS]
    assert sorted(written) == sorted(wanted)


def test_columns_and_names_are_what_a_person_types() -> None:
    spec = crd.crd()["spec"]
    assert spec["names"]["shortNames"] == ["tb"]
    assert spec["names"]["categories"] == ["cbbot"]
    columns = spec["versions"][0]["additionalPrinterColumns"]
    assert [column["name"] for column in columns if "priority" not in column] == [
        "Product",
        "Mode",
        "Ready",
        "Equity",
        "Day-PnL",
        "Lots",
        "Breaker",
        "Age",
    ]
    assert [column["name"] for column in columns if "priority" in column] == [
        "Unrealized", "Last-Tick", "Image", "Reason",
    ]  # fmt: skip


def test_uninstalling_the_chart_keeps_the_definition() -> None:
    text = (ROOT / "charts/files/tradingbots.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text)["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert "{{" not in text
