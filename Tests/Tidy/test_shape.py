"""Growth, documentation, and words that must not leave this machine."""
import re

from sources import ROOT, code, is_generated, relative, report, text, tracked, under

LONGEST_FILE = 400
# Files that may be longer, and why. A file that got shorter must leave the list.
LONG_FILES: dict[str, str] = {}

LONGEST_FUNCTION = 80
LONG_FUNCTIONS: dict[str, str] = {}

def swift_files():
    return [p for p in under("Sources") + under("Tests") if not is_generated(p)]


def test_files_stay_short():
    long = {relative(p): len(text(p).splitlines()) for p in swift_files()}
    findings = [
        f"{name}: {lines} lines" for name, lines in long.items()
        if lines > LONGEST_FILE and name not in LONG_FILES
    ]
    findings += [f"{name}: listed as long, is not" for name in LONG_FILES if long.get(name, 0) <= LONGEST_FILE]
    assert not findings, report(findings, f"split by concept (limit {LONGEST_FILE}), or list with a reason:")


FUNCTION = re.compile(r"^(\s*)(?:@\w+(?:\([^)]*\))?\s+)*(?:[\w()]+\s+)*(?:func\s+(\S+?)[(<]|init[?(<])")


def functions(path):
    """(name, first line, length) of functions, by the indentation of their closing brace."""
    lines = code(path)
    for start, line in enumerate(lines):
        if not (found := FUNCTION.match(line)):
            continue
        closing = found.group(1) + "}"
        for end in range(start, len(lines)):
            if lines[end].rstrip() == closing:
                yield found.group(2) or "init", start + 1, end - start + 1
                break
            if end > start and FUNCTION.match(lines[end]) and lines[end].startswith(found.group(1)) \
                    and not lines[end].startswith(found.group(1) + " "):
                break


def test_functions_stay_short():
    findings = [
        f"{relative(path)}:{line}: {name}, {length} lines"
        for path in swift_files() for name, line, length in functions(path)
        if length > LONGEST_FUNCTION and f"{relative(path)} {name}" not in LONG_FUNCTIONS
    ]
    assert not findings, report(findings, f"functions over {LONGEST_FUNCTION} lines:")


DECLARATION = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*package\s+(?:static |final |mutating |nonisolated |indirect |private\(set\) |override |convenience )*"
    r"(struct|class|enum|protocol|func|actor)\s+(\w+)"
)


def is_documented(lines, index):
    """Whether a doc comment stands above, attributes and wrapped attribute lists between."""
    above = index - 1
    while above >= 0 and re.match(r"^\s*(@|\)|#if)", lines[above]):
        above -= 1
    return above >= 0 and lines[above].lstrip().startswith("///")


def parent(lines, index):
    """The line that opens the type or extension around a member; None at the top."""
    indent = len(lines[index]) - len(lines[index].lstrip())
    for above in range(index - 1, -1, -1):
        line = lines[above]
        if line.strip() and len(line) - len(line.lstrip()) < indent and re.search(
                r"\b(struct|class|enum|protocol|extension|actor)\b", line):
            return above
    return None


def test_types_and_functions_others_use_are_documented():
    """What has `package` access carries a doc comment, or is a member of something that does."""
    findings = []
    for path in under("Sources"):
        if is_generated(path):
            continue
        lines = text(path).splitlines()
        for index, line in enumerate(lines):
            if not DECLARATION.match(line) or is_documented(lines, index):
                continue
            around = parent(lines, index)
            if around is None or not (is_documented(lines, around) or "extension" in lines[around]):
                findings.append(f"{relative(path)}:{index + 1}: {line.strip()}")
    assert not findings, report(findings, "write what it means, its units, bounds and errors:")


TEXT_SUFFIXES = {
    ".swift", ".py", ".sh", ".md", ".yaml", ".yml", ".json", ".proto", ".h", ".conf", ".service", ".html",
    ".modulemap", ".catalog", ".txt", "",
}
MACHINE = re.compile(r"/(?:root|home/\w+)/|/work/|/tmp/dev\b|\.pyenv|deb\.debian\.org|pypi\.org|\b10\.\d+\.\d+\.\d+:\d+\b")


def test_nothing_names_the_machine_it_was_written_on():
    findings = [
        f"{relative(path)}:{number}: {line.strip()[:120]}"
        for path in tracked()
        if path.suffix in TEXT_SUFFIXES and path.name not in ("test_shape.py", "Package.resolved")
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if MACHINE.search(line)
    ]
    assert not findings, report(findings, "a path or host of one machine:")


def headings(name):
    """Levels of the headings outside code blocks, and the code blocks themselves."""
    levels, blocks, inside = [], [], None
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            if inside is None:
                inside = []
            else:
                blocks.append("\n".join(inside))
                inside = None
        elif inside is not None:
            inside.append(line)
        elif found := re.match(r"^(#+) ", line):
            levels.append(len(found.group(1)))
    return levels, blocks


def test_both_readmes_have_the_same_sections_and_the_same_commands():
    english, chinese = headings("README.md"), headings("README.zh.md")
    assert english[0] == chinese[0], "README.md and README.zh.md differ in their headings"
    commands = lambda blocks: [[l for l in b.splitlines() if l and not l.lstrip().startswith("#")] for b in blocks]
    assert commands(english[1]) == commands(chinese[1]), "README.md and README.zh.md differ in a command"


def tables(name):
    """For each table the number of columns, and the code in the first column of each row."""
    found, rows = [], None
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            rows = None
            continue
        cells = line.strip("|").split("|")
        if rows is None:
            rows = []
            found.append((len(cells), rows))
        rows.append(re.findall(r"`[^`]+`", cells[0]))
    return found


def test_both_readmes_have_the_same_tables():
    english, chinese = tables("README.md"), tables("README.zh.md")
    assert len(english) > 10 and english == chinese, "README.md and README.zh.md differ in a table"


def test_the_readme_lists_every_key_of_the_configuration():
    shipped = (ROOT / "Config/sluice.yaml").read_text(encoding="utf-8")
    keys = {"`" + key + "`" for key in re.findall(r"^(?:#:)?(\w+):", shipped, re.M)}
    listed = [{code for row in rows for code in row} for _, rows in tables("README.md")]
    assert keys in listed, f"no table of README.md has just the keys {sorted(keys)}"


def test_every_page_of_the_documents_can_be_reached_from_the_readme():
    seen, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen:
            continue
        seen.add(page)
        targets = re.findall(r"\]\(([^)#\s]+\.md)(?:#[^)]*)?\)", text(page))
        todo += [(page.parent / target).resolve() for target in targets if "://" not in target]
    pages = {p for p in tracked() if p.suffix == ".md"} - {ROOT / "README.zh.md"}
    missing = sorted(relative(p) for p in pages - seen)
    assert not missing, report(missing, "link it from README.md, or from a page it links:")


def test_links_between_documents_lead_somewhere():
    findings = []
    for path in tracked():
        if path.suffix != ".md":
            continue
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text(path)):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not (path.parent / target).exists():
                findings.append(f"{relative(path)}: {target}")
    assert not findings, report(findings, "broken links:")


def test_test_names_are_sentences():
    findings = []
    for path in under("Tests"):
        for number, line in enumerate(text(path).splitlines(), 1):
            if re.match(r"^\s*@Test(\s+func|\s*$|\((?!\s*\"|\s*$))", line):
                findings.append(f"{relative(path)}:{number}: {line.strip()}")
    assert not findings, report(findings, "a test states its claim, `@Test(\"...\")`:")
