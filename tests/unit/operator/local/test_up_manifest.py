"""A manifest is judged as the cluster judges it, and every mistake is one line with field, value, what is accepted."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from cbbot_operator.local.manifest import BadManifest, parse_manifest, read_manifest

EXAMPLE = Path(__file__).parents[4] / "examples" / "try.yaml"

SOUND = """\
apiVersion: cbbot.io/v1alpha1
kind: TradingBot
metadata: {name: btc}
spec:
  product: {id: BTC-USD}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(BadManifest) as raised:
        parse_manifest(text, "bot.yaml")
    return raised.value.problems


def spec_with(lines: str) -> str:
    return SOUND + "".join(f"  {line}\n" for line in lines.splitlines())


def test_the_smallest_manifest_has_every_default() -> None:
    manifest = parse_manifest(SOUND, "bot.yaml")
    assert (manifest.name, manifest.namespace) == ("btc", "")
    assert manifest.spec.mode == "Paper"
    assert manifest.spec.risk.riskPerTradePct == Decimal("1.0")


def test_the_example_is_a_demo_on_the_simulator() -> None:
    manifest = read_manifest(EXAMPLE)
    assert manifest.name == "try"
    assert manifest.spec.exchange.venue == "Simulator"
    assert manifest.spec.exits.takeProfitPct == Decimal("0.15")
    assert manifest.spec.risk.feeRatePct == Decimal("0.05")


def test_every_mistake_is_reported_at_once_with_field_value_and_what_is_accepted() -> None:
    found = problems(
        spec_with(
            "mode: Papper\n"
            "risk: {riskPerTradePct: 500, orderMinUSD: -1, feeRate: 1}\n"
            "strategy: {maFast: 1.5}\n"
            "cadence: {tickIntervalSeconds: '1'}"
        ).replace("{name: btc}", "{name: BTC, labels: {demo: true}}")
    )
    expected = [
        ("metadata.name", "'BTC'", "lower case"),
        ("metadata.labels.demo", "True", "text, in quotes"),
        ("spec.mode", "'Papper'", "one of Paper, Live"),
        ("spec.risk.riskPerTradePct", "500", "a number above 0, at most 100"),
        ("spec.risk.orderMinUSD", "-1", "a number from 0"),
        ("spec.risk.feeRate", "1", "did you mean feeRatePct?"),
        ("spec.strategy.maFast", "1.5", "a whole number from 1 to 400"),
        ("spec.cadence.tickIntervalSeconds", "'1'", "without quotes"),
    ]
    assert len(found) == len(expected), found
    for field, value, accepted in expected:
        assert any(line.startswith(f"bot.yaml: {field}: ") and value in line and accepted in line for line in found), (
            f"{field} is not told: {found}"
        )


def test_rules_between_fields_are_the_cluster_s() -> None:
    found = problems(spec_with("mode: Live\nexits: {takeProfitPct: 1}\nscalp: {tpDecay: {enabled: true, minPct: 2}}"))
    assert len(found) == 4
    assert "spec.exchange.credentialsSecretRef: nothing given" in found[0]
    assert "spec.scalp.tpDecay.minPct: 2 is not accepted" in found[3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("just text", "'just text' is not accepted: a mapping"),
        ("- a\n- b\n", "is not accepted: a mapping"),
        ("a: [1, 2", "is not YAML: line 1"),
        ("a: b: c", "is not YAML: line 1, column 5"),
        ("a: !!python/object/apply:os.getcwd []", "is not YAML"),
        ("a: 2026-13-45", "is not YAML"),
        ("a: \x00", "is not YAML"),
        (SOUND.replace("kind: TradingBot", "kind: Deployment"), "kind: 'Deployment' is not accepted: TradingBot"),
        (SOUND.replace("kind: TradingBot\n", ""), "kind: None is not accepted: TradingBot"),
        (SOUND.replace("v1alpha1", "v1"), "apiVersion: 'cbbot.io/v1' is not accepted: cbbot.io/v1alpha1"),
        (SOUND.replace("metadata: {name: btc}\n", ""), "metadata: nothing given: a mapping with a name"),
        (SOUND.replace("{name: btc}", "{}"), "metadata.name: nothing given"),
        (SOUND.replace("{name: btc}", "{name: btc, namespace: A b}"), "metadata.namespace: 'A b' is not accepted"),
        (SOUND.replace("{name: btc}", f"{{name: {'x' * 46}}}"), "at most 45"),
        (SOUND.split("spec:", maxsplit=1)[0], "spec: nothing given: a mapping with at least product.id"),
        (SOUND.split("spec:", maxsplit=1)[0] + "spec: 5\n", "spec: 5 is not accepted"),
        (SOUND.replace("  product: {id: BTC-USD}", "  mode: Paper"), "spec.product: nothing given"),
        (SOUND + "specs: {}\n", "specs: no such field"),
        (spec_with("mode: Paper\nmode: Live"), "mode is given twice"),
        (spec_with("risk: {usdEquity: .inf}"), "spec.risk.usdEquity: "),
        (spec_with("risk: {usdEquity: .nan}"), "spec.risk.usdEquity: "),
        ("a: &a [*a]\n", "nested too deeply"),
        ("[" * 5000, "nested too deeply"),
    ],
)
def test_what_cannot_be_used_is_reported_in_one_line(text: str, message: str) -> None:
    found = problems(text)
    assert len(found) == 1, found
    assert message in found[0]
    assert "\n" not in found[0]


def test_a_short_file_that_unfolds_without_end_is_refused() -> None:
    layers = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    layers += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "too large" in problems("\n".join(layers))[0]


def test_numbers_written_with_an_exponent_are_numbers() -> None:
    manifest = parse_manifest(spec_with("risk: {usdEquity: 1e3}"), "bot.yaml")
    assert manifest.spec.risk.usdEquity == 1000


def test_a_merged_mapping_may_be_overridden() -> None:
    text = spec_with("risk: {<<: *some, usdEquity: 7}").replace("spec:", "status: {a: &some {feeRatePct: 1}}\nspec:")
    spec = parse_manifest(text, "bot.yaml").spec
    assert (spec.risk.usdEquity, spec.risk.feeRatePct) == (Decimal(7), Decimal(1))


def test_other_objects_in_the_file_are_left_alone() -> None:
    text = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\n---\n---\n{SOUND}"
    assert parse_manifest(text, "bot.yaml").name == "btc"


def test_two_bots_in_a_file_are_refused_by_name() -> None:
    found = problems(f"{SOUND}---\n{SOUND.replace('btc', 'eth')}")
    assert found == ["bot.yaml: holds 2 TradingBots (btc, eth): cbbot up runs one, give each its file"]


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path / "absent.yaml", "cannot be read: No such file"),
        (tmp_path, "cannot be read: Is a directory"),
    ):
        with pytest.raises(BadManifest, match=message):
            read_manifest(path)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadManifest, match="not text in UTF-8"):
        read_manifest(binary)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * 1_500_001)
    with pytest.raises(BadManifest, match="larger than 1500000 bytes"):
        read_manifest(large)


def test_a_dash_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(SOUND.encode())))
    assert read_manifest(Path("-")).name == "btc"
