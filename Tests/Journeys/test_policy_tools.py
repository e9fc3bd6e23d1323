"""The page on policy tools: its files are written, its commands run one after another, their outputs compared."""
import os
import re
import subprocess

import pytest

from harness.processes import ROOT, SLUICE, environment

PAGES = {"docs/policy-tools.md": (2, 10), "docs/policy-replay.md": (2, 6)}


def commands(block):
    """Each command of a console block with the output printed below it."""
    for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_on_policy_tools_are_true_word_for_word(page, tmp_path):
    text = (ROOT / page).read_text(encoding="utf-8")
    files = re.findall(r"^```(?:yaml|awk)\n(# ([\w./]+).*?)^```$", text, re.M | re.S)
    consoles = re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S)
    folder = tmp_path / "work"
    for text, name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "sluice").symlink_to(SLUICE.resolve())
    env = environment({"PATH": f"{tools}:{os.environ['PATH']}"})
    code, seen = 0, 0
    for command, expected in (pair for block in consoles for pair in commands(block)):
        # Where the page has looked at the exit code it is that of the command before.
        run = subprocess.run(
            ["bash", "-c", f"(exit {code}); {command}"], cwd=folder, env=env, timeout=60,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert run.stdout == expected, command
        code, seen = run.returncode, seen + 1
    assert len(files) == PAGES[page][0] and seen >= PAGES[page][1], "the page has lost its examples"


def ask(*arguments, cwd):
    return subprocess.run(
        [SLUICE, "policy", *arguments], cwd=cwd, env=environment(), timeout=60, capture_output=True, text=True)


def test_wrong_usage_ends_with_64_and_says_what_to_do(tmp_path):
    for arguments, said in [
        (["test", "nowhere"], "the policy directory cannot be read"),
        (["test", "--min-coverage", "101"], "--min-coverage must be 0 to 100"),
        (["explain"], "--action"),
        (["diff", "one"], "new"),
        (["tset"], "Unexpected argument"),
    ]:
        answer = ask(*arguments, cwd=tmp_path)
        assert answer.returncode == 64 and said in answer.stderr, answer
        assert answer.stdout == ""
