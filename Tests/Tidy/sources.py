"""The Swift sources as the tidy tests see them: files, and lines free of comments and strings."""
import re
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# A file that a tool wrote says so in its first lines; nobody edits it, so no rule of style holds.
GENERATED = re.compile(r"DO NOT EDIT|swift-format-ignore-file")


@cache
def tracked() -> list[Path]:
    """Every file of the project: what git knows, and what is new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout.decode()
    return [ROOT / name for name in sorted(set(listed.split("\0"))) if name and (ROOT / name).is_file()]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def under(folder: str, suffix: str = ".swift") -> list[Path]:
    return [p for p in tracked() if relative(p).startswith(folder + "/") and p.suffix == suffix]


@cache
def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def is_generated(path: Path) -> bool:
    return bool(GENERATED.search("\n".join(text(path).splitlines()[:12])))


# Longest first: raw and multi-line strings, then ordinary ones, then comments.
NOISE = re.compile(
    r'#"""(?:.|\n)*?"""#|"""(?:.|\n)*?"""|#"[^\n]*?"#|"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*(?:.|\n)*?\*/'
)


@cache
def code(path: Path) -> list[str]:
    """The lines of a Swift file with the text of comments and strings blanked out, columns kept."""
    blank = lambda found: re.sub(r"[^\n]", " ", found.group())
    return NOISE.sub(blank, text(path)).splitlines()


def report(findings: list[str], conclusion: str) -> str:
    shown = findings[:40]
    more = [] if len(findings) <= 40 else [f"... and {len(findings) - 40} more"]
    return "\n".join([conclusion, *shown, *more])
