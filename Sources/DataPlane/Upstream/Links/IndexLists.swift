/// Many doubly linked lists over one range of small indexes, each index in at most one list.
///
/// Insert and remove cost a few array accesses and never allocate once the arrays have grown.
/// Carries the buckets of the timing wheel and the calls of each connection.
struct IndexLists {
    private struct Node {
        var next: Int32 = -1
        var previous: Int32 = -1
        var list: Int32 = -1
    }

    private var heads: [Int32]
    private var nodes: [Node] = []

    init(lists: Int) { heads = Array(repeating: -1, count: lists) }

    /// Makes room for indexes below `count`.
    mutating func growIndexes(to count: Int) {
        guard count > nodes.count else { return }
        nodes.append(contentsOf: repeatElement(Node(), count: count - nodes.count))
    }

    /// Puts `index` at the front of `list`. It must be in none.
    mutating func insert(_ index: Int32, into list: Int32) {
        let head = heads[Int(list)]
        nodes[Int(index)] = Node(next: head, previous: -1, list: list)
        if head >= 0 { nodes[Int(head)].previous = index }
        heads[Int(list)] = index
    }

    /// Takes `index` out of its list. Does nothing when it is in none.
    /// - Returns: true when it was in one.
    @discardableResult
    mutating func remove(_ index: Int32) -> Bool {
        let node = nodes[Int(index)]
        guard node.list >= 0 else { return false }
        if node.previous >= 0 {
            nodes[Int(node.previous)].next = node.next
        } else {
            heads[Int(node.list)] = node.next
        }
        if node.next >= 0 { nodes[Int(node.next)].previous = node.previous }
        nodes[Int(index)].list = -1
        return true
    }

    /// The first index of `list`, or -1.
    func first(of list: Int) -> Int32 { heads[list] }

    /// The index after `index` in its list, or -1.
    func next(after index: Int32) -> Int32 { nodes[Int(index)].next }
}
