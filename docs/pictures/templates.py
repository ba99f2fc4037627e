"""Draw the ready-made templates: a desktop, a phone, and a phone with a dark screen, side by side.

    python -m docs.pictures.templates [NAME …]

writes docs/pictures/templates/NAME.png; it needs chromium on the PATH.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

from PIL import Image, ImageChops
from tests.writing.samples import BRAND, ITEMS

from dreamlit_pg.definition import read_workflow
from dreamlit_pg.ready_made import copy_ready_made, ready_made
from dreamlit_pg.rendering import render_batch

FOLDER = Path(__file__).parent / "templates"
WIDTHS = (640, 375, 375)
GAP, ROOM = 24, 2400
AROUND = "#c9ced6"
PAGE = """<!doctype html><meta charset="utf-8"><title>.</title>
<style>
  body {{ margin: 0; padding: {gap}px; background: {around} }}
  body {{ display: flex; gap: {gap}px; align-items: start }}
  iframe {{ border: 0; flex: none }}
</style>
{frames}"""
FRAME = (
    '<iframe width="{width}" srcdoc="{html}" '
    'onload="this.height = this.contentDocument.documentElement.offsetHeight"></iframe>'
)


def email(name: str, example: str) -> str:
    """The HTML of the example's email with the sample."""
    with tempfile.TemporaryDirectory() as folder:
        copy_ready_made(name, Path(folder) / "templates")
        file = Path(folder) / "workflow.yaml"
        file.write_text(example, "utf-8")
        document = read_workflow(file).document
    given = next(step["email"] for step in document["steps"] if "email" in step)
    [made] = render_batch("email", {**given, "brand": BRAND}, document["files"], [ITEMS[name]])
    return str(made["content"]["html"])


def draw(name: str, html: str) -> Path:
    """Write NAME.png; returns its path."""
    dark = html.replace("@media (prefers-color-scheme: dark)", "@media all")
    frames = [
        FRAME.format(width=width, html=escape(shown))
        for width, shown in zip(WIDTHS, (html, html, dark), strict=True)
    ]
    path = FOLDER / f"{name}.png"
    with tempfile.TemporaryDirectory() as folder:
        page, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
        page.write_text(PAGE.format(gap=GAP, around=AROUND, frames="\n".join(frames)), "utf-8")
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
        ]
        size = f"--window-size={sum(WIDTHS) + 4 * GAP},{ROOM}"
        command = ["chromium", *options, f"--user-data-dir={folder}/profile", f"--screenshot={shot}", size]
        subprocess.run([*command, page.as_uri()], check=True, capture_output=True, timeout=120)
        with Image.open(shot) as opened:
            picture = opened.convert("RGB")
    box = ImageChops.difference(picture, Image.new("RGB", picture.size, AROUND)).getbbox()
    if box is None:
        sys.exit(f"chromium drew nothing of {name}")
    picture = picture.crop((0, 0, picture.width, box[3] + GAP))
    picture.quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


def main(wanted: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    for template in ready_made():
        if not wanted or template.name in wanted:
            path = draw(template.name, email(template.name, template.example))
            print(f"{path.name}: {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main(sys.argv[1:])
