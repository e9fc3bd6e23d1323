"""Finds places in Swift sources where a decision can be changed, and makes each switchable at run time.

Works on text laid out by swift-format: binary operators stand between spaces, one statement a line.
Comments, strings, patterns and invariants are left alone.
"""
import re
from dataclasses import dataclass, field

COMPARISON = {
    "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="],
}
ARITHMETIC = {"+": ["-"], "-": ["+"], "*": ["+"], "&+": ["&-"], "&-": ["&+"], "&*": ["&+"]}
LOGIC = {"&&": ["||"], "||": ["&&"]}
ASSIGNMENT = {"+=": ["-="], "-=": ["+="]}
OPERATORS = COMPARISON | ARITHMETIC | LOGIC | ASSIGNMENT

OPERATOR = re.compile(r"(?<= )(<=|>=|==|!=|&&|\|\||\+=|-=|&\+|&-|&\*|<|>|\+|-|\*)(?= |$)")
NUMBER = re.compile(r"(?<![\w$.])(?<!\[)(\d[\d_]*)(?![\w.]|\s+of\b)|(?<=\.\.[.<])(\d[\d_]*)(?![\w.])|(?<=\[)(\d[\d_]*)(?![\w.]|\s+of\b)")
BOOLEAN = re.compile(r"(?<![\w.])(true|false)(?!\w)")
EXTREME = re.compile(r"(?<![\w.])(max|min)\((?=[^)])")
CLAUSES = re.compile(r"^(\s*(?:\} else )?if |\s*guard )(.*?)( \{| else \{)(.*)$")
CHOICE = re.compile(r"(?:(?<=[^=<>!&|+*/-]= )|(?<=[(,:] )|(?<=return )|^\s*|(?<=\())(!?[A-Za-z][\w.]*(?:\([\w.:, ]*\))?)(?= \? )")
COUNTING = re.compile(r"^(\s*)([\w.]+\.(?:add|addShared|append|push|store|removeAll|wrappingAdd|wrappingSubtract|insert)\(.*\))$")


@dataclass
class Mutant:
    """One change of one place."""
    number: int
    file: str
    line: int
    column: int
    before: str
    after: str
    source: str

    @property
    def place(self):
        return f"{self.file}:{self.line}"

    def __str__(self):
        return f"{self.place}: `{self.before}` -> `{self.after}`   {self.source.strip()[:90]}"


