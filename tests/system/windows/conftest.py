"""What is shown of Windows alone: run by tests/system/test_windows.py, under wine."""

import sys

collect_ignore_glob = [] if sys.platform == "win32" else ["*"]
