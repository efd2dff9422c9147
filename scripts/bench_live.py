"""
A live pipeline on one core: a 1280x720 stream at 30 frames a second, isolation and answer for every frame.

    python scripts/bench_live.py [--source film|mjpeg] [--bundle wardrobe] [--seconds 20] [--json F]

The stream is drawn: garments on a floor with a camera's noise, as a film played at its own rate or from an MJPEG server
on this machine, which runs on another core when there is one. Reported: frames classified a second, skipped frames,
frame to result (the frame complete in the capture process until its answer), memory of the watching process.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import json
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, RATE = 1280, 720, 30
FRAMES = 90  # then it begins again


def jpegs() -> list[bytes]:
    """Return the frames of the stream, encoded."""
    import cv2
    import numpy as np

    from hemline.drawn.photo import photo

    out = []
    random = np.random.Generator(np.random.PCG64(5))
    scenes = [
        photo(label, seed=label, cloth=cloth, floor="wood", height=HEIGHT, width=WIDTH)[0]
        for label, cloth in ((4, "navy"), (1, "red"), (0, "green"))
    ]
    for number in range(FRAMES):
        scene = np.roll(scenes[number * len(scenes) // FRAMES], number % 6, axis=1)
        noise = random.integers(-4, 5, scene.shape, np.int16)
        frame = np.clip(scene + noise, 0, 255).astype(np.uint8)
        out.append(cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())
    return out


def film(path: Path, frames: list[bytes], seconds: float) -> None:
    """Write the frames as a film that is long enough."""
    import cv2
    import numpy as np

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE, (WIDTH, HEIGHT))
    for number in range(int((seconds + 5) * RATE)):
        writer.write(cv2.imdecode(np.frombuffer(frames[number % len(frames)], np.uint8), cv2.IMREAD_COLOR))
    writer.release()


@contextlib.contextmanager
def server(frames: list[bytes]) -> Iterator[str]:
    """Serve the frames at their rate; yield the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=f")
            self.end_headers()
            due = time.monotonic()
            with contextlib.suppress(OSError):
                for number in range(10**9):
                    data = frames[number % len(frames)]
                    head = f"--f\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                    self.wfile.write(head.encode() + data + b"\r\n")
                    due += 1 / RATE
                    time.sleep(max(0.0, due - time.monotonic()))

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving.daemon_threads = True
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{serving.server_address[1]}/"
    finally:
        serving.shutdown()
        serving.server_close()


def watched(source_text: str, options: argparse.Namespace) -> dict[str, Any]:
    """Watch for some seconds and return the figures."""
    import cv2
    import numpy as np

    from hemline.classifier import Classifier
    from hemline.sources import open_source
    from hemline.watch.watcher import Watcher

    cv2.setNumThreads(1)
    times, parts = [], []
    with (
        Classifier.open(options.bundle, artifact=options.artifact, top=1_000_000) as classifier,
        open_source(source_text) as source,
    ):
        started = None
        for seen in Watcher(source, classifier):
            started = started or time.monotonic()
            if seen.picture is not None:
                times.append(seen.frame_ms)
                parts.append((seen.result.preprocess_ms, seen.result.infer_ms))
            if time.monotonic() - started >= options.seconds:
                break
        elapsed = time.monotonic() - (started or 0.0)
        statistics = source.statistics()  # type: ignore[attr-defined]
    p50, p99 = np.percentile(times, [50, 99])
    preprocess_ms, infer_ms = np.median(parts, axis=0)
    return {
        "source": options.source,
        "frames_per_second": len(times) / elapsed,
        "skipped": statistics.skipped,
        "frame_p50_ms": float(p50),
        "frame_p99_ms": float(p99),
        "preprocess_p50_ms": float(preprocess_ms),
        "infer_p50_ms": float(infer_ms),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--source", choices=("film", "mjpeg"), default="film")
    parser.add_argument("--bundle", default="wardrobe")
    parser.add_argument("--artifact", default="litert:int8")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", metavar="F")
    options = parser.parse_args()
    frames = jpegs()
    cores = sorted(os.sched_getaffinity(0))
    with contextlib.ExitStack() as stack:
        if options.source == "film":
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            film(folder / "film.avi", frames, options.seconds)
            text = f"{folder / 'film.avi'}?realtime"
            os.sched_setaffinity(0, {cores[0]})
        else:
            text = stack.enter_context(server(frames))  # its threads keep all cores, ours get one
            os.sched_setaffinity(0, {cores[0]})
        figures = watched(text, options)
    print(f"{WIDTH}x{HEIGHT} at {RATE} frames/s from a {options.source}, pipeline and capture on one core")
    print(
        f"{figures['frames_per_second']:.1f} frames/s classified, {figures['skipped']} skipped; "
        f"frame to result p50 {figures['frame_p50_ms']:.1f} ms, p99 {figures['frame_p99_ms']:.1f} ms "
        f"(isolate and preprocess {figures['preprocess_p50_ms']:.1f}, infer {figures['infer_p50_ms']:.2f}); "
        f"peak RSS {figures['peak_rss_mb']:.0f} MB"
    )
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