@dataclass
class Schemata:
    """All mutants of a tree, and the declarations their places need."""
    mutants: list[Mutant] = field(default_factory=list)
    declarations: list[str] = field(default_factory=list)
    # Lines (file, text) that do not compile when rewritten.
    spoilt: set = field(default_factory=set)
    operators: int = 0

    def rewrite(self, file, text):
        """The source with every place switchable."""
        lines, out = text.split("\n"), []
        masked = mask(text).split("\n")
        guarded = inside_calls(masked, "invariant(") | inside_calls(masked, "preconditionFailure(")
        for index, (line, bare) in enumerate(zip(lines, masked)):
            if (file, line.strip()) in self.spoilt or index in guarded or untouchable(bare):
                out.append(line)
            else:
                out.append(self.line(file, index + 1, line, bare))
        return "\n".join(out)

    def line(self, file, number, line, bare):
        edits = []
        start = pattern_end(bare)

        def mutant(column, before, after):
            self.mutants.append(Mutant(len(self.mutants) + 1, file, number, column, before, after, line))
            return len(self.mutants)

        def found(expression):
            return (m for m in expression.finditer(bare) if m.start() >= start)

        for m in found(OPERATOR):
            first = [mutant(m.start(), m.group(1), after) for after in OPERATORS[m.group(1)]][0]
            edits.append((m.start(), m.end(), self.operator(m.group(1), first)))
        for m in found(NUMBER):
            text = next(g for g in m.groups() if g)
            value = int(text.replace("_", ""))
            others = [value + 1] if value != 1 else [0, 2]
            numbers = [mutant(m.start(), text, str(other)) for other in others]
            edits.append((m.start(), m.end(), f"mutated({numbers[0]}, {text}, {', '.join(map(str, others))})"))
        for m in found(BOOLEAN):
            if bare[:m.start()].endswith("while "):
                continue
            other = "false" if m.group(1) == "true" else "true"
            edits.append((m.start(), m.end(), f"flipped({mutant(m.start(), m.group(1), other)}, {m.group(1)})"))
        for m in found(EXTREME):
            other = "min" if m.group(1) == "max" else "max"
            name = "mutatedMax" if m.group(1) == "max" else "mutatedMin"
            edits.append((m.start(), m.end(), f"{name}({mutant(m.start(), m.group(1), other)}, "))
        for begin, end in clauses(bare, start):
            text = line[begin:end]
            edits.append((begin, begin, f"flipped({mutant(begin, text, f'!({text})')}, "))
            edits.append((end, end, ")"))
        if not CLAUSES.match(bare):
            for m in found(CHOICE):
                begin, end = m.span(1)
                text = line[begin:end]
                if text in ("true", "false"):
                    continue
                edits.append((begin, begin, f"flipped({mutant(begin, text, f'!({text})')}, "))
                edits.append((end, end, ")"))
        counting = COUNTING.match(bare)
        result = apply(line, edits)
        if counting and bare.count("(") == bare.count(")"):
            number = mutant(len(counting.group(1)), counting.group(2)[:40], "nothing")
            result = f"{counting.group(1)}if activeMutant != {number} {{ {result.strip()} }}"
        return result

    def operator(self, symbol, first):
        """Declares an operator that is `symbol`, unless one of the mutants from `first` on is active."""
        name = symbol + chr(0x2500 + self.operators // 200) + chr(0x2500 + self.operators % 200)
        self.operators += 1
        self.declarations.append(declare(name, symbol, first))
        return name


def apply(line, edits):
    for begin, end, text in sorted(edits, key=lambda e: (e[0], e[1]), reverse=True):
        line = line[:begin] + text + line[end:]
    return line


def declare(name, symbol, first):
    others = OPERATORS[symbol]

    def choose(left, right):
        text = f"{left} {symbol} {right}"
        for offset, other in reversed(list(enumerate(others))):
            text = f"activeMutant == {first + offset} ? {left} {other} {right} : {text}"
        return text

    inline = "@inline(__always) func"
    if symbol in LOGIC:
        group = "LogicalConjunctionPrecedence" if symbol == "&&" else "LogicalDisjunctionPrecedence"
        return (f"infix operator {name}: {group}\n"
                f"{inline} {name}(l: Bool, r: @autoclosure () -> Bool) -> Bool {{ {choose('l', 'r()')} }}")
    if symbol in ASSIGNMENT:
        return (f"infix operator {name}: AssignmentPrecedence\n"
                f"{inline} {name}<T: AdditiveArithmetic>(l: inout T, r: T) {{\n"
                f"    if activeMutant == {first} {{ l {others[0]} r }} else {{ l {symbol} r }}\n}}")
    if symbol in COMPARISON:
        kind = "Equatable" if symbol in ("==", "!=") else "Comparable"
        text = (f"infix operator {name}: ComparisonPrecedence\n"
                f"{inline} {name}<T: {kind}>(l: T, r: T) -> Bool {{ {choose('l', 'r')} }}\n"
                f"@_disfavoredOverload {inline} {name}<L: BinaryInteger, R: BinaryInteger>(l: L, r: R)"
                f" -> Bool {{ {choose('l', 'r')} }}")
        if kind == "Equatable":
            text += (f"\n{inline} {name}<T>(l: T?, r: _OptionalNilComparisonType) -> Bool"
                     f" {{ {choose('l', 'r')} }}")
        return text
    group = "MultiplicationPrecedence" if "*" in symbol else "AdditionPrecedence"
    kind = "FixedWidthInteger" if "&" in symbol else "Numeric" if symbol == "*" else "AdditiveArithmetic"
    return f"infix operator {name}: {group}\n{inline} {name}<T: {kind}>(l: T, r: T) -> T {{ {choose('l', 'r')} }}"


HELPERS = """\
import Glibc

/// The mutant in force; 0 = none.
let activeMutant: Int = getenv("SLUICE_MUTANT").flatMap { Int(String(cString: $0)) } ?? 0

@inline(__always) func flipped(_ number: Int, _ value: Bool) -> Bool { activeMutant == number ? !value : value }
@inline(__always) func mutated<T>(_ number: Int, _ value: T, _ other: T) -> T {
    activeMutant == number ? other : value
}
@inline(__always) func mutated<T>(_ number: Int, _ value: T, _ other: T, _ third: T) -> T {
    activeMutant == number ? other : activeMutant == number + 1 ? third : value
}
@inline(__always) func mutatedMax<T: Comparable>(_ number: Int, _ l: T, _ r: T) -> T {
    activeMutant == number ? min(l, r) : max(l, r)
}
@inline(__always) func mutatedMin<T: Comparable>(_ number: Int, _ l: T, _ r: T) -> T {
    activeMutant == number ? max(l, r) : min(l, r)
}
"""


def mask(text):
    """The text with comments and strings blanked out, every character in its place."""
    out, i = [], 0
    while i < len(text):
        if text.startswith("//", i):
            end = text.find("\n", i)
            end = len(text) if end < 0 else end
        elif text.startswith('"""', i):
            end = text.find('"""', i + 3) + 3
        elif text[i] == '"':
            end = string_end(text, i)
        else:
            out.append(text[i])
            i += 1
            continue
        out.append("".join("\n" if c == "\n" else "\x01" for c in text[i:end]))
        i = end
    return "".join(out)


def string_end(text, start):
    """Behind the closing quote; interpolations may hold quotes of their own."""
    i, depth = start + 1, 0
    while i < len(text):
        if text.startswith("\\(", i):
            depth += 1
            i += 2
            continue
        if text[i] == "\\":
            i += 2
            continue
        if depth and text[i] in "()":
            depth += 1 if text[i] == "(" else -1
        elif text[i] == '"':
            if not depth:
                return i + 1
            i = string_end(text, i)
            continue
        i += 1
    return i


def inside_calls(lines, opening):
    """Indexes of lines that belong to a call which begins with `opening`."""
    inside = set()
    for index, line in enumerate(lines):
        at = line.find(opening)
        if at < 0 or (at and (line[at - 1].isalnum() or line[at - 1] in "_.")):
            continue
        depth, row, column = 0, index, at
        while row < len(lines):
            for c in lines[row][column:]:
                depth += {"(": 1, ")": -1}.get(c, 0)
            inside.add(row)
            if depth <= 0:
                break
            row, column = row + 1, 0
    return inside


def untouchable(bare):
    stripped = bare.strip()
    return (not stripped or stripped.startswith(("@", "#", "import ", "package import ", "static let generations"))
            or "hash(into" in stripped)


def pattern_end(bare):
    """Behind the pattern of a `case`; patterns are not expressions."""
    if not re.match(r"\s*case\b", bare):
        return 0
    depth = 0
    for i, c in enumerate(bare):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(c, 0)
        if c == ":" and depth == 0:
            return i + 1
    return len(bare)


def clauses(bare, start):
    """Spans of the conditions of an `if` or `guard` on one line that are plain Booleans."""
    m = CLAUSES.match(bare)
    if not m or start:
        return
    begin, depth, text = m.start(2), 0, m.group(2)
    spans, last = [], 0
    for i, c in enumerate(text):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(c, 0)
        if c == "," and depth == 0:
            spans.append((last, i))
            last = i + 2
    spans.append((last, len(text)))
    for first, end in spans:
        clause = text[first:end]
        if re.search(r"\b(let|var|case)\b|#| (<|>|<=|>=|==|!=|&&|\|\|) ", clause) or not clause.strip():
            continue
        yield begin + first, begin + end
