"""Looks at the built site in Chromium, as a reader with a phone would."""

import contextlib
import json
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)

PATIENCE = 240
"""Seconds for all pages."""

LOOK = """<!doctype html><body style="margin:0"><iframe style="border:0;height:844px"></iframe>
<script>
const frame = document.querySelector("iframe");
const load = page => new Promise(done => { frame.onload = done; frame.src = page; });
const wait = ms => new Promise(done => setTimeout(done, ms));
(async () => {
  const asked = await (await fetch("/asked")).json();
  frame.style.width = asked.width + "px";
  const found = {};
  for (const page of asked.pages) {
    await load("/" + page);
    const inside = frame.contentDocument;
    const shown = () => asked.until ? inside.querySelectorAll(asked.until).length : 0;
    for (let n = 0, last = -1; asked.until && n < 50 && (!shown() || last < shown()); n++) {
      last = shown();
      await wait(300);
    }
    const root = inside.scrollingElement;
    const wide = [...inside.querySelectorAll("body *")]
      .filter(e => e.getBoundingClientRect().right > asked.width + 1 && !scrolls(e))
      .slice(0, 3).map(e => e.tagName + "." + e.className);
    found[page] = {width: root.scrollWidth, wide,
      shown: asked.until ? [...inside.querySelectorAll(asked.until)].map(e => e.textContent) : []};
  }
  fetch("/found", {method: "POST", body: JSON.stringify(found)});
})();
function scrolls(element) {
  for (let e = element.parentElement; e; e = e.parentElement)
    if (getComputedStyle(e).overflowX !== "visible" && !["BODY", "HTML"].includes(e.tagName))
      return true;
  return false;
}
</script>"""


class Desk(SimpleHTTPRequestHandler):
    """Serves the site, says which pages to look at, and takes what was found."""

    def __init__(self, *args: Any, asked: dict, found: dict, over: threading.Event, **rest: Any):
        self.asked, self.found, self.over = asked, found, over
        super().__init__(*args, **rest)

    def do_GET(self) -> None:
        own = {"/look": LOOK.encode(), "/asked": json.dumps(self.asked).encode()}
        if self.path not in own:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(own[self.path])
        return None

    def do_POST(self) -> None:
        self.found.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()
        self.over.set()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Send a file, unless the browser has gone on to the next page."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            super().copyfile(source, outputfile)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def look(
    site: Path, pages: list[str], *, width: int = 390, until: str = "", scratch: Path
) -> dict[str, dict[str, Any]]:
    """What each page is like at a width: how wide it is, and the texts that `until` selects."""
    assert BROWSER is not None
    found: dict[str, dict[str, Any]] = {}
    over = threading.Event()
    asked = {"pages": pages, "width": width, "until": until}
    desk = partial(Desk, directory=str(site), asked=asked, found=found, over=over)
    with ThreadingHTTPServer(("127.0.0.1", 0), desk) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        profile = f"--user-data-dir={scratch / 'profile'}"
        address = f"http://127.0.0.1:{server.server_port}/look"
        with subprocess.Popen(
            [BROWSER, *options, profile, "--window-size=1400,900", address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as browser:
            seen = over.wait(PATIENCE)
            browser.terminate()
        server.shutdown()
    assert seen, "The browser did not come to the end of the pages."
    return found
