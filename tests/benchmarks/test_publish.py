"""The page's table and picture: made from result files alone, honest about what is missing or missed."""

import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import publish
from benchmarks.stages import stage_picture

ROOT = Path(__file__).resolve().parents[2]
MACHINE = {"date": "2026-01-02 03:04", "cpu": "abacus", "cores": 2, "torch": "2", "load_before": 0.1}
STREAM = {
    "capacity_fps": 40.0, "fps": 23.9, "skipped": 0, "out_of_order": 0, "latency_p50_ms": 300.0,
    "latency_p95_ms": 500.0, "peak_share": 0.5, "peak_gflops": 35.0, "peak_dtype": "float32", "transformer_threads": 1,
    "swap_interval_p95_ms": 40.0, "frame_interval_p95_ms": 44.0,
    "chunk_ms": {"control": 40.0, "transformer": 60.0, "decode": 50.0, "total": 155.0},
    "backend": "torch", "command": "python -m benchmarks.stream", "machine": MACHINE,
}  # fmt: skip


def age(ratio: float, date: str) -> dict:
    return {"age": {"ratio": ratio, "ratio_cpu": 1.0, "ratio_range": [0.9, 1.1]}, "command": f"at {date}",
            "machine": MACHINE | {"date": date}}  # fmt: skip


def rows(lines: list[str]) -> dict[str, list[str]]:
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:] if line.startswith("|"))
    return {row[0]: row[1:] for row in cells}


def test_met_missed_and_missing_are_told_apart(tmp_path):
    (tmp_path / "stream.json").write_text(json.dumps(STREAM))
    (tmp_path / "compare_old.json").write_text(json.dumps(age(1.2, "2026-01-01 00:00")))
    (tmp_path / "compare_a.json").write_text(json.dumps(age(0.99, "2026-01-03 00:00")))
    found = rows(publish.table(publish.gathered(tmp_path)))
    assert len(found) == len(publish.BARS)
    by_bar = {row[0]: row for row in found.values()}
    assert publish.MISSING not in [found[bar.what][1] for bar in publish.BARS if bar.source == "stream"]
    assert by_bar["≥ 36"][1:3] == ["40.0", "yes"]
    assert by_bar["≤ 380 / 480 ms"][2] == "**no**"  # the median alone would have met it
    assert by_bar["≤ 34 ms"][2] == "**no**"
    assert by_bar["≤ 6 s"][1] == publish.MISSING
    assert by_bar["1.00 ± 0.03"][2] == "too coarse to tell"  # 0.99, but anything from 0.9 to 1.1 would look like it
    assert by_bar["1.00 ± 0.03"][1].startswith("0.990")  # the latest of two
    assert by_bar["1.00 ± 0.03"][3] == "`at 2026-01-03 00:00`"


def test_a_result_from_before_a_figure_was_measured_leaves_its_row_open(tmp_path):
    older = {key: value for key, value in STREAM.items() if key != "skipped"}
    (tmp_path / "stream.json").write_text(json.dumps(older))
    found = rows(publish.table(publish.gathered(tmp_path)))
    by_bar = {row[0]: row for row in found.values()}
    assert by_bar["0; 0"][1] == publish.MISSING
    assert by_bar["≥ 36"][1] == "40.0"


@pytest.mark.parametrize(
    ("spread", "told"), [([0.98, 1.02], True), ([1.05, 1.2], False), ([0.8, 0.9], False), ([0.9, 1.0], None)]
)
def test_a_spread_decides_only_where_it_can(tmp_path, spread, told):
    result = age(sum(spread) / 2, "2026-01-01 00:00")
    result["age"]["ratio_range"] = spread
    (tmp_path / "compare.json").write_text(json.dumps(result))
    by_bar = {row[0]: row for row in rows(publish.table(publish.gathered(tmp_path))).values()}
    assert by_bar["1.00 ± 0.03"][2] == publish.VERDICT[told]


def test_only_what_stands_between_the_marks_is_written(tmp_path, monkeypatch, capsys):
    (tmp_path / "stream.json").write_text(json.dumps(STREAM))
    page = tmp_path / "page.md"
    page.write_text(f"before\n{publish.BEGIN}\nold\n{publish.END}\nafter\n")
    words = ["publish", "--results", str(tmp_path), "--page", str(page), "--figures", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    publish.main()
    once = page.read_text()
    assert once.startswith(f"before\n{publish.BEGIN}\n| what |")
    assert once.endswith(f"{publish.END}\nafter\n")
    assert "old" not in once
    publish.main()
    assert page.read_text() == once
    assert "40.0" in capsys.readouterr().out
    assert (tmp_path / "stages.svg").exists()
    with pytest.raises(ValueError, match="lacks"):
        publish.placed("no marks", [])


def test_bars_are_as_long_as_their_stages():
    chunk_ms = STREAM["chunk_ms"]
    drawn = ElementTree.fromstring(stage_picture(chunk_ms, 4, 24.0, "a < b"))
    space = "{http://www.w3.org/2000/svg}"
    widths: dict[str, list[tuple[float, float]]] = {}
    for bar in drawn.iter(f"{space}rect"):
        if (title := bar.find(f"{space}title")) is not None and title.text:
            stage = title.text.split()[0]
            widths.setdefault(stage, []).append((float(bar.get("x", 0)), float(bar.get("width", 0))))
    assert set(widths) == {"control", "transformer", "decode"}
    scale = widths["control"][0][1] / chunk_ms["control"]
    for stage, bars in widths.items():
        assert [width for _, width in bars] == pytest.approx([chunk_ms[stage] * scale] * 3, abs=0.2)
    starts = [x for x, _ in widths["control"]]
    assert starts[1] - starts[0] == pytest.approx(100.0 * scale, abs=0.2)  # the slower half's time
    texts = " ".join(text.text or "" for text in drawn.iter(f"{space}text"))
    assert "40.0 frames a second" in texts


def test_the_page_shows_what_the_kept_results_say():
    """Whoever keeps a new result publishes it."""
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    kept = publish.table(publish.gathered(ROOT / "benchmarks" / "results"))
    assert publish.placed(page, kept) == page
    assert re.search(r"\(figures/stages\.svg\)", page)
