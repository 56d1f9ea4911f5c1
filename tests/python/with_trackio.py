"""What trackio makes of a table: python with_trackio.py FILE FOLDER."""

import json
import os
import sys

table, folder = sys.argv[1:]
os.environ["TRACKIO_DIR"] = folder

import contextlib  # noqa: E402

import trackio  # noqa: E402
from trackio.sqlite_storage import SQLiteStorage  # noqa: E402

with contextlib.redirect_stdout(sys.stderr):
    trackio.import_csv(table, project="novels", name="first")
print(json.dumps({"runs": SQLiteStorage.get_runs("novels"), "rows": SQLiteStorage.get_logs("novels", "first")}))
