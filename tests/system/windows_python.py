"""The Windows Python that tests/system/windows/prepare.sh has made, under wine."""

import subprocess

from tests.system.person import PLACE, USER

WINDOWS = PLACE / "windows"
TREE = WINDOWS / "tree"
DRIVE = WINDOWS / "prefix/drive_c"

# Far more than is needed: it ends a test that hangs.
_SECONDS = 300


def windows_python(
    *words: str, display: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it to its end in the tree of our sources, as the user of the tests.

    Args:
        words: for the interpreter.
        display: of an X server: without one wine makes no windows.
    """
    desktop = {} if display is None else {"DISPLAY": display}
    return _wine("wine", str(WINDOWS / "python/python.exe"), *words, **desktop)


def windows(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Windows' own to its end."""
    return _wine("wine", *words)


def end_wine() -> None:
    """End what wine has left running for this user's Windows."""
    _wine("wineserver", "--kill")


def _wine(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=TREE,
        env={
            "HOME": f"/home/{USER}",
            "USER": USER,
            "PATH": "/usr/bin:/bin",
            "WINEPREFIX": str(WINDOWS / "prefix"),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            **environment,
        },
        user=USER,
        group=USER,
        extra_groups=[],
        # Not ours: wine has no Windows handle for every kind of file.
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_SECONDS,
        check=False,
    )
