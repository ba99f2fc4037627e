"""The brand, as an operator types it."""

from __future__ import annotations

from pathlib import Path

from .conftest import Run


def test_a_brand_is_set_from_a_file_and_shown(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "brand.yaml"
    file.write_text('name: Ann\ncolours: {primary: "#010203"}\n', "utf-8")
    assert run("brand", "set", str(file), "--json").json["name"] == "Ann"
    output = run("brand", "show", role="reader").output
    assert "name                 Ann\n" in output
    assert "colours.primary      #010203\n" in output
    assert "logo                 -\n" in output


def test_a_wrong_brand_is_refused_with_the_hint(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "brand.yaml"
    file.write_text("nmae: Ann\n", "utf-8")
    answer = run("brand", "set", str(file))
    assert answer.status == 1
    assert "unknown key nmae" in answer.errors
    assert "did you mean name?" in answer.errors


def test_a_file_that_holds_no_mapping_is_refused(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "brand.yaml"
    file.write_text("- Ann\n", "utf-8")
    assert "holds no mapping" in run("brand", "set", str(file)).errors
