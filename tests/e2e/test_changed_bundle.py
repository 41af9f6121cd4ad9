"""A bundle that somebody has touched is not traded, and the command says so in one line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path


def test_a_bundle_with_a_changed_byte_is_one_line_and_exit_code_1(day, tmp_path):
    root = shutil.copytree(day.root, tmp_path / "store")
    folder = root / "models" / day.bundle_id
    touched = next(path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "manifest.json")
    content = bytearray(touched.read_bytes())
    content[len(content) // 2] ^= 1
    touched.write_bytes(content)
    command = [sys.executable, "-m", "daytrader_ray.cli", "rehearse", "--data", str(root)]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [*command, "--session", str(day.session), "--bundle", day.bundle_id],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environ,
    )
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert len(errors) == 1 and touched.name in errors[0] and "has been changed" in errors[0]
