"""What was received survives: the death of the process, a torn tail, a compaction that is done twice."""

import datetime as dt
import os
import subprocess
import sys

import pytest

from daytrader_ray.adapters import bar_buffer
from daytrader_ray.adapters.bar_buffer import BarBuffer
from daytrader_ray.domain.errors import DataError


def records(n):
    return [{"kind": "bars", "rows": [["AAPL", k, 10.5]]} for k in range(n)]


def filled(folder, n):
    with BarBuffer(folder) as buffer:
        for record in records(n):
            buffer.append(record)
    return folder / bar_buffer.FILE


def test_records_come_back_in_their_order_and_a_second_run_goes_on(tmp_path):
    filled(tmp_path, 3)
    with BarBuffer(tmp_path) as buffer:
        buffer.append({"kind": "day", "complete": ["AAPL"]})
    assert list(bar_buffer.read(tmp_path)) == [*records(3), {"kind": "day", "complete": ["AAPL"]}]


def test_a_fresh_buffer_begins_anew(tmp_path):
    filled(tmp_path, 3)
    with BarBuffer(tmp_path, fresh=True):
        pass
    assert list(bar_buffer.read(tmp_path)) == []


def test_a_tail_torn_at_any_byte_costs_only_the_last_record_and_the_file_goes_on(tmp_path):
    path = filled(tmp_path, 3)
    whole = path.read_bytes()
    start = len(filled(tmp_path / "two", 2).read_bytes())
    for cut in range(start, len(whole)):
        path.write_bytes(whole[:cut])
        assert list(bar_buffer.read(tmp_path)) == records(2)
        with BarBuffer(tmp_path) as buffer:
            buffer.append({"kind": "day"})
        assert list(bar_buffer.read(tmp_path)) == [*records(2), {"kind": "day"}]


def test_a_flipped_bit_is_noticed(tmp_path):
    path = filled(tmp_path, 3)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))
    assert list(bar_buffer.read(tmp_path)) == records(2)


@pytest.mark.parametrize("at", [2, 5, 12, 40])
def test_damage_in_the_middle_costs_only_its_record_and_nothing_is_cut_off(tmp_path, at):
    path = filled(tmp_path, 20)
    start = len(filled(tmp_path / "five", 5).read_bytes())
    data = bytearray(path.read_bytes())
    data[start + at] ^= 1
    path.write_bytes(bytes(data))
    with BarBuffer(tmp_path) as buffer:
        buffer.append({"kind": "day"})
    assert list(bar_buffer.read(tmp_path)) == [*records(5), *records(20)[6:], {"kind": "day"}]


def test_a_record_that_fits_only_in_part_is_an_error_and_what_follows_is_kept(tmp_path):
    program = f"""
import resource, signal
from pathlib import Path
from daytrader_ray.adapters.bar_buffer import FILE, BarBuffer
from daytrader_ray.domain.errors import FeedError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path({str(tmp_path)!r})
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
with BarBuffer(folder) as buffer:
    buffer.append({{"kind": "bars", "rows": [["AAPL", 0, 10.5]]}})
    limit((folder / FILE).stat().st_size + 20)
    try:
        buffer.append({{"kind": "bars", "rows": [["AAPL", 99, 10.5]]}})
    except FeedError as error:
        print(error.message, error.hint)
    limit(resource.RLIM_INFINITY)
    for k in (1, 2):
        buffer.append({{"kind": "bars", "rows": [["AAPL", k, 10.5]]}})
"""
    done = subprocess.run([sys.executable, "-c", program], env=os.environ, capture_output=True, text=True, timeout=60)
    assert "cannot be written: No space left on device free the disk" in done.stdout, done.stderr
    assert list(bar_buffer.read(tmp_path)) == records(3)


def test_what_was_appended_before_a_kill_is_there(tmp_path):
    program = f"""
import os, signal
from pathlib import Path
from daytrader_ray.adapters.bar_buffer import BarBuffer
buffer = BarBuffer(Path({str(tmp_path)!r}))
for k in range(50):
    buffer.append({{"kind": "bars", "rows": [["AAPL", k, 10.5]]}})
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], env=os.environ, timeout=60, check=False)
    assert list(bar_buffer.read(tmp_path)) == records(50)


def test_a_number_that_is_none_comes_back_as_null(tmp_path):
    with BarBuffer(tmp_path) as buffer:
        buffer.append({"kind": "bars", "rows": [[float("nan")]]})
    assert list(bar_buffer.read(tmp_path)) == [{"kind": "bars", "rows": [[None]]}]


def test_leftovers_are_found_by_their_day(tmp_path):
    for day in (3, 1):
        filled(bar_buffer.buffer_folder(tmp_path, "buffer", dt.date(2025, 12, day)), 1)
    assert bar_buffer.leftovers(tmp_path, "buffer") == [dt.date(2025, 12, 1), dt.date(2025, 12, 3)]
    assert bar_buffer.leftovers(tmp_path, "rehearsal") == []


def test_a_buffer_that_cannot_be_made_is_a_named_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="the buffer of live bars cannot be written"):
        BarBuffer(tmp_path / "file" / "folder")


def test_zeros_that_a_power_cut_left_are_passed_over(tmp_path):
    path = filled(tmp_path, 1)
    with path.open("ab") as file:
        file.write(bytes(64))
    with BarBuffer(tmp_path) as buffer:
        buffer.append(records(1)[0])
    assert list(bar_buffer.read(tmp_path)) == records(1) * 2
