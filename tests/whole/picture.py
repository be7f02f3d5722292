"""`python -m tests.whole.picture`: makes docs/overview.png anew, of the whole while people use it for eight minutes.

It takes ten minutes and asks for Debian's packages `prometheus`, `chromium` and `fonts-inter`.
"""

import re
import subprocess
import sys
from pathlib import Path

from tests.monitoring.prometheus import scraping
from tests.programs import program
from tests.servers import data_folder
from tests.shape.source import ROOT
from tests.whole.stage import FIRST, stage
from tests.whole.story import ALLOWED, lived

PICTURE = ROOT / "docs" / "overview.png"
WIDTH = 1400
SCRAPE_SECONDS = 5
MINUTES = "8"
"""That the picture shows: all but the first moments, in which everything is cold."""

BROWSER = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
MEASURE = "<script>document.title = document.documentElement.scrollHeight</script>"


def main() -> None:
    """Let it happen, draw it as an operator does, and photograph the page."""
    with data_folder() as folder, stage(folder) as whole:
        if whole.disk.refusal:
            raise SystemExit(whole.disk.refusal)
        whole.instances.settings |= ALLOWED
        whole.instances.replace(*FIRST)
        watching = folder / "prometheus"
        watching.mkdir()
        targets = [whole.instances.metrics(number) for number in FIRST]
        with scraping(watching, targets, seconds=SCRAPE_SECONDS) as prometheus:
            print(f"People saw: {lived(whole).outcome}")
            page = folder / "overview.html"
            command = [sys.executable, "-m", "monitoring.picture", prometheus.url, str(page), "--minutes", MINUTES]
            subprocess.run(command, cwd=ROOT, check=True, timeout=120)
        photograph(page, PICTURE, folder)


def photograph(page: Path, picture: Path, folder: Path) -> None:
    """Have the browser make an image of a page, as high as the page is; `folder` takes what the browser writes."""
    measured = folder / "measured.html"
    measured.write_text(page.read_text(encoding="utf-8") + MEASURE, encoding="utf-8")
    found = re.search(r"<title>(\d+)", _browse(folder, "--dump-dom", f"--window-size={WIDTH},100", measured.as_uri()))
    assert found is not None
    _browse(folder, f"--screenshot={picture}", f"--window-size={WIDTH},{found[1]}", page.as_uri())


def _browse(folder: Path, *words: str) -> str:
    command = [program("chromium"), *BROWSER, f"--user-data-dir={folder / 'browser'}", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


if __name__ == "__main__":
    main()
