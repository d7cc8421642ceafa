"""The files of the repository, as a newcomer's clone has them."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

# What tools make and .gitignore names.
_MADE = {
    ".git",
    ".hypothesis",
    ".import_linter_cache",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    ".venv-system",
    "__pycache__",
    "build",
    "dist",
    "node_modules",
}


def files() -> Iterator[Path]:
    """Every file that belongs to the project, by its path from the root."""
    folders = [ROOT]
    while folders:
        for path in sorted(folders.pop().iterdir()):
            if path.name in _MADE or path.suffix in {".pyc", ".egg-info"}:
                continue
            if path.is_dir():
                folders.append(path)
            elif path.name != ".coverage":
                yield path.relative_to(ROOT)


def modules(package: str) -> list[Path]:
    """The modules of a package, such as 'broker', by their path from the root."""
    folder = ROOT / package
    return sorted(path.relative_to(ROOT) for path in folder.rglob("*.py"))
