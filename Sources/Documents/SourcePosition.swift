/// A place in a text somebody wrote: what an error points at.
package struct SourcePosition: Sendable, Hashable {
    /// The file's name as the user gave it, or another source (`environment variable SLUICE_LOOPS`).
    package var file: String
    /// Counted from 1; 0 = the source as a whole.
    package var line: Int
    /// Counted from 1 in Unicode scalars; 0 = the line as a whole.
    package var column: Int

    package init(file: String, line: Int = 0, column: Int = 0) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `file:line:column`, as compilers print it, so that editors can jump there.
    package var text: String {
        if line == 0 { return file }
        if column == 0 { return "\(file):\(line)" }
        return "\(file):\(line):\(column)"
    }
}
